/* test_observer_json.c: JSON from strangers: numbers are exact, and what is hostile is refused in
 * time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/core.h"
#include "json/json.h"

static void keeps_numbers_exact(void **state)
{
    (void)state;
    char error[256];
    uint64_t value = 0;
    static const char text[] = "{\"a\":\"18446744073709551615\",\"b\":18446744073709551615,"
                               "\"c\":\"18446744073709551616\",\"d\":-1,\"e\":1.5,\"f\":\"\","
                               "\"g\":\"12345678901234567890\\\"\",\"h\":99999999999999999999999,"
                               "\"i\":9223372036854775807,\"j\":\"1x\"}";
    json_t *object = vd_json_object(vd_str(text), error, sizeof error);
    assert_non_null(object);
    assert_true(vd_json_u64(object, "a", &value) && value == UINT64_MAX);
    assert_true(vd_json_u64(object, "b", &value) && value == UINT64_MAX);
    assert_true(vd_json_u64(object, "i", &value) && value == INT64_MAX);
    for (const char *key = "cdefghjz"; *key; key++)
        assert_false(vd_json_u64(object, (const char[]){*key, 0}, &value));
    json_decref(object);
}

static void refuse(const char *start, const char *repeated, size_t times, const char *reason)
{
    char error[256] = "";
    vd_buffer_t text;
    vd_buffer_init(&text, 1 << 24);
    vd_buffer_add(&text, start, strlen(start));
    for (size_t at = 0; at < times; at++)
        vd_buffer_add(&text, repeated, strlen(repeated));
    assert_null(vd_json_object(vd_buffer_view(&text), error, sizeof error));
    if (!strstr(error, reason))
        fail_msg("%s is not in %s", reason, error);
    vd_buffer_free(&text);
}

static void refuses_hostile_json(void **state)
{
    (void)state;
    refuse("", "", 0, "not JSON");
    refuse("[1,2]", "", 0, "an object is expected");
    refuse("null", "", 0, "not JSON");
    refuse("{\"a\":", "", 0, "not JSON");
    refuse("{\"a\":1,\"a\":2}", "", 0, "not JSON");
    refuse("{\"a\":\"\xff\xfe\"}", "", 0, "not JSON");
    refuse("{\"a\":1}{", "", 0, "not JSON");
    refuse("{\"a\":\"\\u0000\"}", "", 0, "not JSON");
    refuse("{\"a\":", "[", 100000, "nested too deeply");
    refuse("{\"a\":", "{\"a\":", 40, "nested too deeply");
    refuse("{\"a\":[1", ",1", 100000, "too many values");
    refuse("{\"a\":\"", "x", 300000, "larger than");
    refuse("\"", "\\", 3, "not JSON");
}

static void survives_random_bytes(void **state)
{
    (void)state;
    uint64_t seed = 11;
    static const char alphabet[] = "{}[]\",:\\ 019-eE.nulltrue\x80";
    for (int round = 0; round < 20000; round++) {
        char text[64], error[256];
        size_t size = vd_random_next(&seed) % sizeof text;
        for (size_t at = 0; at < size; at++)
            text[at] = alphabet[vd_random_next(&seed) % (sizeof alphabet - 1)];
        json_decref(vd_json_object(vd_bytes(text, size), error, sizeof error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_numbers_exact),
        cmocka_unit_test(refuses_hostile_json),
        cmocka_unit_test(survives_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
