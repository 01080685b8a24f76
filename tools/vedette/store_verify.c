/* store_verify.c: `store verify`: reads and checks all that is stored, and tells what is damaged.
 *
 * The ingestor reads one part for each request, so that a store of any size can be verified while
 * it is written to; what is committed after the beginning is not waited for.
 */
#include "cli.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PART_MS = 60000, /* for the answer with one part */
    TELL_MS = 200,   /* between updates of the progress */
    ROWS_BYTES_MAX = 4194304,
};

typedef struct verification {
    cli_t *cli;
    uint64_t index, head;
    uint64_t commits, events, pruned, bytes;
    uint64_t ranges, damaged; /* damaged ranges, and events in them */
    vd_buffer_t rows;         /* of the damage, as they are printed */
    uint64_t kept;            /* of the rows */
    int64_t told_ms;
    bool shown; /* a line of progress stands on the terminal */
} verification_t;

static void clear_progress(verification_t *self)
{
    if (self->shown)
        fputs("\r\033[K", stderr);
    self->shown = false;
}

static void show_progress(verification_t *self)
{
    int64_t now_ms = cli_mono_ms();
    bool wanted = self->cli->verbosity >= 0 && isatty(STDERR_FILENO);
    if (!wanted || now_ms - self->told_ms < TELL_MS)
        return;
    self->told_ms = now_ms;
    self->shown = true;
    fprintf(stderr, "\r%" PRIu64 "%%, commit %" PRIu64 " of %" PRIu64 "\033[K",
            self->head > 0 ? (uint64_t)(100.0 * (double)self->index / (double)self->head) : 100,
            self->index, self->head);
    fflush(stderr);
}

/* Without the store, the record and the commit, which stand elsewhere. */
static vd_str_t what_of(vd_str_t text)
{
    static const struct {
        const char *begin, *end;
    } known[] = {{"store ", ", "}, {"record ", ": "}, {"commit ", ": "}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t size = strlen(known[i].begin);
        if (text.size < size || memcmp(text.data, known[i].begin, size) != 0)
            continue;
        const uint8_t *end = memmem(text.data, text.size, known[i].end, 2);
        if (end != NULL && (size_t)(end - text.data) + 2 < text.size)
            text = vd_bytes(end + 2, text.size - (size_t)(end - text.data) - 2);
    }
    return text;
}

/* A row of damage as people read it. */
static void write_row(vd_buffer_t *out, const vd_damage_record_t *damage)
{
    char events[64] = "";
    if (damage->count == 1)
        snprintf(events, sizeof events, "%" PRIu64, damage->first);
    else if (damage->count > 1)
        snprintf(events, sizeof events, "%" PRIu64 "..%" PRIu64, damage->first,
                 damage->first + damage->count - 1);
    vd_write_map(out, 4);
    vd_write_pair_str(out, "session", damage->session);
    vd_write_pair_text(out, "events", events);
    vd_write_pair_u64(out, "index", damage->index);
    vd_write_pair_str(out, "text", what_of(damage->text));
}

static void take_damage(verification_t *self, vd_bytes_t rows)
{
    vd_damage_record_t damage;
    vd_status_t status;
    while ((status = vd_rows_next(&rows, VD_RECORD_damage, &damage)) != VD_NOT_FOUND) {
        if (status != VD_OK)
            continue;
        self->ranges++;
        self->damaged += damage.count;
        size_t before = self->rows.size;
        if (self->cli->output == CLI_TABLE)
            write_row(&self->rows, &damage);
        else
            vd_record_encode(VD_RECORD_damage, &damage, &self->rows);
        if (self->rows.full)
            vd_buffer_cut(&self->rows, before);
        else
            self->kept++;
    }
}

/* Has the ingestor read the next part. VD_OK: there is more; VD_NOT_FOUND: that was all. */
static vd_status_t verify_part(verification_t *self, uint64_t *chain)
{
    vd_message_t question = {.id = VD_MESSAGE_VERIFY}, answer;
    vd_reply_t reply;
    question.verify.after = self->index;
    question.verify.chain = *chain;
    vd_status_t status = cli_ask(self->cli, "ingestor", "read", &question, false, PART_MS, &reply);
    if (status == VD_OK)
        status = cli_answer(&reply, VD_MESSAGE_VERIFIED, &answer);
    if (status != VD_OK)
        return status;
    const vd_verified_body_t *part = &answer.verified;
    bool goes_on = part->more && part->index > self->index;
    if (self->head == 0)
        self->head = part->head;
    self->index = part->index;
    *chain = part->chain;
    self->commits += part->commits;
    self->events += part->events;
    self->pruned += part->pruned;
    self->bytes += part->bytes;
    take_damage(self, part->damage);
    return goes_on && self->index < self->head ? VD_OK : VD_NOT_FOUND;
}

/* The rows as one array. */
static bool rows_of(const verification_t *self, vd_buffer_t *out)
{
    vd_write_array(out, (uint32_t)self->kept);
    vd_write_raw(out, vd_buffer_view(&self->rows));
    return !out->full;
}

static void write_sum(const verification_t *self, vd_buffer_t *out, const vd_buffer_t *rows)
{
    vd_write_map(out, rows != NULL ? 8 : 7);
    vd_write_pair_bool(out, "clean", self->ranges == 0);
    vd_write_pair_u64(out, "commits", self->commits);
    vd_write_pair_u64(out, "events", self->events);
    vd_write_pair_u64(out, "bytes", self->bytes);
    vd_write_pair_u64(out, "pruned", self->pruned);
    vd_write_pair_u64(out, "damaged_ranges", self->ranges);
    vd_write_pair_u64(out, "damaged_events", self->damaged);
    if (rows != NULL) {
        vd_write_text(out, "damage");
        vd_write_raw(out, vd_buffer_view(rows));
    }
}

static void print_table(const verification_t *self, const vd_buffer_t *rows)
{
    static const cli_column_t columns[] = {
        {"SESSION", "session", false, NULL},
        {"EVENTS", "events", false, NULL},
        {"COMMIT", "index", true, NULL},
        {"WHAT", "text", false, NULL},
    };
    char bytes[32], pruned[64] = "";
    if (self->ranges > 0)
        cli_print_table(vd_buffer_view(rows), columns, sizeof columns / sizeof *columns, 0, 0);
    if (self->ranges > self->kept)
        printf("and %" PRIu64 " more\n", self->ranges - self->kept);
    cli_format_bytes(self->bytes, bytes, sizeof bytes);
    if (self->pruned > 0)
        snprintf(pruned, sizeof pruned, "; pruned: %s", CLI_COUNT(self->pruned, "event"));
    if (self->ranges == 0)
        printf("clean: %s, %s, %s%s\n", CLI_COUNT(self->commits, "commit"),
               CLI_COUNT(self->events, "event"), bytes, pruned);
    else
        printf("damaged: %s, %s; good: %s, %s%s\n", CLI_COUNT(self->ranges, "range"),
               CLI_COUNT(self->damaged, "event"), CLI_COUNT(self->events, "event"), bytes, pruned);
}

static int print(verification_t *self)
{
    vd_buffer_t rows, sum;
    vd_buffer_init(&rows, ROWS_BYTES_MAX + 16);
    vd_buffer_init(&sum, ROWS_BYTES_MAX + 1024);
    int code = self->ranges == 0 ? 0 : vd_status_exit_code(VD_CORRUPT);
    if (!rows_of(self, &rows)) {
        code = cli_fail(self->cli, VD_NO_MEMORY, "no memory for the rows");
    } else if (self->cli->output == CLI_TABLE) {
        print_table(self, &rows);
    } else if (self->cli->output == CLI_JSON) {
        write_sum(self, &sum, &rows);
        cli_print_value(self->cli, vd_buffer_view(&sum));
    } else {
        cli_print_rows(self->cli, vd_buffer_view(&rows), NULL, 0);
        write_sum(self, &sum, NULL);
        cli_print_value(self->cli, vd_buffer_view(&sum));
    }
    vd_buffer_free(&sum);
    vd_buffer_free(&rows);
    return code;
}

int cli_store_verify(cli_t *cli)
{
    verification_t self = {.cli = cli};
    uint64_t chain = 0;
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_buffer_init(&self.rows, ROWS_BYTES_MAX);
    vd_status_t status;
    while ((status = verify_part(&self, &chain)) == VD_OK && cli_stdout_open())
        show_progress(&self);
    clear_progress(&self);
    if (status == VD_NOT_FOUND)
        code = print(&self);
    else if (status != VD_OK)
        code = cli_fail_client(cli, status);
    vd_buffer_free(&self.rows);
    return code;
}
