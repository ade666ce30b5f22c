#include "mirror/build/groups.h"
#include "mirror/import_private.h"

#include <errno.h>
#include <stdlib.h>

/* This many conflicts are listed; their number is reported in any case. */
#define REPORT_CONFLICTS 20

/* Nobody reads more bytes of lines than these one by one: beyond it they stay in order of ids. */
#define SORTED_LINES_MAX (16u << 20)

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Prints the lines in byte order. Each ends with a newline, which is overwritten. */
static int print_sorted(FILE *out, char *text, size_t n, struct error *e)
{
    char **lines;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += text[i] == '\n';
    lines = calloc(count + 1, sizeof *lines);
    if (lines == NULL)
        return error_set(e, "no memory to sort %zu lines", count);
    count = 0;
    for (char *line = text, *end; (end = memchr(line, '\n', (size_t)(text + n - line))) != NULL; line = end + 1) {
        *end = '\0';
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s\n", lines[i]);
    free(lines);
    return 0;
}

/* Prints the mailboxes' lines sorted by address, so that one is easily found and two runs can be compared. */
static int sort_lines(struct import *im, size_t n, struct error *e)
{
    char *text = malloc(n + 1);
    int result;

    if (text == NULL)
        return error_set(e, "no memory for %zu bytes of lines", n);
    result = scratch_get(im->lines, im->mailbox_lines, text, n, e);
    if (result == 0)
        result = print_sorted(im->options->out, text, n, e);
    free(text);
    return result;
}

static int copy_lines(struct import *im, uint64_t from, uint64_t to, struct error *e)
{
    char piece[16384];

    for (uint64_t at = from; at < to;) {
        size_t n = to - at < sizeof piece ? (size_t)(to - at) : sizeof piece;

        if (scratch_get(im->lines, at, piece, n, e) != 0)
            return -1;
        fwrite(piece, 1, n, im->options->out);
        at += n;
    }
    return 0;
}

int import_report_lines(struct import *im, struct error *e)
{
    uint64_t from = im->mailbox_lines, to = im->mailbox_lines_end;

    if (to - from > SORTED_LINES_MAX)
        return copy_lines(im, 0, scratch_size(im->lines), e);
    if (copy_lines(im, 0, from, e) != 0 || (to > from && sort_lines(im, (size_t)(to - from), e) != 0))
        return -1;
    return copy_lines(im, to, scratch_size(im->lines), e);
}

static void report_unknown_lists(const struct import *im)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *name = column_name((enum column)i);

        if ((im->g->unknown_lists & COLUMN_BIT(i)) != 0)
            fprintf(im->options->out,
                    "warning: %s holds only a type's name in place of a list, so nothing was taken from it; export it "
                    "with Select-Object *,@{n='%s';e={$_.%s -join ' '}} -ExcludeProperty %s\n",
                    name, name, name, name);
    }
}

/* Grants to groups, and those that one thing or another kept from being taken. */
static void report_groups(const struct import *im, const struct rights_left *left)
{
    FILE *out = im->options->out;

    if (left->by_groups > 0)
        fprintf(out, "%s: %zu of them are granted to groups, which makes %zu rights of members\n", im->after.name,
                left->by_groups, left->of_members);
    if (left->unread > 0)
        fprintf(out,
                "warning: %zu rights are granted to groups of which not all members are known (the first in %s, %s); "
                "export Get-DistributionGroupMember of these groups, and give it in the same run\n",
                left->unread, im->paths[left->first_unread.file], place_words((row_place)left->first_unread.line).text);
    if (left->too_big > 0)
        fprintf(out,
                "warning: %zu rights are granted to groups that are too large (more than %u members, %u groups one in "
                "another, or %u rights in all) and were left out (the first in %s, %s)\n",
                left->too_big, GROUPS_MEMBERS_MAX, GROUPS_DEPTH_MAX, RIGHTS_OF_MEMBERS_MAX,
                im->paths[left->first_too_big.file], place_words((row_place)left->first_too_big.line).text);
    if (left->ambiguous > 0)
        fprintf(out,
                "warning: %zu rights name a trustee by a name that several recipients have (the first in %s, %s); none "
                "of them got the right\n",
                left->ambiguous, im->paths[left->first_ambiguous.file],
                place_words((row_place)left->first_ambiguous.line).text);
    if (gather_has(im->g, KIND_GROUP_MEMBER) && !gather_has(im->g, KIND_RECIPIENT_PERMISSION))
        fprintf(out, "warning: members of groups say nothing without Get-RecipientPermission in the same run\n");
}

static void report_rights(const struct import *im)
{
    const struct rights_left *left = rights_left(im->g->rights);
    FILE *out = im->options->out;

    if (im->g->rows[KIND_RECIPIENT_PERMISSION] == 0 && rights_count(im->g->rights) == 0) {
        report_groups(im, left);
        return;
    }
    fprintf(out, "%s: %zu rights to send as, or on behalf of, another mailbox", im->after.name,
            rights_count(im->g->rights) - left->unresolved - left->denials - left->voided - left->too_big);
    if (left->unresolved > 0)
        fprintf(
            out,
            "; %zu more name no mailbox for certain and were left out (groups, display names, deleted accounts; the "
            "first in %s, %s)%s",
            left->unresolved, im->paths[left->first_unresolved.file],
            place_words((row_place)left->first_unresolved.line).text,
            !gather_has(im->g, KIND_MAILBOX)     ? "; with Get-Mailbox in the same run more names are known"
            : !gather_has(im->g, KIND_RECIPIENT) ? "; with Get-Recipient in the same run more names are known"
                                                 : "");
    fputc('\n', out);
    report_groups(im, left);
    if (left->denials > 0)
        fprintf(out,
                "warning: %zu denials of SendAs name no mailbox for certain (the first in %s, %s): nobody may send "
                "as the mailboxes that they are about, which takes %zu rights away; write the trustee's address there, "
                "or remove the denial\n",
                left->denials, im->paths[left->first_denial.file], place_words((row_place)left->first_denial.line).text,
                left->voided);
}

/* Somebody's mail is refused from now on, or no longer: as a change of a setting. */
static void report_rights_changes(const struct import *im)
{
    if (im->before != NULL && im->before->parts[PART_RIGHTS].at > 0 &&
        im->summary.rights_gone + im->summary.rights_new > 0)
        fprintf(im->options->out,
                "%s: %llu rights to send as, or on behalf of, another mailbox are gone, %llu are new\n", im->after.name,
                (unsigned long long)im->summary.rights_gone, (unsigned long long)im->summary.rights_new);
}

static void report_conflict(const struct import *im, const struct identity_conflict *conflict)
{
    struct slice primaries = conflict->primaries, primary;
    unsigned said = 0;

    fprintf(im->options->out,
            "warning: \"%s\" is claimed by %u mailboxes; the stricter setting holds:", words(conflict->identity).text,
            conflict->claims);
    while (packed_next(&primaries, &primary))
        fprintf(im->options->out, "%s %s", said++ > 0 ? "," : "", words(primary).text);
    fputc('\n', im->options->out);
}

static void report_conflicts(const struct import *im)
{
    struct identity_conflict conflict;
    uint64_t said = 0;

    for (size_t i = 0; i < REPORT_CONFLICTS && writer_conflict(im->w, i, &conflict); i++, said++)
        report_conflict(im, &conflict);
    if (im->summary.conflicts > said)
        fprintf(im->options->out, "warning: %llu more identities are claimed by several mailboxes\n",
                (unsigned long long)(im->summary.conflicts - said));
}

static void report_bad_rows(const struct import *im)
{
    for (size_t i = 0; i < KINDS; i++)
        if (im->g->bad_rows[i] > 0)
            fprintf(im->options->out, "warning: %llu rows of %s could not be read; the first: %s\n",
                    (unsigned long long)im->g->bad_rows[i], kind_name((enum kind)i), im->g->first_bad[i].text);
    if (im->g->incomplete)
        fprintf(im->options->out,
                "warning: the mailbox of a row is not known, so no mailbox was removed in this run\n");
    if (im->g->not_mailboxes > 0)
        fprintf(im->options->out, "%s: %llu rows of contacts, groups, guests or deleted mailboxes were left out\n",
                im->after.name, (unsigned long long)im->g->not_mailboxes);
    if (im->by_setting[SMTP_AUTH_UNKNOWN] > 0)
        fprintf(
            im->options->out,
            "warning: the setting of %llu mailboxes is not known, so their mail is deferred; import Get-CASMailbox%s\n",
            (unsigned long long)im->by_setting[SMTP_AUTH_UNKNOWN],
            gather_has(im->g, KIND_CAS_MAILBOX) ? ", and see what is wrong with their rows" : " too");
}

/*
 * Warns about settings that were never mirrored, so that nothing is refused because of them, whatever they are in
 * Exchange Online.
 */
static void report_missing(const struct import *im)
{
    const char *between = ": not mirrored yet: ";
    bool any = false;

    if (im->options->feed != NULL || gather_has(im->g, KIND_LIST))
        return;
    for (size_t i = 0; i <= PART_RESTRICTED; i++) {
        if (im->after.parts[i].at > 0)
            continue;
        fprintf(im->options->out, "%s%s%s", any ? "" : im->after.name, between, mirrored_title((enum mirrored_part)i));
        between = ", ";
        any = true;
    }
    if (any)
        fprintf(im->options->out,
                "; what these forbid in Exchange Online is not forbidden here until their exports are "
                "imported\n");
}

static void report_gaps(const struct import *im)
{
    FILE *out = im->options->out;
    size_t users = merge_users_without_mailbox(im->m);

    if (users > 0)
        fprintf(out, "%s: %zu users of Get-User have no mailbox\n", im->after.name, users);
    if (gather_has(im->g, KIND_ACCOUNT))
        fprintf(out, "%s: %zu of %zu users have a mailbox here, by user principal name or mail address\n",
                im->after.name, accounts_found(im->g->accounts), im->g->rows[KIND_ACCOUNT]);
    if (im->after.smtp_auth == SMTP_AUTH_UNKNOWN)
        fprintf(
            out,
            "warning: the organization's own setting is not known, so mailboxes that inherit it are refused; import "
            "Get-TransportConfig too\n");
    if (im->g->on_behalf && im->g->on_behalf_unknown)
        fprintf(out, "warning: GrantSendOnBehalfTo is not known for all mailboxes, so no such right was changed\n");
}

void import_report_summary(const struct import *im)
{
    FILE *out = im->options->out;

    fprintf(out, "%s: %llu mailboxes", im->after.name, (unsigned long long)im->mailboxes);
    if (im->judgement.stored == 0 && im->mailboxes > 0)
        fprintf(out, " (%llu enabled, %llu disabled, %llu inherit, %llu unknown)",
                (unsigned long long)im->by_setting[SMTP_AUTH_ENABLED],
                (unsigned long long)im->by_setting[SMTP_AUTH_DISABLED],
                (unsigned long long)im->by_setting[SMTP_AUTH_INHERIT],
                (unsigned long long)im->by_setting[SMTP_AUTH_UNKNOWN]);
    fprintf(out, ", %llu changed, %llu added, %llu removed, ", (unsigned long long)im->changed,
            (unsigned long long)im->added, (unsigned long long)im->removed);
    if (im->options->dry_run)
        fprintf(out, "nothing was written (--dry-run)\n");
    else
        fprintf(out, "generation %llu%s\n", (unsigned long long)im->summary.generation,
                im->summary.published ? "" : " confirmed");
}

int import_report(struct import *im, struct error *e)
{
    if (import_report_lines(im, e) != 0)
        return -1;
    remarks_print(&im->g->remarks, im->options->out);
    report_unknown_lists(im);
    if (gather_has(im->g, KIND_RECIPIENT))
        fprintf(im->options->out, "%s: %llu groups and mail users\n", im->after.name,
                (unsigned long long)im->recipients);
    report_rights(im);
    report_rights_changes(im);
    if (!im->options->dry_run)
        report_conflicts(im);
    report_bad_rows(im);
    report_missing(im);
    report_gaps(im);
    if (im->history_trouble.text[0] != '\0')
        fprintf(im->options->out, "warning: the history of settings lacks what changed in this run: %s\n",
                im->history_trouble.text);
    import_report_effects(im);
    import_report_summary(im);
    if (fflush(im->options->out) != 0 || ferror(im->options->out))
        return error_set(e, "what changed cannot be printed: %s; the directory was written", strerror(errno));
    return 0;
}
