/* main.c: vd-catalogue prints what is made from the catalogues of messages and of events:
 * documentation, constants, vectors. */
#include "wire/catalogue.h"
#include "wire/commit.h"
#include "wire/events.h"
#include "wire/run.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_python(void)
{
    size_t count;
    const vd_shape_t *shapes = vd_shapes_of_messages(&count);
    printf("\"\"\"The message catalogue as constants. Made by `vd-catalogue --python`; do not "
           "edit.\"\"\"\n\n");
    printf("PROTOCOL_VERSION = %d\nVERSION = \"%s\"\n\nMESSAGES = {\n", VD_PROTOCOL_VERSION,
           VD_VERSION);
    for (size_t i = 0; i < count; i++) {
        printf("    %u: (\"%s\", (", shapes[i].id, shapes[i].upper);
        for (size_t f = 0; f < shapes[i].field_count; f++)
            printf("\"%s\", ", shapes[i].fields[f].name);
        printf(")),\n");
    }
    printf("}\n\nIDS = {name: number for number, (name, _) in MESSAGES.items()}\n\nSTATUSES = {\n");
#define VD_STATUS(name, number, wire, exit_code, text)                                             \
    printf("    \"%s\": (%d, \"%s\"),\n", wire, number, text);
#include "wire/status.def"
#undef VD_STATUS
    printf("}\n\nLIMITS = {\n");
#define VD_LIMIT(name, value, unit, meaning) printf("    \"%s\": %d,\n", #name, value);
#include "wire/limits.def"
#undef VD_LIMIT
    printf("}\n");
}

static void print_hex(const char *key, vd_bytes_t bytes, const char *after)
{
    printf("\"%s\":\"", key);
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", bytes.data[i]);
    printf("\"%s", after);
}

/* Room for what the made-up fields point to. */
typedef struct vd_maker {
    vd_buffer_t scratch;
    char text[64];
} vd_maker_t;

static uint64_t made_number(const vd_field_t *field, size_t at)
{
    if (strcmp(field->name, "inc") == 0)
        return 0xfedcba9876543210ull;
    if (strstr(field->name, "_ms"))
        return 1700000000000ull + at;
    return (uint64_t)1 << (7 * at % 40);
}

static void make_field(const vd_field_t *field, size_t at, vd_maker_t *maker, void *to)
{
    size_t start = maker->scratch.size;
    switch (field->type) {
    case VD_TYPE_U64:
        *(uint64_t *)to = made_number(field, at);
        return;
    case VD_TYPE_I64:
        *(int64_t *)to = (int64_t)made_number(field, at);
        return;
    case VD_TYPE_F64:
        *(double *)to = 0.25;
        return;
    case VD_TYPE_BOOL:
        *(bool *)to = true;
        return;
    case VD_TYPE_STR:
        vd_buffer_add(&maker->scratch, field->name, strlen(field->name));
        break;
    case VD_TYPE_BIN:
        vd_buffer_add(&maker->scratch, "\x00\xff\x80", 3);
        break;
    case VD_TYPE_VALUE:
        vd_write_map(&maker->scratch, 1);
        vd_write_pair_text(&maker->scratch, "key", "v\xc3\xa4lue");
        break;
    default:
        vd_write_array(&maker->scratch, 1);
        vd_write_map(&maker->scratch, 1);
        vd_write_pair_text(&maker->scratch, "name", "row");
        break;
    }
    assert(!maker->scratch.full);
    *(vd_bytes_t *)to = vd_bytes(maker->scratch.data + start, maker->scratch.size - start);
}

static void print_valid_vector(const vd_shape_t *shape, bool required_only, const char *after)
{
    vd_maker_t maker;
    vd_buffer_init(&maker.scratch, 65536);
    vd_buffer_reserve(&maker.scratch, 65536); /* views into it must stay */
    vd_message_t message = {.id = shape->id, .correlation = required_only ? 0 : 258};
    for (size_t f = 0; f < shape->field_count; f++)
        if (shape->fields[f].required || !required_only)
            make_field(&shape->fields[f], f, &maker,
                       (char *)&message.done + shape->fields[f].offset);
    vd_buffer_t out, json;
    vd_buffer_init(&out, 65536);
    vd_buffer_init(&json, 65536);
    size_t header_size;
    vd_status_t status = vd_message_encode(&message, &out, &header_size);
    assert(status == VD_OK);
    vd_bytes_t body = vd_bytes(out.data + header_size, out.size - header_size);
    vd_value_json(&json, body);
    printf("  {\"message\":\"%s\",\"name\":\"%s\",\"id\":%u,\"correlation\":%" PRIu64 ",",
           shape->upper, shape->name, shape->id, message.correlation);
    print_hex("header", vd_bytes(out.data, header_size), ",");
    print_hex("body", body, ",");
    printf("\"fields\":%.*s}%s\n", (int)json.size, (const char *)json.data, after);
    (void)status;
    vd_buffer_free(&maker.scratch);
    vd_buffer_free(&out);
    vd_buffer_free(&json);
}

static void print_vectors(void)
{
    size_t count;
    const vd_shape_t *shapes = vd_shapes_of_messages(&count);
    printf("[\n");
    for (size_t i = 0; i < count; i++) {
        print_valid_vector(&shapes[i], true, ",");
        print_valid_vector(&shapes[i], false, i + 1 < count ? "," : "");
    }
    printf("]\n");
}

static void make_run(vd_buffer_t *run, uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        vd_buffer_t event, data;
        vd_buffer_init(&event, 4096);
        vd_buffer_init(&data, 4096);
        vd_write_map(&data, 2);
        vd_write_pair_u64(&data, "n", first + i);
        vd_write_pair_text(&data, "note", i % 2 ? "gr\xc3\xbc\xc3\x9f" : "plain");
        vd_event_write(&event, 1700000000000 + i, vd_str(i == 0 ? "session_started" : "thing_seen"),
                       vd_buffer_view(&data), vd_bytes(NULL, 0));
        vd_run_add(run, vd_buffer_view(&event));
        vd_buffer_free(&event);
        vd_buffer_free(&data);
    }
}

/* The fourth commit has a run that was pruned; the fifth one that is lost. The chain is that of whole
 * commits. */
static void lose_first_run(vd_commit_run_t *run, uint64_t index)
{
    if (index < 4)
        return;
    run->absent = index == 4 ? VD_PRUNED : VD_CORRUPT;
    run->digest = index == 4 ? vd_run_digest(0, run->run) : 0;
    run->run = vd_bytes(NULL, 0);
}

static void print_commit_vectors(void)
{
    vd_buffer_t runs[2], out;
    uint32_t chain = 0;
    vd_buffer_init(&out, 65536);
    printf("[\n");
    for (uint64_t index = 1; index <= 5; index++) {
        vd_commit_run_t list[2];
        for (int r = 0; r < 2; r++) {
            vd_buffer_init(&runs[r], 65536);
            make_run(&runs[r], index, 2 + (uint32_t)r);
            list[r] = (vd_commit_run_t){.session = vd_str(r ? "second" : "first"),
                                        .at = r ? 2 : 0,
                                        .first_seq = 1 + (index - 1) * (2 + (uint64_t)r),
                                        .count = 2 + (uint32_t)r,
                                        .run = vd_buffer_view(&runs[r])};
        }
        vd_commit_t commit = {.index = index,
                              .time_ms = 1700000000000 + (int64_t)index,
                              .epoch = 1,
                              .run_count = index == 2 ? 0 : 2,
                              .runs = list};
        uint32_t previous = chain;
        commit.chain = chain = vd_commit_chain(previous, &commit);
        lose_first_run(&list[0], index);
        vd_buffer_clear(&out);
        vd_commit_write(&out, &commit);
        printf("  {\"index\":%" PRIu64 ",\"previous\":%u,\"chain\":%u,", index, previous, chain);
        print_hex("commit", vd_buffer_view(&out), index < 5 ? "},\n" : "}\n");
        vd_buffer_free(&runs[0]);
        vd_buffer_free(&runs[1]);
    }
    printf("]\n");
    vd_buffer_free(&out);
}

static void print_events_python(void)
{
    size_t count;
    const vd_event_type_t *types = vd_event_types(&count);
    printf("\"\"\"The catalogue of event types. Made by `vd-catalogue --events-python`; do not "
           "edit.\n\n{type: {field: (kind, required, words of a choice)}}\n\"\"\"\n\nEVENTS = {\n");
    for (size_t i = 0; i < count; i++) {
        printf("    \"%s\": {\n", types[i].name);
        for (size_t f = 0; f < types[i].field_count; f++) {
            const vd_event_field_t *field = &types[i].fields[f];
            printf("        \"%s\": (\"%s\", %s, \"%s\"),\n", field->name,
                   vd_event_kind_name(field->kind), field->required ? "True" : "False",
                   field->kind == VD_EVENT_CHOICE ? field->unit : "");
        }
        printf("    },\n");
    }
    printf("}\n");
}

/* A cell of a table; | would end it. */
static void print_cell(const char *text)
{
    for (; *text != 0; text++)
        printf(*text == '|' ? " or " : "%c", *text);
}

static void print_events_markdown(void)
{
    size_t count;
    const vd_event_type_t *types = vd_event_types(&count);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(types[i].group, types[i - 1].group) != 0)
            printf("### %s\n\n", types[i].group);
        printf("`%s`: %s\n\n| field | kind | | unit | meaning |\n| --- | --- | --- | --- | --- |\n",
               types[i].name, types[i].meaning);
        for (size_t f = 0; f < types[i].field_count; f++) {
            const vd_event_field_t *field = &types[i].fields[f];
            printf("| `%s` | %s | %s | ", field->name, vd_event_kind_name(field->kind),
                   field->required ? "required" : "optional");
            print_cell(field->unit);
            printf(" | %s |\n", field->meaning);
        }
        printf("\n");
    }
}

static void print_help(FILE *out)
{
    fprintf(out, "Usage: vd-catalogue --markdown | --python | --vectors | --commit-vectors |\n"
                 "                    --events-markdown | --events-python\n\n"
                 "Prints what is made from the message catalogue: the reference part of SPEC.md,\n"
                 "the constants of the Python client, the frames of the valid vectors; and from\n"
                 "the catalogue of events: the reference part of EVENTS.md, the Python table.\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"markdown", no_argument, NULL, 'm'},
        {"python", no_argument, NULL, 'p'},
        {"vectors", no_argument, NULL, 'v'},
        {"commit-vectors", no_argument, NULL, 'c'},
        {"events-markdown", no_argument, NULL, 'e'},
        {"events-python", no_argument, NULL, 'y'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    switch (getopt_long(argc, argv, "h", options, NULL)) {
    case 'm':
        vd_catalogue_print(stdout);
        return 0;
    case 'p':
        print_python();
        return 0;
    case 'v':
        print_vectors();
        return 0;
    case 'c':
        print_commit_vectors();
        return 0;
    case 'e':
        print_events_markdown();
        return 0;
    case 'y':
        print_events_python();
        return 0;
    case 'h':
        print_help(stdout);
        return 0;
    default:
        print_help(stderr);
        return 2;
    }
}
