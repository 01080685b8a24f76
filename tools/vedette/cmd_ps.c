/* cmd_ps.c: `ps` and `status`: the processes, and the runtime as a whole, as the supervisor sees
 * them. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>

/* Anonymous resident memory of a process; 0 when it cannot be told. */
static uint64_t memory_of(uint64_t pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/status", pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            break;
    fclose(file);
    return (uint64_t)kib * 1024;
}

static void write_number(vd_buffer_t *out, const char *key, uint64_t number)
{
    vd_write_text(out, key);
    if (number > 0)
        vd_write_u64(out, number);
    else
        vd_write_nil(out);
}

static void write_row(vd_buffer_t *out, const vd_child_record_t *child)
{
    int64_t uptime =
        child->pid > 0 && child->started_ms > 0 ? cli_wall_ms() - child->started_ms : 0;
    vd_write_map(out, 11);
    vd_write_pair_str(out, "name", child->name);
    vd_write_pair_str(out, "kind", child->kind);
    vd_write_pair_str(out, "state", child->state);
    vd_write_pair_str(out, "wanted", child->wanted);
    write_number(out, "pid", child->pid);
    write_number(out, "uptime_ms", (uint64_t)(uptime > 0 ? uptime : 0));
    vd_write_pair_u64(out, "restarts", child->restarts);
    write_number(out, "rss_anon_bytes", memory_of(child->pid));
    write_number(out, "since_ms", (uint64_t)(child->since_ms > 0 ? child->since_ms : 0));
    write_number(out, "retry_ms", (uint64_t)(child->retry_ms > 0 ? child->retry_ms : 0));
    vd_write_pair_str(out, "reason", child->reason);
}

int cmd_ps(cli_t *cli)
{
    static const cli_column_t columns[] = {
        {"NAME", "name", false, NULL},
        {"KIND", "kind", false, NULL},
        {"STATE", "state", false, NULL},
        {"PID", "pid", true, NULL},
        {"UPTIME", "uptime_ms", true, cli_format_span},
        {"RESTARTS", "restarts", true, NULL},
        {"MEMORY", "rss_anon_bytes", true, cli_format_memory},
        {"REASON", "reason", false, NULL},
    };
    vd_reply_t reply;
    vd_value_t map, array, row;
    vd_bytes_t rows;
    char trouble[VD_TEXT_BYTES_MAX + 1], found[VD_TEXT_BYTES_MAX + 1];
    cli_store_trouble(cli, trouble, sizeof trouble);
    cli_audit_trouble(cli, found, sizeof found);
    vd_status_t status = cli_status(cli, CLI_TIMEOUT_MS, &reply, &map);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    vd_child_record_t supervisor = {.name = vd_str("supervisor"),
                                    .kind = vd_str("supervisor"),
                                    .state = vd_str("ready"),
                                    .wanted = vd_str("up"),
                                    .pid = vd_value_get_u64(&map, "pid", 0),
                                    .started_ms = (int64_t)vd_value_get_u64(&map, "started_ms", 0)};
    supervisor.since_ms = supervisor.started_ms;
    status = cli_children(cli, &rows);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    vd_buffer_t out;
    vd_buffer_init(&out, VD_FRAME_BYTES_MAX);
    if (!vd_value_of(rows, &array) || array.kind != VD_KIND_ARRAY)
        return cli_fail(cli, VD_MALFORMED, "the supervisor's list of processes is no array");
    vd_write_array(&out, array.count + 1);
    write_row(&out, &supervisor);
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row)) {
        vd_child_record_t child = {.state = vd_str("?")};
        if (vd_record_decode(row.raw, VD_RECORD_child, &child) != VD_OK)
            child = (vd_child_record_t){.name = vd_str("?"), .state = vd_str("?")};
        if (trouble[0] != 0 && vd_str_is(child.name, "ingestor"))
            child.reason = vd_str(trouble);
        else if (found[0] != 0 && vd_str_is(child.kind, "auditor"))
            child.reason = vd_str(found);
        write_row(&out, &child);
    }
    int code = cli_print_rows(cli, vd_buffer_view(&out), columns, sizeof columns / sizeof *columns);
    vd_buffer_free(&out);
    return code;
}

/* The answer as it came, what troubles the ingestor, and what the auditor has found. */
static int print_status(cli_t *cli, const vd_value_t *map, const char *trouble, const char *found)
{
    vd_buffer_t out;
    vd_buffer_init(&out, VD_BODY_BYTES_MAX + 2 * VD_TEXT_BYTES_MAX + 64);
    vd_write_map(&out, map->count + 2);
    vd_buffer_add(&out, map->bytes.data, map->bytes.size);
    vd_write_pair_str(&out, "trouble", vd_str(trouble));
    vd_write_pair_str(&out, "audit", vd_str(found));
    int code = cli_print_value(cli, vd_buffer_view(&out));
    vd_buffer_free(&out);
    return code;
}

int cmd_status(cli_t *cli)
{
    vd_reply_t reply;
    vd_value_t map;
    char trouble[VD_TEXT_BYTES_MAX + 1], found[VD_TEXT_BYTES_MAX + 1];
    cli_store_trouble(cli, trouble, sizeof trouble);
    cli_audit_trouble(cli, found, sizeof found);
    vd_status_t status = cli_status(cli, CLI_TIMEOUT_MS, &reply, &map);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (cli->output != CLI_TABLE)
        return print_status(cli, &map, trouble, found);
    static const struct {
        const char *label, *key;
    } texts[] = {{"state", "state"},
                 {"trouble", "text"},
                 {"session", "session"},
                 {"version", "version"},
                 {"data", "data"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char clean[VD_TEXT_BYTES_MAX + 1];
        vd_str_t text = vd_value_get_str(&map, texts[i].key);
        cli_clean(text, clean, sizeof clean);
        bool told = i == 1 && trouble[0] != 0 && strstr(clean, trouble) != NULL;
        if (text.size > 0 && !told)
            printf("%-8s  %s\n", texts[i].label, clean);
    }
    if (trouble[0] != 0)
        printf("%-8s  ingestor: %s\n", "trouble", trouble);
    if (found[0] != 0)
        printf("%-8s  auditor: %s\n", "trouble", found);
    char since[32];
    cli_format_duration(cli_wall_ms() - (int64_t)vd_value_get_u64(&map, "started_ms", 0), since,
                        sizeof since);
    printf("%-8s  %" PRIu64 " of %" PRIu64 " ready\n", "actors", vd_value_get_u64(&map, "ready", 0),
           vd_value_get_u64(&map, "actors", 0));
    printf("%-8s  %s, pid %" PRIu64 "\n", "up", since, vd_value_get_u64(&map, "pid", 0));
    printf("%-8s  %s\n", "sockets", vd_client_run_dir(cli->client));
    return 0;
}
