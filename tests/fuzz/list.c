/*
 * The input is a list, read as plain entries and as pairs. A file that is accepted holds every login of its lines, each
 * in or before the line that names it, and never more entries
 * than lines; a mailbox parsed again is itself.
 */
#include "core/mail/list.h"
#include "core/base/lines.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* An error is one line of printable text that names the file. */
static void check_error(const struct error *e)
{
    size_t n = strnlen(e->text, sizeof e->text);

    check(n > 0 && n < sizeof e->text && strncmp(e->text, "fuzz:", 5) == 0);
    for (size_t i = 0; i < n; i++)
        check(e->text[i] >= 0x20 && e->text[i] < 0x7f);
}

static void check_place(const struct list_place *place, unsigned at_most)
{
    check(strcmp(place->path, "fuzz") == 0 && place->line >= 1 && place->line <= at_most);
}

static void check_plain_entry(const struct list *list, const struct lines *lines, struct slice entry)
{
    struct list_place place;
    struct login login;

    if (entry.p[0] == '@') {
        char domain[ADDRESS_MAX + 2] = "@";
        size_t n;

        check(domain_canonical((struct slice){entry.p + 1, entry.n - 1}, domain + 1, sizeof domain - 1, &n));
        check(list_has(list, (struct slice){domain, n + 1}, &place));
        check_place(&place, lines->number);
        return;
    }
    login_parse(entry, &login);
    check(login.kind != LOGIN_BAD && login.kind != LOGIN_NONE);
    check(list_has_login(list, &login, &place));
    check(login.kind == LOGIN_ADDRESS || place.line <= lines->number);
    check(!list_pair(list, &login, NULL, NULL));
    if (login.kind == LOGIN_ADDRESS) {
        check(list_has(list, address_slice(&login.address), &place));
        check_place(&place, lines->number);
        check(list_has_address(list, &login.address, NULL));
    }
}

static void check_plain(struct slice text)
{
    struct list *list = NULL;
    struct lines lines;
    struct slice entry;
    struct error e;
    size_t entries = 0;

    if (list_parse(text, "fuzz", &list, &e) != 0) {
        check(list == NULL);
        check_error(&e);
        return;
    }
    lines_start(&lines, text, "fuzz");
    while (lines_next(&lines, &entry, &e) == 1) {
        check_plain_entry(list, &lines, entry);
        entries++;
    }
    check(list_count(list) <= entries && (list_count(list) > 0) == (entries > 0));
    list_free(list);
}

/* The mailbox of a pair is canonical: parsed again it is itself. */
static void check_mailbox(const struct list *list, const struct login *login, unsigned line)
{
    struct list_place place;
    struct address mailbox, again;

    if (!list_pair(list, login, &mailbox, &place))
        return;
    check_place(&place, line);
    check(mailbox.n <= ADDRESS_MAX && mailbox.text[mailbox.n] == '\0' && mailbox.text[mailbox.local_n] == '@');
    check(address_parse_internal(address_slice(&mailbox), &again) == ADDRESS_OK);
    check(again.n == mailbox.n && again.local_n == mailbox.local_n && strcmp(again.text, mailbox.text) == 0);
}

static void check_pairs(struct slice text)
{
    struct list *list = NULL;
    struct lines lines;
    struct slice entry, left;
    struct error e;
    size_t entries = 0;

    if (list_parse_pairs(text, "fuzz", &list, &e) != 0) {
        check(list == NULL);
        check_error(&e);
        return;
    }
    lines_start(&lines, text, "fuzz");
    while (lines_next(&lines, &entry, &e) == 1) {
        struct login login;
        size_t n = 0;

        entries++;
        while (n < entry.n && entry.p[n] != ' ' && entry.p[n] != '\t')
            n++;
        if (n == entry.n)
            (void)slice_cut(entry, '=', &left, NULL);
        else
            left = (struct slice){entry.p, n};
        login_parse(left, &login);
        /* Where a blank separates, "x=" may be the login x and its separator: then the entry is another one. */
        if (left.n > 0 && left.p[left.n - 1] == '=')
            continue;
        check_mailbox(list, &login, lines.number);
        check(login.kind == LOGIN_BAD || list_pair(list, &login, NULL, NULL));
    }
    check(list_count(list) <= entries && (list_count(list) > 0) == (entries > 0));
    list_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};

    check_plain(text);
    check_pairs(text);
    return 0;
}
