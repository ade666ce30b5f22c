#include "web/asked.h"

#include "core/base/quote.h"

/* Decodes into the text, and terminates it there. False: it is malformed. There is room for all of a target. */
static bool decode(struct asked *asked, struct slice from, struct slice *out)
{
    size_t begin = asked->used;

    for (size_t i = 0; i < from.n; i++) {
        int high, low;
        char c = from.p[i] == '+' ? ' ' : from.p[i];

        if (c == '%') {
            if (from.n - i < 3 || (high = hex_digit(from.p[i + 1])) < 0 || (low = hex_digit(from.p[i + 2])) < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return false;
        asked->text[asked->used++] = c;
    }
    *out = (struct slice){asked->text + begin, asked->used - begin};
    asked->text[asked->used++] = '\0';
    return true;
}

int asked_read(struct slice target, struct asked *out, struct error *e)
{
    struct slice query, one;

    *out = (struct asked){.n = 0};
    (void)slice_cut(target, '?', &out->path, &query);
    while (query.n > 0) {
        struct slice name, value;
        bool has_value;

        (void)slice_cut(query, '&', &one, &query);
        if (one.n == 0)
            continue;
        has_value = slice_cut(one, '=', &name, &value);
        if (out->n == ASKED_PARTS_MAX)
            return error_set(e, "the query has more than %u parts", ASKED_PARTS_MAX);
        if (!has_value || !decode(out, name, &out->parts[out->n].name) ||
            !decode(out, value, &out->parts[out->n].value))
            return error_set(e, "\"%s\" in the query: expected name=value, with %%XX for what is no letter",
                             quote(one).text);
        out->n++;
    }
    return 0;
}

int asked_take_rest(struct asked *asked, size_t from, struct error *e)
{
    struct slice raw = {asked->path.p + from, asked->path.n - from};

    /* A plus sign is itself in a path: "sales+eu@contoso.example". */
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i] == '/')
            return error_set(e, "one name follows: write %%2F for a slash in it");
    if (!decode(asked, raw, &asked->rest))
        return error_set(e, "\"%s\" in the path: expected %%XX for what is no letter", quote(raw).text);
    for (size_t i = 0, j = 0; i < raw.n; i++, j++) {
        if (raw.p[i] == '+')
            asked->text[(size_t)(asked->rest.p - asked->text) + j] = '+';
        i += raw.p[i] == '%' ? 2 : 0;
    }
    return 0;
}

const char *asked_value(struct asked *asked, const char *name)
{
    for (size_t i = 0; i < asked->n; i++)
        if (!asked->parts[i].taken && slice_eq(asked->parts[i].name, slice_of(name))) {
            asked->parts[i].taken = true;
            return asked->parts[i].value.p;
        }
    return NULL;
}

int asked_number(struct asked *asked, const char *name, unsigned long long most, unsigned long long otherwise,
                 unsigned long long *out, struct error *e)
{
    const char *text = asked_value(asked, name);

    *out = otherwise;
    if (text == NULL || (slice_to_u64(slice_of(text), most, out) && *out > 0))
        return 0;
    return error_set(e, "%s: expected a number from 1 to %llu", name, most);
}

int asked_check(const struct asked *asked, struct error *e)
{
    for (size_t i = 0; i < asked->n; i++) {
        bool twice = false;

        for (size_t j = 0; j < asked->n; j++)
            twice |= asked->parts[j].taken && slice_eq(asked->parts[i].name, asked->parts[j].name);
        if (!asked->parts[i].taken)
            return error_set(e, "%s: %s", quote(asked->parts[i].name).text,
                             twice ? "it came twice" : "there is no such name in a query here");
    }
    return 0;
}
