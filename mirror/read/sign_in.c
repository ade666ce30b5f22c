#include "mirror/read/sign_in.h"

#include <time.h>

/* As Entra calls clients that use SMTP AUTH; Graph's page has the shorter name. */
static const char *const client_apps[] = {"Authenticated SMTP", "SMTP"};

static struct slice text_of(const json_t *value)
{
    return (struct slice){json_string_value(value), json_string_length(value)};
}

/* Takes a number of so many digits off the beginning. */
static bool take_number(struct slice *rest, size_t digits, int *out)
{
    unsigned long long n;

    if (rest->n < digits || !slice_to_u64((struct slice){rest->p, digits}, 9999, &n))
        return false;
    *out = (int)n;
    *rest = (struct slice){rest->p + digits, rest->n - digits};
    return true;
}

static bool take_char(struct slice *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = (struct slice){rest->p + 1, rest->n - 1};
    return true;
}

bool sign_in_time(struct slice text, int64_t *at_s)
{
    struct tm tm = {.tm_isdst = 0}, again;
    time_t at;

    if (!take_number(&text, 4, &tm.tm_year) || !take_char(&text, '-') || !take_number(&text, 2, &tm.tm_mon) ||
        !take_char(&text, '-') || !take_number(&text, 2, &tm.tm_mday) || !take_char(&text, 'T') ||
        !take_number(&text, 2, &tm.tm_hour) || !take_char(&text, ':') || !take_number(&text, 2, &tm.tm_min) ||
        !take_char(&text, ':') || !take_number(&text, 2, &tm.tm_sec))
        return false;
    if (take_char(&text, '.'))
        while (text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9')
            text = (struct slice){text.p + 1, text.n - 1};
    if (!slice_eq(text, SLICE("Z")))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    again = tm;
    at = timegm(&again); /* which takes the 31st of February for the 3rd of March */
    *at_s = (int64_t)at;
    return at > 0 && again.tm_mon == tm.tm_mon && again.tm_mday == tm.tm_mday && again.tm_hour == tm.tm_hour &&
           again.tm_min == tm.tm_min;
}

static bool is_smtp(struct slice client_app)
{
    for (size_t i = 0; i < sizeof client_apps / sizeof client_apps[0]; i++)
        if (slice_ieq(client_app, slice_of(client_apps[i])))
            return true;
    return false;
}

/* Reads the members that each has; the name of the one that it lacks, NULL: none. */
static const char *read_members(struct sign_in *s)
{
    const json_t *code = json_object_get(json_object_get(s->tree, "status"), "errorCode");

    s->id = text_of(json_object_get(s->tree, "id"));
    s->user = text_of(json_object_get(s->tree, "userPrincipalName"));
    s->success = json_is_integer(code) && json_integer_value(code) == 0;
    if (s->id.n == 0 || s->id.n > SIGN_IN_ID_MAX)
        return "id";
    if (!sign_in_time(text_of(json_object_get(s->tree, "createdDateTime")), &s->at_s))
        return "createdDateTime";
    if (s->user.n == 0)
        return "userPrincipalName";
    return json_is_integer(code) ? NULL : "status.errorCode";
}

int sign_in_read(struct slice row, struct sign_in *out, struct error *e)
{
    json_error_t why;
    const char *missing;

    *out = (struct sign_in){.tree = json_loadb(row.p, row.n, JSON_REJECT_DUPLICATES, &why)};
    if (!json_is_object(out->tree)) {
        sign_in_free(out);
        return error_set(e, "a sign-in is not a JSON object: %s", why.text);
    }
    if (!is_smtp(text_of(json_object_get(out->tree, "clientAppUsed")))) {
        sign_in_free(out);
        return 0;
    }
    out->address = text_of(json_object_get(out->tree, "ipAddress"));
    out->token = slice_ieq(text_of(json_object_get(out->tree, "authenticationProtocol")), SLICE("oAuth2"));
    if ((missing = read_members(out)) == NULL)
        return 1;
    sign_in_free(out);
    return error_set(e, "a sign-in has no %s that can be read", missing);
}

void sign_in_free(struct sign_in *s)
{
    json_decref(s->tree);
    s->tree = NULL;
}
