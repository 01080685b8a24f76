/* config_print.c: tables as a commented TOML file. */
#include "kit/config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static void put(vd_buffer_t *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(vd_buffer_t *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(size >= 0 && (size_t)size < sizeof text);
    vd_buffer_add(out, text, (size_t)size);
}

static void put_help(vd_buffer_t *out, const vd_config_row_t *row)
{
    static const char *const types[] = {
        [VD_CONFIG_STR] = "text",          [VD_CONFIG_INT] = "whole number",
        [VD_CONFIG_FLOAT] = "number",      [VD_CONFIG_BOOL] = "true or false",
        [VD_CONFIG_DURATION] = "duration", [VD_CONFIG_LIST] = "list of texts",
        [VD_CONFIG_ROWS] = "tables",       [VD_CONFIG_TABLE] = "table",
        [VD_CONFIG_SHOWN] = "text",
    };
    assert(row->type >= VD_CONFIG_STR && row->type <= VD_CONFIG_SHOWN);
    put(out, "# %s (%s", row->help != NULL ? row->help : row->key, types[row->type]);
    if (row->min != 0 || row->max != 0)
        put(out, row->type == VD_CONFIG_DURATION ? ", %.0f ms to %.0f ms" : ", %.17g to %.17g",
            row->min, row->max);
    put(out, ")\n");
}

static const char *example(const vd_config_row_t *row)
{
    if (row->fallback != NULL)
        return row->fallback;
    switch (row->type) {
    case VD_CONFIG_STR:
    case VD_CONFIG_SHOWN:
        return "\"\"";
    case VD_CONFIG_BOOL:
        return "false";
    case VD_CONFIG_DURATION:
        return "\"1s\"";
    case VD_CONFIG_LIST:
        return "[]";
    case VD_CONFIG_TABLE:
        return "{}";
    default:
        return "0";
    }
}

static void put_rows(vd_buffer_t *out, const char *path, const vd_config_row_t *row)
{
    put_help(out, row);
    put(out, "# [[%s.%s]]\n", path, row->key);
    for (const vd_config_row_t *key = row->rows; key != NULL && key->key != NULL; key++)
        put(out, "# %s = %s  # %s\n", key->key, example(key), key->help != NULL ? key->help : "");
}

/* The keys of a table first: what follows a [[rows]] header belongs to the row. Those of an example
 * stand behind "# ", as all of it does. */
static void put_keys(vd_buffer_t *out, const vd_config_table_t *table, bool rows)
{
    for (const vd_config_row_t *row = table->rows; row->key != NULL; row++) {
        if ((row->type == VD_CONFIG_ROWS) != rows)
            continue;
        if (rows) {
            put_rows(out, table->path, row);
            continue;
        }
        if (table->example) {
            put(out, "# %s = %s  # %s\n", row->key, example(row),
                row->help != NULL ? row->help : "");
            continue;
        }
        put_help(out, row);
        put(out, "%s%s = %s\n", row->fallback == NULL ? "# " : "", row->key, example(row));
    }
}

void vd_config_print(const vd_config_table_t *tables, size_t count, vd_buffer_t *out)
{
    assert((tables != NULL || count == 0) && out != NULL);
    for (size_t at = 0; at < count; at++) {
        bool again = false;
        for (size_t before = 0; before < at && !again; before++)
            again = strcmp(tables[before].path, tables[at].path) == 0;
        if (again)
            continue; /* printed with its first part */
        put(out, "%s# %s\n%s[%s]\n", at > 0 ? "\n" : "",
            tables[at].help != NULL ? tables[at].help : tables[at].path,
            tables[at].example ? "# " : "", tables[at].path);
        for (int rows = 0; rows < 2; rows++)
            for (size_t part = at; part < count; part++)
                if (strcmp(tables[part].path, tables[at].path) == 0)
                    put_keys(out, &tables[part], rows == 1);
    }
}
