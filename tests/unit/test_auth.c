/* test_auth.c: which texts are an auth, and what they say. */
#include "wire/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_both_schemes_are_understood(void **state)
{
    (void)state;
    vd_auth_t auth;
    assert_int_equal(vd_auth_parse(vd_str("basic ann lee:env(PASS_1)"), &auth), VD_OK);
    assert_false(auth.bearer);
    assert_true(vd_str_is(auth.user, "ann lee"));
    assert_true(vd_str_is(auth.name, "PASS_1"));
    assert_int_equal(vd_auth_parse(vd_str("bearer env(T)"), &auth), VD_OK);
    assert_true(auth.bearer);
    assert_int_equal(auth.user.size, 0);
    assert_true(vd_str_is(auth.name, "T"));
}

static void test_what_may_hold_a_secret_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "basic",
        "basic ",
        "bearer",
        "bearer ",
        "bearer token",
        "bearer env()",
        "bearer env(A",
        "bearer env(A)x",
        "bearer  env(A)",
        "bearer env(A-B)",
        "Bearer env(A)",
        "basic ann:secret",
        "basic ann",
        "basic :env(A)",
        "basic ann:env(A)b",
        "basic ann:xenv(A)",
        "basic a\nb:env(A)",
        "basic \xc3\xa4:env(A)",
        "digest ann:env(A)",
        "env(A)",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        vd_auth_t auth = {.bearer = true};
        assert_int_equal(vd_auth_parse(vd_str(refused[i]), &auth), VD_MALFORMED);
        assert_true(auth.bearer);
    }
}

static void test_lengths_are_bounded(void **state)
{
    (void)state;
    for (int at = 0; at < 2; at++) {
        char name[VD_AUTH_NAME_BYTES_MAX + 2] = "", user[VD_AUTH_USER_BYTES_MAX + 2] = "";
        char text[512];
        memset(name, 'N', sizeof name - 2 + (size_t)at);
        memset(user, 'u', sizeof user - 2);
        name[sizeof name - 1] = user[sizeof user - 1] = 0;
        snprintf(text, sizeof text, "basic %s:env(%s)", user, name);
        assert_int_equal(vd_auth_parse(vd_str(text), NULL), at == 0 ? VD_OK : VD_MALFORMED);
        memset(user, 'u', sizeof user - 2 + (size_t)at);
        snprintf(text, sizeof text, "basic %s:env(N)", user);
        assert_int_equal(vd_auth_parse(vd_str(text), NULL), at == 0 ? VD_OK : VD_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_schemes_are_understood),
        cmocka_unit_test(test_what_may_hold_a_secret_is_refused),
        cmocka_unit_test(test_lengths_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
