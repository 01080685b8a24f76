/* test_file_adapter.c: the file adapter on real files: what is read, what is refused, and what
 * hangs. */
#include "actors/poller/adapter.h"
#include "actors/poller/file_ops.h"
#include "actors/poller/worker_pool.h"

#include "wire/value.h"

#include <czmq.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES_MAX 1048576

/* One read through the adapter and a real loop. */
typedef struct fixture {
    zloop_t *loop;
    void *adapter;
    char dir[64];
    int wanted;
    uint64_t token;
    vd_status_t status;
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t content, meta;
} fixture_t;

static void take(void *arg, uint64_t token, const vd_read_result_t *result)
{
    fixture_t *self = arg;
    self->token = token;
    self->status = result->status;
    vd_str_copy(self->error, sizeof self->error, result->error);
    vd_buffer_clear(&self->content);
    vd_buffer_clear(&self->meta);
    vd_buffer_add(&self->content, result->content.data, result->content.size);
    vd_buffer_add(&self->meta, result->meta.data, result->meta.size);
    self->wanted--;
}

static int give_up(zloop_t *loop, int timer, void *arg)
{
    (void)loop, (void)timer, (void)arg;
    fail_msg("no answer within ten seconds");
    return -1;
}

static int look(zloop_t *loop, int timer, void *arg)
{
    (void)loop, (void)timer;
    return ((fixture_t *)arg)->wanted <= 0 ? -1 : 0;
}

static void run_loop(fixture_t *self)
{
    int end = zloop_timer(self->loop, 10000, 1, give_up, NULL);
    int check = zloop_timer(self->loop, 1, 0, look, self);
    zloop_start(self->loop);
    zloop_timer_end(self->loop, end);
    zloop_timer_end(self->loop, check);
}

static void start(fixture_t *self, uint64_t token, const char *op, const char *target,
                  vd_bytes_t args, uint64_t bytes_max)
{
    vd_read_request_t request = {.token = token,
                                 .address = vd_str("/"),
                                 .op = vd_str(op),
                                 .target = vd_str(target),
                                 .args = args,
                                 .bytes_max = bytes_max};
    vd_file_adapter.start(self->adapter, &request);
}

static vd_status_t ask(fixture_t *self, const char *op, const char *target, vd_bytes_t args,
                       uint64_t bytes_max)
{
    self->wanted = 1;
    start(self, 77, op, target, args, bytes_max);
    assert_int_equal(self->wanted, 1);
    run_loop(self);
    assert_int_equal(self->token, 77);
    return self->status;
}

static vd_status_t ask_file(fixture_t *self, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", self->dir, name);
    return ask(self, "read", path, vd_bytes(NULL, 0), BYTES_MAX);
}

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    self->loop = zloop_new();
    vd_buffer_init(&self->content, 4 * BYTES_MAX);
    vd_buffer_init(&self->meta, 65536);
    vd_adapter_host_t host = {.loop = self->loop, .done = take, .arg = self};
    self->adapter = vd_file_adapter.open(&host);
    assert_non_null(self->adapter);
    strcpy(self->dir, "/tmp/vedette-file-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    const char *names[] = {"fifo", "large", "secret", "table", "text"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", self->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(self->dir), 0);
    vd_file_adapter.close(&self->adapter);
    zloop_destroy(&self->loop);
    vd_buffer_free(&self->content);
    vd_buffer_free(&self->meta);
    free(self);
    return 0;
}

static int make_file(const fixture_t *self, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", self->dir, name);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void proc_file(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(ask(self, "read", "/proc/loadavg", vd_bytes(NULL, 0), BYTES_MAX), VD_OK);
    assert_true(self->content.size > 10);
    assert_int_equal(self->content.data[self->content.size - 1], '\n');
    assert_int_equal(ask(self, "read", "proc/loadavg", vd_bytes(NULL, 0), BYTES_MAX), VD_OK);
}

static void whole_content(void **state)
{
    fixture_t *self = *state;
    close(make_file(self, "text", "one\ntwo\n"));
    assert_int_equal(ask_file(self, "text"), VD_OK);
    assert_true(vd_str_is(vd_buffer_view(&self->content), "one\ntwo\n"));
}

static void missing(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(ask_file(self, "nothing"), VD_NOT_FOUND);
    assert_non_null(strstr(self->error, "nothing"));
    assert_int_equal(self->content.size, 0);
}

static void fifo(void **state)
{
    fixture_t *self = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/fifo", self->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ask_file(self, "fifo"), VD_UNSUPPORTED);
    assert_non_null(strstr(self->error, "FIFO"));
}

static void directory_and_device(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(ask(self, "read", "/proc", vd_bytes(NULL, 0), BYTES_MAX), VD_UNSUPPORTED);
    assert_non_null(strstr(self->error, "directory"));
    assert_int_equal(ask(self, "read", "/dev/zero", vd_bytes(NULL, 0), BYTES_MAX), VD_UNSUPPORTED);
}

static void fifty_mebibytes(void **state)
{
    fixture_t *self = *state;
    int fd = make_file(self, "large", "x");
    assert_int_equal(ftruncate(fd, 50 * 1048576), 0);
    close(fd);
    assert_int_equal(ask_file(self, "large"), VD_TOO_LARGE);
    assert_int_equal(self->content.size, 0);
    /* A file of /proc tells no size: the limit is noticed while it is read. */
    assert_int_equal(ask(self, "read", "/proc/self/maps", vd_bytes(NULL, 0), 100), VD_TOO_LARGE);
}

static void permission(void **state)
{
    fixture_t *self = *state;
    int fd = make_file(self, "secret", "x");
    assert_int_equal(fchmod(fd, 0), 0);
    close(fd);
    bool root = geteuid() == 0; /* to whom nothing is denied */
    assert_true(!root || seteuid(65534) == 0);
    vd_status_t status = ask_file(self, "secret");
    assert_true(!root || seteuid(0) == 0);
    assert_int_equal(status, VD_DENIED);
}

static void no_way_up(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(ask(self, "read", "/proc/../etc/passwd", vd_bytes(NULL, 0), BYTES_MAX),
                     VD_DENIED);
    char path[64];
    assert_int_equal(vd_file_path(vd_str("/srv/x/"), vd_str("a/b"), path, sizeof path), VD_OK);
    assert_string_equal(path, "/srv/x/a/b");
    assert_int_equal(vd_file_path(vd_str("/srv"), vd_str("..a/b.."), path, sizeof path), VD_OK);
    assert_int_equal(vd_file_path(vd_str("/srv"), vd_str("a/.."), path, sizeof path), VD_DENIED);
    assert_int_equal(vd_file_path(vd_str("/srv"), vd_str("a"), path, 6), VD_TOO_LARGE);
}

static void space(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(ask(self, "space", "/", vd_bytes(NULL, 0), BYTES_MAX), VD_OK);
    vd_value_t meta;
    assert_true(vd_value_of(vd_buffer_view(&self->meta), &meta));
    assert_true(vd_value_get_u64(&meta, "total", 0) > 0);
    assert_true(vd_value_get_u64(&meta, "avail", 0) <= vd_value_get_u64(&meta, "free", 0));
    assert_int_equal(self->content.size, 0);
    assert_int_equal(ask(self, "space", "/no/such/place", vd_bytes(NULL, 0), BYTES_MAX),
                     VD_NOT_FOUND);
}

/* Finds the link to `target` among the content; "" without it. */
static void find_link(const fixture_t *self, const char *target, char *path, size_t size)
{
    vd_value_t links, pair;
    path[0] = 0;
    assert_int_equal(vd_scan_exact(vd_buffer_view(&self->content), VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(&self->content), &links));
    for (vd_bytes_t rest = links.bytes; vd_value_next(&rest, &pair);) {
        vd_value_t from, to;
        vd_bytes_t parts = pair.bytes;
        assert_true(vd_value_next(&parts, &from) && vd_value_next(&parts, &to));
        if (vd_str_is(vd_value_str(&to), target))
            vd_str_copy(path, size, vd_value_str(&from));
    }
}

static void links(void **state)
{
    fixture_t *self = *state;
    char path[128], target[128], name[64];
    int fd = eventfd(0, EFD_CLOEXEC);
    int text = make_file(self, "text", "x");
    snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)getpid(), text);
    snprintf(target, sizeof target, "%s/text", self->dir);
    assert_int_equal(ask(self, "links", "/proc/[0-9]*/fd/*", vd_bytes(NULL, 0), BYTES_MAX), VD_OK);
    find_link(self, target, path, sizeof path);
    assert_string_equal(path, name);
    vd_buffer_t args;
    vd_buffer_init(&args, 256);
    vd_write_map(&args, 1);
    vd_write_pair_text(&args, "prefix", "anon_inode:");
    assert_int_equal(ask(self, "links", "/proc/self/fd/*", vd_buffer_view(&args), BYTES_MAX),
                     VD_OK);
    find_link(self, target, path, sizeof path);
    assert_string_equal(path, "");
    find_link(self, "anon_inode:[eventfd]", path, sizeof path);
    assert_string_not_equal(path, "");
    assert_int_equal(ask(self, "links", "/proc/self/fd/*", vd_bytes(NULL, 0), 20), VD_TOO_LARGE);
    vd_buffer_free(&args);
    close(fd);
    close(text);
}

static void lines_that_match(void **state)
{
    fixture_t *self = *state;
    static const char wanted[] = "heading\n    1 0A x\n    2 0A x\nlast 0A x";
    vd_buffer_t table, args;
    char line[64];
    vd_buffer_init(&table, 4 * BYTES_MAX + 4096);
    vd_buffer_init(&args, 256);
    vd_buffer_add(&table, "heading\n    1 0A x\n", 19);
    for (unsigned i = 0; table.size < 4 * BYTES_MAX; i++) {
        int size = snprintf(line, sizeof line, "%5u 01 x\n", i);
        vd_buffer_add(&table, line, (size_t)size);
        if (i == 3000)
            vd_buffer_add(&table, "    2 0A x\n", 11);
    }
    vd_buffer_add(&table, "last 0A x", 10); /* with its zero byte */
    int fd = make_file(self, "table", (const char *)table.data);
    vd_write_map(&args, 1);
    vd_write_pair_text(&args, "match", "* 0A *");
    char path[128];
    snprintf(path, sizeof path, "%s/table", self->dir);
    assert_int_equal(ask(self, "read", path, vd_bytes(NULL, 0), BYTES_MAX), VD_TOO_LARGE);
    assert_int_equal(ask(self, "read", path, vd_buffer_view(&args), BYTES_MAX), VD_OK);
    assert_int_equal(self->content.size, sizeof wanted - 1);
    assert_memory_equal(self->content.data, wanted, sizeof wanted - 1);
    assert_int_equal(ask(self, "read", path, vd_buffer_view(&args), 16), VD_TOO_LARGE);
    vd_buffer_free(&table);
    vd_buffer_free(&args);
    close(fd);
}

static void many_at_once(void **state)
{
    fixture_t *self = *state;
    self->wanted = 200;
    for (uint64_t i = 0; i < 200; i++)
        start(self, i, "read", "/proc/loadavg", vd_bytes(NULL, 0), BYTES_MAX);
    run_loop(self);
    assert_int_equal(self->wanted, 0);
}

/* ---- the pool: work that hangs ---- */

typedef struct job {
    vd_work_t work;
    int hang_fd; /* >= 0: hangs until it can be read */
    bool *released;
} job_t;

static void run_job(vd_work_t *work)
{
    char byte;
    job_t *job = (job_t *)work;
    if (job->hang_fd >= 0)
        (void)!read(job->hang_fd, &byte, 1);
}

static void release_job(vd_work_t *work)
{
    job_t *job = (job_t *)work;
    if (job->released != NULL)
        *job->released = true;
    free(job);
}

static void give_up_job(vd_work_t *work)
{
    (void)work;
}

static void start_job(vd_pool_t *pool, uint64_t token, int hang_fd)
{
    job_t *job = calloc(1, sizeof *job);
    job->work.token = token;
    job->hang_fd = hang_fd;
    vd_pool_start(pool, &job->work);
}

/* Waits for the next piece of work that is done. Returns its token. */
static uint64_t wait_done(vd_pool_t *pool)
{
    for (int i = 0; i < 100; i++) {
        vd_work_t *work = vd_pool_take(pool);
        if (work != NULL) {
            uint64_t token = work->token;
            free(work);
            return token;
        }
        zmq_pollitem_t item = {.fd = vd_pool_fd(pool), .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 100);
    }
    fail_msg("nothing is done within ten seconds");
    return 0;
}

static void hanging_work_harms_nobody(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    vd_pool_spec_t spec = {.workers = 2,
                           .stuck_max = 2,
                           .run = run_job,
                           .give_up = give_up_job,
                           .release = release_job};
    vd_pool_t *pool = vd_pool_new(&spec);
    start_job(pool, 1, pipes[0]);
    start_job(pool, 2, pipes[0]);
    start_job(pool, 3, -1); /* waits behind the two that hang */
    while (vd_pool_stuck(pool) < 2) {
        /* Work that has not begun yet is given back, not given up: it is put in again. */
        for (uint64_t token = 1; token <= 2; token++)
            if (vd_pool_cancel(pool, token) == VD_POOL_RELEASED)
                start_job(pool, token, pipes[0]);
    }
    assert_int_equal(wait_done(pool), 3);
    assert_int_equal(vd_pool_cancel(pool, 3), VD_POOL_UNKNOWN);
    /* The hanging ones come back: nothing of them is seen, and the pool works on. */
    assert_int_equal(write(pipes[1], "xx", 2), 2);
    for (int i = 0; i < 1000 && vd_pool_stuck(pool) > 0; i++)
        usleep(1000);
    assert_int_equal(vd_pool_stuck(pool), 0);
    start_job(pool, 4, -1);
    assert_int_equal(wait_done(pool), 4);
    vd_pool_destroy(&pool);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    zsys_handler_set(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(proc_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fifo, set_up, tear_down),
        cmocka_unit_test_setup_teardown(directory_and_device, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fifty_mebibytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(permission, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_way_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(space, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_that_match, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once, set_up, tear_down),
        cmocka_unit_test(hanging_work_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
