/* test_http_plain.c: ordinary reads over HTTP without libcurl, against a server made by hand. */
#include "actors/poller/http_plain.h"

#include "wire/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello";

typedef struct world {
    vd_http_plain_t *plain;
    vd_http_work_t *work;
    int listener, peer;
    char address[64];
    char head[256], content[256], request[4096];
    int done, odd;
} world_t;

static void on_done(void *arg, vd_http_work_t *work, vd_bytes_t head, vd_bytes_t content)
{
    world_t *world = arg;
    assert_ptr_equal(work, world->work);
    assert_true(vd_str_copy(world->head, sizeof world->head, head));
    assert_true(vd_str_copy(world->content, sizeof world->content, content));
    world->done++;
}

static void on_odd(void *arg, vd_http_work_t *work)
{
    world_t *world = arg;
    assert_ptr_equal(work, world->work);
    world->odd++;
}

static int set_up(void **state)
{
    world_t *world = test_calloc(1, sizeof *world);
    vd_http_plain_owner_t owner = {on_done, on_odd, world};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    world->peer = -1;
    world->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(world->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(world->listener, 8), 0);
    assert_int_equal(getsockname(world->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(world->address, sizeof world->address, "http://127.0.0.1:%d", ntohs(address.sin_port));
    world->plain = vd_http_plain_new(&owner, 8);
    world->work = vd_http_work_new();
    assert_true(world->plain != NULL && world->work != NULL);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    world_t *world = *state;
    if (world->work->conn != NULL)
        vd_http_plain_cancel(world->plain, world->work);
    vd_http_work_destroy(&world->work);
    vd_http_plain_destroy(&world->plain);
    if (world->peer >= 0)
        close(world->peer);
    close(world->listener);
    test_free(world);
    return 0;
}

static bool start_as(world_t *world, vd_read_request_t request)
{
    request.bytes_max = 1000;
    assert_true(vd_http_work_take(world->work, &request, 1000000));
    return vd_http_plain_start(world->plain, world->work, 1000000);
}

static bool start(world_t *world, const char *target)
{
    return start_as(world, (vd_read_request_t){.address = vd_str(world->address),
                                               .op = vd_str("get"),
                                               .target = vd_str(target)});
}

static void wait_readable(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
}

static void turn(world_t *world)
{
    wait_readable(vd_http_plain_fd(world->plain));
    vd_http_plain_turn(world->plain);
}

static void accept_peer(world_t *world)
{
    turn(world); /* it is connected, and asks */
    wait_readable(world->listener);
    world->peer = accept(world->listener, NULL, NULL);
    assert_true(world->peer >= 0);
}

/* Takes the request as a whole. */
static void take_request(world_t *world)
{
    size_t size = 0;
    world->request[0] = 0;
    while (strstr(world->request, "\r\n\r\n") == NULL) {
        wait_readable(world->peer);
        ssize_t more =
            recv(world->peer, world->request + size, sizeof world->request - size - 1, 0);
        assert_true(more > 0);
        size += (size_t)more;
        world->request[size] = 0;
    }
}

static void answer(world_t *world, const char *text)
{
    assert_int_equal(send(world->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void test_a_connection_is_used_again(void **state)
{
    world_t *world = *state;
    assert_true(start(world, "/a?b#c"));
    accept_peer(world);
    for (int i = 1; i <= 3; i++) {
        take_request(world);
        char expected[256];
        snprintf(expected, sizeof expected, "GET %s HTTP/1.1\r\nHost: %s\r\n",
                 i == 1 ? "/a?b" : "/", world->address + 7);
        assert_memory_equal(world->request, expected, strlen(expected));
        answer(world, ANSWER);
        turn(world);
        assert_int_equal(world->done, i);
        assert_string_equal(world->content, "hello");
        assert_string_equal(world->head, "Content-Length: 5\r\nX-A: b\r\n\r\n");
        assert_null(world->work->conn);
        assert_true(start(world, ""));
    }
    assert_int_equal(world->odd, 0);
}

static void test_an_answer_comes_in_parts(void **state)
{
    world_t *world = *state;
    assert_true(start(world, "/"));
    accept_peer(world);
    take_request(world);
    for (const char *at = ANSWER; *at != 0; at++) {
        char one[2] = {*at, 0};
        assert_int_equal(world->done, 0);
        answer(world, one);
        turn(world);
    }
    assert_int_equal(world->done, 1);
    assert_string_equal(world->content, "hello");
}

/* The read goes to libcurl, and the place does not. */
static void test_a_kept_connection_may_have_been_closed(void **state)
{
    world_t *world = *state;
    assert_true(start(world, "/"));
    accept_peer(world);
    take_request(world);
    answer(world, ANSWER);
    turn(world);
    assert_true(start(world, "/"));
    take_request(world);
    close(world->peer);
    turn(world);
    assert_int_equal(world->odd, 1);
    assert_true(start(world, "/"));
    accept_peer(world);
    take_request(world);
    answer(world, ANSWER);
    turn(world);
    assert_int_equal(world->done, 2);
}

static void test_a_server_that_closes_each_time_is_read_on(void **state)
{
    world_t *world = *state;
    for (int i = 1; i <= 2; i++) {
        assert_true(start(world, "/"));
        accept_peer(world);
        take_request(world);
        answer(world, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        turn(world);
        assert_int_equal(world->done, i);
        assert_string_equal(world->content, "");
        close(world->peer);
        world->peer = -1;
    }
}

static void test_what_is_odd_is_left_to_libcurl(void **state)
{
    world_t *world = *state;
    assert_true(start(world, "/"));
    accept_peer(world);
    take_request(world);
    answer(world, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    turn(world);
    assert_int_equal(world->odd, 1);
    assert_int_equal(world->done, 0);
    assert_null(world->work->conn);
    assert_false(start(world, "/")); /* the place, too */
}

static void test_nobody_listens(void **state)
{
    world_t *world = *state;
    close(world->listener);
    world->listener = -1;
    if (start(world, "/"))
        turn(world);
    assert_int_equal(world->done, 0);
    assert_null(world->work->conn);
}

static void test_what_is_cancelled_is_not_told(void **state)
{
    world_t *world = *state;
    assert_true(start(world, "/"));
    accept_peer(world);
    take_request(world);
    answer(world, ANSWER);
    wait_readable(vd_http_plain_fd(world->plain));
    vd_http_plain_cancel(world->plain, world->work);
    assert_null(world->work->conn);
    vd_http_plain_turn(world->plain);
    assert_int_equal(world->done + world->odd, 0);
    close(world->peer);
    assert_true(start(world, "/")); /* on a new connection */
    accept_peer(world);
    take_request(world);
}

static void test_what_does_not_suit(void **state)
{
    world_t *world = *state;
    static const uint8_t ok[] = {0x81, 0xa2, 'o', 'k', 0x91, 0xcd, 0x01, 0x94};
    vd_read_request_t plain = {
        .address = vd_str(world->address), .op = vd_str("get"), .target = vd_str("/")};
    vd_read_request_t post = plain, auth = plain, args = plain, name = plain, secure = plain;
    post.op = vd_str("post");
    auth.auth = vd_str("bearer env(X)");
    args.args = vd_bytes(ok, sizeof ok);
    name.address = vd_str("http://localhost:1");
    secure.address = vd_str("https://127.0.0.1:1");
    assert_false(start_as(world, post));
    assert_false(start_as(world, auth));
    assert_false(start_as(world, args));
    assert_false(start_as(world, name));
    assert_false(start_as(world, secure));
    assert_true(start_as(world, plain));
}

static void test_answers_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        vd_status_t status;
        bool keep;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", VD_OK, true},
        {"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nab", VD_OK, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2 \r\nConnection: Keep-Alive\r\n\r\nab", VD_OK, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab", VD_OK, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: upgrade\r\n\r\nab", VD_OK, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", VD_NOT_READY, false},
        {"HTTP/1.1 200 OK\r\nContent-Len", VD_NOT_READY, false},
        {"HTTP/1.", VD_NOT_READY, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", VD_UNSUPPORTED,
         false},
        {"HTTP/1.1 200 OK\r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\nContent-Length: 2\r\n\r\nab", VD_UNSUPPORTED,
         false},
        {"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nab", VD_UNSUPPORTED, false},
        {"HTTP/1.1 204 OK\r\n\r\n", VD_UNSUPPORTED, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", VD_UNSUPPORTED, false},
        {"junk", VD_UNSUPPORTED, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        vd_bytes_t head, content;
        bool keep = false;
        vd_status_t status =
            vd_http_plain_parse(vd_str(rows[i].answer), 10, &head, &content, &keep);
        if (status != rows[i].status)
            print_error("%s\n", rows[i].answer);
        assert_int_equal(status, rows[i].status);
        if (status == VD_OK) {
            assert_int_equal(keep, rows[i].keep);
            assert_true(vd_str_is(content, "ab"));
        }
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_a_connection_is_used_again),
        IN_WORLD(test_an_answer_comes_in_parts),
        IN_WORLD(test_a_kept_connection_may_have_been_closed),
        IN_WORLD(test_a_server_that_closes_each_time_is_read_on),
        IN_WORLD(test_what_is_odd_is_left_to_libcurl),
        IN_WORLD(test_nobody_listens),
        IN_WORLD(test_what_is_cancelled_is_not_told),
        IN_WORLD(test_what_does_not_suit),
        cmocka_unit_test(test_answers_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
