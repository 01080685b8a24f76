/* test_http.c: URLs, arguments and meta of reads over HTTP. */
#include "actors/poller/http_message.h"
#include "actors/poller/http_url.h"

#include "wire/limits.h"
#include "wire/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_address_and_target_are_joined(void **state)
{
    (void)state;
    static const struct {
        const char *address, *target, *url;
    } rows[] = {
        {"http://a", "", "http://a/"},
        {"http://a", "x", "http://a/x"},
        {"http://a/", "/x", "http://a/x"},
        {"http://a//", "x", "http://a/x"},
        {"http://a/b", "?q=1", "http://a/b?q=1"},
        {"http://a:1/b/", "//c", "http://a:1/b//c"},
        {"http://a", "@b/", "http://a/@b/"},
        {"http://a", ":8/", "http://a/:8/"},
        {"http://a", ".b/", "http://a/.b/"},
    };
    char url[VD_HTTP_URL_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(vd_http_join(vd_str(rows[i].address), vd_str(rows[i].target), url));
        assert_string_equal(url, rows[i].url);
    }
    assert_non_null(vd_http_join(vd_str("http://a?x"), vd_str("y"), url));
    assert_non_null(vd_http_join(vd_str("http://a#x"), vd_str("y"), url));
    assert_non_null(vd_http_join(vd_str("http://a"), vd_str("x y"), url));
    assert_non_null(vd_http_join(vd_str("http://a"), vd_str("x\r\nHost: b"), url));
    assert_non_null(vd_http_join(vd_str("http://\xc3\xa4"), vd_str("x"), url));
    char longest[VD_HTTP_URL_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_null(
        vd_http_join(vd_str("http://a"), vd_bytes(longest, VD_HTTP_URL_BYTES_MAX - 9), url));
    assert_int_equal(strlen(url), VD_HTTP_URL_BYTES_MAX);
    assert_non_null(
        vd_http_join(vd_str("http://a"), vd_bytes(longest, VD_HTTP_URL_BYTES_MAX - 8), url));
}

static void test_places_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        uint16_t port;
        bool secure, literal;
    } rows[] = {
        {"http://a.b/x", "a.b", 80, false, false},
        {"HTTPS://A.b?x", "a.b", 443, true, false},
        {"http://10.0.0.1:8080", "10.0.0.1", 8080, false, true},
        {"http://[::1]:2379/", "[::1]", 2379, false, true},
        {"https://[fe80::1]", "[fe80::1]", 443, true, true},
        {"http://127.1/", "127.1", 80, false, false},
        {"http://a/@b:c", "a", 80, false, false},
    };
    vd_http_place_t place;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(vd_http_place(vd_str(rows[i].url), &place));
        assert_string_equal(place.host, rows[i].host);
        assert_int_equal(place.port, rows[i].port);
        assert_int_equal(place.secure, rows[i].secure);
        assert_int_equal(place.literal, rows[i].literal);
    }
    static const char *const none[] = {
        "",
        "a",
        "ftp://a",
        "http:/a",
        "http://",
        "http:///x",
        "http://a:0",
        "http://a:x",
        "http://a:65536",
        "http://u@a",
        "http://a:",
        "http://a b",
        "http://[::1",
        "http://[",
        "http://a:b@c/",
        "http://a\\@b/",
        "http://a%00",
        "http://[a]b",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (vd_http_place(vd_str(none[i]), &place) == NULL)
            fail_msg("%s is taken for a place", none[i]);
}

static void test_origins_are_compared(void **state)
{
    (void)state;
    vd_http_place_t home, other;
    vd_http_place(vd_str("http://a/x"), &home);
    vd_http_place(vd_str("HTTP://A:80/y"), &other);
    assert_true(vd_http_same_origin(&home, &other));
    static const char *const others[] = {"https://a", "http://b", "http://a:81", "https://a:80"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        vd_http_place(vd_str(others[i]), &other);
        assert_false(vd_http_same_origin(&home, &other));
    }
}

static void test_success_is_what_ok_says(void **state)
{
    (void)state;
    vd_http_args_t args;
    assert_null(vd_http_args(vd_bytes(NULL, 0), &args));
    assert_true(vd_http_is_ok(&args, 200) && vd_http_is_ok(&args, 299));
    assert_false(vd_http_is_ok(&args, 199) || vd_http_is_ok(&args, 300) || vd_http_is_ok(&args, 0));
    vd_buffer_t map;
    vd_buffer_init(&map, 256);
    vd_write_map(&map, 1);
    vd_write_text(&map, "ok");
    vd_write_array(&map, 2);
    vd_write_u64(&map, 404);
    vd_write_u64(&map, 503);
    assert_null(vd_http_args(vd_buffer_view(&map), &args));
    assert_true(vd_http_is_ok(&args, 404) && vd_http_is_ok(&args, 503));
    assert_false(vd_http_is_ok(&args, 200));
    vd_buffer_free(&map);
}

/* The text of header `name` in a written meta; "-" when it is not there. */
static void header_of(const vd_buffer_t *meta, const char *name, char *out, size_t size)
{
    vd_value_t map, headers, value;
    assert_int_equal(vd_scan_exact(vd_buffer_view(meta), 4), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(meta), &map));
    assert_true(vd_value_get(&map, "headers", &headers));
    bool there = vd_value_get(&headers, name, &value);
    vd_str_copy(out, size, there ? value.bytes : vd_str("-"));
}

static void test_meta_is_bounded_whatever_comes(void **state)
{
    (void)state;
    vd_buffer_t head, meta;
    vd_buffer_init(&head, 65536);
    vd_buffer_init(&meta, VD_SPEC_BYTES_MAX);
    char line[700], text[600];
    vd_write_raw(&head,
                 vd_str("no colon\r\n: no name\r\nB d: x\r\nA:1\r\nSET-COOKIE: s\r\na: 2\r\n"));
    for (int i = 0; i < 60; i++) {
        memset(text, 'v', sizeof text);
        snprintf(line, sizeof line, "h%d: %.*s\r\n", i % 40, 590, text);
        vd_write_raw(&head, vd_str(line));
    }
    vd_http_write_meta(200, 3, vd_buffer_view(&head), &meta);
    assert_false(meta.full);
    header_of(&meta, "a", text, sizeof text);
    assert_string_equal(text, "1, 2");
    header_of(&meta, "set-cookie", text, sizeof text);
    assert_string_equal(text, "-");
    header_of(&meta, "h0", text, sizeof text);
    assert_int_equal(strlen(text), 512);
    header_of(&meta, "h39", text, sizeof text);
    assert_string_equal(text, "-");
    vd_buffer_clear(&meta);
    vd_http_write_meta(200, 0, vd_bytes(NULL, 0), &meta);
    header_of(&meta, "a", text, sizeof text);
    assert_string_equal(text, "-");
    vd_buffer_free(&head);
    vd_buffer_free(&meta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_and_target_are_joined),
        cmocka_unit_test(test_places_are_understood),
        cmocka_unit_test(test_origins_are_compared),
        cmocka_unit_test(test_success_is_what_ok_says),
        cmocka_unit_test(test_meta_is_bounded_whatever_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
