/* tree.c: any value as an indented tree, and as one short line. */
#include "cli.h"

#include <assert.h>
#include <stdio.h>

enum {
    LINE_BYTES = 512,
    ROWS_MAX = 10000, /* an array of maps is shown as a table up to this many */
    KEY_COLUMNS_MAX = 10,
};

void cli_brief(vd_bytes_t value, size_t columns, char *out, size_t size)
{
    assert(size > 0 && columns > 0);
    out[0] = 0;
    vd_buffer_t json;
    vd_buffer_init(&json, 16 * VD_FRAME_BYTES_MAX);
    vd_value_json(&json, value);
    if (!json.full) {
        vd_str_t text = vd_buffer_view(&json);
        char line[LINE_BYTES * 2];
        size_t width = cli_clean(text, line, sizeof line);
        bool cut = width > columns || width >= sizeof line - 4;
        vd_str_copy(out, size, vd_str(line));
        if (cut && columns > 3) {
            /* Columns are characters: walks to where the dots go. */
            size_t at = 0;
            for (size_t shown = 0; out[at] != 0 && shown < columns - 3; shown++)
                do
                    at++;
                while (((uint8_t)out[at] & 0xc0) == 0x80);
            if (at + 4 <= size)
                memcpy(out + at, "...", 4);
        }
    }
    vd_buffer_free(&json);
}

static bool is_flat(const vd_value_t *value)
{
    return value->kind != VD_KIND_MAP && value->kind != VD_KIND_ARRAY;
}

static bool all_flat(const vd_value_t *container)
{
    vd_bytes_t rest = container->bytes;
    vd_value_t value;
    while (vd_value_next(&rest, &value))
        if (!is_flat(&value))
            return false;
    return true;
}

/* Maps of plain values make a table; deeper ones are shown one below the other. */
static bool is_table(const vd_value_t *array)
{
    vd_bytes_t rest = array->bytes;
    vd_value_t value;
    while (vd_value_next(&rest, &value))
        if (value.kind != VD_KIND_MAP || value.count == 0 || !all_flat(&value))
            return false;
    return array->count > 0 && array->count <= ROWS_MAX;
}

/* A table under the keys of the first row. */
static void print_maps(const vd_value_t *array, int depth)
{
    char keys[KEY_COLUMNS_MAX][VD_NAME_BYTES_MAX + 1];
    cli_column_t columns[KEY_COLUMNS_MAX] = {0};
    size_t count = 0;
    vd_bytes_t rest = array->bytes;
    vd_value_t row, key, value;
    if (!vd_value_next(&rest, &row))
        return;
    rest = row.bytes;
    while (count < KEY_COLUMNS_MAX && vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        if (key.kind == VD_KIND_STR && vd_str_copy(keys[count], sizeof keys[count], key.bytes)) {
            columns[count].title = columns[count].key = keys[count];
            columns[count].right = value.kind != VD_KIND_STR && is_flat(&value);
            count++;
        }
    cli_print_table(array->raw, columns, count, depth * 2);
}

static void print_node(const vd_value_t *value, int depth);

static void print_flat(const vd_value_t *value)
{
    char line[LINE_BYTES];
    if (value->kind == VD_KIND_STR)
        cli_clean(value->bytes, line, sizeof line);
    else
        cli_brief(value->raw, LINE_BYTES - 1, line, sizeof line);
    puts(line);
}

static void print_map(const vd_value_t *map, int depth)
{
    vd_bytes_t rest = map->bytes;
    vd_value_t key, value;
    size_t widest = 0;
    char name[LINE_BYTES];
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        if (is_flat(&value) && key.bytes.size > widest && key.bytes.size < 24)
            widest = key.bytes.size;
    rest = map->bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
        if (key.kind == VD_KIND_STR)
            cli_clean(key.bytes, name, sizeof name);
        else
            cli_brief(key.raw, 40, name, sizeof name);
        bool inline_array = value.kind == VD_KIND_ARRAY && all_flat(&value);
        if (is_flat(&value) || value.count == 0 || inline_array) {
            printf("%*s%-*s  ", depth * 2, "", (int)widest, name);
            print_flat(&value);
        } else {
            printf("%*s%s\n", depth * 2, "", name);
            print_node(&value, depth + 1);
        }
    }
}

static void print_node(const vd_value_t *value, int depth)
{
    if (value->kind == VD_KIND_MAP) {
        print_map(value, depth);
    } else if (value->kind == VD_KIND_ARRAY && is_table(value)) {
        print_maps(value, depth);
    } else if (value->kind == VD_KIND_ARRAY) {
        vd_bytes_t rest = value->bytes;
        vd_value_t element;
        while (vd_value_next(&rest, &element)) {
            printf("%*s-%s", depth * 2, "", is_flat(&element) ? " " : "\n");
            if (is_flat(&element))
                print_flat(&element);
            else
                print_node(&element, depth + 1);
        }
    } else {
        printf("%*s", depth * 2, "");
        print_flat(value);
    }
}

void cli_print_tree(vd_bytes_t bytes)
{
    vd_value_t value;
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) == VD_OK && vd_value_of(bytes, &value))
        print_node(&value, 0);
}
