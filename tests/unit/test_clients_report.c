/* links: mirror */
/* The SMTP AUTH clients report as CSV: which files are one, and what their cells say. */
#include "mirror/read/clients_report.h"

#include "core/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "Sender address,Domain,TLS 1.0 (percentage),TLS 1.1 (percentage),TLS 1.2 (percentage),Messages sent\n"

static bool is_report(const char *text)
{
    char path[] = "/tmp/postern-report-XXXXXX";
    int fd = mkstemp(path);
    bool is;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    is = clients_report_is(path);
    assert_int_equal(unlink(path), 0);
    return is;
}

static void a_report_is_known_by_several_columns_however_they_are_spelt(void **state)
{
    static const struct {
        const char *header;
        bool is;
    } rows[] = {
        {HEAD, true},
        {"\"Sender address\",\"Domain\",\"Messages sent\"\n", true},
        {"SenderAddress,Domain,TLS1.0,TLS1.1,TLS1.2,MessagesSent\n", true},
        {"Sender Address;Domain;TLS 1.2 (%);Messages Sent\n", true},
        {"\xef\xbb\xbfSender address\tDomain\tMessages sent\n", true},
        {"sender_address,sender_domain,tls_1_2,tls_1_3,message_count\n", true},
        {"Sender address,Authentication protocol,Messages sent\n", true},
        {"Date,Sender address,Domain,Messages\n", true},
        {"Indirizzo del mittente,Dominio,TLS 1.2 (percentuale),Messaggi inviati\n", true},
        {"Sender address,TLS 1.0 (percentage),TLS 1.2 (percentage)\n", true},         /* its table without the count */
        {"Sender address,Messages sent\n", false},                                    /* anybody's list */
        {"SenderAddress,Reason,CreatedDatetime\n", false},                            /* Get-BlockedSenderAddress */
        {"SenderAddress,RecipientAddress,Subject,Received,Domain,Messages\n", false}, /* a message trace */
        {"Domain,Messages sent,TLS 1.2\n", false},
        {"PrimarySmtpAddress,SmtpClientAuthenticationDisabled\n", false},
        {"sean@contoso.example\n", false},
        {"[{\"Sender address\":\"a@contoso.example\"}]\n", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_report(rows[i].header) != rows[i].is)
            fail_msg("row %zu: %s", i, rows[i].header);
}

static void what_is_no_regular_file_is_not_looked_at(void **state)
{
    char path[] = "/tmp/postern-report-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(path));
    assert_false(clients_report_is(path));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(clients_report_is(path)); /* and does not wait for somebody to write into it */
    assert_int_equal(unlink(path), 0);
}

/* "sender messages tls protocol day" of each row, or the error. */
static const char *rows_of(const char *text, char *out, size_t cap)
{
    static const char *const protocols[] = {"-", "basic", "oauth"};
    struct buf b = buf_over(out, cap);
    struct clients_report r;
    struct clients_report_row row;
    struct error e = {""};
    int more = -1;

    if (clients_report_memory(slice_of(text), "report.csv", &r, &e) == 0) {
        while ((more = clients_report_next(&r, &row, &e)) > 0) {
            buf_add(&b, row.sender);
            buf_addf(&b, " %llu %d %s %lld\n", (unsigned long long)row.messages, row.tls, protocols[row.protocol],
                     (long long)row.day_s / 86400);
        }
        clients_report_close(&r);
    }
    if (more < 0)
        buf_add(&b, slice_of(e.text));
    return out;
}

static void cells_are_read_as_the_admin_center_writes_them(void **state)
{
    static const struct {
        const char *text, *rows;
    } rows[] = {
        {HEAD "a@contoso.example,contoso.example,0,0,100,12\n", "a@contoso.example 12 2 - 0\n"},
        {HEAD "a@contoso.example,contoso.example,0.00%,12.5%,87.5%,\"1,234\"\n", "a@contoso.example 1234 1 - 0\n"},
        {"Sender address;Domain;TLS 1.0;TLS 1.2;Messages sent\na@contoso.example;c;0,0 %;99,9 %;1.234.567\n",
         "a@contoso.example 1234567 2 - 0\n"},
        {HEAD "a@contoso.example,c,,,,1\xc2\xa0"
              "234\n",
         "a@contoso.example 1234 -1 - 0\n"},
        {"Sender address,Domain,TLS 1.2,TLS 1.3,Messages sent\na@c.example,c,0,100,7\n", "a@c.example 7 3 - 0\n"},
        {"Sender address,Authentication protocol,Messages sent\na@c.example,Basic Auth,7\nb@c.example,OAuth,8\n"
         "c@c.example,Basic and OAuth,9\nd@c.example,,1\n",
         "a@c.example 7 -1 basic 0\nb@c.example 8 -1 oauth 0\nc@c.example 9 -1 - 0\nd@c.example 1 -1 - 0\n"},
        {"Date,Sender address,Domain,Messages sent\n2026-11-29T00:00:00,a@c.example,c,7\n2026-11-30,a@c.example,c,1\n",
         "a@c.example 7 -1 - 20786\na@c.example 1 -1 - 20787\n"},
        {HEAD, ""},
    };
    char out[600];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(rows_of(rows[i].text, out, sizeof out), rows[i].rows);
}

static void what_cannot_be_read_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {HEAD "a@contoso.example,c,0,0,100,many\n", "report.csv: line 2: \"many\" is not a number of messages"},
        {HEAD "a@contoso.example,c,0,0,100,\"1,23\"\n", "line 2: \"1,23\" is not a number of messages"},
        {HEAD "a@contoso.example,c,0,0,100,12.5\n", "line 2: \"12.5\" is not a number of messages"},
        {HEAD "a@contoso.example,c,0,0,100,-3\n", "line 2: \"-3\" is not a number of messages"},
        {HEAD "a@contoso.example,c,0,0,100,\n", "line 2: \"\" is not a number of messages"},
        {HEAD "a@contoso.example,c,0,0,100,99999999999999999999\n", "is not a number of messages"},
        {HEAD ",c,0,0,100,3\n", "line 2: \"\" is not a sender's address"},
        {"Date,Sender address,Domain,Messages sent\n11/30/2026,a@c.example,c,7\n",
         "line 2: \"11/30/2026\" is not a day as in 2026-11-30"},
        {"Sender address,TLS 1.0 (percentage),TLS 1.2 (percentage)\na@c.example,0,100\n",
         "has no column \"Messages sent\"; export the whole table"},
        {HEAD "a@contoso.example,c\n", "line 2"},
    };
    char out[600];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(rows_of(rows[i].text, out, sizeof out), rows[i].error) == NULL)
            fail_msg("row %zu: %s", i, out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_known_by_several_columns_however_they_are_spelt),
        cmocka_unit_test(what_is_no_regular_file_is_not_looked_at),
        cmocka_unit_test(cells_are_read_as_the_admin_center_writes_them),
        cmocka_unit_test(what_cannot_be_read_is_named_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
