#include "core/mail/list_note.h"

#include "core/base/quote.h"
#include "core/mail/list.h"

#define VERSION_MAX (UINT64_C(1) << 62)

void list_note_add(struct buf *b, const struct list_note *note)
{
    buf_addf(b, "%c\t%llu\t", (char)note->state, (unsigned long long)note->version);
    buf_add(b, note->entry);
    buf_add_char(b, '\t');
    buf_add(b, note->comment);
}

void list_note_add_line(struct buf *b, const struct list_note *note)
{
    buf_add(b, note->entry);
    buf_add(b, SLICE(" # "));
    buf_add(b, note->comment);
    buf_add_char(b, '\n');
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return false;
    return true;
}

/* Else the services would refuse the whole file. */
static int check_line(const struct list_note *note, struct error *e)
{
    char line[LIST_NOTE_MAX + 8];
    struct buf b = BUF_OVER(line);
    struct list *list;
    bool same;

    list_note_add_line(&b, note);
    if (list_parse(buf_slice(&b), "entry", &list, e) != 0)
        return -1;
    same = list_count(list) == 1 && list_has(list, note->entry, NULL);
    list_free(list);
    return same ? 0 : error_set(e, "\"%s\" would not be read back as it is", quote(note->entry).text);
}

int list_note_read(struct slice text, struct list_note *out, struct error *e)
{
    struct slice letter, version, rest;
    unsigned long long number;

    if (text.n > LIST_NOTE_MAX || !slice_cut(text, '\t', &letter, &rest) || !slice_cut(rest, '\t', &version, &rest) ||
        !slice_cut(rest, '\t', &out->entry, &out->comment) || letter.n != 1 ||
        (letter.p[0] != LIST_ALLOWED && letter.p[0] != LIST_DENIED && letter.p[0] != LIST_FORGOTTEN) ||
        !slice_to_u64(version, VERSION_MAX, &number))
        return error_set(e, "\"%s\" is no entry of a list with its version", quote(text).text);
    if (out->comment.n > LIST_COMMENT_MAX || !is_printable(out->comment))
        return error_set(e, "a comment is one line of at most %u printable characters", LIST_COMMENT_MAX);
    out->state = (enum list_state)letter.p[0];
    out->version = number;
    return check_line(out, e);
}
