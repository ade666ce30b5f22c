/* links: mirror */
/* Any bytes as an answer of Exchange Online's REST interface: rows, envelope, link to the next page, error texts. */
#include "mirror/exchange/origin.h"
#include "mirror/exchange/service_error.h"
#include "mirror/read/rows.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_envelope(const struct rows *rows)
{
    struct slice head = rows_head(rows);
    json_t *root = json_loadb(head.p, head.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *link = json_object_get(root, "@odata.nextLink");
    const json_t *warnings = json_object_get(root, "@adminapi.warnings");
    struct origin origin;
    struct error e;

    if (origin_make(&origin, "outlook.office365.com", "/adminapi/beta/7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1/", &e) != 0)
        abort();
    if (json_is_string(link)) {
        struct slice text = {json_string_value(link), json_string_length(link)};
        CURLU *url = origin_judge(&origin, text, &e);
        char *host = NULL;

        /* Whatever was let through leads to the host or under it. */
        if (url != NULL && (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
                            strcasestr(host, "outlook.office365.com") == NULL))
            abort();
        curl_free(host);
        curl_url_cleanup(url);
    }
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *text = json_array_get(warnings, i);

        if (json_is_string(text))
            (void)warning_judge((struct slice){json_string_value(text), json_string_length(text)});
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};
    struct rows *rows;
    struct row *row;
    struct error e;
    char text[1000];
    bool permission;
    int more;

    service_error_text(body, text, sizeof text);
    (void)service_error_expired(body);
    (void)signin_error(400, body, &permission, &e);
    if (rows_memory(body, "page", &rows, &e) != 0)
        return 0;
    while ((more = rows_next(rows, &row, &e)) > 0)
        for (size_t i = 0; i < COLUMNS; i++) {
            struct items items = cell_items(&row->cells[i], true);
            struct slice item;

            while (items_next(&items, &item))
                if (item.n == 0 || item.p == NULL)
                    abort();
        }
    if (more == 0)
        read_envelope(rows);
    rows_close(rows);
    return 0;
}
