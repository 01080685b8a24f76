/* test_log.c: log lines: form, levels, repeats, floods, a reader that does not read. */
#include "kit/log.h"

#include "wire/run.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
    int pipe[2];
    int saved;
    char text[262144];
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    if (pipe2(self->pipe, O_CLOEXEC) != 0)
        return -1;
    fcntl(self->pipe[0], F_SETFL, O_NONBLOCK);
    self->saved = dup(STDERR_FILENO);
    dup2(self->pipe[1], STDERR_FILENO);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    vd_log_flush(true);
    dup2(self->saved, STDERR_FILENO);
    close(self->saved);
    close(self->pipe[0]);
    close(self->pipe[1]);
    free(self);
    return 0;
}

/* What has been written since the last call. */
static const char *take(fixture_t *self)
{
    size_t size = 0;
    ssize_t got;
    while ((got = read(self->pipe[0], self->text + size, sizeof self->text - 1 - size)) > 0)
        size += (size_t)got;
    self->text[size] = 0;
    return self->text;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text != 0; text++)
        count += *text == '\n';
    return count;
}

static void writes_lines_of_text(void **state)
{
    fixture_t *self = *state;
    vd_log_open("broker", VD_INFO, false);
    vd_log(VD_WARN, "a\tb\nc %d", 1);
    vd_log(VD_DEBUG, "not this");
    const char *text = take(self);
    int64_t wall_ms;
    assert_true(vd_ts_parse(vd_bytes(text, 24), &wall_ms));
    assert_string_equal(text + 24, " WARN  broker: a b c 1\n");
}

static void writes_lines_of_json(void **state)
{
    fixture_t *self = *state;
    vd_log_open("broker", VD_DEBUG, true);
    char text[VD_TEXT_BYTES_MAX + 100];
    memset(text, 0xff, sizeof text - 1); /* the worst: no byte of it is UTF-8 */
    text[sizeof text - 1] = 0;
    vd_log(VD_DEBUG, "say \"%s\"", "x");
    vd_log(VD_ERROR, "%s", text);
    const char *lines = take(self);
    assert_int_equal(count_lines(lines), 2);
    assert_non_null(
        strstr(lines, "\"level\":\"debug\",\"actor\":\"broker\",\"text\":\"say \\\"x\\\"\"}\n"));
    vd_buffer_t out;
    vd_buffer_init(&out, 65536);
    char error[VD_TEXT_BYTES_MAX];
    const char *second = strchr(lines, '\n') + 1;
    assert_int_equal(vd_json_parse(vd_bytes(second, strlen(second) - 1), &out, error, sizeof error),
                     VD_OK);
    vd_buffer_free(&out);
}

static void counts_repeats(void **state)
{
    fixture_t *self = *state;
    vd_log_open("broker", VD_INFO, false);
    for (int at = 0; at < 50; at++) {
        vd_log(VD_WARN, "again");
        vd_log(VD_INFO, "another");
    }
    assert_int_equal(count_lines(take(self)), 2);
    vd_log_flush(false); /* it is too early for the count */
    assert_int_equal(count_lines(take(self)), 0);
    vd_log_flush(true);
    const char *text = take(self);
    assert_non_null(strstr(text, "WARN  broker: again (49 times more)\n"));
    assert_non_null(strstr(text, "INFO  broker: another (49 times more)\n"));
}

static void leaves_out_a_flood_but_no_error(void **state)
{
    fixture_t *self = *state;
    vd_log_open("broker", VD_INFO, false);
    size_t lines = 0;
    for (int at = 0; at < 2000; at++) {
        vd_log(VD_INFO, "line %d", at);
        if (at % 100 == 0)
            lines += count_lines(take(self));
    }
    lines += count_lines(take(self));
    assert_in_range(lines, 100, 1000);
    vd_log(VD_ERROR, "the end");
    assert_non_null(strstr(take(self), "the end"));
    vd_log_flush(true);
    assert_non_null(strstr(take(self), "lines were left out"));
}

static void never_waits_for_a_reader(void **state)
{
    fixture_t *self = *state;
    vd_log_open("broker", VD_INFO, false);
    for (int at = 0; at < 3000; at++) /* far more than a pipe holds */
        vd_log(VD_ERROR, "%0500d", at);
    assert_in_range(count_lines(take(self)), 60, 200);
    vd_log_flush(true);
    assert_non_null(strstr(take(self), "lines were left out"));
}

static void reads_levels(void **state)
{
    (void)state;
    vd_level_t level = VD_DEBUG;
    assert_true(vd_level_parse("error", &level));
    assert_int_equal(level, VD_ERROR);
    assert_false(vd_level_parse("ERROR", &level));
    assert_false(vd_level_parse("", &level));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(writes_lines_of_text),     TEST(writes_lines_of_json),
        TEST(counts_repeats),           TEST(leaves_out_a_flood_but_no_error),
        TEST(never_waits_for_a_reader), TEST(reads_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
