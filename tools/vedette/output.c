/* output.c: tables and JSON on stdout. */
#include "cli.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    CELL_BYTES = 512,
    JSON_BYTES_MAX = 16 * VD_FRAME_BYTES_MAX,
};

int64_t cli_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cli_mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool cli_stdout_open(void)
{
    struct pollfd item = {.fd = STDOUT_FILENO};
    return !ferror(stdout) && (poll(&item, 1, 0) <= 0 || (item.revents & POLLERR) == 0);
}

void cli_format_since(const vd_value_t *value, char *out, size_t size)
{
    int64_t ms = vd_value_i64(value, 0);
    if (ms <= 0)
        snprintf(out, size, "-");
    else
        cli_format_duration(cli_wall_ms() - ms, out, size);
}

void cli_format_memory(const vd_value_t *value, char *out, size_t size)
{
    if (value->kind == VD_KIND_U64)
        cli_format_bytes(value->u64, out, size);
    else
        snprintf(out, size, "-");
}

void cli_format_span(const vd_value_t *value, char *out, size_t size)
{
    if (value->kind == VD_KIND_U64)
        cli_format_duration((int64_t)value->u64, out, size);
    else
        snprintf(out, size, "-");
}

static void plain(const vd_value_t *value, char *out, size_t size)
{
    if (value->kind == VD_KIND_STR)
        cli_clean(value->bytes.size > 0 ? value->bytes : vd_str("-"), out, size);
    else if (value->kind == VD_KIND_NIL)
        snprintf(out, size, "-");
    else
        cli_brief(value->raw, size, out, size);
}

static void cell(vd_bytes_t row, const cli_column_t *column, char *out)
{
    vd_value_t map, value = {.kind = VD_KIND_NIL};
    char text[CELL_BYTES] = "-";
    if (!vd_value_of(row, &map) || !vd_value_get(&map, column->key, &value))
        value.kind = VD_KIND_NIL;
    if (value.kind != VD_KIND_NIL && column->format != NULL)
        column->format(&value, text, sizeof text);
    else
        plain(&value, text, sizeof text);
    cli_clean(vd_str(text), out, CELL_BYTES);
}

static void print_cells(const cli_column_t *columns, const size_t *widths, size_t count,
                        char (*cells)[CELL_BYTES], int indent)
{
    printf("%*s", indent, "");
    for (size_t i = 0; i < count; i++) {
        char ignored[CELL_BYTES];
        size_t width = cli_clean(vd_str(cells[i]), ignored, sizeof ignored);
        int fill = (int)(widths[i] - width);
        bool last = i + 1 == count;
        if (columns[i].right)
            printf("%*s%s%s", fill, "", cells[i], last ? "" : "  ");
        else
            printf("%s%*s%s", cells[i], last ? 0 : fill, "", last ? "" : "  ");
    }
    putchar('\n');
}

bool cli_print_table(vd_bytes_t rows, const cli_column_t *columns, size_t count, int indent,
                     size_t width)
{
    assert(count <= CLI_COLUMNS_MAX);
    char cells[CLI_COLUMNS_MAX][CELL_BYTES];
    size_t widths[CLI_COLUMNS_MAX] = {0};
    vd_value_t array, row;
    if (!vd_value_of(rows, &array))
        return false;
    for (size_t i = 0; i < count; i++)
        widths[i] = strlen(columns[i].title);
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row))
        for (size_t i = 0; i < count; i++) {
            cell(row.raw, &columns[i], cells[0]);
            char ignored[CELL_BYTES];
            size_t used = cli_clean(vd_str(cells[0]), ignored, sizeof ignored);
            widths[i] = used > widths[i] ? used : widths[i];
        }
    size_t whole = (size_t)indent + 2 * (count > 0 ? count - 1 : 0);
    for (size_t i = 0; i < count; i++)
        whole += widths[i];
    if (width > 0 && whole > width)
        return false;
    for (size_t i = 0; i < count; i++)
        vd_str_copy(cells[i], CELL_BYTES, vd_str(columns[i].title));
    print_cells(columns, widths, count, cells, indent);
    rest = array.bytes;
    while (vd_value_next(&rest, &row)) {
        for (size_t i = 0; i < count; i++)
            cell(row.raw, &columns[i], cells[i]);
        print_cells(columns, widths, count, cells, indent);
    }
    return true;
}

static int print_json(const cli_t *cli, vd_bytes_t value, bool pretty)
{
    vd_buffer_t json;
    vd_buffer_init(&json, JSON_BYTES_MAX);
    vd_value_json(&json, value);
    bool whole = vd_buffer_add(&json, "", 1);
    if (whole && pretty)
        cli_print_pretty((const char *)json.data);
    else if (whole)
        puts((const char *)json.data);
    vd_buffer_free(&json);
    return whole ? 0 : cli_fail(cli, VD_TOO_LARGE, "the value is too large to be shown");
}

int cli_print_rows(cli_t *cli, vd_bytes_t rows, const cli_column_t *columns, size_t count)
{
    vd_value_t array, row;
    if (cli->output == CLI_JSON)
        return print_json(cli, rows, true);
    if (cli->output == CLI_TABLE) {
        cli_print_table(rows, columns, count, 0, 0);
        return 0;
    }
    if (!vd_value_of(rows, &array) || array.kind != VD_KIND_ARRAY)
        return cli_fail(cli, VD_MALFORMED, "the answer is no array");
    vd_bytes_t rest = array.bytes;
    int code = 0;
    while (code == 0 && vd_value_next(&rest, &row))
        code = print_json(cli, row.raw, false);
    return code;
}

int cli_print_value(cli_t *cli, vd_bytes_t value)
{
    if (cli->output != CLI_TABLE)
        return print_json(cli, value, cli->output == CLI_JSON);
    cli_print_tree(value);
    return 0;
}

static void new_line(int depth)
{
    putchar('\n');
    for (int i = 0; i < depth; i++)
        fputs("  ", stdout);
}

void cli_print_pretty(const char *json)
{
    int depth = 0;
    bool in_string = false;
    for (const char *c = json; *c != 0; c++) {
        bool opens = *c == '{' || *c == '[';
        bool closes = *c == '}' || *c == ']';
        if (in_string) {
            putchar(*c);
            if (*c == '\\' && c[1] != 0)
                putchar(*++c);
            else if (*c == '"')
                in_string = false;
        } else if (opens && (c[1] == '}' || c[1] == ']')) {
            putchar(*c);
            putchar(*++c);
        } else if (opens) {
            putchar(*c);
            new_line(++depth);
        } else if (closes) {
            new_line(--depth);
            putchar(*c);
        } else if (*c == ',') {
            putchar(*c);
            new_line(depth);
        } else if (*c == ':') {
            fputs(": ", stdout);
        } else {
            in_string = *c == '"';
            putchar(*c);
        }
    }
    putchar('\n');
}
