#include "alert/body.h"
#include "alert/send.h"
#include "core/base/clock.h"
#include "core/base/quote.h"
#include "core/base/secret_file.h"
#include "core/config/webhook_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define SECRET_MAX 4096
#define SECRET_LEAST 16 /* bytes; RFC 2104 3 wants at least the hash's strength, a typing error has less */
#define CONNECT_MOST_S 10

static int secret_load(const char *path, char *out, size_t cap, struct error *e)
{
    return secret_file_line(path, out, cap, e) == 0 ? 0 : error_prefix(e, "%s", path);
}

static int find_url(const struct alert_target *target, char *out, size_t cap, struct error *e)
{
    struct buf b;

    if (target->url_file != NULL) {
        if (secret_load(target->url_file, out, cap, e) != 0)
            return -1;
        return webhook_url_check(slice_of(out), e) == 0 ? 0 : error_prefix(e, "%s", target->url_file);
    }
    b = buf_over(out, cap);
    buf_add(&b, slice_of(target->url));
    return 0;
}

static int webhook_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[512];
    struct curl_slist *more;

    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    more = curl_slist_append(*list, line);
    if (more == NULL)
        return -1;
    *list = more;
    return 0;
}

static int add_signature(const struct alert_target *target, const char *body, struct curl_slist **headers,
                         struct error *e)
{
    char secret[SECRET_MAX], signature[SIGNATURE_MAX], time[24];
    long long now = clock_wall_s();
    int result;

    (void)snprintf(time, sizeof time, "%lld", now);
    if (webhook_header(headers, "Postern-Timestamp", time) != 0)
        return error_set(e, "out of memory");
    if (target->secret_file == NULL)
        return 0;
    if (secret_load(target->secret_file, secret, sizeof secret, e) != 0)
        return -1;
    if (strlen(secret) < SECRET_LEAST)
        result = error_set(e, "%s: a key of less than %d bytes", target->secret_file, SECRET_LEAST);
    else if ((result = body_sign(slice_of(secret), now, body, signature, e)) == 0 &&
             webhook_header(headers, "Postern-Signature", signature) != 0)
        result = error_set(e, "out of memory");
    explicit_bzero(secret, sizeof secret);
    return result;
}

/* The body of the response is ignored. */
static size_t ignore(char *data, size_t size, size_t n, void *arg)
{
    size_t *left = arg;

    (void)data;
    if (size * n > *left)
        return 0;
    *left -= size * n;
    return size * n;
}

static enum sent webhook_judge(CURL *curl, CURLcode code, const char *why, struct error *e)
{
    long status = 0;

    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return SENT_DONE;
    if (code != CURLE_OK) {
        (void)error_set(e, "%s", why[0] != '\0' ? why : curl_easy_strerror(code));
        return SENT_LATER;
    }
    (void)error_set(e, "the receiver answered %ld", status);
    /* The receiver rejects this notice for good; it may accept others. */
    return status == 400 || status == 413 || status == 415 || status == 422 ? SENT_NEVER : SENT_LATER;
}

static enum sent perform(CURL *curl, const struct alert_target *target, const char *url, const char *body,
                         struct curl_slist *headers, struct error *e)
{
    char why[CURL_ERROR_SIZE] = "";
    long timeout = (long)target->timeout_s;
    size_t left = 1u << 16;
    CURLcode code;

    if (curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, timeout < CONNECT_MOST_S ? timeout : CONNECT_MOST_S) !=
            CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "postern-alert/" POSTERN_VERSION) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &left) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why) != CURLE_OK ||
        (target->ca_file != NULL && curl_easy_setopt(curl, CURLOPT_CAINFO, target->ca_file) != CURLE_OK)) {
        (void)error_set(e, "libcurl does not know an option: it is too old");
        return SENT_LATER;
    }
    code = curl_easy_perform(curl);
    return webhook_judge(curl, code, why, e);
}

enum sent send_webhook(const struct alert_target *target, const struct notice *notice, struct error *e)
{
    struct curl_slist *headers = NULL;
    char *body = body_make(notice, target->format), url[SECRET_MAX];
    CURL *curl = curl_easy_init();
    enum sent sent = SENT_LATER;

    if (body == NULL || curl == NULL || webhook_header(&headers, "Content-Type", "application/json") != 0 ||
        webhook_header(&headers, "Idempotency-Key", notice->id) != 0 ||
        webhook_header(&headers, "Postern-Event", notice->event_name) != 0)
        (void)error_set(e, "out of memory");
    else if (find_url(target, url, sizeof url, e) == 0 && add_signature(target, body, &headers, e) == 0)
        sent = perform(curl, target, url, body, headers, e);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    free(body);
    return sent;
}
