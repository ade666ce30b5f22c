/* links: web */
/* The head of an HTTP request: what is refused, with which status, and what is left of one that is not. */
#include "web/request_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /api HTTP/1.1\r\n"
#define HOST "Host: localhost\r\n"
#define END "\r\n"

static const char *const names[] = {"localhost", "relay.contoso.example", "[::1]"};
static const struct site site = {.names = names, .n = sizeof names / sizeof *names};

static enum refusal read_head(struct slice head, struct request_head *out)
{
    assert_int_equal(request_head_length(head, 0), head.n);
    return request_head_read(head, &site, out);
}

static void each_row_is_refused_by_its_status(void **state)
{
    static const struct {
        struct slice head;
        enum refusal refusal;
        int status;
    } rows[] = {
        /* smuggling: where does the body end? (RFC 9112 6.3, 11.2) */
        {SLICE(POST HOST "Transfer-Encoding: chunked\r\n" END), REFUSAL_CODING, 400},
        {SLICE(POST HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" END), REFUSAL_CODING, 400},
        {SLICE(POST HOST "transfer-encoding: identity\r\n" END), REFUSAL_CODING, 400},
        {SLICE(POST HOST "Transfer-Encoding:\r\n" END), REFUSAL_CODING, 400},
        {SLICE(POST HOST "Content-Length: 4\r\nContent-Length: 4\r\n" END), REFUSAL_TWICE, 400},
        {SLICE(POST HOST "Content-Length: 4\r\ncontent-length: 5\r\n" END), REFUSAL_TWICE, 400},
        {SLICE(POST HOST "Content-Length: 4, 4\r\n" END), REFUSAL_LENGTH, 400},
        {SLICE(POST HOST "Content-Length: +4\r\n" END), REFUSAL_LENGTH, 400},
        {SLICE(POST HOST "Content-Length: -1\r\n" END), REFUSAL_LENGTH, 400},
        {SLICE(POST HOST "Content-Length: 0x4\r\n" END), REFUSAL_LENGTH, 400},
        {SLICE(POST HOST "Content-Length: 4 4\r\n" END), REFUSAL_LENGTH, 400},
        {SLICE(POST HOST "Content-Length:\r\n" END), REFUSAL_LENGTH, 400},
        {SLICE(POST HOST "Content-Length: 18446744073709551617\r\n" END), REFUSAL_LENGTH, 400},
        {SLICE(POST HOST "Content-Length : 4\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(POST HOST "Content-Length: 65537\r\n" END), REFUSAL_BODY_LONG, 413},
        {SLICE(POST HOST END), REFUSAL_NO_LENGTH, 411},
        {SLICE(GET HOST "Content-Length: 1\r\n" END), REFUSAL_BODY, 400},
        {SLICE("HEAD / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" END), REFUSAL_BODY, 400},
        {SLICE(POST HOST "Content-Length: 4\r\nExpect: payment\r\n" END), REFUSAL_EXPECTATION, 417},
        /* lines */
        {SLICE(GET "Host: localhost\n" END), REFUSAL_FIELD, 400},
        {SLICE("GET / HTTP/1.1\n" HOST END), REFUSAL_LINE, 400},
        {SLICE(GET HOST "A: b\rC: d\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST " folded\r\n" END), REFUSAL_FOLDED, 400},
        {SLICE(GET HOST "A: b\r\n\tfolded\r\n" END), REFUSAL_FOLDED, 400},
        {SLICE(GET " Host: localhost\r\n" END), REFUSAL_FOLDED, 400},
        {SLICE(GET HOST "User : x\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "User\t: x\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST ": empty name\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "no colon\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "A(b): c\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "A\xc3\xa9: c\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "X-User: admin\0x\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "X-User: a\x1b[2J\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "X-User: a\x7f\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "X\0: a\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "Cookie: a=\xe9\r\n" END), REFUSAL_FIELD, 400},
        {SLICE(GET HOST "Cookie: a=b\r\nCookie: c=d\r\n" END), REFUSAL_TWICE, 400},
        {SLICE(GET HOST "Authorization: Bearer a\r\nauthorization: Bearer b\r\n" END), REFUSAL_TWICE, 400},
        /* the first line */
        {SLICE("\r\n" HOST END), REFUSAL_LINE, 400},
        {SLICE("GET /\r\n" HOST END), REFUSAL_LINE, 400},
        {SLICE("GET  / HTTP/1.1\r\n" HOST END), REFUSAL_LINE, 400},
        {SLICE("GET / HTTP/1.1 \r\n" HOST END), REFUSAL_VERSION, 505},
        {SLICE("GET\t/\tHTTP/1.1\r\n" HOST END), REFUSAL_LINE, 400},
        {SLICE(" / HTTP/1.1\r\n" HOST END), REFUSAL_LINE, 400},
        {SLICE("GET / http/1.1\r\n" HOST END), REFUSAL_LINE, 400},
        {SLICE("GET / HTTP/1.2\r\n" HOST END), REFUSAL_VERSION, 505},
        {SLICE("GET / HTTP/2.0\r\n" HOST END), REFUSAL_VERSION, 505},
        {SLICE("PRI * HTTP/2.0\r\n" END), REFUSAL_VERSION, 505},
        {SLICE("TRACE / HTTP/1.1\r\n" HOST END), REFUSAL_METHOD, 501},
        {SLICE("PUT /2 HTTP/1.1\r\n" HOST END), REFUSAL_METHOD, 501},
        {SLICE("OPTIONS * HTTP/1.1\r\n" HOST END), REFUSAL_METHOD, 501},
        {SLICE("CONNECT a:25 HTTP/1.1\r\n" HOST END), REFUSAL_METHOD, 501},
        {SLICE("get / HTTP/1.1\r\n" HOST END), REFUSAL_METHOD, 501},
        {SLICE("G\0T / HTTP/1.1\r\n" HOST END), REFUSAL_LINE, 400},
        {SLICE("GET http://localhost/ HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET //contoso.example/ HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET * HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /#top HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /\\a HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /a\0b HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /a%00 HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /a%4 HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /a%4g HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /a\xc3\xa9 HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        {SLICE("GET /\"> HTTP/1.1\r\n" HOST END), REFUSAL_TARGET, 400},
        /* by which name are we called? */
        {SLICE(GET END), REFUSAL_NO_HOST, 400},
        {SLICE("GET / HTTP/1.0\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET "Host:\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET "Host: :80\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET "Host: localhost:\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET "Host: localhost:80a\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET "Host: localhost:65536\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET "Host: [::1]x\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET HOST HOST END), REFUSAL_TWICE, 400},
        {SLICE(GET "Host: fabrikam.example\r\n" END), REFUSAL_FOREIGN_HOST, 421},
        {SLICE(GET "Host: localhost.fabrikam.example\r\n" END), REFUSAL_FOREIGN_HOST, 421},
        {SLICE(GET "Host: localhost, fabrikam.example\r\n" END), REFUSAL_FOREIGN_HOST, 421},
        {SLICE(GET "Host: user@localhost\r\n" END), REFUSAL_FOREIGN_HOST, 421},
        {SLICE(GET "Host: [::2]\r\n" END), REFUSAL_FOREIGN_HOST, 421},
        {SLICE(GET "Host: [::1\r\n" END), REFUSAL_NO_HOST, 400},
        {SLICE(GET "Host: [\r\n" END), REFUSAL_FOREIGN_HOST, 421},
        {SLICE(GET "Host: ]:80\r\n" END), REFUSAL_FOREIGN_HOST, 421},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct request_head head;
        enum refusal refusal = request_head_read(rows[i].head, &site, &head);

        if (refusal != rows[i].refusal || refusal_row(refusal)->status != rows[i].status)
            fail_msg("row %zu, %.*s: refused by %d (%s)", i, SLICE_ARG(rows[i].head), (int)refusal,
                     refusal_row(refusal)->text);
    }
}

static void a_group_may_be_of_another_alphabet_and_who_it_is_may_not(void **state)
{
    static const struct site proxied = {.names = names, .n = 1, .user_field = "X-User", .groups_field = "X-Groups"};
    static const struct {
        struct slice head;
        enum refusal refusal;
    } rows[] = {
        {SLICE(GET HOST "X-Groups: b\xc3\xbcro,postmasters\r\n" END), REFUSAL_NONE},
        {SLICE(GET HOST "X-Groups: a\x01\r\n" END), REFUSAL_FIELD},
        {SLICE(GET HOST "X-Groups: a\r\nx-groups: b\r\n" END), REFUSAL_TWICE},
        {SLICE(GET HOST "X-User: bj\xc3\xb6rn\r\n" END), REFUSAL_FIELD},
    };
    struct request_head head;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(request_head_read(rows[i].head, &proxied, &head), rows[i].refusal);
}

static void what_is_passed_is_written_in_one_form(void **state)
{
    static const struct {
        struct slice head, written;
        unsigned body;
        bool closes;
    } rows[] = {
        {SLICE(GET HOST END), SLICE(GET HOST END), 0, false},
        {SLICE("GET /a/b%20c?d=e&f=(g) HTTP/1.1\r\n" HOST END), SLICE("GET /a/b%20c?d=e&f=(g) HTTP/1.1\r\n" HOST END),
         0, false},
        {SLICE(GET "hOST:relay.CONTOSO.example:8080\t \r\n" END), SLICE(GET "Host: relay.CONTOSO.example:8080\r\n" END),
         0, false},
        {SLICE(GET "Host: [::1]:8080\r\n" END), SLICE(GET "Host: [::1]:8080\r\n" END), 0, false},
        {SLICE("GET / HTTP/1.0\r\n" HOST END), SLICE(GET HOST "Connection: close\r\n" END), 0, true},
        {SLICE(GET HOST "Connection: Keep-Alive, Close\r\n" END), SLICE(GET HOST "Connection: close\r\n" END), 0, true},
        {SLICE(GET HOST "Connection: keep-alive\r\nX-User: \xe9\r\nUser-Agent: x\r\nUpgrade: h2c\r\n" END),
         SLICE(GET HOST END), 0, false},
        {SLICE("HEAD / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" END), SLICE("HEAD / HTTP/1.1\r\n" HOST END), 0,
         false},
        {SLICE(POST HOST "Content-Length:\t65536\r\n" END), SLICE(POST HOST "Content-Length: 65536\r\n" END), 65536,
         false},
        {SLICE(POST HOST "Content-Length: 007\r\n" END), SLICE(POST HOST "Content-Length: 7\r\n" END), 7, false},
        {SLICE(POST "Content-Length: 1\r\n" HOST "EXPECT: 100-Continue\r\n" END),
         SLICE(POST HOST "Content-Length: 1\r\nExpect: 100-continue\r\n" END), 1, false},
        {SLICE("POST /api HTTP/1.0\r\n" HOST "Content-Length: 1\r\nExpect: 100-continue\r\n" END),
         SLICE(POST HOST "Content-Length: 1\r\nConnection: close\r\n" END), 1, true},
        {SLICE(POST HOST "Content-Length: 0\r\nExpect: 100-continue\r\n" END),
         SLICE(POST HOST "Content-Length: 0\r\n" END), 0, false},
        {SLICE(GET "cookie: a=b; c=d\r\norigin: null\r\n" HOST "ACCEPT: */*\r\n" END),
         SLICE(GET HOST "Accept: */*\r\nCookie: a=b; c=d\r\nOrigin: null\r\n" END), 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[HEAD_WRITTEN_MAX];
        struct buf b = BUF_OVER(text);
        struct request_head head;

        assert_int_equal(read_head(rows[i].head, &head), REFUSAL_NONE);
        request_head_write(&head, &b);
        assert_string_equal(text, rows[i].written.p);
        assert_int_equal(head.body, rows[i].body);
        assert_true(head.closes == rows[i].closes);
    }
}

static void sizes_are_bounded(void **state)
{
    static char text[2 * HEAD_MAX];
    struct request_head head;
    struct buf b;

    (void)state;
    for (size_t n = TARGET_MAX; n <= TARGET_MAX + 1; n++) {
        b = BUF_OVER(text);
        buf_addf(&b, "GET /%0*d HTTP/1.1\r\n" HOST END, (int)n - 1, 0);
        assert_int_equal(read_head(buf_slice(&b), &head), n > TARGET_MAX ? REFUSAL_TARGET_LONG : REFUSAL_NONE);
    }
    for (size_t n = FIELDS_MAX; n <= FIELDS_MAX + 1; n++) {
        size_t others = sizeof(HOST) - 1 + sizeof("A: ") - 1 + 2 + 2;

        b = BUF_OVER(text);
        buf_addf(&b, GET HOST "A: %0*d\r\n" END, (int)(n - others), 0);
        assert_int_equal(read_head(buf_slice(&b), &head), n > FIELDS_MAX ? REFUSAL_FIELDS_LONG : REFUSAL_NONE);
    }
    for (size_t n = FIELD_LINES_MAX; n <= FIELD_LINES_MAX + 1; n++) {
        b = BUF_OVER(text);
        buf_add(&b, SLICE(GET HOST));
        for (size_t i = 1; i < n; i++)
            buf_add(&b, SLICE("A: b\r\n"));
        buf_add(&b, SLICE(END));
        assert_int_equal(read_head(buf_slice(&b), &head), n > FIELD_LINES_MAX ? REFUSAL_FIELDS_LONG : REFUSAL_NONE);
    }
}

static void the_end_is_found_however_the_bytes_come(void **state)
{
    const struct slice all = SLICE(GET HOST END "GET /next");

    (void)state;
    for (size_t looked = 0; looked < all.n; looked++) {
        const size_t end = sizeof(GET HOST END) - 1;

        for (size_t n = looked; n <= all.n; n++)
            if (looked < end)
                assert_int_equal(request_head_length((struct slice){all.p, n}, looked), n >= end ? end : 0);
    }
}

static void every_refusal_has_a_status_and_a_sentence(void **state)
{
    (void)state;
    for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row((enum refusal)i);

        assert_true(row->status >= 400 && row->status < 600);
        assert_true(row->phrase[0] != '\0' && row->text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_refused_by_its_status),
        cmocka_unit_test(a_group_may_be_of_another_alphabet_and_who_it_is_may_not),
        cmocka_unit_test(what_is_passed_is_written_in_one_form),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(the_end_is_found_however_the_bytes_come),
        cmocka_unit_test(every_refusal_has_a_status_and_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
