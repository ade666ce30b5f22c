#include "core/report/postfix_config.h"

#include <stdlib.h>

#define SETTINGS_MAX 20000u
#define SERVICES_MAX 2000u

/* ---- taking its answers apart ---- */

/* Room for one more element of size bytes in an array that grows by doubling. */
static void *room_for(void *array, size_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0)
        return array;
    return realloc(array, (n == 0 ? 1 : n * 2) * size);
}

static int add_setting(struct postfix_setting **list, size_t *n, struct slice name, struct slice value, struct error *e)
{
    struct postfix_setting *more = room_for(*list, *n, sizeof **list);

    if (more == NULL)
        return error_set(e, "out of memory");
    *list = more;
    if (*n >= SETTINGS_MAX)
        return error_set(e, "postconf shows more than %u settings", SETTINGS_MAX);
    more[(*n)++] = (struct postfix_setting){slice_trim(name), slice_trim(value)};
    return 0;
}

static int read_settings(struct postfix_setting **list, size_t *n, const char *text, struct error *e)
{
    struct slice line, name, value, rest = slice_of(text);

    while (rest.n > 0) {
        (void)slice_cut(rest, '\n', &line, &rest);
        if (slice_cut(line, '=', &name, &value) && add_setting(list, n, name, value, e) != 0)
            return -1;
    }
    return 0;
}

static struct slice field(struct slice *rest)
{
    struct slice head;

    *rest = slice_trim(*rest);
    (void)slice_cut(*rest, ' ', &head, rest);
    return head;
}

/* "smtp inet n - n - - smtpd -o ..." */
static int read_services(struct postfix *p, struct error *e)
{
    struct slice line, rest = slice_of(p->texts[POSTCONF_SERVICES]);

    while (rest.n > 0) {
        struct postfix_service *more, service = {.n_own = 0};

        (void)slice_cut(rest, '\n', &line, &rest);
        service.name = field(&line);
        service.type = field(&line);
        (void)field(&line);
        (void)field(&line);
        service.chroot = field(&line);
        (void)field(&line);
        (void)field(&line);
        service.command = field(&line);
        if (service.command.n == 0)
            continue;
        if (p->n_services >= SERVICES_MAX)
            return error_set(e, "master.cf has more than %u services", SERVICES_MAX);
        if ((more = room_for(p->services, p->n_services, sizeof *more)) == NULL)
            return error_set(e, "out of memory");
        p->services = more;
        more[p->n_services++] = service;
    }
    return 0;
}

static struct postfix_service *service_of(struct postfix *p, struct slice name, struct slice type)
{
    for (size_t i = 0; i < p->n_services; i++)
        if (slice_eq(p->services[i].name, name) && slice_eq(p->services[i].type, type))
            return &p->services[i];
    return NULL;
}

/* "submission/inet/smtpd_milters = ..."; a service's name may hold slashes, its type and parameter don't. */
static bool cut_service_line(struct slice left, struct slice *name, struct slice *type, struct slice *parameter)
{
    size_t last = left.n, middle;

    while (last > 0 && left.p[last - 1] != '/')
        last--;
    for (middle = last > 0 ? last - 1 : 0; middle > 0 && left.p[middle - 1] != '/';)
        middle--;
    if (last == 0 || middle == 0)
        return false;
    *name = (struct slice){left.p, middle - 1};
    *type = (struct slice){left.p + middle, last - 1 - middle};
    *parameter = (struct slice){left.p + last, left.n - last};
    return true;
}

static int read_service_settings(struct postfix *p, const char *text, bool raw, struct error *e)
{
    struct slice line, left, value, name, type, parameter, rest = slice_of(text);

    while (rest.n > 0) {
        struct postfix_service *service;

        (void)slice_cut(rest, '\n', &line, &rest);
        if (!slice_cut(line, '=', &left, &value) || !cut_service_line(slice_trim(left), &name, &type, &parameter) ||
            (service = service_of(p, name, type)) == NULL)
            continue;
        if (add_setting(raw ? &service->raw : &service->own, raw ? &service->n_raw : &service->n_own, parameter, value,
                        e) != 0)
            return -1;
    }
    return 0;
}

int postfix_parse(struct postfix *p, struct error *e)
{
    if (read_settings(&p->settings, &p->n_settings, p->texts[POSTCONF_ALL], e) == 0 && read_services(p, e) == 0 &&
        read_service_settings(p, p->texts[POSTCONF_SERVICE_SETTINGS], false, e) == 0 &&
        read_service_settings(p, p->texts[POSTCONF_SERVICE_RAW], true, e) == 0 &&
        read_settings(&p->raw, &p->n_raw, p->texts[POSTCONF_RAW], e) == 0)
        return 0;
    postfix_free(p);
    return -1;
}

void postfix_free(struct postfix *p)
{
    for (size_t i = 0; i < sizeof p->texts / sizeof p->texts[0]; i++)
        free(p->texts[i]);
    for (size_t i = 0; i < p->n_services; i++) {
        free(p->services[i].own);
        free(p->services[i].raw);
    }
    free(p->doveconf);
    free(p->services);
    free(p->settings);
    free(p->raw);
    *p = (struct postfix){.n_settings = 0};
}

/* ---- looking things up ---- */

const struct postfix_setting *postfix_last_of(const struct postfix_setting *list, size_t n, struct slice name)
{
    for (size_t i = n; i-- > 0;)
        if (slice_eq(list[i].name, name))
            return &list[i];
    return NULL;
}

bool postfix_find(const struct postfix *p, const struct postfix_service *service, const char *name, struct slice *value)
{
    const struct postfix_setting *found = NULL;

    if (service != NULL)
        found = postfix_last_of(service->own, service->n_own, slice_of(name));
    if (found == NULL)
        found = postfix_last_of(p->settings, p->n_settings, slice_of(name));
    *value = found != NULL ? found->value : (struct slice){NULL, 0};
    return found != NULL;
}

struct slice postfix_get(const struct postfix *p, const struct postfix_service *service, const char *name)
{
    struct slice value;

    (void)postfix_find(p, service, name, &value);
    return value;
}

bool postfix_is_yes(const struct postfix *p, const struct postfix_service *service, const char *name)
{
    return slice_ieq(postfix_get(p, service, name), SLICE("yes"));
}

uint64_t postfix_time(struct slice text, uint64_t otherwise)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    unsigned long long n;
    uint64_t factor = 1;

    for (size_t i = 0; i < sizeof units / sizeof units[0] && text.n > 0; i++)
        if (ascii_lower(text.p[text.n - 1]) == units[i].unit) {
            factor = units[i].seconds;
            text.n--;
            break;
        }
    return slice_to_u64(text, UINT32_MAX, &n) ? n * factor : otherwise;
}

uint64_t postfix_get_time(const struct postfix *p, const struct postfix_service *service, const char *name,
                          uint64_t otherwise)
{
    return postfix_time(postfix_get(p, service, name), otherwise);
}

bool postfix_chroots(const struct postfix *p, const struct postfix_service *service)
{
    struct slice level = postfix_get(p, NULL, "compatibility_level");

    if (!slice_eq(service->chroot, SLICE("-")))
        return slice_eq(service->chroot, SLICE("y"));
    return slice_eq(level, SLICE("0"));
}
