/* cmd_events.c: the catalogue of event types, as a table or whole. */
#include "cli.h"

#include "wire/events.h"

#include <assert.h>
#include <stdio.h>

enum { ROWS_BYTES_MAX = 262144, FIELDS_BYTES_MAX = 512 };

static void write_field(vd_buffer_t *out, const vd_event_field_t *field)
{
    vd_write_map(out, 5);
    vd_write_pair_text(out, "field", field->name);
    vd_write_pair_text(out, "kind", vd_event_kind_name(field->kind));
    vd_write_pair_bool(out, "required", field->required);
    vd_write_pair_text(out, "unit", field->unit);
    vd_write_pair_text(out, "meaning", field->meaning);
}

/* The names of the fields in one line: "status*, text, error". */
static void list_fields(const vd_event_type_t *type, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < type->field_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s%s", i > 0 ? ", " : "",
                                 type->fields[i].name, type->fields[i].required ? "*" : "");
    assert(used < size);
}

static void write_type(vd_buffer_t *out, const vd_event_type_t *type, bool for_table)
{
    vd_write_map(out, 4);
    vd_write_pair_text(out, "type", type->name);
    vd_write_pair_text(out, "group", type->group);
    vd_write_pair_text(out, "meaning", type->meaning);
    vd_write_text(out, "fields");
    if (for_table) {
        char fields[FIELDS_BYTES_MAX];
        list_fields(type, fields, sizeof fields);
        vd_write_text(out, fields);
        return;
    }
    vd_write_array(out, (uint32_t)type->field_count);
    for (size_t i = 0; i < type->field_count; i++)
        write_field(out, &type->fields[i]);
}

/* The rows of the types that match. Returns how many there are. */
static size_t write_types(const char *glob, bool for_table, vd_buffer_t *out)
{
    size_t count, found = 0;
    const vd_event_type_t *types = vd_event_types(&count);
    for (int round = 0; round < 2; round++) {
        if (round == 1)
            vd_write_array(out, (uint32_t)found);
        for (size_t i = 0; i < count; i++) {
            if (!vd_glob_match(vd_str(glob), vd_str(types[i].name)))
                continue;
            if (round == 0)
                found++;
            else
                write_type(out, &types[i], for_table);
        }
    }
    assert(!out->full);
    return found;
}

/* One type for eyes: what it means, and its fields. */
static int print_type(cli_t *cli, const vd_event_type_t *type, vd_buffer_t *rows)
{
    static const cli_column_t columns[] = {
        {"FIELD", "field", false, NULL},     {"KIND", "kind", false, NULL},
        {"NEED", "need", false, NULL},       {"UNIT", "unit", false, NULL},
        {"MEANING", "meaning", false, NULL},
    };
    printf("%s (%s): %s\n\n", type->name, type->group, type->meaning);
    vd_write_array(rows, (uint32_t)type->field_count);
    for (size_t i = 0; i < type->field_count; i++) {
        const vd_event_field_t *field = &type->fields[i];
        vd_write_map(rows, 5);
        vd_write_pair_text(rows, "field", field->name);
        vd_write_pair_text(rows, "kind", vd_event_kind_name(field->kind));
        vd_write_pair_text(rows, "need", field->required ? "required" : "optional");
        vd_write_pair_text(rows, "unit", field->unit);
        vd_write_pair_text(rows, "meaning", field->meaning);
    }
    assert(!rows->full);
    return cli_print_rows(cli, vd_buffer_view(rows), columns, sizeof columns / sizeof *columns);
}

static int unknown_type(cli_t *cli, const char *word)
{
    enum { NAMES_MAX = 128 };
    const char *names[NAMES_MAX];
    size_t count;
    const vd_event_type_t *types = vd_event_types(&count);
    assert(count <= NAMES_MAX);
    for (size_t i = 0; i < count; i++)
        names[i] = types[i].name;
    const char *nearest = cli_nearest(word, names, count);
    if (nearest != NULL)
        return cli_fail(cli, VD_NOT_FOUND, "the catalogue has no type %s; did you mean %s?", word,
                        nearest);
    return cli_fail(cli, VD_NOT_FOUND,
                    "the catalogue has no type %s; such events are as good as any, and no check "
                    "holds them to anything",
                    word);
}

int cmd_events(cli_t *cli)
{
    static const cli_column_t columns[] = {
        {"TYPE", "type", false, NULL},
        {"GROUP", "group", false, NULL},
        {"FIELDS", "fields", false, NULL},
    };
    const char *glob = cli->argument_count > 0 ? cli->arguments[0] : "*";
    const vd_event_type_t *type = vd_event_type(vd_str(glob));
    vd_buffer_t rows;
    vd_buffer_init(&rows, ROWS_BYTES_MAX);
    int code;
    if (type != NULL && cli->output == CLI_TABLE)
        code = print_type(cli, type, &rows);
    else if (write_types(glob, cli->output == CLI_TABLE, &rows) == 0)
        code = unknown_type(cli, glob);
    else
        code =
            cli_print_rows(cli, vd_buffer_view(&rows), columns, sizeof columns / sizeof *columns);
    vd_buffer_free(&rows);
    return code;
}
