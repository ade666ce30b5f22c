#include "mirror/exchange/clouds.h"

#include "core/base/buf.h"

static const struct {
    const char *name, *login, *exchange, *graph;
} clouds[] = {
    [CLOUD_WORLDWIDE] = {"worldwide", "login.microsoftonline.com", "outlook.office365.com", "graph.microsoft.com"},
    [CLOUD_GCC_HIGH] = {"gcc-high", "login.microsoftonline.us", "outlook.office365.us", "graph.microsoft.us"},
    [CLOUD_DOD] = {"dod", "login.microsoftonline.us", "outlook-dod.office365.us", "dod-graph.microsoft.us"},
    [CLOUD_CHINA] = {"china", "login.partner.microsoftonline.cn", "partner.outlook.cn",
                     "microsoftgraph.chinacloudapi.cn"},
};

static const char *either(const char *configured, const char *standard)
{
    return configured != NULL ? configured : standard;
}

static void set_scope(char *out, size_t cap, const char *host)
{
    struct buf b = buf_over(out, cap);

    buf_addf(&b, "https://%s/.default", host);
}

void cloud_hosts(const struct exchange_config *config, struct cloud_hosts *out)
{
    out->login = either(config->login_host, clouds[config->cloud].login);
    out->exchange = either(config->exchange_host, clouds[config->cloud].exchange);
    out->graph = either(config->graph_host, clouds[config->cloud].graph);
    set_scope(out->exchange_scope, sizeof out->exchange_scope, out->exchange);
    set_scope(out->graph_scope, sizeof out->graph_scope, out->graph);
}

const char *cloud_name(enum cloud cloud)
{
    return clouds[cloud].name;
}
