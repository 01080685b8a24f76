/* cmd_store.c: `store`: the table of its verbs, and `store stats`. */
#include "cli.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static void add_size(char *out, size_t size, uint64_t bytes)
{
    size_t used = strlen(out);
    cli_format_bytes(bytes, out + used, size - used);
}

static void line(const char *name, const char *text)
{
    char clean[2 * VD_TEXT_BYTES_MAX];
    cli_clean(vd_str(text), clean, sizeof clean);
    printf("%-11s %s\n", name, clean);
}

static void microseconds(uint64_t us, char *out, size_t size)
{
    if (us < 1000)
        snprintf(out, size, "%" PRIu64 "us", us);
    else
        snprintf(out, size, "%.2fms", (double)us / 1000);
}

static void print_where(const vd_store_is_body_t *store)
{
    char text[2 * VD_TEXT_BYTES_MAX], time[VD_TS_SIZE] = "";
    vd_ts_format(store->created_ms, time);
    if (store->store.size > 0)
        snprintf(text, sizeof text, "%.*s, format %" PRIu64 "%s%s", (int)store->store.size,
                 (const char *)store->store.data, store->format,
                 store->created_ms > 0 ? ", created " : "", store->created_ms > 0 ? time : "");
    else
        snprintf(text, sizeof text, "-");
    line("store", text);
    snprintf(text, sizeof text, "%.*s", (int)store->dir.size, (const char *)store->dir.data);
    line("directory", text);
    bool power = vd_str_is(store->durability, "power");
    bool process = vd_str_is(store->durability, "process");
    snprintf(text, sizeof text, "%.*s", (int)store->mode.size, (const char *)store->mode.data);
    line("mode", text);
    if (store->durability.size > 0) {
        snprintf(text, sizeof text, "%.*s%s", (int)store->durability.size,
                 (const char *)store->durability.data,
                 power     ? ": on disk before it is acknowledged"
                 : process ? ": survives the process, not the machine"
                           : "");
        line("durability", text);
    }
    if (store->trouble.size > 0) {
        snprintf(text, sizeof text, "%.*s", (int)store->trouble.size,
                 (const char *)store->trouble.data);
        line("trouble", text);
    }
}

static void print_content(const vd_store_is_body_t *store)
{
    char text[256], since[32] = "";
    if (store->head > 0)
        cli_format_duration(cli_wall_ms() - store->head_ms, since, sizeof since);
    snprintf(text, sizeof text, store->head > 0 ? "%" PRIu64 " to %" PRIu64 ", newest %s ago" : "-",
             store->first, store->head, since);
    line("commits", text);
    snprintf(text, sizeof text, "%" PRIu64 ", %" PRIu64 " active", store->sessions, store->active);
    size_t used = strlen(text);
    if (store->pruning > 0)
        snprintf(text + used, sizeof text - used, ", %" PRIu64 " being pruned", store->pruning);
    line("sessions", text);
    snprintf(text, sizeof text, "%" PRIu64 ", ", store->events);
    add_size(text, sizeof text, store->event_bytes);
    line("events", text);
    snprintf(text, sizeof text, "%" PRIu64, store->producers);
    line("producers", text);
    snprintf(text, sizeof text, "%" PRIu64 ", ", store->states);
    add_size(text, sizeof text, store->state_bytes);
    line("states", text);
    text[0] = 0;
    add_size(text, sizeof text, store->disk_bytes);
    used = strlen(text);
    snprintf(text + used, sizeof text - used, " in %" PRIu64 " files, ", store->files);
    add_size(text, sizeof text, store->free_bytes);
    used = strlen(text);
    snprintf(text + used, sizeof text - used, " free");
    line("disk", text);
}

static void print_writes(const vd_store_is_body_t *store)
{
    char text[256], middle[32], late[32];
    snprintf(text, sizeof text, "%s, %s, %" PRIu64 " failed",
             CLI_COUNT(store->written_commits, "commit"), CLI_COUNT(store->written_events, "event"),
             store->failures);
    line("written", text);
    if (store->written_commits == 0)
        return;
    microseconds(store->commit_us_p50, middle, sizeof middle);
    microseconds(store->commit_us_p99, late, sizeof late);
    snprintf(text, sizeof text, "p50 %s, p99 %s", middle, late);
    line("latency", text);
}

static int stats(cli_t *cli)
{
    vd_message_t question = {.id = VD_MESSAGE_STORE};
    vd_message_t answer;
    vd_reply_t reply;
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_status_t status = cli_ask(cli, "ingestor", "read", &question, false, CLI_TIMEOUT_MS, &reply);
    if (status == VD_OK)
        status = cli_answer(&reply, VD_MESSAGE_STORE_IS, &answer);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (cli->output != CLI_TABLE)
        return cli_print_value(cli, vd_bytes(reply.body.data, reply.body.size));
    print_where(&answer.store_is);
    if (!vd_str_is(answer.store_is.mode, "closed")) {
        print_content(&answer.store_is);
        print_writes(&answer.store_is);
    }
    return 0;
}

int cmd_store(cli_t *cli)
{
    static const cli_verb_t verbs[] = {
        {"stats", "", 0, 0, false, stats},
        {"verify", "", 0, 0, false, cli_store_verify},
        {"checkpoint", "DIR", 1, 1, false, cli_store_checkpoint},
        {"repair", "--copy DIR", 0, 0, false, cli_store_repair},
    };
    return cli_run_verb(cli, verbs, sizeof verbs / sizeof *verbs);
}
