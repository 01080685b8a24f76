/* tree.c: any value as an indented tree, and as one short line.
 *
 * Nothing is wider than TREE_COLUMNS but a single text: a list of plain values is wrapped, and a
 * table that would be wider is shown as one block for each row. Figures are shown by their units. */
#include "cli.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LINE_BYTES = 512,
    ROWS_MAX = 10000, /* an array of maps is shown as a table up to this many */
    TREE_COLUMNS = 100,
    KEY_COLUMNS_MAX = 24, /* a longer key does not push the others' values to the right */
};

/* The place of the next line. */
typedef struct tree {
    bool dash; /* it begins an element of a list */
} tree_t;

void cli_print_line(vd_bytes_t value)
{
    vd_buffer_t json;
    vd_buffer_init(&json, 16 * VD_FRAME_BYTES_MAX);
    vd_value_json(&json, value);
    size_t size = json.full ? 0 : json.size + 1;
    char *clean = size > 0 ? malloc(size) : NULL;
    if (clean != NULL)
        cli_clean(vd_buffer_view(&json), clean, size);
    puts(clean != NULL ? clean : "(too large to be shown)");
    free(clean);
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

/* The columns of a table: every key of any row. Returns how many there are; CLI_COLUMNS_MAX + 1:
 * too many. */
static size_t find_columns(const vd_value_t *array, char (*keys)[VD_NAME_BYTES_MAX + 1],
                           cli_column_t *columns)
{
    size_t count = 0;
    vd_bytes_t rows = array->bytes;
    vd_value_t row, key, value;
    while (vd_value_next(&rows, &row)) {
        vd_bytes_t rest = row.bytes;
        while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
            size_t at = 0;
            while (at < count && !vd_str_is(key.bytes, keys[at]))
                at++;
            if (at == CLI_COLUMNS_MAX || key.kind != VD_KIND_STR ||
                !vd_str_copy(keys[at], sizeof keys[at], key.bytes))
                return CLI_COLUMNS_MAX + 1;
            if (at == count) {
                columns[at] = (cli_column_t){.title = keys[at], .key = keys[at], .right = true};
                columns[at].format = cli_figure_format(key.bytes);
                count++;
            }
            if (value.kind == VD_KIND_STR || value.kind == VD_KIND_BOOL)
                columns[at].right = false;
        }
    }
    return count;
}

/* False, and nothing printed, when it would be too wide. */
static bool print_table(const vd_value_t *array, int depth)
{
    char keys[CLI_COLUMNS_MAX + 1][VD_NAME_BYTES_MAX + 1];
    cli_column_t columns[CLI_COLUMNS_MAX];
    size_t count = find_columns(array, keys, columns);
    return count <= CLI_COLUMNS_MAX &&
           cli_print_table(array->raw, columns, count, depth * 2, TREE_COLUMNS);
}

static void print_node(tree_t *tree, const vd_value_t *value, int depth);

static void indent(tree_t *tree, int depth)
{
    assert(depth > 0 || !tree->dash);
    printf("%*s%s", tree->dash ? depth * 2 - 2 : depth * 2, "", tree->dash ? "- " : "");
    tree->dash = false;
}

static void format_flat(const vd_value_t *value, vd_str_t key, char *out, size_t size)
{
    if (value->kind == VD_KIND_NIL)
        vd_str_copy(out, size, vd_str("-"));
    else
        cli_figure_format(key)(value, out, size);
}

/* Plain values behind each other, from column `at`, where further lines begin, too. */
static void print_list(const vd_value_t *array, vd_str_t key, size_t at)
{
    char text[LINE_BYTES];
    size_t used = at;
    vd_bytes_t rest = array->bytes;
    vd_value_t value;
    for (uint32_t i = 0; vd_value_next(&rest, &value); i++) {
        char ignored[LINE_BYTES];
        format_flat(&value, key, text, sizeof text);
        size_t width = cli_clean(vd_str(text), ignored, sizeof ignored);
        bool last = i + 1 == array->count;
        if (used > at && used + width + !last > TREE_COLUMNS) {
            printf("\n%*s", (int)at, "");
            used = at;
        }
        printf("%s%s", text, last ? "" : ", ");
        used += width + 2;
    }
    puts(array->count == 0 ? "none" : "");
}

/* Does it stand behind its key, in the same line? */
static bool is_inline(const vd_value_t *value)
{
    return is_flat(value) || value->count == 0 || (value->kind == VD_KIND_ARRAY && all_flat(value));
}

static void print_map(tree_t *tree, const vd_value_t *map, int depth)
{
    vd_bytes_t rest = map->bytes;
    vd_value_t key, value;
    size_t widest = 0;
    char name[LINE_BYTES], text[LINE_BYTES];
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        if (is_inline(&value) && key.bytes.size > widest && key.bytes.size <= KEY_COLUMNS_MAX)
            widest = key.bytes.size;
    rest = map->bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
        size_t width;
        if (key.kind == VD_KIND_STR)
            width = cli_clean(key.bytes, name, sizeof name);
        else
            cli_brief(key.raw, width = KEY_COLUMNS_MAX, name, sizeof name);
        indent(tree, depth);
        if (!is_inline(&value)) {
            puts(name);
            print_node(tree, &value, depth + 1);
            continue;
        }
        printf("%s%*s  ", name, (int)(width < widest ? widest - width : 0), "");
        if (is_flat(&value)) {
            format_flat(&value, key.bytes, text, sizeof text);
            puts(text);
        } else {
            print_list(&value, key.bytes,
                       (size_t)depth * 2 + (width > widest ? width : widest) + 2);
        }
    }
}

static void print_node(tree_t *tree, const vd_value_t *value, int depth)
{
    if (value->kind == VD_KIND_MAP && value->count > 0) {
        print_map(tree, value, depth);
    } else if (is_inline(value)) {
        char text[LINE_BYTES];
        indent(tree, depth);
        if (is_flat(value)) {
            format_flat(value, vd_str(""), text, sizeof text);
            puts(text);
        } else {
            print_list(value, vd_str(""), (size_t)depth * 2);
        }
    } else if (tree->dash || !is_table(value) || !print_table(value, depth)) {
        vd_bytes_t rest = value->bytes;
        vd_value_t element;
        if (tree->dash) { /* a list in a list */
            indent(tree, depth);
            putchar('\n');
        }
        while (vd_value_next(&rest, &element)) {
            tree->dash = true;
            print_node(tree, &element, depth + 1);
        }
    }
}

void cli_print_tree(vd_bytes_t bytes)
{
    vd_value_t value;
    tree_t tree = {0};
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) == VD_OK && vd_value_of(bytes, &value))
        print_node(&tree, &value, 0);
}
