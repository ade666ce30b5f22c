/* GUIDs as text. */
#include "core/base/guid.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_guid_is_read_in_either_case_and_written_in_lower_case(void **state)
{
    static const char *const rows[] = {"7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1", "7A5D1C3E-52B0-4F0E-9C7D-2F6A10B4E8D1"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[GUID_TEXT_MAX];
        uint8_t guid[16];

        assert_true(guid_parse(slice_of(rows[i]), guid));
        assert_int_equal(guid[0], 0x7a);
        assert_int_equal(guid[15], 0xd1);
        guid_write(guid, text);
        assert_string_equal(text, rows[0]);
    }
}

static void what_is_no_guid_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d",
        "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d11",
        "7a5d1c3e052b0-4f0e-9c7d-2f6a10b4e8d1",
        "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8dg",
        "7a5d1c3-e52b0-4f0e-9c7d-2f6a10b4e8d1",
        "7a5d1c3e-52b0-4f0e-9c7d02f6a10b4e8d1",
        "{7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t guid[16];

        if (guid_parse(slice_of(rows[i]), guid))
            fail_msg("\"%s\" is taken for a GUID", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guid_is_read_in_either_case_and_written_in_lower_case),
        cmocka_unit_test(what_is_no_guid_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
