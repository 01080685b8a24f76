/* test_cli.c: what the command line reads and writes: options, durations, suggestions, tables. */
#include "cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"250ms", 250},   {"30s", 30000},      {"5m", 300000}, {"2h", 7200000},
                {"1d", 86400000}, {"1.5s", 1500},      {"0", 0},       {"10", 10000},
                {"0.2s", 200},    {"100d", 8640000000}};
    static const char *const bad[] = {"",
                                      "s",
                                      "-1s",
                                      "1 s",
                                      "1x",
                                      "1e3s",
                                      ".5s",
                                      "1.s",
                                      "99999999d",
                                      "0x10s",
                                      "123456789012345678901234567890s",
                                      "1sm"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = -1;
        assert_true(cli_parse_duration(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = -1;
        assert_false(cli_parse_duration(bad[i], &ms));
        assert_int_equal(ms, -1);
    }
}

static void numbers_are_read(void **state)
{
    uint64_t number = 7;
    (void)state;
    assert_true(cli_parse_number("18446744073709551615", &number));
    assert_true(number == UINT64_MAX);
    assert_false(cli_parse_number("18446744073709551616", &number));
    assert_false(cli_parse_number("-1", &number));
    assert_false(cli_parse_number("1 ", &number));
    assert_false(cli_parse_number("", &number));
}

static void durations_and_sizes_are_shown(void **state)
{
    char out[32];
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } spans[] = {{0, "0ms"},           {999, "999ms"},     {1000, "1s"},       {59999, "59s"},
                 {252000, "4m12s"},    {3600000, "1h00m"}, {7500000, "2h05m"}, {86400000, "1d00h"},
                 {273600000, "3d04h"}, {-5, "0s"}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        cli_format_duration(spans[i].ms, out, sizeof out);
        assert_string_equal(out, spans[i].text);
    }
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0"},          {1023, "1023"},    {1024, "1.0K"},      {10189, "10K"},
                 {1048576, "1.0M"}, {1048575, "1.0M"}, {UINT64_MAX, "16E"}, {1503238553, "1.4G"}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cli_format_bytes(sizes[i].bytes, out, sizeof out);
        assert_string_equal(out, sizes[i].text);
    }
}

static void the_nearest_word_is_meant(void **state)
{
    static const char *const names[] = {"follow", "status", "start", "stop", "session"};
    (void)state;
    assert_string_equal(cli_nearest("follw", names, 5), "follow");
    assert_string_equal(cli_nearest("ofllow", names, 5), "follow");
    assert_string_equal(cli_nearest("sess", names, 5), "session");
    assert_string_equal(cli_nearest("statsu", names, 5), "status");
    assert_null(cli_nearest("zebra", names, 5));
    assert_null(cli_nearest("x", names, 5));
    assert_null(cli_nearest("", names, 5));
    assert_null(cli_nearest("a word that is far too long to be any of these", names, 5));
}

static void nothing_hostile_reaches_a_terminal(void **state)
{
    char out[64];
    (void)state;
    assert_int_equal(cli_clean(vd_str("a\x1b[31mb\nc\td"), out, sizeof out), 11);
    assert_string_equal(out, "a?[31mb?c?d");
    assert_int_equal(cli_clean(vd_str("gr\xc3\xbc\xc3\x9f"), out, sizeof out), 4);
    assert_string_equal(out, "gr\xc3\xbc\xc3\x9f");
    cli_clean(vd_str("\xc3"), out, sizeof out);
    assert_string_equal(out, "?");
    cli_clean(vd_str("\xc2\x9b"
                     "31m"),
              out, sizeof out); /* a control sequence in eight bits */
    assert_string_equal(out, "?31m");
    cli_clean(vd_bytes("a\0b", 3), out, sizeof out);
    assert_string_equal(out, "a?b");
    char small[3];
    cli_clean(vd_str("a\xc3\xbc"), small, sizeof small); /* no half character */
    assert_string_equal(small, "a");
}

static bool parse(cli_t *cli, int *code, int count, ...)
{
    static char *argv[32];
    va_list args;
    argv[0] = "vedette";
    va_start(args, count);
    for (int i = 0; i < count; i++)
        argv[i + 1] = va_arg(args, char *);
    va_end(args);
    *cli = (cli_t){0};
    return cli_parse(cli, count + 1, argv, code);
}

static void options_stand_anywhere(void **state)
{
    cli_t cli;
    int code;
    uint64_t count;
    int64_t ms;
    (void)state;
    assert_true(
        parse(&cli, &code, 8, "--dir", "/d", "follow", "-o", "ndjson", "s1", "--count=3", "-q"));
    assert_string_equal(cli.command->name, "follow");
    assert_string_equal(cli.dir, "/d");
    assert_int_equal(cli.output, CLI_NDJSON);
    assert_int_equal(cli.verbosity, -1);
    assert_int_equal(cli.argument_count, 1);
    assert_string_equal(cli.arguments[0], "s1");
    assert_true(cli_number(&cli, "count", 0, &count));
    assert_int_equal(count, 3);
    assert_false(cli_has(&cli, "end"));
    assert_true(parse(&cli, &code, 3, "follow", "-n7", "--end"));
    assert_true(cli_number(&cli, "count", 0, &count) && count == 7 && cli_has(&cli, "end"));
    assert_true(parse(&cli, &code, 4, "follow", "--from", "-20", "--"));
    assert_string_equal(cli_value(&cli, "from", ""), "-20");
    assert_true(parse(&cli, &code, 3, "emit", "--", "-t"));
    assert_string_equal(cli.arguments[0], "-t");
    assert_true(parse(&cli, &code, 4, "emit", "t", "--data", "-"));
    assert_string_equal(cli_value(&cli, "data", ""), "-");
    assert_true(parse(&cli, &code, 4, "up", "--for", "1s", "--for=2s")); /* the last one counts */
    assert_true(cli_duration(&cli, "for", 0, &ms) && ms == 2000);
}

static void bad_usage_is_two(void **state)
{
    cli_t cli;
    int code;
    int64_t ms;
    (void)state;
    assert_false(parse(&cli, &code, 0));
    assert_int_equal(code, 2);
    assert_false(parse(&cli, &code, 1, "folow"));
    assert_int_equal(code, 2);
    assert_false(parse(&cli, &code, 2, "follow", "--nothing"));
    assert_int_equal(code, 2);
    assert_false(parse(&cli, &code, 2, "follow", "--count"));
    assert_int_equal(code, 2);
    assert_false(parse(&cli, &code, 2, "follow", "--end=1"));
    assert_int_equal(code, 2);
    assert_false(parse(&cli, &code, 3, "ps", "-o", "xml"));
    assert_int_equal(code, 2);
    assert_false(parse(&cli, &code, 2, "ps", "extra"));
    assert_int_equal(code, 2);
    assert_false(parse(&cli, &code, 1, "kill"));
    assert_int_equal(code, 2);
    assert_true(parse(&cli, &code, 3, "up", "--for", "soon"));
    assert_false(cli_duration(&cli, "for", 0, &ms));
}

/* What a function prints, in a buffer that the caller frees. */
static char *printed(void (*print)(void *arg), void *arg)
{
    char *text = NULL;
    size_t size = 0;
    FILE *before = stdout;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    stdout = memory;
    print(arg);
    stdout = before;
    fclose(memory);
    return text;
}

static void print_help_of_all(void *arg)
{
    (void)arg;
    cli_help();
    for (const cli_command_t *command = cli_commands; command->name != NULL; command++)
        cli_help_command(command);
}

static void help_names_every_command_and_option(void **state)
{
    (void)state;
    char *text = printed(print_help_of_all, NULL);
    for (const cli_command_t *command = cli_commands; command->name != NULL; command++) {
        assert_non_null(strstr(text, command->name));
        assert_non_null(command->run);
        for (const cli_option_t *o = command->options; o != NULL && o->name != NULL; o++) {
            char option[32];
            snprintf(option, sizeof option, "--%s", o->name);
            assert_non_null(strstr(text, option));
            for (const cli_option_t *common = cli_common_options; common->name != NULL; common++)
                assert_true(common->letter == 0 || common->letter != o->letter);
        }
    }
    free(text);
}

static void print_rows(void *arg)
{
    static const cli_column_t columns[] = {{"NAME", "name", false, NULL},
                                           {"N", "n", true, NULL},
                                           {"SIZE", "size", true, cli_format_memory}};
    vd_buffer_t *json = arg, rows;
    char error[VD_TEXT_BYTES_MAX + 1];
    cli_t cli = {.output = CLI_TABLE};
    vd_buffer_init(&rows, 4096);
    assert_int_equal(vd_json_parse(vd_buffer_view(json), &rows, error, sizeof error), VD_OK);
    assert_int_equal(cli_print_rows(&cli, vd_buffer_view(&rows), columns, 3), 0);
    cli.output = CLI_NDJSON;
    assert_int_equal(cli_print_rows(&cli, vd_buffer_view(&rows), columns, 3), 0);
    cli.output = CLI_JSON;
    assert_int_equal(cli_print_rows(&cli, vd_buffer_view(&rows), columns, 3), 0);
    vd_buffer_free(&rows);
}

static void tables_are_aligned_and_json_is_json(void **state)
{
    static const char text[] = "[{\"name\":\"a\",\"n\":1,\"size\":2048},"
                               "{\"name\":\"gr\xc3\xbc\xc3\x9f\",\"n\":1234,\"size\":null},"
                               "{\"name\":\"\\u001b[2J\",\"n\":{}}]";
    vd_buffer_t json;
    (void)state;
    vd_buffer_init(&json, 4096);
    vd_buffer_add(&json, text, sizeof text - 1);
    char *out = printed(print_rows, &json);
    assert_string_equal(out, "NAME     N  SIZE\n"
                             "a        1  2.0K\n"
                             "gr\xc3\xbc\xc3\x9f  1234     -\n"
                             "?[2J    {}     -\n"
                             "{\"name\":\"a\",\"n\":1,\"size\":2048}\n"
                             "{\"name\":\"gr\xc3\xbc\xc3\x9f\",\"n\":1234,\"size\":null}\n"
                             "{\"name\":\"\\u001b[2J\",\"n\":{}}\n"
                             "[\n"
                             "  {\n    \"name\": \"a\",\n    \"n\": 1,\n    \"size\": 2048\n  },\n"
                             "  {\n    \"name\": \"gr\xc3\xbc\xc3\x9f\",\n    \"n\": 1234,\n"
                             "    \"size\": null\n  },\n"
                             "  {\n    \"name\": \"\\u001b[2J\",\n    \"n\": {}\n  }\n]\n");
    free(out);
    vd_buffer_free(&json);
}

static void print_a_tree(void *arg)
{
    cli_print_tree(vd_buffer_view(arg));
}

static void assert_tree(const char *json, const char *tree)
{
    vd_buffer_t value;
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_init(&value, 65536);
    assert_int_equal(vd_json_parse(vd_str(json), &value, error, sizeof error), VD_OK);
    char *out = printed(print_a_tree, &value);
    assert_string_equal(out, tree);
    free(out);
    vd_buffer_free(&value);
}

static void trees_are_indented(void **state)
{
    (void)state;
    assert_tree("{\"load\":1.5,\"name\":\"x\",\"list\":[1,2],\"none\":[],"
                "\"disks\":[{\"at\":\"/\",\"free\":3},{\"at\":\"/home\",\"new\":true}],"
                "\"in\":{\"deep\":true}}",
                "load  1.50\nname  x\nlist  1, 2\nnone  none\ndisks\n"
                "  at     free  new\n  /         3  -\n  /home     -  yes\nin\n  deep  yes\n");
    assert_tree("{\"hosts\":[{\"name\":\"a\",\"load\":{\"one\":1}},{\"name\":\"b\"},3,[4,[5]]]}",
                "hosts\n  - name  a\n    load\n      one  1\n  - name  b\n  - 3\n  - \n"
                "    - 4\n    - 5\n");
    assert_tree("[]", "none\n");
    assert_tree("\"x\"", "x\n");
}

static void trees_show_figures_by_their_unit(void **state)
{
    (void)state;
    assert_tree("{\"total_bytes\":25276514304,\"sent_bytes_per_s\":2048.4,\"busy_percent\":51.2562,"
                "\"age_ms\":61000,\"at_ms\":1795269652414,\"took_us\":8054,\"bytes\":\"text\","
                "\"pressure\":0.0,\"error\":null}",
                "total_bytes       24G\nsent_bytes_per_s  2.0K/s\nbusy_percent      51.3%\n"
                "age_ms            1m01s\nat_ms             2026-11-21T14:00:52.414Z\n"
                "took_us           8.05ms\nbytes             text\npressure          0.00\n"
                "error             -\n");
}

/* A table of ten long columns, and a list of fifty names: nothing passes column 100. */
static void trees_are_not_wide(void **state)
{
    vd_buffer_t value;
    (void)state;
    vd_buffer_init(&value, 65536);
    vd_write_map(&value, 2);
    vd_write_text(&value, "rows");
    vd_write_array(&value, 2);
    for (int row = 0; row < 2; row++) {
        vd_write_map(&value, 10);
        for (int i = 0; i < 10; i++) {
            char key[32];
            snprintf(key, sizeof key, "a_rather_long_key_%d", i);
            vd_write_pair_text(&value, key, "and a value");
        }
    }
    vd_write_text(&value, "names");
    vd_write_array(&value, 50);
    for (int i = 0; i < 50; i++)
        vd_write_text(&value, "interface");
    char *out = printed(print_a_tree, &value);
    size_t lines = 0;
    for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= 100);
        lines++;
    }
    assert_int_equal(lines, 1 + 20 + 7);
    free(out);
    vd_buffer_free(&value);
}

static void long_values_are_cut(void **state)
{
    vd_buffer_t value;
    char out[64];
    (void)state;
    vd_buffer_init(&value, 4096);
    vd_write_text(
        &value, "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc");
    cli_brief(vd_buffer_view(&value), 8, out, sizeof out);
    assert_string_equal(out, "\"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc...");
    cli_brief(vd_buffer_view(&value), 12, out, sizeof out);
    assert_string_equal(
        out,
        "\"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\"");
    vd_buffer_free(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(durations_and_sizes_are_shown),
        cmocka_unit_test(the_nearest_word_is_meant),
        cmocka_unit_test(nothing_hostile_reaches_a_terminal),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(bad_usage_is_two),
        cmocka_unit_test(help_names_every_command_and_option),
        cmocka_unit_test(tables_are_aligned_and_json_is_json),
        cmocka_unit_test(trees_are_indented),
        cmocka_unit_test(trees_show_figures_by_their_unit),
        cmocka_unit_test(trees_are_not_wide),
        cmocka_unit_test(long_values_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
