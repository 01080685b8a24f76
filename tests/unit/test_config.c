/* test_config.c: configuration: values, defaults, every kind of error, printing. */
#include "kit/config.h"
#include "wire/limits.h"
#include "wire/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const vd_config_row_t source_rows[] = {
    {.key = "name", .type = VD_CONFIG_STR, .help = "stable name"},
    {.key = "adapter", .type = VD_CONFIG_STR, .fallback = "\"file\"", .help = "adapter"},
    {.key = "weight", .type = VD_CONFIG_INT, .fallback = "3", .min = 1, .max = 9, .help = "weight"},
    {.key = "every", .type = VD_CONFIG_DURATION, .fallback = "\"2s\"", .help = "interval"},
    {.key = "labels", .type = VD_CONFIG_TABLE, .help = "labels"},
    {.key = "spec", .type = VD_CONFIG_TABLE, .fallback = "{ a = 1 }", .help = "spec"},
    {.key = NULL},
};

static const vd_config_row_t rows[] = {
    {.key = "text", .type = VD_CONFIG_STR, .fallback = "\"some\"", .help = "a text"},
    {.key = "none", .type = VD_CONFIG_STR, .help = "a text without default"},
    {.key = "max_processes",
     .type = VD_CONFIG_INT,
     .fallback = "8",
     .min = 1,
     .max = 64,
     .help = "a number"},
    {.key = "factor",
     .type = VD_CONFIG_FLOAT,
     .fallback = "1.5",
     .min = 0,
     .max = 10,
     .help = "a factor"},
    {.key = "enabled", .type = VD_CONFIG_BOOL, .fallback = "true", .help = "a switch"},
    {.key = "interval",
     .type = VD_CONFIG_DURATION,
     .fallback = "\"1s\"",
     .min = 1,
     .max = 86400000,
     .help = "an interval"},
    {.key = "list", .type = VD_CONFIG_LIST, .fallback = "[\"a\", \"b\"]", .help = "a list"},
    {.key = "sources", .type = VD_CONFIG_ROWS, .help = "sources", .rows = source_rows},
    {.key = NULL},
};

static const vd_config_row_t words[] = {{.key = "fast"}, {.key = "safe"}, {.key = NULL}};

static const vd_config_row_t part_rows[] = {
    {.key = "extra", .type = VD_CONFIG_INT, .fallback = "1", .help = "another part"},
    {.key = "way",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"safe\"",
     .rows = words,
     .help = "one of two words"},
    {.key = NULL},
};

static const vd_config_table_t tables[] = {
    {.path = "pollers", .help = "Pollers", .rows = rows},
    {.path = "observers.host", .help = "The host observer", .rows = rows},
    {.path = "pollers", .help = "Pollers, second part", .rows = part_rows},
};

enum { TABLES = sizeof tables / sizeof *tables };

typedef struct fixture {
    vd_config_t *config;
    vd_buffer_t errors;
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    vd_buffer_init(&self->errors, 65536);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    vd_config_destroy(&self->config);
    vd_buffer_free(&self->errors);
    free(self);
    return 0;
}

static void parse(fixture_t *self, const char *text)
{
    vd_config_destroy(&self->config);
    vd_status_t status =
        vd_config_parse("t.toml", vd_str(text), tables, TABLES, &self->config, &self->errors);
    if (status != VD_OK)
        fail_msg("%.*s", (int)self->errors.size, (const char *)self->errors.data);
}

/* Expects `text` to be refused with exactly these lines. */
static void refused(fixture_t *self, const char *text, const char *errors)
{
    vd_buffer_clear(&self->errors);
    assert_int_equal(
        vd_config_parse("t.toml", vd_str(text), tables, TABLES, &self->config, &self->errors),
        VD_CONFIG);
    assert_null(self->config);
    vd_buffer_add(&self->errors, "", 1);
    assert_string_equal((const char *)self->errors.data, errors);
    vd_buffer_clear(&self->errors);
}

static void has_defaults(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(vd_config_load(NULL, tables, TABLES, &self->config, &self->errors), VD_OK);
    const vd_config_t *config = self->config;
    assert_string_equal(vd_config_str(config, "pollers", "text"), "some");
    assert_string_equal(vd_config_str(config, "pollers", "none"), "");
    assert_int_equal(vd_config_int(config, "pollers", "max_processes"), 8);
    assert_int_equal(vd_config_int(config, "pollers", "extra"), 1);
    assert_true(vd_config_float(config, "pollers", "factor") == 1.5);
    assert_true(vd_config_bool(config, "observers.host", "enabled"));
    assert_int_equal(vd_config_duration_ms(config, "observers.host", "interval"), 1000);
    assert_int_equal(vd_config_list_count(config, "pollers", "list"), 2);
    assert_string_equal(vd_config_list_at(config, "pollers", "list", 1), "b");
    assert_int_equal(vd_config_row_count(config, "pollers", "sources"), 0);
}

static void reads_values(void **state)
{
    fixture_t *self = *state;
    parse(self, "[pollers]\n"
                "text = 'x'\nmax_processes = 64\nfactor = 2\nenabled = false\nextra = -5\n"
                "list = []\n"
                "[observers.host]\ninterval = \"250ms\"\n"
                "[observers.services]\nanything = 1\n"
                "[other]\nmore = true\n");
    assert_string_equal(vd_config_str(self->config, "pollers", "text"), "x");
    assert_int_equal(vd_config_int(self->config, "pollers", "max_processes"), 64);
    assert_int_equal(vd_config_int(self->config, "pollers", "extra"), -5);
    assert_true(vd_config_float(self->config, "pollers", "factor") == 2.0);
    assert_false(vd_config_bool(self->config, "pollers", "enabled"));
    assert_true(vd_config_bool(self->config, "observers.host", "enabled"));
    assert_int_equal(vd_config_list_count(self->config, "pollers", "list"), 0);
    assert_int_equal(vd_config_duration_ms(self->config, "observers.host", "interval"), 250);
    assert_int_equal(vd_config_duration_ms(self->config, "pollers", "interval"), 1000);
    const char *names[4];
    assert_int_equal(vd_config_children(self->config, "observers", names, 4), 2);
    assert_string_equal(names[0], "host");
    assert_string_equal(names[1], "services");
    assert_int_equal(vd_config_children(self->config, "observers", names, 1), 1);
    assert_int_equal(vd_config_children(self->config, "nothing.here", names, 4), 0);
}

static void reads_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1ms", 1}, {"90s", 90000}, {"5m", 300000}, {"2h", 7200000}, {"1d", 86400000}};
    static const char *const bad[] = {"1", "s", "1.5s", "-1s", "1 s", "1w", "", "999999999999999s"};
    fixture_t *self = *state;
    char text[128];
    for (size_t at = 0; at < sizeof good / sizeof *good; at++) {
        snprintf(text, sizeof text, "[pollers]\ninterval = \"%s\"\n", good[at].text);
        parse(self, text);
        assert_int_equal(vd_config_duration_ms(self->config, "pollers", "interval"), good[at].ms);
    }
    vd_config_destroy(&self->config);
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++) {
        snprintf(text, sizeof text, "[pollers]\ninterval = \"%s\"\n", bad[at]);
        refused(self, text,
                "t.toml:2: pollers.interval must be a duration such as \"250ms\", \"1s\", \"5m\", "
                "\"2h\" or \"1d\"\n");
    }
}

static void tells_every_error_with_its_line(void **state)
{
    fixture_t *self = *state;
    refused(self,
            "[pollers]\n"
            "max_proceses = 3\n"
            "max_processes = 65\n"
            "factor = \"much\"\n"
            "enabled = 1\n"
            "\n"
            "list = [\"a\", 2]\n"
            "text = 5\n"
            "zzzzzzzz = 1\n"
            "[observers.host]\n"
            "interval = \"0s\"\n"
            "max_processes = 1.5\n",
            "t.toml:8: pollers.text must be a text in quotes\n"
            "t.toml:3: pollers.max_processes is 65: it must be 1 to 64\n"
            "t.toml:4: pollers.factor must be a number\n"
            "t.toml:5: pollers.enabled must be true or false\n"
            "t.toml:7: pollers.list[1] must be a text in quotes\n"
            "t.toml:2: unknown key \"max_proceses\" in [pollers]: did you mean \"max_processes\"?\n"
            "t.toml:9: unknown key \"zzzzzzzz\" in [pollers]: known are text, none, max_processes, "
            "factor, enabled, interval, list, sources, extra, way\n"
            "t.toml:12: observers.host.max_processes must be a whole number\n"
            "t.toml:11: observers.host.interval is \"0s\": it must be 1 ms to 86400000 ms\n");
    refused(self, "pollers = 3\n", "t.toml:1: pollers must be a table: [pollers]\n");
}

static void tells_where_it_is_no_toml(void **state)
{
    fixture_t *self = *state;
    static const char *const bad[] = {"[pollers\n", "[pollers]\ntext = \n", "[pollers]\ntext = 'a",
                                      "\xff\xfe", "a = 1\na = 2\n"};
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++) {
        vd_buffer_clear(&self->errors);
        assert_int_equal(vd_config_parse("t.toml", vd_str(bad[at]), tables, TABLES, &self->config,
                                         &self->errors),
                         VD_CONFIG);
        assert_true(self->errors.size > 12);
        assert_memory_equal(self->errors.data, "t.toml:", 7);
    }
}

static void reads_files(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(
        vd_config_load("/nonexistent/v.toml", tables, TABLES, &self->config, &self->errors),
        VD_NOT_FOUND);
    vd_buffer_add(&self->errors, "", 1);
    assert_non_null(strstr((const char *)self->errors.data, "/nonexistent/v.toml: cannot read"));
    assert_int_equal(vd_config_load("/", tables, TABLES, &self->config, &self->errors), VD_CONFIG);
    char path[] = "/tmp/vd-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "[pollers]\nmax_processes = 2\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    assert_int_equal(vd_config_load(path, tables, TABLES, &self->config, &self->errors), VD_OK);
    assert_int_equal(vd_config_int(self->config, "pollers", "max_processes"), 2);
    unlink(path);
}

static void reads_rows_and_packs_their_tables(void **state)
{
    fixture_t *self = *state;
    parse(self, "[[pollers.sources]]\nname = 'one'\n"
                "labels = { zone = 'a', n = 3, deep = [1.5, true, { x = -1 }] }\n"
                "[[pollers.sources]]\nname = 'two'\nadapter = 'env(HOME)'\nweight = 9\n"
                "every = '5m'\n[pollers.sources.spec]\ntoken = 'env(HOME)'\n");
    assert_int_equal(vd_config_row_count(self->config, "pollers", "sources"), 2);
#define ROW_STR(at, key) vd_config_row_str(self->config, "pollers", "sources", at, key)
#define ROW_INT(at, key) vd_config_row_int(self->config, "pollers", "sources", at, key)
    assert_string_equal(ROW_STR(0, "name"), "one");
    assert_string_equal(ROW_STR(0, "adapter"), "file");
    assert_int_equal(ROW_INT(0, "weight"), 3);
    assert_int_equal(ROW_INT(0, "every"), 2000);
    assert_string_equal(ROW_STR(1, "adapter"), "env(HOME)"); /* rows travel: secrets stay names */
    assert_int_equal(ROW_INT(1, "weight"), 9);
    assert_int_equal(ROW_INT(1, "every"), 300000);
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    vd_value_t map, value;
    vd_config_row_value(self->config, "pollers", "sources", 0, "labels", &out);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&out), 8), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(&out), &map));
    assert_int_equal(map.count, 3);
    assert_true(vd_str_is(vd_value_get_str(&map, "zone"), "a"));
    assert_true(vd_value_get(&map, "deep", &value));
    assert_int_equal(value.count, 3);
    vd_buffer_clear(&out);
    vd_config_row_value(self->config, "pollers", "sources", 1, "labels", &out);
    assert_int_equal(out.size, 1); /* absent: an empty map */
    vd_buffer_clear(&out);
    vd_config_row_value(self->config, "pollers", "sources", 0, "spec", &out);
    assert_true(vd_value_of(vd_buffer_view(&out), &map));
    assert_int_equal(vd_value_get_u64(&map, "a", 0), 1);
    vd_buffer_clear(&out);
    vd_config_row_value(self->config, "pollers", "sources", 1, "spec", &out);
    assert_true(vd_value_of(vd_buffer_view(&out), &map));
    assert_true(vd_str_is(vd_value_get_str(&map, "token"), "env(HOME)"));
    vd_buffer_free(&out);
}

static void tells_errors_in_rows(void **state)
{
    fixture_t *self = *state;
    refused(self,
            "[[pollers.sources]]\nnam = 'one'\n"
            "[[pollers.sources]]\nname = 'two'\nweight = 10\nlabels = 3\n"
            "spec = { at = 2020-01-01 }\n",
            "t.toml:1: pollers.sources[0] needs the key \"name\"\n"
            "t.toml:2: unknown key \"nam\" in pollers.sources[0]: did you mean \"name\"?\n"
            "t.toml:5: pollers.sources[1].weight is 10: it must be 1 to 9\n"
            "t.toml:6: pollers.sources[1].labels must be a table\n"
            "t.toml:7: pollers.sources[1].spec holds a date or time: write it as a text in "
            "quotes\n");
    refused(self, "[pollers]\nsources = 1\n",
            "t.toml:2: pollers.sources must be tables in double brackets: [[pollers.sources]]\n");
    refused(self, "[pollers]\nsources = [1]\n", "t.toml:2: pollers.sources[0] must be a table\n");
    char text[VD_SPEC_BYTES_MAX + 256];
    int size =
        snprintf(text, sizeof text, "[[pollers.sources]]\nname = 'a'\nspec = { a = '%0*d' }\n",
                 VD_SPEC_BYTES_MAX, 0);
    assert_true(size > 0 && (size_t)size < sizeof text);
    refused(self, text, "t.toml:3: pollers.sources[0].spec is over 8192 bytes\n");
}

static void takes_one_of_the_words_that_a_row_allows(void **state)
{
    fixture_t *self = *state;
    parse(self, "[pollers]\n");
    assert_string_equal(vd_config_str(self->config, "pollers", "way"), "safe");
    vd_config_destroy(&self->config);
    parse(self, "[pollers]\nway = 'fast'\n");
    assert_string_equal(vd_config_str(self->config, "pollers", "way"), "fast");
    vd_config_destroy(&self->config);
    refused(self, "[pollers]\nway = 'fas'\n",
            "t.toml:2: pollers.way must be \"fast\" or \"safe\", and is \"fas\"\n");
    refused(self, "[pollers]\nway = ''\n",
            "t.toml:2: pollers.way must be \"fast\" or \"safe\", and is \"\"\n");
}

static void takes_secrets_from_the_environment(void **state)
{
    fixture_t *self = *state;
    setenv("VD_TEST_SECRET", "hunter2", 1);
    unsetenv("VD_TEST_NONE");
    parse(self, "[pollers]\ntext = 'env(VD_TEST_SECRET)'\nlist = ['env()']\n"
                "none = 'xenv(VD_TEST_SECRET)'\n");
    assert_string_equal(vd_config_str(self->config, "pollers", "text"), "hunter2");
    assert_string_equal(vd_config_list_at(self->config, "pollers", "list", 0), "env()");
    assert_string_equal(vd_config_str(self->config, "pollers", "none"), "xenv(VD_TEST_SECRET)");
    vd_config_destroy(&self->config);
    refused(self, "[pollers]\ntext = 'env(VD_TEST_NONE)'\n",
            "t.toml:2: pollers.text: the environment has no VD_TEST_NONE: export it\n");
    assert_string_equal(vd_config_env("env(VD_TEST_SECRET)"), "hunter2");
    assert_null(vd_config_env("env(VD_TEST_NONE)"));
    assert_string_equal(vd_config_env("plain"), "plain");
    /* What is shown takes none. */
    refused(self, "[pollers]\nlist = ['env(VD_TEST_SECRET)']\n",
            "t.toml:2: pollers.list[0] is shown to everybody, and env(NAME) is for secrets: write "
            "it out\n");
    /* A secret of the wrong kind is not repeated in the error. */
    setenv("VD_TEST_SECRET", "5 parsecs", 1);
    refused(self, "[pollers]\ninterval = 'env(VD_TEST_SECRET)'\n",
            "t.toml:2: pollers.interval must be a duration such as \"250ms\", \"1s\", \"5m\", "
            "\"2h\" or \"1d\"\n");
}

static void finds_tables_that_nobody_knows(void **state)
{
    fixture_t *self = *state;
    parse(self, "top = 1\n"
                "[poller]\nx = 1\n"
                "[observers]\nloose = 2\n"
                "[observers.hosts]\n"
                "[observers.host]\n[[observers.host.sources]]\nname='a'\nlabels={b=1}\n"
                "[pollers]\n[pollers.below]\n");
    assert_int_equal(vd_config_unknown_tables(self->config, &self->errors), 5);
    vd_buffer_add(&self->errors, "", 1);
    const char *text = (const char *)self->errors.data;
    assert_non_null(strstr(text, "t.toml:1: unknown key \"top\""));
    assert_non_null(strstr(text, "t.toml:2: unknown table \"poller\" in the file: did you mean "
                                 "\"pollers\"?"));
    assert_non_null(strstr(text, "t.toml:5: unknown key \"observers.loose\""));
    assert_non_null(strstr(text, "t.toml:6: unknown table \"observers.hosts\" in the file: did you "
                                 "mean \"observers.host\"?"));
    assert_non_null(strstr(text, "unknown table \"pollers.below\""));
    vd_buffer_clear(&self->errors);
    parse(self, "[pollers]\ntext = 'a'\n[observers.host]\n");
    assert_int_equal(vd_config_unknown_tables(self->config, &self->errors), 0);
}

static void prints_what_it_reads_back(void **state)
{
    fixture_t *self = *state;
    vd_buffer_t out;
    vd_buffer_init(&out, 65536);
    vd_config_print(tables, TABLES, &out);
    vd_buffer_add(&out, "", 1);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "# Pollers\n[pollers]\n"));
    assert_non_null(strstr(text, "# a number (whole number, 1 to 64)\nmax_processes = 8\n"));
    assert_non_null(strstr(text, "# none = \"\"\n"));
    assert_non_null(strstr(text, "# [[pollers.sources]]\n# name = \"\"  # stable name\n"));
    assert_non_null(strstr(text, "\nextra = 1\n"));
    parse(self, text);
    assert_int_equal(vd_config_int(self->config, "pollers", "max_processes"), 8);
    assert_int_equal(vd_config_unknown_tables(self->config, &self->errors), 0);
    vd_buffer_free(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(has_defaults),
        TEST(reads_values),
        TEST(reads_durations),
        TEST(tells_every_error_with_its_line),
        TEST(tells_where_it_is_no_toml),
        TEST(reads_files),
        TEST(reads_rows_and_packs_their_tables),
        TEST(tells_errors_in_rows),
        TEST(takes_one_of_the_words_that_a_row_allows),
        TEST(takes_secrets_from_the_environment),
        TEST(finds_tables_that_nobody_knows),
        TEST(prints_what_it_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
