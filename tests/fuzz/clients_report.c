/* links: mirror */
/* Any bytes as an SMTP AUTH clients report: no crash; what is damaged is refused with the file's name and the line. */
#include "mirror/read/clients_report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct clients_report r;
    struct clients_report_row row;
    struct error e = {""};
    int more;

    if (clients_report_memory((struct slice){(const char *)data, size}, "fuzz", &r, &e) != 0) {
        assert(strstr(e.text, "fuzz: ") == e.text);
        return 0;
    }
    while ((more = clients_report_next(&r, &row, &e)) > 0) {
        assert(row.sender.n > 0 && row.messages <= INT64_MAX);
        assert(row.tls >= -1 && row.tls <= 3 && row.day_s >= 0 && row.day_s % 86400 == 0);
    }
    assert(more == 0 || strstr(e.text, "fuzz: line ") == e.text);
    clients_report_close(&r);
    return 0;
}
