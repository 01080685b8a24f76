/* why_readings.c: who reads the source of an event, and how that goes: one read in whole, of many
 * what they have in common and those that fail. */
#include "tui/why_state.h"

#include "vedette/text.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    TEXT_BYTES = 240,
    NAMED_MAX = 4, /* reads that are named as failing */
    NAMED_BYTES = NAMED_MAX * TEXT_BYTES,
};

/* What the standing reads of a source have in common. */
typedef struct common {
    uint64_t reads;    /* standing ones */
    uint64_t newest_n; /* the highest number of any */
    uint64_t newest_ms;
    uint64_t every_ms, seldom_ms; /* the shortest interval, the longest */
    uint64_t tries, failures;
    uint64_t failing, unread;
    uint64_t same_n; /* those that have come as far as the sample, and no further */
    char same[TEXT_BYTES];
    char named[NAMED_BYTES]; /* those that fail, with their statuses */
    char error[TEXT_BYTES];  /* of the first of them */
    tui_tone_t tone;
} common_t;

/* "read /proc/net/tcp" */
static void name_of(const vd_value_t *row, char out[TEXT_BYTES])
{
    char op[VD_NAME_BYTES_MAX + 1], target[TEXT_BYTES - VD_NAME_BYTES_MAX - 2];
    vd_str_copy(op, sizeof op, vd_value_get_str(row, "op"));
    vd_str_copy(target, sizeof target, vd_value_get_str(row, "target"));
    snprintf(out, TEXT_BYTES, "%s%s%s", op, target[0] != 0 ? " " : "", target);
}

static void format_ts(uint64_t ms, char ts[VD_TS_SIZE])
{
    snprintf(ts, VD_TS_SIZE, "-");
    if (ms > 0)
        vd_ts_format((int64_t)ms, ts);
}

/* Which of its reads the sample is of is not stored: each counts by itself. */
static const char *since(const tui_why_t *self, uint64_t n)
{
    return n == self->event.sample  ? " (this number)"
           : n < self->event.sample ? " (it counts anew since its last start)"
                                    : "";
}

static void tell_one(tui_why_t *self, const vd_value_t *row)
{
    char ts[VD_TS_SIZE], every[32], name[TEXT_BYTES];
    char error[TEXT_BYTES], status[VD_NAME_BYTES_MAX + 1];
    uint64_t n = vd_value_get_u64(row, "n", 0);
    name_of(row, name);
    format_ts(vd_value_get_u64(row, "at_ms", 0), ts);
    cli_format_duration((int64_t)vd_value_get_u64(row, "interval_ms", 0), every, sizeof every);
    vd_str_copy(error, sizeof error, vd_value_get_str(row, "error"));
    vd_str_copy(status, sizeof status, vd_value_get_str(row, "status"));
    bool good = strcmp(status, "ok") == 0;
    why_add(self, WHY_POLLER, good ? TUI_PLAIN : TUI_WARN, self->poller, row->raw,
            "%s reads it (%s) every %s; its newest sample is %" PRIu64 "%s at %s, %s%s%s; %" PRIu64
            " of %" PRIu64 " reads failed",
            self->poller, name, every, n, since(self, n), ts, status,
            !good && error[0] != 0 ? ", " : "", !good ? error : "",
            vd_value_get_u64(row, "failures", 0), vd_value_get_u64(row, "reads", 0));
}

/* ---- many ---- */

static void name_failing(common_t *common, const vd_value_t *row)
{
    char name[TEXT_BYTES], status[VD_NAME_BYTES_MAX + 1];
    size_t used = strlen(common->named);
    if (common->failing++ >= NAMED_MAX)
        return;
    name_of(row, name);
    vd_str_copy(status, sizeof status, vd_value_get_str(row, "status"));
    snprintf(common->named + used, sizeof common->named - used, "%s%.120s (%s)",
             used > 0 ? "; " : "", name, status);
    if (used == 0)
        vd_str_copy(common->error, sizeof common->error, vd_value_get_str(row, "error"));
}

static void take_row(const tui_why_t *self, common_t *common, const vd_value_t *row)
{
    uint64_t n = vd_value_get_u64(row, "n", 0), at_ms = vd_value_get_u64(row, "at_ms", 0);
    uint64_t every_ms = vd_value_get_u64(row, "interval_ms", 0);
    uint64_t tries = vd_value_get_u64(row, "reads", 0);
    bool first = common->reads++ == 0;
    common->newest_n = n > common->newest_n ? n : common->newest_n;
    common->newest_ms = at_ms > common->newest_ms ? at_ms : common->newest_ms;
    common->every_ms = first || every_ms < common->every_ms ? every_ms : common->every_ms;
    common->seldom_ms = every_ms > common->seldom_ms ? every_ms : common->seldom_ms;
    common->tries += tries;
    common->failures += vd_value_get_u64(row, "failures", 0);
    if (n == self->event.sample && common->same_n++ == 0)
        name_of(row, common->same);
    if (tries == 0)
        common->unread++; /* its first read is under way */
    else if (!vd_str_is(vd_value_get_str(row, "status"), "ok"))
        name_failing(common, row);
}

static void tell_failures(const common_t *common, char *out, size_t size)
{
    if (common->failing > NAMED_MAX)
        snprintf(out, size, "%" PRIu64 " of them fail: %s; and %" PRIu64 " more", common->failing,
                 common->named, common->failing - NAMED_MAX);
    else if (common->failing > 1)
        snprintf(out, size, "%" PRIu64 " of them fail: %s", common->failing, common->named);
    else if (common->failing == 1)
        snprintf(out, size, "one of them fails: %s%s%s", common->named,
                 common->error[0] != 0 ? ", " : "", common->error);
    else if (common->failures > 0)
        snprintf(out, size, "none fails now, %" PRIu64 " of %" PRIu64 " failed", common->failures,
                 common->tries);
    else
        snprintf(out, size, "none failed");
}

static void tell_many(tui_why_t *self, const common_t *common, vd_bytes_t rows)
{
    char every[32], seldom[32], ts[VD_TS_SIZE], failures[NAMED_BYTES + TEXT_BYTES + 128],
        sample[TEXT_BYTES + 64];
    cli_format_duration((int64_t)common->every_ms, every, sizeof every);
    cli_format_duration((int64_t)common->seldom_ms, seldom, sizeof seldom);
    format_ts(common->newest_ms, ts);
    tell_failures(common, failures, sizeof failures);
    bool apart = common->every_ms != common->seldom_ms;
    sample[0] = 0;
    if (common->same_n == 1)
        snprintf(sample, sizeof sample, "; sample %" PRIu64 " is the newest of %s",
                 self->event.sample, common->same);
    else if (common->newest_n < self->event.sample)
        snprintf(sample, sizeof sample, "; it counts anew since its last start");
    why_add(self, WHY_POLLER, common->failing > 0 ? TUI_WARN : TUI_PLAIN, self->poller, rows,
            "%s reads it: %s every %s%s%s, newest at %s, %s%s", self->poller,
            CLI_COUNT(common->reads, "read"), every, apart ? " to " : "", apart ? seldom : "", ts,
            failures, sample);
}

static bool is_of_source(const tui_why_t *self, const vd_value_t *row)
{
    return row->kind == VD_KIND_MAP &&
           vd_str_is(vd_value_get_str(row, "source"), self->event.source);
}

void why_tell_readings(tui_why_t *self, vd_bytes_t rows)
{
    vd_value_t array, row, one = {0};
    common_t common = {.reads = 0};
    vd_buffer_t raw, value;
    vd_bytes_t rest =
        vd_value_of(rows, &array) && array.kind == VD_KIND_ARRAY ? array.bytes : vd_bytes(NULL, 0);
    vd_buffer_init(&raw, VD_SNAPSHOT_BYTES_MAX);
    vd_buffer_init(&value, VD_SNAPSHOT_BYTES_MAX);
    while (vd_value_next(&rest, &row)) {
        if (!is_of_source(self, &row))
            continue;
        one = row;
        take_row(self, &common, &row);
        vd_write_raw(&raw, row.raw);
    }
    vd_write_array(&value, (uint32_t)common.reads);
    vd_write_raw(&value, vd_buffer_view(&raw));
    bool whole = !raw.full && !value.full;
    if (common.reads == 0)
        why_add(self, WHY_POLLER, TUI_PLAIN, self->poller, vd_bytes(NULL, 0),
                "%s is to read it, and nobody asks for a read of it now", self->poller);
    else if (common.reads == 1)
        tell_one(self, &one);
    else
        tell_many(self, &common, whole ? vd_buffer_view(&value) : vd_bytes(NULL, 0));
    vd_buffer_free(&raw);
    vd_buffer_free(&value);
}
