#include "core/config/config_table.h"

#include "core/base/quote.h"

#define LIMIT_NAME_MAX 39 /* as long as a block stores (core/state/blocks.h) */
#define EXCEPTIONS_MAX 1024
#define KEY_PARTS_MAX 2
#define BURST_MAX 1000000000000 /* 10^12 units */
/* As many as a window of a habit can count (core/state/habits.h). */
#define HABIT_FIGURE_MOST 200000
#define V4_BITS 32
#define V6_BITS 128

/* Counters use nanoseconds a unit; at higher rates rounding would matter. */
#define UNITS_A_SECOND_MAX 1000000

/* ---- name, key, count ---- */

static int parse_limit_name(struct reader *r, struct slice text, void *at, struct error *e)
{
    const char *kept;
    bool good = text.n > 0 && text.n <= LIMIT_NAME_MAX;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
    }
    if (!good)
        return error_set(e, "\"%s\": a limit's name has 1 to %d lower-case letters (a-z), digits and \"-\"",
                         quote(text).text, LIMIT_NAME_MAX);
    if ((kept = config_keep(r, text)) == NULL)
        return -1;
    memcpy(at, &kept, sizeof kept);
    return 0;
}

static const struct choice key_parts[] = {
    {"user", PER_USER},
    {"mailbox", PER_USER},
    {"login", PER_LOGIN},
    {"client", PER_CLIENT},
    {"client_net", PER_CLIENT_NET},
    {"sender", PER_SENDER},
    {"sender_domain", PER_SENDER_DOMAIN},
    {"recipient_domain", PER_RECIPIENT_DOMAIN},
    {"connector", PER_CONNECTOR},
    {"tenant", PER_TENANT},
    {NULL, 0},
};

static int parse_per(struct reader *r, struct slice text, void *at, struct error *e)
{
    unsigned *per = at, parts = 0;
    struct slice part, rest = text;
    bool more = true;

    (void)r;
    *per = 0;
    while (more) {
        const struct choice *choice;

        more = slice_cut(rest, '+', &part, &rest);
        if ((choice = choice_find(key_parts, slice_trim(part), e)) == NULL)
            return -1;
        if ((*per & choice->value) != 0)
            return error_set(e, "\"%s\" names the same thing twice", quote(text).text);
        if (++parts > KEY_PARTS_MAX)
            return error_set(e, "\"%s\": at most %d things can be joined by \"+\"", quote(text).text, KEY_PARTS_MAX);
        *per |= choice->value;
    }
    return 0;
}

#define DISTINCT(what) ((unsigned)COUNT_DISTINCT | (unsigned)(what) << 8)

static const struct choice counts[] = {
    {"messages", COUNT_MESSAGES},
    {"recipients", COUNT_RECIPIENTS},
    {"external recipients", COUNT_EXTERNAL},
    {"internal recipients", COUNT_INTERNAL},
    {"bytes", COUNT_BYTES},
    {"auth failures", COUNT_FAILURES},
    {"distinct failed login", COUNT_FAILED_LOGINS},
    {"distinct failing client_net", COUNT_FAILING_NETS},
    {"denials", COUNT_DENIALS},
    {"deferrals", COUNT_DEFERRALS},
    {"deferred messages", COUNT_DEFERRED},
    {"distinct client", DISTINCT(DISTINCT_CLIENT)},
    {"distinct client_net", DISTINCT(DISTINCT_CLIENT_NET)},
    {"distinct sender", DISTINCT(DISTINCT_SENDER)},
    {"distinct recipient", DISTINCT(DISTINCT_RECIPIENT)},
    {"distinct recipient_domain", DISTINCT(DISTINCT_RECIPIENT_DOMAIN)},
    {NULL, 0},
};

static int parse_count(struct reader *r, struct slice text, void *at, struct error *e)
{
    const struct choice *choice = choice_find(counts, text, e);
    struct limit_config *limit = at;

    if (choice == NULL)
        return -1;
    limit->count = (enum limit_count)(choice->value & 0xff);
    limit->distinct = (enum limit_distinct)(choice->value >> 8);
    r->count = limit->count;
    return 0;
}

/* ---- figures ---- */

/* "100M/h" of bytes, in powers of 1024 like all sizes. */
static int parse_byte_rate(struct slice text, struct rate *rate, struct error *e)
{
    char period[80];
    struct buf b = BUF_OVER(period);
    struct slice count;
    uint64_t bytes;

    (void)slice_cut(text, '/', &count, &text);
    buf_add(&b, SLICE("1/"));
    buf_add(&b, text);
    if (size_parse(count, &bytes, e) != 0 || rate_parse(buf_slice(&b), rate, e) != 0 || bytes == 0)
        return error_set(e, "rate \"%s%s%s\": expected bytes and a period, such as 100M/h", quote(count).text,
                         text.n > 0 ? "/" : "", quote(text).text);
    rate->count = bytes;
    return 0;
}

static int parse_rate(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct limit_rate *figure = at;

    figure->unlimited = slice_eq(text, SLICE("unlimited"));
    if (figure->unlimited)
        return 0;
    if (r->count == COUNT_BYTES)
        return parse_byte_rate(text, &figure->rate, e);
    return rate_parse(text, &figure->rate, e);
}

static int burst_of_bytes(struct reader *r, const config_setting_t *s, const struct setting *row, uint64_t *burst)
{
    struct slice text;
    uint64_t bytes;

    if (config_setting_type(s) != CONFIG_TYPE_STRING)
        return setting_error(r, s, "found %s; expected a size in quotes, such as \"50M\"", setting_found(s).text);
    if (setting_text(r, s, row, &text) != 0)
        return -1;
    if (size_parse(text, &bytes, r->e) != 0)
        return setting_error_around(r, s);
    if (bytes == 0)
        return setting_error(r, s, "a burst of 0 would let nothing through");
    *burst = kib_of(bytes);
    return 0;
}

/* The default burst is what the rate allows in its period. */
static int read_burst(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    static const struct setting number_row = {"", SETTING_NUMBER, AT(struct limit_rate, burst), .least = 1,
                                              .most = BURST_MAX};
    struct limit_rate *figure = at;

    if (s != NULL && figure->unlimited)
        return setting_error(r, s, "a burst has no meaning where the rate is \"unlimited\"");
    if (s == NULL) {
        figure->burst = figure->unlimited         ? 0
                        : r->count == COUNT_BYTES ? kib_of(figure->rate.count)
                                                  : figure->rate.count;
        return 0;
    }
    if (r->count == COUNT_BYTES)
        return burst_of_bytes(r, s, row, &figure->burst);
    return setting_scalar(r, s, &number_row, &figure->burst);
}

int figure_check(const struct limit_rate *figure, enum limit_count count, struct error *e)
{
    const struct rate *rate = &figure->rate;
    double units = (double)rate->count / (count == COUNT_BYTES ? KIB : 1);

    if (figure->unlimited)
        return 0;
    if (units / (double)rate->period_s > UNITS_A_SECOND_MAX)
        return error_set(e, "the rate is above a million a second; write \"unlimited\" instead");
    if ((double)figure->burst * (double)rate->period_s / units > (double)DURATION_MAX_S)
        return error_set(e,
                         "what may come at once (the burst of %llu) would take more than 400 days to come back at "
                         "this rate; make the burst smaller or the rate higher",
                         (unsigned long long)figure->burst);
    return 0;
}

/* ---- then = ... ---- */

static const struct choice thens[] = {
    {"defer", THEN_DEFER}, {"reject", THEN_REJECT},   {"hold", THEN_HOLD},
    {"block", THEN_BLOCK}, {"monitor", THEN_MONITOR}, {NULL, 0},
};

static int parse_then(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct limit_config *limit = at;
    const struct choice *choice;
    struct slice word, time, rest;
    bool has_time = slice_cut(text, ' ', &word, &time);

    (void)r;
    if ((choice = choice_find(thens, word, e)) == NULL)
        return -1;
    limit->then = (enum limit_then)choice->value;
    if (limit->then != THEN_BLOCK)
        return has_time ? error_set(e, "\"%s\": only \"block\" has a time", quote(text).text) : 0;
    if (!has_time)
        return error_set(e, "\"block\" needs a time, such as \"block 1h\"");
    for (bool more = slice_cut(time, ',', &time, &rest); more;) {
        more = slice_cut(rest, ',', &word, &rest);
        if (slice_eq(slice_trim(word), SLICE("disable")))
            limit->disable_at_source = true;
        else if (slice_eq(slice_trim(word), SLICE("defer")))
            limit->defers = true;
        else
            return error_set(e, "\"%s\": after the time of a block only \", disable\" and \", defer\" are possible",
                             quote(text).text);
    }
    if (duration_parse(slice_trim(time), &limit->block_s, e) != 0)
        return -1;
    return limit->block_s > 0 ? 0 : error_set(e, "\"%s\": a block of no time", quote(text).text);
}

/* "/24 /64": how many bits of a client's address make its network. */
static int parse_client_net(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct limit_config *limit = at;
    unsigned long long v4, v6;
    struct slice first, second;

    (void)r;
    (void)slice_cut(text, ' ', &first, &second);
    second = slice_trim(second);
    if (first.n < 2 || first.p[0] != '/' || !slice_to_u64((struct slice){first.p + 1, first.n - 1}, V4_BITS, &v4) ||
        second.n < 2 || second.p[0] != '/' || !slice_to_u64((struct slice){second.p + 1, second.n - 1}, V6_BITS, &v6) ||
        v4 == 0 || v6 == 0)
        return error_set(e, "\"%s\": expected the bits of IPv4 and of IPv6 networks, such as \"/24 /64\"",
                         quote(text).text);
    limit->v4_prefix = (unsigned)v4;
    limit->v6_prefix = (unsigned)v6;
    return 0;
}

enum whom { FOR_ALL, FOR_LOGINS, FOR_CONNECTORS };
static const struct choice whom[] = {
    {"all", FOR_ALL}, {"logins", FOR_LOGINS}, {"connectors", FOR_CONNECTORS}, {NULL, 0}};

static int parse_for(struct reader *r, struct slice text, void *at, struct error *e)
{
    const struct choice *choice = choice_find(whom, text, e);
    struct limit_config *limit = at;

    (void)r;
    if (choice == NULL)
        return -1;
    limit->authenticated = choice->value != FOR_CONNECTORS;
    limit->connectors = choice->value != FOR_LOGINS;
    return 0;
}

static const struct choice froms[] = {{"any", false}, {"unfamiliar", true}, {NULL, 0}};

/* ---- habits ---- */

static const struct choice beyonds[] = {{"nothing", false}, {"habit", true}, {NULL, 0}};

#define FACTOR_MOST 100
#define HUNDREDTHS 100

/* "1.25" or 2: how many times the habit, kept in hundredths. */
static int read_factor(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    uint64_t *factor = at;
    double value;

    (void)row;
    if (s == NULL) {
        *factor = HUNDREDTHS;
        return 0;
    }
    if (config_setting_is_number(s) == CONFIG_FALSE)
        return setting_error(r, s, "found %s; expected a number such as 1.25", setting_found(s).text);
    value = config_setting_type(s) == CONFIG_TYPE_FLOAT   ? config_setting_get_float(s)
            : config_setting_type(s) == CONFIG_TYPE_INT64 ? (double)config_setting_get_int64(s)
                                                          : config_setting_get_int(s);
    if (!(value >= 0 && value <= FACTOR_MOST))
        return setting_error(r, s, "a factor is between 0 and %d", FACTOR_MOST);
    *factor = (uint64_t)(value * HUNDREDTHS + 0.5);
    return 0;
}

/* ---- exceptions ---- */

int parse_user_name(struct reader *r, struct slice text, const char **name, struct error *e)
{
    char shown[ADDRESS_MAX + 2];
    struct buf b = BUF_OVER(shown);
    struct login login;

    login_parse(text, &login);
    login_add(&b, &login);
    if (b.n == 0)
        return error_set(e, "\"%s\" is neither an address (user@domain) nor an account name%s", quote(text).text,
                         text.n > 0 && text.p[0] == '@' ? "; a whole domain can be a member of a group" : "");
    return (*name = config_keep(r, buf_slice(&b))) != NULL ? 0 : -1;
}

int parse_group_name(struct reader *r, struct slice text, unsigned *group, const char **name, struct error *e)
{
    const struct config *c = r->config;

    for (size_t i = 0; i < c->n_groups; i++)
        if (slice_eq(text, slice_of(c->groups[i].name))) {
            *group = (unsigned)i;
            *name = c->groups[i].name;
            return 0;
        }
    return error_set(e, "\"%s\" is not the name of one of the groups", quote(text).text);
}

int parse_connector_name(struct reader *r, struct slice text, unsigned *connector, const char **name, struct error *e)
{
    const struct config *c = r->config;

    for (size_t i = 0; i < c->n_connectors; i++)
        if (slice_eq(text, slice_of(c->connectors[i].name))) {
            *connector = (unsigned)i;
            *name = c->connectors[i].name;
            return 0;
        }
    return error_set(e, "\"%s\" is not the name of one of the connectors", quote(text).text);
}

static int parse_exception_user(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct limit_exception *exception = at;

    exception->of = EXCEPT_USER;
    return parse_user_name(r, text, &exception->name, e);
}

static int parse_exception_group(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct limit_exception *exception = at;

    exception->of = EXCEPT_GROUP;
    return parse_group_name(r, text, &exception->group, &exception->name, e);
}

static int parse_exception_connector(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct limit_exception *exception = at;

    exception->of = EXCEPT_CONNECTOR;
    return parse_connector_name(r, text, &exception->connector, &exception->name, e);
}

static int check_exception(struct reader *r, const config_setting_t *s, void *target)
{
    const struct limit_exception *exception = target;
    int subjects = 0;

    for (const char *const *name = (const char *const[]){"user", "group", "connector", NULL}; *name != NULL; name++)
        subjects += config_setting_get_member(s, *name) != NULL;
    if (subjects != 1)
        return setting_error(r, s, "an exception is for one of user, group or connector; found %d of them", subjects);
    return figure_check(&exception->figure, r->count, r->e) == 0 ? 0 : setting_error_around(r, s);
}

static const struct setting exception_rows[] = {
    {"user", SETTING_PARSED, .parse = parse_exception_user, .allowed = "an address or an account name"},
    {"group", SETTING_PARSED, .parse = parse_exception_group, .allowed = "the name of a group"},
    {"connector", SETTING_PARSED, .parse = parse_exception_connector, .allowed = "the name of a connector"},
    {"rate", SETTING_PARSED, AT(struct limit_exception, figure), .required = true, .parse = parse_rate,
     .allowed = "a rate such as 30/m, or unlimited"},
    {"burst", SETTING_OWN, AT(struct limit_exception, figure), .read = read_burst, .allowed = "a number"},
};
static const struct section exception_section = {ROWS(exception_rows), .check = check_exception,
                                                 .size = sizeof(struct limit_exception), .most = EXCEPTIONS_MAX};

static const struct setting limit_rows[] = {
    {"name", SETTING_PARSED, AT(struct limit_config, name), .required = true, .parse = parse_limit_name,
     .allowed = "a name"},
    {"per", SETTING_PARSED, AT(struct limit_config, per), .required = true, .parse = parse_per,
     .allowed = "what is counted apart"},
    {"count", SETTING_PARSED, .required = true, .parse = parse_count, .allowed = "what is counted"},
    {"rate", SETTING_PARSED, AT(struct limit_config, figure), .required = true, .parse = parse_rate,
     .allowed = "a rate such as 30/m, or unlimited"},
    {"burst", SETTING_OWN, AT(struct limit_config, figure), .read = read_burst, .allowed = "a number"},
    {"then", SETTING_PARSED, .parse = parse_then, .standard = "defer", .allowed = "what happens above it"},
    {"client_net", SETTING_PARSED, .parse = parse_client_net, .standard = "/24 /64", .allowed = "the bits of networks"},
    {"for", SETTING_PARSED, .parse = parse_for, .standard = "all", .allowed = "all, logins or connectors"},
    {"from", SETTING_CHOICE, AT(struct limit_config, unfamiliar), .choices = froms, .standard = "any"},
    {"beyond", SETTING_CHOICE, AT(struct limit_config, beyond_habit), .choices = beyonds, .standard = "nothing"},
    {"factor", SETTING_OWN, AT(struct limit_config, factor), .read = read_factor, .standard = "1",
     .allowed = "a number such as 1.25"},
    {"ceiling", SETTING_NUMBER, AT(struct limit_config, ceiling), .standard = "0", .most = HABIT_FIGURE_MOST},
    {"learning", SETTING_NUMBER, AT(struct limit_config, learning), .standard = "0", .most = HABIT_FIGURE_MOST},
    {"learning_known", SETTING_NUMBER, AT(struct limit_config, learning_known), .standard = "0",
     .most = HABIT_FIGURE_MOST},
    {"only", SETTING_SECTION, AT(struct limit_config, only), .section = &limit_only_section},
    {"reply", SETTING_PARSED, AT(struct limit_config, reply), .parse = parse_limit_reply,
     .allowed = "a reply such as 550 5.7.1 Not allowed"},
    {"except", SETTING_SECTIONS, AT(struct limit_config, exceptions),
     .count_offset = offsetof(struct limit_config, n_exceptions), .section = &exception_section},
};
const struct section limit_section = {ROWS(limit_rows), .check = limit_check, .size = sizeof(struct limit_config),
                                      .most = CONFIG_LIMITS_MAX};
