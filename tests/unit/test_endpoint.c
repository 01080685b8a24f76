/* test_endpoint.c: what may be bound and connected, and lock files. */
#include "kit/endpoint.h"
#include "kit/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void tcp_is_for_loopback_alone(void **state)
{
    static const struct {
        const char *endpoint;
        vd_status_t status;
    } rows[] = {
        {"tcp://127.0.0.1:5000", VD_OK},
        {"tcp://127.8.9.10:5000", VD_OK},
        {"tcp://localhost:5000", VD_OK},
        {"tcp://[::1]:5000", VD_USAGE}, /* neither is possible there */
        {"tcp://0.0.0.0:5000", VD_DENIED},
        {"tcp://*:5000", VD_DENIED},
        {"tcp://192.168.1.1:5000", VD_DENIED},
        {"tcp://eth0:5000", VD_DENIED},
        {"tcp://[::]:5000", VD_DENIED},
        {"tcp://127.0.0.1.example:5000", VD_DENIED},
        {"tcp://127.evil:5000", VD_DENIED},
        {"tcp://127.0.0.1", VD_USAGE},
        {"tcp://:5000", VD_USAGE},
        {"tcp://127.0.0.1:", VD_USAGE},
        {"tcp://127.0.0.1:x", VD_USAGE},
        {"tcp://127.0.0.1:1x", VD_USAGE},
        {"tcp://127.0.0.1:0", VD_USAGE},
        {"tcp://127.0.0.1:*", VD_USAGE},
        {"tcp://127.0.0.1:65535", VD_OK},
        {"tcp://127.0.0.1:65536", VD_USAGE},
        {"tcp://", VD_USAGE},
        {"inproc://x", VD_USAGE},
        {"pgm://x", VD_USAGE},
        {"", VD_USAGE},
        {"ipc://relative", VD_USAGE},
        {"tcp://1.2.3.4:9;127.0.0.1:5", VD_DENIED},
    };
    (void)state;
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++)
        for (int bind = 0; bind < 2; bind++) {
            char error[512] = "";
            vd_status_t status =
                vd_endpoint_check(rows[at].endpoint, bind == 1, error, sizeof error);
            if (status != rows[at].status)
                fail_msg("%s: %s, %s", rows[at].endpoint, vd_status_name(status), error);
            if (status != VD_OK)
                assert_true(strlen(error) > 20);
        }
    /* An interface has a name, which nobody can connect to. */
    char error[512];
    assert_int_equal(vd_endpoint_check("tcp://lo:5000", true, error, sizeof error), VD_OK);
    assert_int_equal(vd_endpoint_check("tcp://lo:5000", false, error, sizeof error), VD_DENIED);
}

static void ipc_needs_a_short_path_in_a_private_directory(void **state)
{
    (void)state;
    char error[512] = "";
    char directory[] = "/tmp/vd-endpoint-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char endpoint[256];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", directory);
    assert_int_equal(vd_endpoint_check(endpoint, true, error, sizeof error), VD_OK);
    chmod(directory, 0750);
    assert_int_equal(vd_endpoint_check(endpoint, true, error, sizeof error), VD_DENIED);
    assert_non_null(strstr(error, directory));
    assert_non_null(strstr(error, "0700"));
    assert_int_equal(vd_endpoint_check(endpoint, false, error, sizeof error), VD_OK);
    rmdir(directory);
    assert_int_not_equal(vd_endpoint_check(endpoint, true, error, sizeof error), VD_OK);

    char path[VD_IPC_PATH_BYTES_MAX + 2];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    assert_int_equal(vd_endpoint_check(endpoint, false, error, sizeof error), VD_USAGE);
    assert_non_null(strstr(error, "107 bytes"));
    endpoint[strlen(endpoint) - 1] = 0;
    assert_int_equal(vd_endpoint_check(endpoint, false, error, sizeof error), VD_OK);
}

static void a_lock_has_one_holder(void **state)
{
    (void)state;
    char directory[] = "/tmp/vd-lock-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char path[128], error[512] = "", expected[64];
    snprintf(path, sizeof path, "%s/x.lock", directory);
    int first, second;
    assert_int_equal(vd_lock_take(path, "actor x", &first, error, sizeof error), VD_OK);
    assert_int_equal(vd_lock_take(path, "actor x", &second, error, sizeof error), VD_BUSY);
    assert_int_equal(second, -1);
    snprintf(expected, sizeof expected, "actor x is already running with pid %ld", (long)getpid());
    assert_non_null(strstr(error, expected));
    vd_lock_release(&first);
    assert_int_equal(vd_lock_take(path, "actor x", &second, error, sizeof error), VD_OK);
    vd_lock_release(&second);
    vd_lock_release(&second);
    unlink(path);
    assert_int_equal(symlink("/dev/null", path), 0); /* no following out of the directory */
    assert_int_not_equal(vd_lock_take(path, "actor x", &first, error, sizeof error), VD_OK);
    unlink(path);
    rmdir(directory);
    assert_int_not_equal(vd_lock_take(path, "actor x", &first, error, sizeof error), VD_OK);
    assert_non_null(strstr(error, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_is_for_loopback_alone),
        cmocka_unit_test(ipc_needs_a_short_path_in_a_private_directory),
        cmocka_unit_test(a_lock_has_one_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
