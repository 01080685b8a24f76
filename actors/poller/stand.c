/* stand.c: requests for standing reads. */
#include "poller_parts.h"

#include "wire/auth.h"
#include "wire/run.h"

#include <assert.h>

vd_status_t vd_poller_check(const vd_poller_t *self, const vd_read_record_t *read, int32_t *adapter)
{
    assert(adapter != NULL);
    if (!vd_name_valid(read->source))
        return VD_MALFORMED;
    *adapter = vd_adapter_find(self->adapters, read->adapter);
    if (*adapter < 0 || !vd_adapter_knows(self->adapters[*adapter], read->op))
        return VD_UNSUPPORTED;
    if (read->auth.size > 0 && vd_auth_parse(read->auth, NULL) != VD_OK)
        return VD_MALFORMED;
    if (read->args.size > 0 && vd_scan_exact(read->args, VD_DEPTH_MAX) != VD_OK)
        return VD_MALFORMED;
    return VD_OK;
}

static uint64_t at_most(uint64_t value, uint64_t fallback, uint64_t max)
{
    if (value == 0)
        value = fallback;
    return value < max ? value : max;
}

/* The lease that one row of STAND asks for. VD_OK, or VD_USAGE when the interval is none. */
static vd_status_t make_lease(const vd_stand_body_t *body, const vd_read_record_t *read,
                              int64_t now_us, vd_read_lease_t *lease)
{
    if (read->interval_ms < VD_READ_INTERVAL_MS_MIN || read->interval_ms > VD_READ_INTERVAL_MS_MAX)
        return VD_USAGE;
    *lease = (vd_read_lease_t){
        .inc = body->inc,
        .until_us = now_us + (int64_t)at_most(body->lease_ms, 0, VD_READ_LEASE_MS_MAX) * 1000,
        .interval_us = (int64_t)read->interval_ms * 1000,
        .deadline_us =
            (int64_t)at_most(read->deadline_ms, VD_SAMPLE_DEADLINE_MS, VD_READ_INTERVAL_MS_MAX) *
            1000,
        .bytes_max = at_most(read->bytes_max, VD_SAMPLE_BYTES_MAX, VD_SAMPLE_BYTES_MAX),
    };
    return vd_str_copy(lease->observer, sizeof lease->observer, body->observer) ? VD_OK
                                                                                : VD_MALFORMED;
}

/* Sets when a read that is not out is due: at once for a new one, never later than it was. */
static void set_due(vd_poller_t *self, uint32_t at, int64_t now_us, bool fresh)
{
    vd_standing_t *read = &self->reads.slots[at];
    if (read->running)
        return;
    int64_t due_us =
        fresh ? vd_schedule_soon(now_us, read->interval_us, read->source_hash)
              : vd_schedule_next(now_us, read->started_us, read->interval_us, read->source_hash);
    vd_schedule_set(&self->schedules[read->adapter], at, due_us);
}

static vd_status_t stand_one(vd_poller_t *self, int64_t now_us, const vd_stand_body_t *body,
                             const vd_read_record_t *read, uint64_t *n)
{
    int32_t adapter = 0;
    vd_read_lease_t lease;
    uint32_t at = 0;
    *n = 0;
    vd_status_t status = vd_poller_check(self, read, &adapter);
    if (status == VD_OK)
        status = make_lease(body, read, now_us, &lease);
    if (status != VD_OK)
        return status;
    uint32_t count = self->reads.count;
    status = vd_reads_take(&self->reads, read, adapter, &at);
    if (status != VD_OK)
        return status;
    vd_standing_t *standing = &self->reads.slots[at];
    bool fresh = self->reads.count > count;
    int64_t interval_us = standing->interval_us;
    status = vd_reads_lease(&self->reads, at, now_us, &lease);
    if (fresh && status != VD_OK) {
        vd_reads_remove(&self->reads, at);
        return status;
    }
    if (fresh || standing->interval_us != interval_us)
        set_due(self, at, now_us, fresh);
    if (standing->samples[0].size > 0)
        *n = standing->n;
    return status;
}

/* Appends the row that answers `read`. */
static void write_reading(vd_poller_t *self, const vd_read_record_t *read, uint64_t n,
                          vd_status_t status)
{
    char feed[VD_FEED_BYTES_MAX + 1] = "";
    if (read->source.size <= VD_NAME_BYTES_MAX)
        vd_read_feed(read->source, vd_read_key(read), feed);
    vd_reading_record_t row = {
        .feed = vd_str(feed), .n = n, .status = vd_str(vd_status_name(status))};
    vd_status_t encoded = vd_record_encode(VD_RECORD_reading, &row, &self->rows);
    assert(encoded == VD_OK);
}

/* Is each row a read? A row that is not cannot be answered in its place. */
static vd_status_t check_rows(vd_bytes_t rows)
{
    vd_read_record_t read;
    vd_status_t status;
    while ((status = vd_rows_next(&rows, VD_RECORD_read, &read)) == VD_OK)
        ;
    return status == VD_NOT_FOUND ? VD_OK : status;
}

void vd_poller_stand(vd_poller_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects)
{
    const vd_stand_body_t *body = &input->message->stand;
    assert(input->message->id == VD_MESSAGE_STAND);
    vd_status_t status = check_rows(body->reads);
    if (status != VD_OK || !vd_name_valid(body->observer) || body->lease_ms == 0) {
        vd_effects_reply_error(effects, input, status != VD_OK ? status : VD_MALFORMED,
                               "STAND is not valid: observer must be a name, lease_ms above 0, and "
                               "every row a read");
        return;
    }
    vd_buffer_clear(&self->rows);
    vd_write_array(&self->rows, vd_rows_count(body->reads));
    vd_bytes_t rows = body->reads;
    vd_read_record_t read;
    while (vd_rows_next(&rows, VD_RECORD_read, &read) == VD_OK) {
        uint64_t n = 0;
        status = stand_one(self, now.mono_us, body, &read, &n);
        write_reading(self, &read, n, status);
    }
    if (self->rows.full) {
        vd_effects_reply_error(
            effects, input, VD_TOO_LARGE,
            "the reads stand, but their answer is over a body's size: ask for fewer "
            "reads in one STAND");
        return;
    }
    vd_message_t answer = {.id = VD_MESSAGE_STANDING,
                           .standing = {.inc = self->inc, .readings = vd_buffer_view(&self->rows)}};
    vd_effects_reply(effects, input, &answer);
}
