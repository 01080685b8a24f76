/* test_expression.c: expressions: the vectors, hostile texts and values, and a fuzz loop from a
 * seed that is printed (VD_SEED sets it). With "cases SEED COUNT" it prints random cases instead,
 * for other implementations to agree with: in hex the text, the snapshot, and the result; or
 * "error", the column, and in hex what was expected. */
#include "expression/expression.h"
#include "wire/run.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { VALUE_BYTES_MAX = 1 << 22 };

static vd_buffer_t snapshot, wanted, found;

static int set_up(void **state)
{
    (void)state;
    vd_buffer_init(&snapshot, VALUE_BYTES_MAX);
    vd_buffer_init(&wanted, VALUE_BYTES_MAX);
    vd_buffer_init(&found, VALUE_BYTES_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vd_buffer_free(&snapshot);
    vd_buffer_free(&wanted);
    vd_buffer_free(&found);
    return 0;
}

static void pack(const char *json, vd_buffer_t *out)
{
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_clear(out);
    if (vd_json_parse(vd_str(json), out, error, sizeof error) != VD_OK)
        fail_msg("%s: %s", json, error);
}

/* A result as bytes. */
static void write_result(vd_buffer_t *out, const vd_value_t *value)
{
    vd_buffer_clear(out);
    switch (value->kind) {
    case VD_KIND_NIL:
        vd_write_nil(out);
        break;
    case VD_KIND_BOOL:
        vd_write_bool(out, value->boolean);
        break;
    case VD_KIND_U64:
        vd_write_u64(out, value->u64);
        break;
    case VD_KIND_I64:
        vd_write_i64(out, value->i64);
        break;
    case VD_KIND_F64:
        vd_write_f64(out, value->f64);
        break;
    case VD_KIND_STR:
        vd_write_str(out, value->bytes);
        break;
    default:
        vd_write_raw(out, value->raw);
    }
}

static vd_value_t result_of(const char *text, vd_bytes_t over)
{
    static vd_expression_t expression; /* results are views into it */
    vd_expression_error_t error;
    vd_value_t result;
    if (vd_expression_parse(&expression, vd_str(text), &error) != VD_OK)
        fail_msg("%s: %s", text, error.text);
    assert_int_equal(vd_expression_evaluate(&expression, over, &result), VD_OK);
    return result;
}

static void check_error(const char *text, const json_t *error_wanted)
{
    vd_expression_t expression;
    vd_expression_error_t error;
    const char *expected = json_string_value(json_object_get(error_wanted, "expected"));
    size_t column = (size_t)json_number_value(json_object_get(error_wanted, "column"));
    assert_non_null(expected);
    if (vd_expression_parse(&expression, vd_str(text), &error) != VD_USAGE)
        fail_msg("%s: is none, and was read", text);
    if (error.column != column || strcmp(error.expected, expected) != 0)
        fail_msg("%s: %s, wanted column %zu and %s", text, error.text, column, expected);
    assert_non_null(strstr(error.text, expected));
}

static void check_result(const char *text, const json_t *value, const json_t *result_wanted)
{
    char *json = json_dumps(value, JSON_ENCODE_ANY);
    pack(json, &snapshot);
    free(json);
    json = json_dumps(result_wanted, JSON_ENCODE_ANY);
    pack(json, &wanted);
    vd_value_t result = result_of(text, vd_buffer_view(&snapshot));
    write_result(&found, &result);
    if (!vd_bytes_equal(vd_buffer_view(&found), vd_buffer_view(&wanted)))
        fail_msg("%s: kind %d, wanted %s", text, (int)result.kind, json);
    free(json);
}

static void the_vectors_hold(void **state)
{
    json_error_t error;
    json_t *row;
    size_t at;
    (void)state;
    json_t *list = json_load_file(VD_VECTORS "/expressions.json", 0, &error);
    if (list == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    assert_true(json_array_size(list) > 200);
    const json_t *common = json_object_get(json_array_get(list, 0), "value");
    json_array_foreach(list, at, row)
    {
        if (at == 0)
            continue;
        const char *text = json_string_value(json_object_get(row, "expression"));
        const json_t *own = json_object_get(row, "value");
        assert_non_null(text);
        if (json_object_get(row, "error") != NULL)
            check_error(text, json_object_get(row, "error"));
        else
            check_result(text, own != NULL ? own : common, json_object_get(row, "result"));
    }
    json_decref(list);
}

static void what_json_cannot_say_compares_too(void **state)
{
    static const uint8_t extension[] = {0xd4, 1, 2};
    (void)state;
    vd_write_map(&snapshot, 1);
    vd_write_text(&snapshot, "state");
    vd_write_map(&snapshot, 6);
    vd_write_pair_f64(&snapshot, "nan", NAN);
    vd_write_pair_f64(&snapshot, "inf", INFINITY);
    vd_write_pair_u64(&snapshot, "max", UINT64_MAX);
    vd_write_text(&snapshot, "bytes");
    vd_write_bin(&snapshot, vd_str("ab"));
    vd_write_text(&snapshot, "ext");
    vd_write_raw(&snapshot, vd_bytes(extension, sizeof extension));
    vd_write_u64(&snapshot, 7); /* a key that is no text */
    vd_write_text(&snapshot, "seven");
    static const char *const yes[] = {"nan != nan",
                                      "!(nan < 1) and !(nan >= 1)",
                                      "nan",
                                      "inf > 18446744073709551615",
                                      "max == 18446744073709551615",
                                      "max > 9223372036854775807",
                                      "max < 18446744073709551616.0",
                                      "max > -1",
                                      "bytes == bytes",
                                      "!(bytes != 'ab') and !(bytes == 'ab')",
                                      "length(bytes) == 2",
                                      "ext",
                                      "!(ext != ext) and !(ext == ext) and ext != null",
                                      "length(ext) == null",
                                      "$.state[7] == null",
                                      "$.state['7'] == null",
                                      "any($.state, item == 'seven')",
                                      "length($.state) == 6",
                                      "!(bytes < bytes)",
                                      "!matches(bytes, '*')"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        vd_value_t result = result_of(yes[i], vd_buffer_view(&snapshot));
        if (!vd_expression_is_true(&result))
            fail_msg("%s is not true", yes[i]);
    }
}

static void the_paths_are_told_as_they_stand(void **state)
{
    static const struct {
        const char *path, *value;
    } told[] = {
        {"members", "[1,2]"}, {"$.cycle", "7"}, {"a . b [ 'c' ]", "null"}, {"who", "\"m1\""}};
    static const char text[] =
        "any(members, item > $.cycle) and a . b [ 'c' ]   == null or who in ['x', item_of]";
    vd_expression_t expression, moved;
    vd_expression_error_t error;
    vd_str_t path;
    vd_value_t value;
    uint16_t at = 0;
    (void)state;
    pack("{\"cycle\":7,\"state\":{\"members\":[1,2],\"who\":\"m1\"}}", &snapshot);
    assert_int_equal(vd_expression_parse(&expression, vd_str(text), &error), VD_OK);
    moved = expression;
    memset(&expression, 0xaa, sizeof expression);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        assert_true(vd_expression_next_path(&moved, vd_buffer_view(&snapshot), &at, &path, &value));
        assert_true(vd_str_is(path, told[i].path));
        pack(told[i].value, &wanted);
        write_result(&found, &value);
        assert_true(vd_bytes_equal(vd_buffer_view(&found), vd_buffer_view(&wanted)));
    }
    assert_true(vd_expression_next_path(&moved, vd_buffer_view(&snapshot), &at, &path, &value));
    assert_true(vd_str_is(path, "item_of"));
    assert_false(vd_expression_next_path(&moved, vd_buffer_view(&snapshot), &at, &path, &value));
}

static void texts_of_any_bytes_are_refused(void **state)
{
    vd_expression_t expression;
    vd_expression_error_t error;
    (void)state;
    assert_int_equal(vd_expression_parse(&expression, vd_bytes(NULL, 0), &error), VD_USAGE);
    assert_int_equal(vd_expression_parse(&expression, vd_bytes("a\0b", 3), &error), VD_USAGE);
    assert_int_equal(error.column, 2);
    assert_int_equal(vd_expression_parse(&expression, vd_str("\xff\xfe == 1"), &error), VD_USAGE);
    assert_int_equal(vd_expression_parse(&expression, vd_str("'\xc3"), &error), VD_USAGE);
    assert_int_equal(vd_expression_parse(&expression, vd_str("\x80\x80\x80\x80"), &error),
                     VD_USAGE);
    static char large[1 << 20];
    memset(large, '(', sizeof large);
    assert_int_equal(vd_expression_parse(&expression, vd_bytes(large, sizeof large), &error),
                     VD_USAGE);
    assert_int_equal(
        vd_expression_parse(&expression, vd_bytes(large, VD_EXPRESSION_BYTES_MAX), &error),
        VD_USAGE);
}

static void values_of_any_bytes_are_read(void **state)
{
    static const uint8_t bomb[] = {0xdd, 8, 0, 0, 0};
    static const uint8_t cut[] = {0x81, 0xa5, 's',  't',  'a',  't',
                                  'e',  0xdd, 0xff, 0xff, 0xff, 0xff};
    (void)state;
    assert_int_equal(result_of("$", vd_bytes(bomb, sizeof bomb)).kind, VD_KIND_NIL);
    assert_int_equal(result_of("a", vd_bytes(cut, sizeof cut)).kind, VD_KIND_NIL);
    assert_int_equal(result_of("a", vd_bytes(NULL, 0)).kind, VD_KIND_NIL);
    uint8_t deep[4000];
    memset(deep, 0x91, sizeof deep);
    assert_int_equal(result_of("$[0][0][0]", vd_bytes(deep, sizeof deep)).kind, VD_KIND_NIL);
}

/* Conditions in one another over a long list: it ends, soon, and says that it was too much. */
static void too_much_work_is_told(void **state)
{
    vd_expression_t expression;
    vd_expression_error_t error;
    vd_value_t result;
    struct timespec begun, ended;
    (void)state;
    vd_write_map(&snapshot, 1);
    vd_write_text(&snapshot, "state");
    vd_write_map(&snapshot, 2);
    vd_write_pair_text(&snapshot, "glob", "*a*a*a*a*a*b");
    vd_write_text(&snapshot, "list");
    vd_write_array(&snapshot, 20000);
    for (int i = 0; i < 20000; i++)
        vd_write_text(&snapshot, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    static const char *const costly[] = {
        "any(list, any(list, any(list, item == 1)))", "count(list, 'b' in list) == 1",
        "any(list, any(list, matches(item, glob)))", "all(list, all(list, length(item) == 39))"};
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (size_t i = 0; i < sizeof costly / sizeof *costly; i++) {
        assert_int_equal(vd_expression_parse(&expression, vd_str(costly[i]), &error), VD_OK);
        assert_int_equal(vd_expression_evaluate(&expression, vd_buffer_view(&snapshot), &result),
                         VD_TOO_LARGE);
        assert_int_equal(result.kind, VD_KIND_NIL);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true(ended.tv_sec - begun.tv_sec < 30);
    assert_true(vd_expression_parse(&expression, vd_str("count(list, item in glob) == 0"),
                                    &error) == VD_OK);
    assert_int_equal(vd_expression_evaluate(&expression, vd_buffer_view(&snapshot), &result),
                     VD_OK);
    assert_true(result.kind == VD_KIND_BOOL && result.boolean);
}

/* ---- fuzz ---- */

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

static size_t random_text(char *out, size_t room)
{
    static const char *const tokens[] = {
        "a",        "b",     "list",  "map",   "item",     "$",    ".",    "[",      "]",
        "(",        ")",     ",",     "0",     "1",        "2.5",  "-3",   "1e9",    "'a'",
        "\"b\"",    "==",    "!=",    "<",     "<=",       ">",    ">=",   "&&",     "||",
        "!",        "and",   "or",    "not",   "in",       "any(", "all(", "count(", "length(",
        "matches(", "null",  "true",  "false", "\xc3\xbc", "\xff", "'",    "\\",     "=",
        "#",        "state", "'*a*'", "['a']", "[0]"};
    size_t size = 0, count = 1 + draw(24);
    for (size_t i = 0; i < count; i++) {
        const char *token = tokens[draw(sizeof tokens / sizeof *tokens)];
        size_t length = strlen(token);
        if (size + length + 1 > room)
            break;
        memcpy(out + size, token, length);
        size += length;
        if (draw(2) > 0)
            out[size++] = ' ';
    }
    return size;
}

/* An expression that is one: grown by the grammar. */
static void grow(char *out, size_t room, unsigned depth, bool item)
{
    static const char *const leaves[] = {"a",   "list", "map.a",   "$.state",  "1",  "'a'",
                                         "2.5", "null", "list[0]", "map['b']", "-7", "true"};
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">=", "in", "&&", "or"};
    static const char *const calls[] = {"any", "all", "count"};
    size_t half = room / 2 - 16;
    char *a = malloc(half), *b = malloc(half);
    assert_true(a != NULL && b != NULL);
    uint32_t kind = depth == 0 || room < 200 ? 0 : draw(5);
    if (kind == 0) {
        snprintf(out, room, "%s", item && draw(2) > 0 ? "item" : leaves[draw(12)]);
    } else if (kind == 1) {
        grow(a, half, depth - 1, item);
        snprintf(out, room, draw(2) > 0 ? "!(%s)" : "length(%s)", a);
    } else {
        grow(a, half, depth - 1, item);
        grow(b, half, depth - 1, item || kind == 2);
        if (kind == 2)
            snprintf(out, room, "%s(%s, %s)", calls[draw(3)], a, b);
        else if (kind == 3)
            snprintf(out, room, "(%s) %s (%s)", a, signs[draw(9)], b);
        else
            snprintf(out, room, draw(2) > 0 ? "(%s) in [%s]" : "matches(%s, %s)", a, b);
    }
    free(a);
    free(b);
}

static void random_value(vd_buffer_t *out, unsigned depth)
{
    static const char *const keys[] = {"state", "a", "b", "list", "map", "c"};
    uint32_t count = draw(5);
    switch (draw(depth > 0 ? 8 : 6)) {
    case 0:
        vd_write_nil(out);
        break;
    case 1:
        vd_write_bool(out, draw(2) > 0);
        break;
    case 2:
        vd_write_i64(out, (int64_t)random_state);
        break;
    case 3: {
        double number;
        memcpy(&number, &random_state, sizeof number);
        vd_write_f64(out, draw(2) > 0 ? number : 2.5);
        break;
    }
    case 4:
        vd_write_text(out, keys[draw(6)]);
        break;
    case 5:
        vd_write_bin(out, vd_bytes(&random_state, draw(9)));
        break;
    case 6:
        vd_write_array(out, count);
        for (uint32_t i = 0; i < count; i++)
            random_value(out, depth - 1);
        break;
    default:
        vd_write_map(out, count);
        for (uint32_t i = 0, first = draw(6); i < count; i++) {
            vd_write_text(out, keys[(first + i) % 6]);
            random_value(out, depth - 1);
        }
    }
}

static void write_case_value(void)
{
    vd_buffer_clear(&snapshot);
    vd_write_map(&snapshot, 1);
    vd_write_text(&snapshot, "state");
    random_value(&snapshot, 5);
}

static void evaluate_all(const vd_expression_t *expression)
{
    /* In an allocation of its own size, so that a read beyond it is noticed. */
    uint8_t *copy = malloc(snapshot.size + 1);
    vd_value_t result, value;
    vd_str_t path;
    uint16_t at = 0;
    assert_non_null(copy);
    memcpy(copy, snapshot.data, snapshot.size);
    vd_bytes_t bytes = vd_bytes(copy, snapshot.size);
    vd_status_t status = vd_expression_evaluate(expression, bytes, &result);
    assert_true(status == VD_OK || status == VD_TOO_LARGE);
    write_result(&found, &result);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&found), VD_DEPTH_MAX), VD_OK);
    while (vd_expression_next_path(expression, bytes, &at, &path, &value))
        assert_true(path.size > 0 && path.size <= expression->source_size);
    free(copy);
}

static void fuzz_texts_and_values(void **state)
{
    enum { ROUNDS = 40000, TEXT_MAX = 900 };
    const char *given = getenv("VD_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    uint32_t read = 0;
    (void)state;
    print_message("seed %llu: VD_SEED=%llu repeats it\n", (unsigned long long)seed,
                  (unsigned long long)seed);
    for (int round = 0; round < ROUNDS; round++) {
        char text[TEXT_MAX];
        vd_expression_t expression;
        vd_expression_error_t error;
        bool grown = round % 4 == 0;
        size_t size = random_text(text, sizeof text);
        if (grown) {
            grow(text, sizeof text, 5, false);
            size = strlen(text);
        }
        write_case_value();
        for (uint32_t flips = draw(4) == 0 ? draw(4) : 0; flips > 0; flips--)
            snapshot.data[draw((uint32_t)snapshot.size)] = (uint8_t)draw(256);
        if (draw(8) == 0)
            vd_buffer_cut(&snapshot, draw((uint32_t)snapshot.size + 1));
        vd_status_t status = vd_expression_parse(&expression, vd_bytes(text, size), &error);
        if (grown && status != VD_OK && strncmp(error.expected, "at most", 7) != 0)
            fail_msg("%s: %s", text, error.text);
        if (status == VD_OK) {
            read++;
            evaluate_all(&expression);
        } else {
            assert_true(error.column >= 1 && error.column <= size + 1 && error.text[0] != 0);
        }
    }
    assert_true(read > ROUNDS / 8); /* it is not only refusals that were tried */
}

static void print_hex(const void *data, size_t size, const char *end)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", ((const uint8_t *)data)[i]);
    fputs(end, stdout);
}

static int print_cases(uint64_t seed, uint64_t count)
{
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    set_up(NULL);
    while (count > 0) {
        char text[900];
        vd_expression_t expression;
        vd_expression_error_t error;
        vd_value_t result;
        size_t size = random_text(text, sizeof text);
        if (draw(2) > 0) {
            grow(text, sizeof text, 5, false);
            size = strlen(text);
        }
        write_case_value();
        if (memchr(text, 0xff, size) != NULL) /* no text in other languages */
            continue;
        count--;
        vd_status_t status = vd_expression_parse(&expression, vd_bytes(text, size), &error);
        print_hex(text, size, " ");
        print_hex(snapshot.data, snapshot.size, " ");
        if (status != VD_OK) {
            printf("error %zu ", error.column);
            print_hex(error.expected, strlen(error.expected), "\n");
            continue;
        }
        if (vd_expression_evaluate(&expression, vd_buffer_view(&snapshot), &result) != VD_OK)
            return 1;
        write_result(&found, &result);
        print_hex(found.data, found.size, "\n");
    }
    tear_down(NULL);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "cases") == 0)
        return print_cases(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
#define EXPRESSION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EXPRESSION_TEST(the_vectors_hold),
        EXPRESSION_TEST(what_json_cannot_say_compares_too),
        EXPRESSION_TEST(the_paths_are_told_as_they_stand),
        EXPRESSION_TEST(texts_of_any_bytes_are_refused),
        EXPRESSION_TEST(values_of_any_bytes_are_read),
        EXPRESSION_TEST(too_much_work_is_told),
        EXPRESSION_TEST(fuzz_texts_and_values),
    };
    return cmocka_run_group_tests_name("expression", tests, NULL, NULL);
}
