#include "core/report/config_report_parts.h"

static void tell_row(struct teller *t, const struct config *c, const struct logins_from *row)
{
    char text[TELL_LINE_MAX];
    struct buf b = BUF_OVER(text);

    switch (row->whose) {
    case WHOSE_USER:
        buf_addf(&b, "User %s", row->name);
        break;
    case WHOSE_GROUP:
        buf_addf(&b, "Group %s (%zu members)", row->name, list_count(c->groups[row->group].members));
        break;
    case WHOSE_DOMAIN:
        buf_addf(&b, "All of %s", row->name);
        break;
    }
    if (row->n_networks > 0) {
        buf_add(&b, SLICE(": from "));
        add_networks(&b, row->networks, row->n_networks);
        buf_add(&b, SLICE(" only"));
    } else {
        buf_add(&b, SLICE(": from nowhere"));
    }
    tell(t, "%s.%s", text, mode_words(row->mode));
}

void tell_logins_from(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_logins_from; i++)
        tell_row(t, c, &c->logins_from[i]);
    if (c->n_logins_from > 1)
        tell(t, "One row counts for a login: a user's before a group's, a group's before a domain's; of several "
                "groups, the first.");
    if (c->n_logins_from > 0 && t->view == NULL)
        tell(t, "There is no directory to read here, so nobody knows whether a mailbox has these names.");
}
