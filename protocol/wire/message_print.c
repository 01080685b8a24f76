/* message_print.c: messages as lines for people, and the catalogue as Markdown. */
#include "wire/catalogue.h"
#include "wire/message.h"
#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>

static void add_format(vd_buffer_t *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_format(vd_buffer_t *out, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(size >= 0);
    vd_buffer_add(out, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

static void print_field(const vd_field_t *field, const void *from, vd_buffer_t *out)
{
    enum { SHOWN_MAX = 80 };
    const vd_bytes_t *bytes = from;
    add_format(out, " %s=", field->name);
    switch (field->type) {
    case VD_TYPE_U64:
        add_format(out, "%" PRIu64, *(const uint64_t *)from);
        break;
    case VD_TYPE_I64:
        add_format(out, "%" PRId64, *(const int64_t *)from);
        break;
    case VD_TYPE_F64:
        add_format(out, "%g", *(const double *)from);
        break;
    case VD_TYPE_BOOL:
        add_format(out, "%s", *(const bool *)from ? "true" : "false");
        break;
    case VD_TYPE_STR:
        vd_buffer_add(out, bytes->data, bytes->size < SHOWN_MAX ? bytes->size : SHOWN_MAX);
        if (bytes->size > SHOWN_MAX)
            add_format(out, "...(%zu)", bytes->size);
        break;
    case VD_TYPE_ROWS:
        add_format(out, "[%u rows]", vd_rows_count(*bytes));
        break;
    default:
        add_format(out, "(%zu bytes)", bytes->size);
        break;
    }
}

void vd_message_print(const vd_message_t *message, vd_buffer_t *out)
{
    const vd_shape_t *shape = vd_shape_of_message(message->id);
    if (shape == NULL) {
        add_format(out, "message %u", message->id);
        return;
    }
    add_format(out, "%s", shape->upper);
    if (message->correlation != 0)
        add_format(out, " #%" PRIu64, message->correlation);
    for (size_t i = 0; i < shape->field_count; i++)
        print_field(&shape->fields[i], (const char *)&message->done + shape->fields[i].offset, out);
    if (message->payload.size > 0)
        add_format(out, " +%zu bytes", message->payload.size);
}

static const char *type_name(vd_field_type_t type)
{
    static const char *const names[] = {"",     "str", "uint", "int", "float",
                                        "bool", "bin", "any",  "rows"};
    assert(type >= VD_TYPE_STR && type <= VD_TYPE_ROWS);
    return names[type];
}

static void print_shape_fields(const vd_shape_t *shape, FILE *out)
{
    if (shape->field_count == 0) {
        fprintf(out, "No fields: the body is an empty map.\n\n");
        return;
    }
    fprintf(out, "| key | type | need | limit | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < shape->field_count; i++) {
        const vd_field_t *field = &shape->fields[i];
        char limit[32] = "";
        if (field->limit > 0)
            snprintf(limit, sizeof limit, "%u", field->limit);
        fprintf(out, "| `%s` | %s | %s | %s | %s |\n", field->name, type_name(field->type),
                field->required ? "required" : "optional", limit, field->meaning);
    }
    fprintf(out, "\n");
}

static void print_limits(FILE *out)
{
    fprintf(out, "### Limits\n\n| name | value | unit | meaning |\n| --- | --- | --- | --- |\n");
#define VD_LIMIT(name, value, unit, meaning)                                                       \
    fprintf(out, "| %s | %d | %s | %s |\n", #name, value, unit, meaning);
#include "wire/limits.def"
#undef VD_LIMIT
    fprintf(out, "\n");
}

static void print_statuses(FILE *out)
{
    fprintf(out, "### Statuses\n\n| name | number | meaning |\n| --- | --- | --- |\n");
#define VD_STATUS(name, number, wire, exit_code, text)                                             \
    fprintf(out, "| `%s` | %d | %s |\n", wire, number, text);
#include "wire/status.def"
#undef VD_STATUS
    fprintf(out, "\n");
}

void vd_catalogue_print(FILE *out)
{
    size_t count;
    const vd_shape_t *shapes = vd_shapes_of_messages(&count);
    fprintf(out, "### Messages\n\n");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "#### %s (%u)\n\n%s. %s\n\n", shapes[i].upper, shapes[i].id,
                shapes[i].direction, shapes[i].meaning);
        print_shape_fields(&shapes[i], out);
    }
    shapes = vd_shapes_of_records(&count);
    fprintf(out, "### Records\n\n");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "#### %s\n\n%s\n\n", shapes[i].name, shapes[i].meaning);
        print_shape_fields(&shapes[i], out);
    }
    print_statuses(out);
    print_limits(out);
}
