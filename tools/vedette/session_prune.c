/* session_prune.c: `session prune`: removes sessions that have ended. */
#include "cli.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PRUNE_MS = 60000,
    IDS_BYTES_MAX = 64 << 20,
};

/* What was removed, by as many requests as it takes. */
typedef struct pruned {
    uint64_t sessions, events, bytes;
    vd_buffer_t ids; /* texts, one after the other */
    uint32_t id_count;
} pruned_t;

static void take_ids(pruned_t *self, vd_bytes_t ids)
{
    vd_value_t array, id;
    if (vd_scan_exact(ids, VD_DEPTH_MAX) != VD_OK || !vd_value_of(ids, &array) ||
        array.kind != VD_KIND_ARRAY)
        return;
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &id)) {
        size_t before = self->ids.size;
        vd_write_str(&self->ids, vd_value_str(&id));
        if (self->ids.full)
            vd_buffer_cut(&self->ids, before);
        else
            self->id_count++;
    }
}

/* One request. What is being pruned already is waited for: one at a time. */
static vd_status_t prune(cli_t *cli, const vd_message_t *question, pruned_t *pruned, bool *more)
{
    bool dry = question->prune.dry;
    int64_t deadline_ms = cli_mono_ms() + PRUNE_MS;
    vd_message_t answer;
    vd_reply_t reply;
    vd_status_t status;
    while ((status = cli_ask(cli, "ingestor", "control", question, !dry, PRUNE_MS, &reply)) ==
               VD_BUSY &&
           cli_mono_ms() < deadline_ms)
        usleep(CLI_LOOK_MS * 1000);
    if (status == VD_OK)
        status = cli_answer(&reply, VD_MESSAGE_PRUNED, &answer);
    if (status != VD_OK)
        return status;
    pruned->sessions += answer.pruned.sessions;
    pruned->events += answer.pruned.events;
    pruned->bytes += answer.pruned.bytes;
    take_ids(pruned, answer.payload);
    *more = !dry && answer.pruned.sessions >= VD_PRUNE_SESSIONS_MAX;
    return VD_OK;
}

static void print_ids(const pruned_t *pruned)
{
    vd_bytes_t rest = vd_buffer_view(&pruned->ids);
    vd_value_t id;
    while (vd_value_next(&rest, &id)) {
        char clean[2 * VD_NAME_BYTES_MAX];
        cli_clean(vd_value_str(&id), clean, sizeof clean);
        puts(clean);
    }
}

static int print_pruned(cli_t *cli, const pruned_t *pruned, bool dry)
{
    if (cli->output == CLI_TABLE) {
        char bytes[32];
        bool rest = dry && pruned->sessions >= VD_PRUNE_SESSIONS_MAX;
        cli_format_bytes(pruned->bytes, bytes, sizeof bytes);
        print_ids(pruned);
        cli_say(cli, "%s %s, %s, %s bytes%s", dry ? "would remove" : "removed",
                CLI_COUNT(pruned->sessions, "session"), CLI_COUNT(pruned->events, "event"), bytes,
                rest ? ", and more behind them" : "");
        return 0;
    }
    vd_buffer_t out;
    vd_buffer_init(&out, IDS_BYTES_MAX + 1024);
    vd_write_map(&out, 5);
    vd_write_pair_bool(&out, "dry", dry);
    vd_write_pair_u64(&out, "sessions", pruned->sessions);
    vd_write_pair_u64(&out, "events", pruned->events);
    vd_write_pair_u64(&out, "bytes", pruned->bytes);
    vd_write_text(&out, "ids");
    vd_write_array(&out, pruned->id_count);
    vd_write_raw(&out, vd_buffer_view(&pruned->ids));
    int code = cli_print_value(cli, vd_buffer_view(&out));
    vd_buffer_free(&out);
    return code;
}

int cli_session_prune(cli_t *cli)
{
    vd_message_t question = {.id = VD_MESSAGE_PRUNE};
    int64_t older_ms = 0;
    uint64_t keep = 0;
    int code = 0;
    bool named = cli->argument_count > 1;
    bool older = cli_has(cli, "older-than"), keeps = cli_has(cli, "keep");
    if (!cli_duration(cli, "older-than", 0, &older_ms) || !cli_number(cli, "keep", 0, &keep))
        return vd_status_exit_code(VD_USAGE);
    if (named && (older || keeps))
        return cli_fail(cli, VD_USAGE,
                        "prune: name a session, or say --older-than and --keep, not both");
    if (!named && !older && !keeps)
        return cli_fail(cli, VD_USAGE,
                        "prune what? Name a session, or say --older-than TIME or --keep N");
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    question.prune.session = vd_str(named ? cli->arguments[1] : NULL);
    /* On the wire 0 is no limit; here it is one that every session that has ended is over. */
    if ((older && older_ms == 0) || (keeps && keep == 0 && !older))
        older_ms = 1;
    question.prune.older_than_ms = (uint64_t)older_ms;
    question.prune.keep = keep;
    question.prune.dry = cli_has(cli, "dry-run");
    pruned_t pruned = {0};
    bool more = true;
    vd_status_t status = VD_OK;
    vd_buffer_init(&pruned.ids, IDS_BYTES_MAX);
    while (more && status == VD_OK)
        status = prune(cli, &question, &pruned, &more);
    if (status == VD_OK || pruned.sessions > 0)
        code = print_pruned(cli, &pruned, question.prune.dry);
    if (status != VD_OK)
        code = cli_fail_client(cli, status);
    vd_buffer_free(&pruned.ids);
    return code;
}
