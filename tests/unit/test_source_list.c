/* test_source_list.c: lists of sources: both shapes, and text that is hostile, half written or too
 * much. */
#include "source_list.h"

#include "list_file.h"
#include "source.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
    vd_buffer_t out;
    char error[VD_TEXT_BYTES_MAX];
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    vd_buffer_init(&self->out, VD_SOURCE_LIST_BYTES_MAX);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    vd_buffer_free(&self->out);
    free(self);
    return 0;
}

static vd_status_t parse_bytes(fixture_t *self, vd_str_t text)
{
    vd_buffer_clear(&self->out);
    self->error[0] = 0;
    return vd_source_list_parse(text, "http", &self->out, self->error, sizeof self->error);
}

static void parse(fixture_t *self, const char *text)
{
    if (parse_bytes(self, vd_str(text)) != VD_OK)
        fail_msg("%s: %s", text, self->error);
}

/* The list is refused with a text that holds `words`, and nothing is left of it. */
static void refused(fixture_t *self, const char *text, const char *words)
{
    vd_status_t status = parse_bytes(self, vd_str(text));
    if (status == VD_OK || strstr(self->error, words) == NULL)
        fail_msg("%s: %s, \"%s\" instead of \"%s\"", text, vd_status_name(status), self->error,
                 words);
    assert_int_equal(self->out.size, 0);
}

static uint32_t count(const fixture_t *self)
{
    return vd_rows_count(vd_buffer_view(&self->out));
}

static vd_source_record_t record(const fixture_t *self, uint32_t at)
{
    vd_source_record_t source = {0};
    vd_bytes_t rows = vd_buffer_view(&self->out);
    for (uint32_t i = 0; i <= at; i++)
        assert_int_equal(vd_rows_next(&rows, VD_RECORD_source, &source), VD_OK);
    return source;
}

static void is(vd_str_t text, const char *wanted)
{
    if (!vd_str_is(text, wanted))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)text.size, (const char *)text.data, wanted);
}

static void reads_sources(void **state)
{
    fixture_t *self = *state;
    parse(self, "[{\"name\": \"m1\", \"address\": \"http://127.0.0.1:1\"},\n"
                " {\"name\": \"disk\", \"adapter\": \"file\", \"address\": \"/\",\n"
                "  \"labels\": {\"a\": \"b\"}, \"spec\": {\"n\": [1, 2.5, null]},\n"
                "  \"auth\": \"bearer env(T)\"}]");
    assert_int_equal(count(self), 2);
    vd_source_record_t first = record(self, 0), second = record(self, 1);
    is(first.name, "m1");
    is(first.adapter, "http");
    is(first.address, "http://127.0.0.1:1");
    assert_int_equal(first.labels.size + first.spec.size + first.auth.size, 0);
    is(second.adapter, "file");
    is(second.auth, "bearer env(T)");
    vd_value_t map;
    assert_true(vd_value_of(second.labels, &map));
    is(vd_value_get_str(&map, "a"), "b");
    assert_true(vd_value_of(second.spec, &map) && map.kind == VD_KIND_MAP);
    parse(self, " [ ]\n");
    assert_int_equal(count(self), 0);
}

static void reads_targets(void **state)
{
    fixture_t *self = *state;
    parse(self, "[{\"targets\": [\"10.0.0.1:80\", \"[::1]:99\", \"https://h/x\"],\n"
                "  \"labels\": {\"job\": \"api\", \"__meta\": \"x\"}},\n"
                " {\"targets\": [\"b:1\"], \"labels\": {\"__scheme__\": \"https\"}},\n"
                " {\"targets\": []}]");
    assert_int_equal(count(self), 4);
    is(record(self, 0).name, "10.0.0.1:80");
    is(record(self, 0).address, "http://10.0.0.1:80");
    is(record(self, 1).name, "::1:99");
    is(record(self, 1).address, "http://[::1]:99");
    is(record(self, 2).name, "https://h/x");
    is(record(self, 2).address, "https://h/x");
    is(record(self, 3).address, "https://b:1");
    assert_int_equal(record(self, 3).labels.size, 0);
    vd_value_t map;
    assert_true(vd_value_of(record(self, 2).labels, &map));
    assert_int_equal(map.count, 1);
    is(vd_value_get_str(&map, "job"), "api");
    assert_int_equal(vd_source_list_parse(vd_str("[{\"targets\": [\"/var\"]}]"), "file", &self->out,
                                          self->error, sizeof self->error),
                     VD_OK);
}

/* A target keeps its name when others come and go before it. */
static void names_do_not_depend_on_places(void **state)
{
    fixture_t *self = *state;
    parse(self, "[{\"targets\": [\"a:1\", \"b:1\"]}]");
    is(record(self, 1).name, "b:1");
    parse(self, "[{\"targets\": [\"b:1\"]}, {\"targets\": [\"a:1\"]}]");
    is(record(self, 0).name, "b:1");
}

static void refuses_what_is_no_list(void **state)
{
    fixture_t *self = *state;
    refused(self, "", "it is empty");
    refused(self, " \r\n\t", "it is empty");
    refused(self, "{}", "it must be one list");
    refused(self, "null", "it must be one list");
    refused(self, "[1]", "entry 1: it must be an object");
    refused(self, "[] []", "line 1");
    refused(self, "[{}]", "needs the key \"name\"");
    refused(self, "[{\"targets\": \"a\"}]", "targets must be a list");
    refused(self, "[{\"targets\": [1]}]", "a target must be a text");
    refused(self, "[{\"targets\": [\"a\"], \"labels\": 1}]", "labels texts by name");
    refused(self, "[{\"targets\": [\"a\"], \"name\": \"b\"}]", "and no other");
    refused(self, "[{\"targets\": [\"a\"], \"labels\": {\"n\": 1}}]", "texts by name");
    refused(self, "[{\"targets\": [\"a b\"]}]", "is not a name");
}

static void refuses_bad_sources(void **state)
{
    fixture_t *self = *state;
    refused(self, "[{\"name\": \"a\"}, {\"name\": \"b\"}, {\"name\": \"a\"}]",
            "two sources are named a");
    refused(self, "[{\"name\": \"a\"}, {\"targets\": [\"a\"]}]", "two sources are named a");
    refused(self, "[{\"name\": \"a\", \"name\": \"b\"}]", "duplicate");
    refused(self, "[{\"name\": \"a\", \"lables\": {}}]", "entry 1 (a): unknown key \"lables\"");
    refused(self, "[{\"name\": 5}]", "\"name\" must be a text");
    refused(self, "[{\"name\": \"a\", \"address\": {}}]", "\"address\" must be a text");
    refused(self, "[{\"name\": \"a\", \"labels\": {\"n\": 1}}]", "labels must be texts by name");
    refused(self, "[{\"name\": \"a\", \"labels\": []}]", "labels must be texts by name");
    refused(self, "[{\"name\": \"a\", \"adapter\": \"\"}]", "adapter \"\" is not a name");
    refused(self, "[{\"name\": \"a b\"}]", "is not a name");
    refused(self, "[{\"name\": \"a\\u0000b\"}]", "line 1");
    refused(self, "[{\"name\": \"a\", \"auth\": \"hunter2\"}]", "its auth must be written");
    assert_null(strstr(self->error, "hunter2"));
}

/* Whatever a list is cut to, it is refused: a writer that has not finished changes nothing. */
static void refuses_every_beginning_of_a_list(void **state)
{
    fixture_t *self = *state;
    static const char text[] = "[{\"name\": \"m1\", \"address\": \"http://a\", \"labels\": {\"k\": "
                               "\"v\"}}, {\"targets\": [\"b:1\", \"c:1\"]}]";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        assert_int_not_equal(parse_bytes(self, vd_bytes(text, size)), VD_OK);
        assert_true(self->error[0] != 0 && self->out.size == 0);
    }
    assert_int_equal(parse_bytes(self, vd_bytes(text, sizeof text - 1)), VD_OK);
    assert_int_equal(count(self), 3);
}

static void survives_any_bytes(void **state)
{
    fixture_t *self = *state;
    static const char seed_text[] = "[{\"name\":\"a\",\"labels\":{\"k\":\"v\"},\"spec\":[1,2e3]}]";
    char text[sizeof seed_text];
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        memcpy(text, seed_text, sizeof text);
        for (int i = 0; i < 3; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[(seed >> 40) % (sizeof text - 1)] = (char)(seed >> 33);
        }
        vd_status_t status = parse_bytes(self, vd_bytes(text, sizeof text - 1));
        assert_int_equal(status != VD_OK, self->out.size == 0);
    }
}

static char *repeat(const char *head, const char *part, size_t times, const char *tail)
{
    size_t size = strlen(part);
    char *text = malloc(strlen(head) + size * times + strlen(tail) + 1);
    assert_non_null(text);
    char *at = text + sprintf(text, "%s", head);
    for (size_t i = 0; i < times; i++, at += size)
        memcpy(at, part, size);
    strcpy(at, tail);
    return text;
}

static void bounds_depth_and_size(void **state)
{
    fixture_t *self = *state;
    char *deep = repeat("[{\"name\":\"a\",\"spec\":", "[", 100000, "");
    refused(self, deep, "nested deeper than 24");
    free(deep);
    deep = repeat("[{\"name\":\"a\",\"spec\":", "[", 18, "1]]]]]]]]]]]]]]]]]]}]");
    refused(self, deep, "at most 16 levels");
    free(deep);
    char *much = repeat("[{\"name\":\"a\",\"spec\":[", "[],", 1000000, "0]}]");
    refused(self, much, "more values");
    free(much);
    much = repeat("[{\"name\":\"a\",\"spec\":[", "1,", 1000000, "0]}]");
    refused(self, much, "more values");
    free(much);
    much = repeat("[", " ", VD_SOURCE_LIST_BYTES_MAX, "]");
    refused(self, much, "over 4194304 bytes");
    free(much);
    much = repeat("[{\"name\":\"a\",\"spec\":\"", "x", VD_SPEC_BYTES_MAX, "\"}]");
    refused(self, much, "spec take");
    free(much);
    much = repeat("[{\"name\":\"a\",\"address\":\"", "x", VD_TEXT_BYTES_MAX + 1, "\"}]");
    refused(self, much, "the address is too long");
    free(much);
}

static void bounds_the_number_of_sources(void **state)
{
    fixture_t *self = *state;
    size_t room = (VD_SOURCES_MAX + 1) * 32;
    char *text = malloc(room);
    for (int more = 0; more < 2; more++) {
        char *at = text + sprintf(text, "[{\"targets\":[");
        for (int i = 0; i < VD_SOURCES_MAX + more; i++)
            at += sprintf(at, "%s\"s%d\"", i > 0 ? "," : "", i);
        strcpy(at, "]}]");
        vd_status_t status = parse_bytes(self, vd_str(text));
        assert_int_equal(status, more == 0 ? VD_OK : VD_TOO_LARGE);
    }
    free(text);
}

static void prints_what_it_reads(void **state)
{
    fixture_t *self = *state;
    vd_buffer_t text, before;
    vd_buffer_init(&text, 65536);
    vd_buffer_init(&before, 65536);
    parse(self, "[{\"name\":\"a\",\"address\":\"x\\\"\\u00e4\",\"labels\":{\"k\":\"v\"},"
                "\"spec\":{\"n\":[1,-2,2.5,1e300,true,null,\"\"]}},{\"name\":\"b\"}]");
    vd_buffer_add(&before, self->out.data, self->out.size);
    vd_source_list_print(vd_buffer_view(&self->out), &text);
    assert_int_equal(parse_bytes(self, vd_buffer_view(&text)), VD_OK);
    assert_true(vd_bytes_equal(vd_buffer_view(&before), vd_buffer_view(&self->out)));
    vd_buffer_free(&text);
    vd_buffer_free(&before);
}

static void replaces_a_file(void **state)
{
    fixture_t *self = *state;
    char directory[] = "/tmp/vd-list-XXXXXX", path[64], fresh[80];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/s.json", directory);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    char *error = self->error;
    size_t size = sizeof self->error;
    assert_int_equal(vd_list_file_read(path, "http", &self->out, error, size), VD_NOT_FOUND);
    assert_non_null(strstr(error, path));
    assert_int_equal(vd_list_file_write(path, vd_str("[{\"name\":\"a\"}]"), error, size), VD_OK);
    assert_int_equal(vd_list_file_read(path, "http", &self->out, error, size), VD_OK);
    assert_int_equal(count(self), 1);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    /* What cannot be written leaves the old file. */
    assert_int_equal(mkdir(fresh, 0700), 0);
    assert_int_not_equal(vd_list_file_write(path, vd_str("[]"), error, size), VD_OK);
    assert_non_null(strstr(error, fresh));
    vd_buffer_clear(&self->out);
    assert_int_equal(vd_list_file_read(path, "http", &self->out, error, size), VD_OK);
    assert_int_equal(count(self), 1);
    assert_int_equal(rmdir(fresh), 0);
    /* A named pipe without a writer is no reason to hang, a directory is no file. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(vd_list_file_read(path, "http", &self->out, error, size), VD_UNSUPPORTED);
    assert_int_equal(vd_list_file_read(directory, "http", &self->out, error, size), VD_UNSUPPORTED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reads_sources),
        TEST(reads_targets),
        TEST(names_do_not_depend_on_places),
        TEST(refuses_what_is_no_list),
        TEST(refuses_bad_sources),
        TEST(refuses_every_beginning_of_a_list),
        TEST(survives_any_bytes),
        TEST(bounds_depth_and_size),
        TEST(bounds_the_number_of_sources),
        TEST(prints_what_it_reads),
        TEST(replaces_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
