/* test_diff.c: the difference of two snapshots, by the vectors, and by the law that its paths lead to
 * what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/core.h"
#include "diff/diff.h"
#include "expression/expression.h"

#include "wire/run.h"

#include <stdio.h>
#include <stdlib.h>

static void read_vectors(vd_buffer_t *out)
{
    static char text[1 << 16];
    char error[VD_TEXT_BYTES_MAX + 1];
    FILE *file = fopen(VD_VECTORS "/diff.json", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    assert_true(size > 0 && size < sizeof text);
    fclose(file);
    vd_buffer_init(out, 1 << 20);
    assert_int_equal(vd_json_parse(vd_bytes(text, size), out, error, sizeof error), VD_OK);
}

/* What a path gives over a snapshot is what the row says. */
static void assert_path(vd_str_t path, vd_bytes_t snapshot, const vd_value_t *said)
{
    static vd_expression_t expression;
    vd_expression_error_t error;
    vd_value_t result;
    assert_int_equal(vd_expression_parse(&expression, path, &error), VD_OK);
    assert_int_equal(vd_expression_evaluate(&expression, snapshot, &result), VD_OK);
    assert_int_equal(result.kind, said->kind);
    if (said->kind != VD_KIND_NIL)
        assert_true(vd_bytes_equal(result.raw, said->raw));
}

static uint32_t assert_paths(vd_bytes_t before, vd_bytes_t after, vd_bytes_t rows)
{
    vd_value_t list, row, value;
    assert_int_equal(vd_scan_exact(rows, VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(rows, &list) && list.kind == VD_KIND_ARRAY);
    while (vd_value_next(&list.bytes, &row)) {
        vd_str_t path = vd_value_get_str(&row, "path");
        assert_true(path.size > 0);
        assert_true(vd_value_get(&row, "before", &value));
        assert_path(path, before, &value);
        assert_true(vd_value_get(&row, "after", &value));
        assert_path(path, after, &value);
    }
    return list.count;
}

static void test_vectors(void **state)
{
    (void)state;
    vd_buffer_t vectors, rows, json[2];
    vd_value_t list, one, before, after, wanted;
    read_vectors(&vectors);
    vd_buffer_init(&rows, 1 << 20);
    assert_true(vd_value_of(vd_buffer_view(&vectors), &list));
    assert_true(list.count > 15);
    while (vd_value_next(&list.bytes, &one)) {
        vd_str_t name = vd_value_get_str(&one, "name");
        print_message("%.*s\n", (int)name.size, (const char *)name.data);
        assert_true(vd_value_get(&one, "before", &before) && vd_value_get(&one, "after", &after));
        assert_true(vd_value_get(&one, "rows", &wanted));
        vd_buffer_clear(&rows);
        assert_int_equal(vd_diff(before.raw, after.raw, &rows), VD_OK);
        vd_buffer_init(&json[0], 1 << 16);
        vd_buffer_init(&json[1], 1 << 16);
        vd_value_json(&json[0], vd_buffer_view(&rows));
        vd_value_json(&json[1], wanted.raw);
        vd_buffer_add(&json[0], "", 1);
        vd_buffer_add(&json[1], "", 1);
        assert_string_equal((const char *)json[0].data, (const char *)json[1].data);
        assert_paths(before.raw, after.raw, vd_buffer_view(&rows));
        vd_buffer_free(&json[0]);
        vd_buffer_free(&json[1]);
    }
    vd_buffer_free(&rows);
    vd_buffer_free(&vectors);
}

/* ---- random values ---- */

static void write_random(vd_buffer_t *out, uint64_t *seed, int depth)
{
    static const char *const keys[] = {"a", "b", "in", "x y", "\"", "0", "", "item"};
    uint64_t what = vd_random_next(seed);
    uint32_t count = (uint32_t)(what / 16 % 4);
    switch (depth > 0 ? what % 8 : what % 6) {
    case 0:
        vd_write_nil(out);
        break;
    case 1:
        vd_write_bool(out, what & 32);
        break;
    case 2:
        vd_write_i64(out, (int64_t)(what / 16 % 5) - 2);
        break;
    case 3:
        vd_write_f64(out, (double)(what / 16 % 5) / 2 - 1);
        break;
    case 4:
    case 5:
        vd_write_text(out, keys[what / 16 % 8]);
        break;
    case 6:
        vd_write_array(out, count);
        for (uint32_t at = 0; at < count; at++)
            write_random(out, seed, depth - 1);
        break;
    default:
        vd_write_map(out, count);
        for (uint32_t at = 0; at < count; at++) {
            vd_write_text(out, keys[(what / 256 + at) % 8]); /* each key once */
            write_random(out, seed, depth - 1);
        }
        break;
    }
}

static void write_snapshot(vd_buffer_t *out, uint64_t *seed)
{
    vd_buffer_clear(out);
    vd_write_map(out, 2);
    vd_write_pair_u64(out, "cycle", 1);
    vd_write_text(out, "state");
    write_random(out, seed, 4);
}

static void test_random_snapshots(void **state)
{
    (void)state;
    vd_buffer_t before, after, rows;
    uint64_t seed = 17, found = 0;
    vd_buffer_init(&before, 1 << 20);
    vd_buffer_init(&after, 1 << 20);
    vd_buffer_init(&rows, 1 << 20);
    for (int round = 0; round < 20000; round++) {
        write_snapshot(&before, &seed);
        write_snapshot(&after, &seed);
        vd_buffer_clear(&rows);
        assert_int_equal(vd_diff(vd_buffer_view(&before), vd_buffer_view(&after), &rows), VD_OK);
        found +=
            assert_paths(vd_buffer_view(&before), vd_buffer_view(&after), vd_buffer_view(&rows));
        vd_buffer_clear(&rows);
        assert_int_equal(vd_diff(vd_buffer_view(&after), vd_buffer_view(&after), &rows), VD_OK);
        assert_int_equal(
            assert_paths(vd_buffer_view(&after), vd_buffer_view(&after), vd_buffer_view(&rows)), 0);
    }
    assert_true(found > 5000);
    vd_buffer_free(&before);
    vd_buffer_free(&after);
    vd_buffer_free(&rows);
}

/* Any bytes, and more rows than there is room for. */
static void test_bounds(void **state)
{
    (void)state;
    vd_buffer_t before, after, rows;
    uint64_t seed = 5;
    vd_buffer_init(&before, 1 << 22);
    vd_buffer_init(&after, 1 << 22);
    vd_buffer_init(&rows, 1000);
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[32];
        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = (uint8_t)vd_random_next(&seed);
        vd_buffer_clear(&rows);
        (void)vd_diff(vd_bytes(bytes, (size_t)round % 16), vd_bytes(bytes + 16, 16), &rows);
    }
    /* Keys in the opposite order: each is looked for among all. */
    enum { KEYS = 30000 };
    for (int which = 0; which < 2; which++) {
        vd_buffer_t *out = which ? &after : &before;
        vd_write_map(out, 1);
        vd_write_text(out, "state");
        vd_write_map(out, KEYS);
        for (int at = 0; at < KEYS; at++) {
            char key[16];
            snprintf(key, sizeof key, "k%d", which ? KEYS - at : at + 1);
            vd_write_pair_u64(out, key, (uint64_t)which);
        }
    }
    vd_buffer_clear(&rows);
    assert_int_equal(vd_diff(vd_buffer_view(&before), vd_buffer_view(&after), &rows), VD_TOO_LARGE);
    vd_buffer_free(&rows);
    vd_buffer_init(&rows, 1 << 22);
    assert_int_equal(vd_diff(vd_buffer_view(&before), vd_buffer_view(&after), &rows), VD_TOO_LARGE);
    vd_buffer_clear(&rows);
    vd_buffer_clear(&after);
    vd_buffer_add(&after, before.data, before.size);
    after.data[after.size - 1] ^= 1;
    assert_int_equal(vd_diff(vd_buffer_view(&before), vd_buffer_view(&after), &rows), VD_OK);
    assert_int_equal(
        assert_paths(vd_buffer_view(&before), vd_buffer_view(&after), vd_buffer_view(&rows)), 1);
    vd_buffer_free(&before);
    vd_buffer_free(&after);
    vd_buffer_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_random_snapshots),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
