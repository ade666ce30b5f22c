/* The organization: 500 people unless said otherwise, their devices and applications. README.md says why so. */
#include "bench/blunting/blunting.h"

#include "mirror/build/writer.h"

#include <stdlib.h>
#include <string.h>

#define DOMAIN_NAME "contoso.example"
#define OFFICES 4
#define PROVIDERS 5
#define PROVIDER_NETS 2000 /* networks of 256 addresses that a provider deals out */

static const struct {
    const char *name;
    const char *login;
    unsigned n;
} classes[CLASSES] = {
    [PERSON] = {"people", "p", 0},
    [PRINTER] = {"printers", "scan", 14},
    [MONITOR] = {"monitoring", "monitor", 4},
    [TICKETS] = {"ticket system", "help", 2},
    [BATCH] = {"nightly batch", "batch", 2},
    [PAYROLL] = {"payroll", "payroll", 1},
    [NEWSLETTER] = {"newsletter", "news", 1},
    [UNUSED] = {"unused", "unused", 20},
};

const char *class_name(enum class class)
{
    return classes[class].name;
}

static client_t v4(uint32_t net, uint32_t host)
{
    return (client_t)net << 8 | (host & 0xff);
}

/* Offices: 198.51.100.0/24, 101, ... stand for any four networks. */
static client_t office_net(unsigned office)
{
    return v4((198u << 16 | 51u << 8 | 100u) + office, 0);
}

static void plan_holidays(struct actor *a, struct dice *d)
{
    unsigned summer = 180 + (unsigned)dice_between(d, 0, 50);

    a->away[0].from = summer;
    a->away[0].to = summer + (unsigned)dice_between(d, 6, 22);
    a->away[1].from = dice_chance(d, 0.7) ? 355 : 364;
    a->away[1].to = 364;
    a->away[2].from = 60 + (unsigned)dice_between(d, 0, 90);
    a->away[2].to = a->away[2].from + (unsigned)dice_between(d, 2, 9);
    a->away[3].from = 270 + (unsigned)dice_between(d, 0, 60);
    a->away[3].to = a->away[3].from + (unsigned)dice_between(d, 1, 9);
}

static void make_person(struct actor *a, struct dice *d, unsigned i)
{
    double kind;

    a->mean = dice_lognormal(d, 24, 0.75);
    a->mean = a->mean < 2 ? 2 : a->mean > 100 ? 100 : a->mean;
    a->contacts = (unsigned)dice_between(d, 40, 260);
    a->joins_day = dice_chance(d, 0.08) ? (unsigned)dice_between(d, 1, 360) : 0;
    a->sales = i % 12 == 0;
    a->traveller = a->sales || dice_chance(d, 0.15);
    a->private_vpn = dice_chance(d, 0.05);
    a->mobile_v6 = dice_chance(d, 0.4);
    a->carrier = (unsigned)dice_between(d, 0, 2);
    a->provider = (unsigned)dice_between(d, 0, PROVIDERS - 1);
    a->net = office_net(i % OFFICES);
    kind = dice_unit(d);
    a->home = kind < 0.55 ? HOME_V4 : kind < 0.8 ? HOME_V4_DAILY : HOME_V6_DAILY;
    a->home_net = v4((80u + a->provider) << 16 | (uint32_t)dice_between(d, 0, PROVIDER_NETS - 1), 7);
    plan_holidays(a, d);
}

/* What an organization's clients do with a message that is deferred: ours. Mail programs try again in a minute or in
 * their next round, applications hand over to an MTA, most printers drop the job. */
static enum again again_of(enum class class, uint64_t hash)
{
    static const enum again programs[10] = {AGAIN_AT_ONCE,      AGAIN_MINUTE,       AGAIN_MINUTE,  AGAIN_MINUTE,
                                            AGAIN_LIKE_POSTFIX, AGAIN_LIKE_POSTFIX, AGAIN_QUARTER, AGAIN_QUARTER,
                                            AGAIN_QUARTER,      AGAIN_HOUR};
    static const enum again devices[10] = {AGAIN_NEVER, AGAIN_NEVER,  AGAIN_NEVER,  AGAIN_NEVER,  AGAIN_NEVER,
                                           AGAIN_NEVER, AGAIN_MINUTE, AGAIN_MINUTE, AGAIN_MINUTE, AGAIN_QUARTER};

    return class == PERSON    ? programs[hash % 10]
           : class == PRINTER ? devices[hash % 10]
           : class == MONITOR ? (hash % 2 == 0 ? AGAIN_AT_ONCE : AGAIN_LIKE_POSTFIX)
                              : AGAIN_LIKE_POSTFIX;
}

static void name_actor(struct actor *a, unsigned number)
{
    (void)snprintf(a->name, sizeof a->name, "%s%u@" DOMAIN_NAME, classes[a->class].login, number);
    login_parse(slice_of(a->name), &a->login);
    (void)address_parse_internal(slice_of(a->name), &a->address);
}

struct organization *organization_make(uint64_t seed, unsigned people, unsigned merged)
{
    struct organization *o = calloc(1, sizeof *o);
    struct dice d = {seed};
    unsigned n = people += merged;

    for (unsigned c = 0; c < CLASSES; c++)
        n += classes[c].n;
    if (o == NULL || (o->actors = calloc(n, sizeof *o->actors)) == NULL) {
        free(o);
        return NULL;
    }
    o->seed = seed;
    o->n_people = people;
    for (; o->n < people; o->n++) {
        o->actors[o->n].class = PERSON;
        make_person(&o->actors[o->n], &d, o->n);
        if (o->n >= people - merged)
            o->actors[o->n].joins_day = MERGER_DAY;
        name_actor(&o->actors[o->n], o->n);
    }
    for (unsigned c = PERSON + 1; c < CLASSES; c++)
        for (unsigned i = 0; i < classes[c].n; i++, o->n++) {
            o->actors[o->n].class = (enum class)c;
            /* Applications stand in the computing centre, the newsletter's with a provider. */
            o->actors[o->n].net = c == PRINTER      ? office_net(i % OFFICES) + 10 + i
                                  : c == NEWSLETTER ? v4(192u << 16 | 0u << 8 | 2u, 25)
                                                    : office_net(0) + 100 + c;
            o->actors[o->n].joins_day = c == TICKETS && i == 1 ? MERGER_DAY : 0;
            name_actor(&o->actors[o->n], i);
        }
    for (unsigned i = 0; i < o->n; i++)
        o->actors[i].again = again_of(o->actors[i].class, dice_hash(seed ^ 0xa9a14, i));
    return o;
}

void organization_free(struct organization *o)
{
    if (o != NULL)
        free(o->actors);
    free(o);
}

static int put_mailboxes(const struct organization *o, struct writer *w, uint32_t tenant, struct error *e)
{
    for (unsigned i = 0; i < o->n; i++) {
        char alias[16];
        struct mailbox_record record = {.id = {{0xb0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}},
                                        .knows = MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_DETAILS,
                                        .smtp_auth = SMTP_AUTH_ENABLED,
                                        .recipient_type = RECIPIENT_USER,
                                        .primary = address_slice(&o->actors[i].address),
                                        .upn = address_slice(&o->actors[i].address)};

        (void)snprintf(alias, sizeof alias, "m%u", i);
        record.alias = slice_of(alias);
        if (writer_put_mailbox(w, tenant, NULL, &record, e) != 0)
            return -1;
    }
    return 0;
}

int organization_directory(const struct organization *o, const char *folder, struct error *e)
{
    struct tenant_facts facts = {.name = "contoso", .smtp_auth = SMTP_AUTH_DISABLED, .settings_at = 1767225600};
    struct accepted_domain domain = {SLICE(DOMAIN_NAME), DOMAIN_AUTHORITATIVE, false, 0};
    struct writer_summary summary;
    struct writer *w;
    uint32_t tenant;
    int rc;

    if (writer_begin(folder, &w, e) != 0)
        return -1;
    rc = writer_set_tenant(w, &facts, &tenant, e) != 0 || writer_set_domains(w, tenant, &domain, 1, e) != 0 ||
                 put_mailboxes(o, w, tenant, e) != 0 || writer_finish(w, &summary, e) != 0
             ? -1
             : 0;
    writer_close(w);
    return rc;
}
