/* cmd_metrics.c: `metrics`: what the actors count, asked of each. */
#include "cli.h"

#include <stdio.h>

enum { METRICS_MS = 2000, NUMBERS_MAX = 256 };

/* Where an actor of a kind answers, one row for each port; `name`: only the actor of this name. */
static const struct {
    const char *kind, *port, *name;
} ports[] = {
    {"supervisor", "control", NULL},   {"broker", "control", NULL},  {"ingestor", "emit", NULL},
    {"ingestor", "read", NULL},        {"poller", "requests", NULL}, {"observer", "requests", NULL},
    {"provider", "control", "manual"}, {"relay", "read", NULL},      {"auditor", "requests", NULL},
};

/* The numbers of one actor over all its ports, each name once. */
typedef struct numbers {
    vd_buffer_t pairs;
    uint32_t count;
    bool answered;
} numbers_t;

static bool has(const numbers_t *self, vd_str_t name)
{
    vd_bytes_t rest = vd_buffer_view(&self->pairs);
    vd_value_t key, value;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        if (vd_bytes_equal(vd_value_str(&key), name))
            return true;
    return false;
}

static void add(numbers_t *self, vd_blob_t answer)
{
    vd_value_t map, key, value;
    if (!vd_value_of(vd_bytes(answer.data, answer.size), &map) || map.kind != VD_KIND_MAP)
        return;
    vd_bytes_t rest = map.bytes;
    self->answered = true;
    while (self->count < NUMBERS_MAX && vd_value_next(&rest, &key) &&
           vd_value_next(&rest, &value)) {
        if (key.kind != VD_KIND_STR || has(self, vd_value_str(&key)))
            continue;
        vd_write_raw(&self->pairs, key.raw);
        vd_write_raw(&self->pairs, value.raw);
        self->count++;
    }
}

/* Asks an actor on each of its ports. The status of the last that did not answer. */
static vd_status_t ask(cli_t *cli, const char *name, vd_str_t kind, numbers_t *numbers)
{
    vd_status_t worst = VD_OK;
    vd_blob_t answer;
    vd_buffer_init(&numbers->pairs, VD_FRAME_BYTES_MAX);
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        if (!vd_str_is(kind, ports[i].kind) ||
            (ports[i].name != NULL && strcmp(ports[i].name, name) != 0))
            continue;
        vd_status_t status =
            vd_client_get(cli->client, name, ports[i].port, "metrics", METRICS_MS, &answer);
        if (status == VD_OK)
            add(numbers, answer);
        else
            worst = status;
    }
    return worst;
}

static void write_map(vd_buffer_t *out, vd_str_t name, vd_str_t kind, const numbers_t *numbers)
{
    vd_write_map(out, numbers->count + 2);
    vd_write_pair_str(out, "name", name);
    vd_write_pair_str(out, "kind", kind);
    vd_write_raw(out, vd_buffer_view(&numbers->pairs));
}

/* Asks one process and appends its map; one that does not answer is told and left out. */
static uint32_t add_actor(cli_t *cli, vd_str_t name, vd_str_t kind, vd_buffer_t *rows)
{
    char text[VD_NAME_BYTES_MAX + 1];
    numbers_t numbers = {.count = 0};
    vd_str_copy(text, sizeof text, name);
    vd_status_t status = ask(cli, text, kind, &numbers);
    if (status != VD_OK)
        cli_fail_client(cli, status);
    if (numbers.answered)
        write_map(rows, name, kind, &numbers);
    vd_buffer_free(&numbers.pairs);
    return numbers.answered;
}

static int print_all(cli_t *cli, vd_bytes_t children)
{
    static const cli_column_t columns[] = {
        {"NAME", "name", false, NULL},
        {"UPTIME", "uptime_ms", true, cli_format_span},
        {"CPU", "cpu_ms", true, cli_format_span},
        {"MEMORY", "rss_anon_bytes", true, cli_format_memory},
        {"IN", "frames_in", true, NULL},
        {"OUT", "frames_out", true, NULL},
        {"DROPS", "drops", true, NULL},
        {"GARBAGE", "garbage", true, NULL},
    };
    vd_buffer_t maps, rows;
    vd_value_t array, row;
    vd_child_record_t child;
    vd_buffer_init(&maps, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&rows, VD_FRAME_BYTES_MAX);
    uint32_t count = add_actor(cli, vd_str("supervisor"), vd_str("supervisor"), &maps);
    vd_bytes_t rest = vd_value_of(children, &array) ? array.bytes : vd_bytes(NULL, 0);
    while (vd_value_next(&rest, &row))
        if (vd_record_decode(row.raw, VD_RECORD_child, &child) == VD_OK &&
            vd_str_is(child.state, "ready"))
            count += add_actor(cli, child.name, child.kind, &maps);
    vd_write_array(&rows, count);
    vd_write_raw(&rows, vd_buffer_view(&maps));
    int code =
        cli_print_rows(cli, vd_buffer_view(&rows), columns, sizeof columns / sizeof *columns);
    vd_buffer_free(&maps);
    vd_buffer_free(&rows);
    return code;
}

static int print_one(cli_t *cli, const char *name, vd_bytes_t children)
{
    vd_child_record_t child = {.kind = vd_str("supervisor")};
    numbers_t numbers = {.count = 0};
    vd_buffer_t map;
    int code = 0;
    if (strcmp(name, "supervisor") != 0 &&
        (!cli_actor_known(cli, name, NULL, &code) || !cli_child(children, name, &child)))
        return code;
    vd_status_t status = ask(cli, name, child.kind, &numbers);
    vd_buffer_init(&map, VD_FRAME_BYTES_MAX);
    write_map(&map, vd_str(name), child.kind, &numbers);
    if (!numbers.answered && status == VD_OK)
        code = cli_fail(cli, VD_NOT_FOUND, "%s counts nothing: it has no port to ask", name);
    else if (!numbers.answered)
        code = cli_fail_client(cli, status);
    else
        code = cli_print_value(cli, vd_buffer_view(&map));
    vd_buffer_free(&map);
    vd_buffer_free(&numbers.pairs);
    return code;
}

int cmd_metrics(cli_t *cli)
{
    vd_bytes_t rows;
    vd_buffer_t children;
    vd_status_t status = cli_children(cli, &rows);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    /* What a request gives lives until the next one. */
    vd_buffer_init(&children, VD_FRAME_BYTES_MAX);
    vd_buffer_add(&children, rows.data, rows.size);
    int code = cli->argument_count > 0
                   ? print_one(cli, cli->arguments[0], vd_buffer_view(&children))
                   : print_all(cli, vd_buffer_view(&children));
    vd_buffer_free(&children);
    return code;
}
