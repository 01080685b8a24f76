/* poller.c: reads that are due leave, reads that are done become samples. */
#include "poller.h"

#include "poller_parts.h"
#include "wire/run.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMER_DUE = 1, TIMER_DEADLINE = 2 };
enum { STARTS_PER_STEP_MAX = 128, TIMEOUTS_PER_STEP_MAX = 64 };

/* Counts the adapters and makes their places. False without memory. */
static bool make_places(vd_poller_t *self, uint32_t reads_max)
{
    self->out_max = VD_POLLER_ONCE_MAX;
    self->out_free = VD_OUT_NONE;
    for (uint32_t i = 0; self->adapters[i] != NULL; i++) {
        assert(i < VD_ADAPTERS_MAX && self->adapters[i]->out_max > 0);
        self->out_max += self->adapters[i]->out_max;
        self->adapter_count++;
        if (!vd_schedule_init(&self->schedules[i], reads_max))
            return false;
    }
    self->out = calloc(self->out_max, sizeof *self->out);
    return self->out != NULL && vd_schedule_init(&self->deadlines, self->out_max);
}

vd_poller_t *vd_poller_new(const vd_poller_config_t *config)
{
    assert(config != NULL && config->adapters != NULL && config->inc != 0);
    vd_poller_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->inc = config->inc;
    self->adapters = config->adapters;
    vd_buffer_init(&self->rows, VD_BODY_BYTES_MAX - VD_HEADER_BYTES_MAX);
    vd_buffer_init(&self->sample, VD_FRAME_BYTES_MAX - VD_HEADER_BYTES_MAX);
    vd_buffer_init(&self->scratch, VD_FRAME_BYTES_MAX);
    if (vd_reads_init(&self->reads, config->reads_max, config->samples_bytes_max) &&
        make_places(self, config->reads_max))
        return self;
    vd_poller_destroy(&self);
    return NULL;
}

void vd_poller_destroy(vd_poller_t **self_pointer)
{
    assert(self_pointer != NULL);
    vd_poller_t *self = *self_pointer;
    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->out_high; i++)
        free(self->out[i].bytes);
    free(self->out);
    vd_reads_free(&self->reads);
    for (uint32_t i = 0; i < self->adapter_count; i++)
        vd_schedule_free(&self->schedules[i]);
    vd_schedule_free(&self->deadlines);
    vd_buffer_free(&self->rows);
    vd_buffer_free(&self->sample);
    vd_buffer_free(&self->scratch);
    free(self);
    *self_pointer = NULL;
}

/* ---- starting ---- */

/* A free place among those that are out: the one used last. There is one: the caller has
 * counted. */
static vd_out_t *take_out(vd_poller_t *self)
{
    assert(self->out_count < self->out_max);
    uint32_t i = self->out_free;
    if (i != VD_OUT_NONE)
        self->out_free = self->out[i].next;
    else
        i = self->out_high++;
    vd_out_t *out = &self->out[i];
    assert(!out->used && i < self->out_max);
    *out = (vd_out_t){.used = true, .age = out->age + 1};
    out->job.request.token = (uint64_t)out->age << 32 | i;
    self->out_count++;
    return out;
}

static void free_out(vd_poller_t *self, vd_out_t *out)
{
    assert(out->used && self->out_count > 0);
    uint32_t i = (uint32_t)(out - self->out);
    vd_schedule_clear(&self->deadlines, i);
    free(out->bytes);
    out->bytes = NULL;
    out->used = false;
    out->next = self->out_free;
    self->out_free = i;
    self->out_count--;
    if (out->once)
        self->once_count--;
    else
        self->outs[out->job.adapter]--;
}

static vd_out_t *find_out(vd_poller_t *self, uint64_t token)
{
    uint32_t i = (uint32_t)token;
    if (i >= self->out_high || !self->out[i].used || self->out[i].age != token >> 32)
        return NULL;
    return &self->out[i];
}

static void leave(vd_poller_t *self, vd_now_t now, vd_out_t *out, int64_t deadline_us,
                  vd_effects_t *effects)
{
    assert(self->adapters[out->job.adapter] != NULL);
    out->started_us = now.mono_us;
    out->deadline_us = now.mono_us + deadline_us;
    vd_schedule_set(&self->deadlines, (uint32_t)(out - self->out), out->deadline_us);
    vd_effects_do(effects, VD_POLLER_READ, out->job.request.token, &out->job);
}

static void start_standing(vd_poller_t *self, vd_now_t now, uint32_t at, vd_effects_t *effects)
{
    vd_standing_t *read = &self->reads.slots[at];
    assert(!read->running);
    vd_out_t *out = take_out(self);
    read->running = true;
    read->started_us = now.mono_us;
    out->standing = at;
    out->job.adapter = read->adapter;
    self->outs[read->adapter]++;
    vd_read_request_t *request = &out->job.request;
    request->address = vd_standing_part(read, VD_PART_ADDRESS);
    request->auth = vd_standing_part(read, VD_PART_AUTH);
    request->op = vd_standing_part(read, VD_PART_OP);
    request->target = vd_standing_part(read, VD_PART_TARGET);
    request->args = vd_standing_part(read, VD_PART_ARGS);
    request->bytes_max = read->bytes_max;
    leave(self, now, out, read->deadline_us, effects);
}

/* Starts what is due of one adapter, in order, as far as there are places. Returns when to look
 * again, INT64_MAX for never. */
static int64_t start_due_of(vd_poller_t *self, vd_now_t now, uint32_t adapter,
                            vd_effects_t *effects)
{
    vd_schedule_t *schedule = &self->schedules[adapter];
    int64_t due_us = INT64_MAX;
    for (int started = 0; started < STARTS_PER_STEP_MAX; started++) {
        uint32_t at = vd_schedule_first(schedule, &due_us);
        if (at == VD_SCHEDULE_NONE)
            return INT64_MAX;
        if (due_us > now.mono_us)
            return due_us;
        if (self->outs[adapter] >= self->adapters[adapter]->out_max)
            return INT64_MAX; /* a completion looks again */
        vd_schedule_clear(schedule, at);
        if (vd_reads_live(&self->reads, at, now.mono_us))
            start_standing(self, now, at, effects);
        else
            vd_reads_remove(&self->reads, at);
    }
    return now.mono_us;
}

static int64_t start_due(vd_poller_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t next_us = INT64_MAX;
    for (uint32_t i = 0; i < self->adapter_count; i++) {
        int64_t due_us = start_due_of(self, now, i, effects);
        if (due_us < next_us)
            next_us = due_us;
    }
    return next_us;
}

/* Copies a row of READ_ONCE, so that it outlives the frame. VD_OK or VD_NO_MEMORY. */
static vd_status_t copy_row(vd_out_t *out, const vd_read_record_t *read)
{
    vd_bytes_t *views[] = {&out->read.source, &out->read.address, &out->read.auth,
                           &out->read.op,     &out->read.target,  &out->read.args};
    out->read = *read;
    size_t size = 1;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        size += views[i]->size;
    out->bytes = malloc(size);
    if (out->bytes == NULL)
        return VD_NO_MEMORY;
    uint8_t *to = out->bytes;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        if (views[i]->size > 0)
            memcpy(to, views[i]->data, views[i]->size);
        views[i]->data = to;
        to += views[i]->size;
    }
    return VD_OK;
}

static void start_once(vd_poller_t *self, vd_now_t now, const vd_input_t *input,
                       const vd_read_record_t *read, int32_t adapter, vd_effects_t *effects)
{
    assert(self->once_count < VD_POLLER_ONCE_MAX);
    vd_out_t *out = take_out(self);
    out->once = true;
    self->once_count++;
    if (copy_row(out, read) != VD_OK) {
        free_out(self, out);
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "no memory for one more read");
        return;
    }
    out->peer = input->peer;
    out->correlation = input->message->correlation;
    out->job.adapter = adapter;
    vd_read_request_t *request = &out->job.request;
    request->address = out->read.address;
    request->auth = out->read.auth;
    request->op = out->read.op;
    request->target = out->read.target;
    request->args = out->read.args;
    request->bytes_max = VD_SAMPLE_BYTES_MAX;
    if (read->bytes_max > 0 && read->bytes_max < VD_SAMPLE_BYTES_MAX)
        request->bytes_max = read->bytes_max;
    uint64_t deadline_ms = read->deadline_ms > 0 ? read->deadline_ms : VD_SAMPLE_DEADLINE_MS;
    if (deadline_ms > VD_READ_INTERVAL_MS_MAX)
        deadline_ms = VD_READ_INTERVAL_MS_MAX;
    leave(self, now, out, (int64_t)deadline_ms * 1000, effects);
}

static void read_once(vd_poller_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    assert(input->message->id == VD_MESSAGE_READ_ONCE);
    vd_bytes_t rows = input->message->read_once.reads;
    vd_read_record_t read;
    int32_t adapter = 0;
    vd_status_t status = vd_rows_next(&rows, VD_RECORD_read, &read);
    if (status == VD_OK)
        status = vd_poller_check(self, &read, &adapter);
    if (status != VD_OK)
        vd_effects_reply_error(
            effects, input, status == VD_NOT_FOUND ? VD_MISSING_FIELD : status,
            "READ_ONCE needs one row: a read with a source, an adapter of this poller "
            "and one of its operations");
    else if (self->once_count == VD_POLLER_ONCE_MAX)
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "%d one-off reads are out; ask again later", VD_POLLER_ONCE_MAX);
    else
        start_once(self, now, input, &read, adapter, effects);
}

/* ---- ending ---- */

/* Writes the record into self->sample; what breaks a limit becomes an error of its own. */
static void write_sample(vd_poller_t *self, vd_sample_record_t *record)
{
    vd_buffer_clear(&self->sample);
    if (vd_record_encode(VD_RECORD_sample, record, &self->sample) == VD_OK && !self->sample.full)
        return;
    record->status = vd_str(vd_status_name(VD_TOO_LARGE));
    record->error = vd_str("what was read is over a limit of samples");
    record->meta = record->content = vd_bytes(NULL, 0);
    vd_buffer_clear(&self->sample);
    vd_status_t status = vd_record_encode(VD_RECORD_sample, record, &self->sample);
    assert(status == VD_OK && !self->sample.full);
}

static vd_sample_record_t make_sample(vd_poller_t *self, const vd_read_result_t *result,
                                      vd_now_t now)
{
    vd_str_t error = vd_text_copy(self->error, sizeof self->error, result->error);
    return (vd_sample_record_t){.at_ms = now.wall_ms,
                                .took_us = result->took_us,
                                .status = vd_str(vd_status_name(result->status)),
                                .error = error,
                                .meta = result->meta,
                                .content = result->content};
}

static void note_health(vd_standing_t *read, vd_now_t now, const vd_read_result_t *result)
{
    read->reads++;
    read->at_ms = now.wall_ms;
    read->took_us = result->took_us;
    read->status = result->status;
    if (result->status == VD_OK) {
        read->ok_at_ms = now.wall_ms;
        return;
    }
    read->failures++;
    read->error_at_ms = now.wall_ms;
    vd_text_copy(read->error, sizeof read->error, result->error);
}

static void publish(vd_poller_t *self, const vd_standing_t *read, vd_effects_t *effects)
{
    char feed[VD_FEED_BYTES_MAX + 1];
    vd_read_feed(vd_standing_part(read, VD_PART_SOURCE), read->key, feed);
    vd_bytes_t sample = vd_buffer_view(&read->samples[0]);
    vd_message_t item = {.id = VD_MESSAGE_ITEM,
                         .item = {.feed = vd_str(feed), .inc = self->inc, .n = read->n}};
    if (sample.size <= VD_PUB_FRAME_BYTES_MAX)
        item.payload = sample;
    vd_effects_publish(effects, VD_POLLER_SAMPLES, feed, &item);
}

/* Numbers, keeps and publishes what a standing read gave. */
static void keep_sample(vd_poller_t *self, vd_now_t now, uint32_t at,
                        const vd_read_result_t *result, vd_effects_t *effects)
{
    vd_standing_t *read = &self->reads.slots[at];
    note_health(read, now, result);
    self->readings_n++;
    self->failures += result->status != VD_OK;
    vd_sample_record_t record = make_sample(self, result, now);
    record.source = vd_standing_part(read, VD_PART_SOURCE);
    record.source_inc = read->source_inc;
    record.op = vd_standing_part(read, VD_PART_OP);
    record.target = vd_standing_part(read, VD_PART_TARGET);
    record.n = read->n + 1;
    write_sample(self, &record);
    vd_status_t status = vd_reads_keep(&self->reads, at, vd_buffer_view(&self->sample));
    if (status != VD_OK) {
        vd_read_result_t full = {.status = VD_OVERLOADED,
                                 .error =
                                     vd_str("the samples of this poller have reached their bound: "
                                            "read less, or set pollers.max_processes higher"),
                                 .took_us = result->took_us};
        note_health(read, now, &full);
        vd_sample_record_t error = make_sample(self, &full, now);
        record.status = error.status;
        record.error = error.error;
        record.meta = record.content = vd_bytes(NULL, 0);
        write_sample(self, &record);
        status = vd_reads_keep(&self->reads, at, vd_buffer_view(&self->sample));
    }
    if (status == VD_OK)
        publish(self, read, effects);
}

static void end_standing(vd_poller_t *self, vd_now_t now, const vd_out_t *out,
                         const vd_read_result_t *result, vd_effects_t *effects)
{
    vd_standing_t *read = &self->reads.slots[out->standing];
    assert(read->used && read->running);
    read->running = false;
    keep_sample(self, now, out->standing, result, effects);
    if (!vd_reads_live(&self->reads, out->standing, now.mono_us)) {
        vd_reads_remove(&self->reads, out->standing);
        return;
    }
    int64_t due_us =
        vd_schedule_next(now.mono_us, read->started_us, read->interval_us, read->source_hash);
    vd_schedule_set(&self->schedules[read->adapter], out->standing, due_us);
}

static void end_once(vd_poller_t *self, vd_now_t now, const vd_out_t *out,
                     const vd_read_result_t *result, vd_effects_t *effects)
{
    vd_sample_record_t record = make_sample(self, result, now);
    record.source = out->read.source;
    record.source_inc = out->read.source_inc;
    record.op = out->read.op;
    record.target = out->read.target;
    write_sample(self, &record);
    vd_message_t answer = {.id = VD_MESSAGE_SAMPLE,
                           .correlation = out->correlation,
                           .payload = vd_buffer_view(&self->sample),
                           .sample_once = {.inc = self->inc}};
    vd_effects_send(effects, VD_POLLER_REQUESTS, &out->peer, &answer);
}

static void end(vd_poller_t *self, vd_now_t now, vd_out_t *out, const vd_read_result_t *result,
                vd_effects_t *effects)
{
    if (out->once)
        end_once(self, now, out, result, effects);
    else
        end_standing(self, now, out, result, effects);
    free_out(self, out);
}

/* Cancels what is overdue. */
static void end_overdue(vd_poller_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t deadline_us;
    for (int ended = 0; ended < TIMEOUTS_PER_STEP_MAX; ended++) {
        uint32_t at = vd_schedule_first(&self->deadlines, &deadline_us);
        if (at == VD_SCHEDULE_NONE || deadline_us > now.mono_us)
            return;
        vd_out_t *out = &self->out[at];
        assert(out->used && out->deadline_us == deadline_us);
        char text[96];
        snprintf(text, sizeof text, "no answer within %lld ms",
                 (long long)(deadline_us - out->started_us) / 1000);
        vd_read_result_t result = {.status = VD_TIMED_OUT,
                                   .error = vd_str(text),
                                   .took_us = (uint64_t)(now.mono_us - out->started_us)};
        vd_effects_do(effects, VD_POLLER_CANCEL, out->job.request.token, NULL);
        end(self, now, out, &result, effects);
    }
}

static void set_timer(vd_effects_t *effects, uint32_t id, int64_t at_us)
{
    if (at_us == INT64_MAX)
        vd_effects_timer_clear(effects, id);
    else
        vd_effects_timer(effects, id, at_us);
}

static void take_message(vd_poller_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    switch (input->message->id) {
    case VD_MESSAGE_STAND:
        vd_poller_stand(self, now, input, effects);
        break;
    case VD_MESSAGE_READ_ONCE:
        read_once(self, now, input, effects);
        break;
    case VD_MESSAGE_GET:
    case VD_MESSAGE_READ:
        vd_poller_answer(self, now, input, effects);
        break;
    default:
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "a poller takes STAND, READ_ONCE, GET and READ");
        break;
    }
}

void vd_poller_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_poller_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    switch (input->kind) {
    case VD_INPUT_STOP:
        vd_effects_exit(effects, VD_OK, "stopped");
        return;
    case VD_INPUT_MESSAGE:
        assert(input->port == VD_POLLER_REQUESTS);
        take_message(self, now, input, effects);
        break;
    case VD_INPUT_DONE: {
        vd_out_t *out = find_out(self, input->token);
        if (out != NULL && input->id == VD_POLLER_READ)
            end(self, now, out, input->result, effects);
        break;
    }
    case VD_INPUT_START:
    case VD_INPUT_TIMER:
        break;
    }
    end_overdue(self, now, effects);
    int64_t due_us = start_due(self, now, effects);
    int64_t deadline_us = INT64_MAX;
    vd_schedule_first(&self->deadlines, &deadline_us);
    set_timer(effects, TIMER_DEADLINE, deadline_us);
    set_timer(effects, TIMER_DUE, due_us);
}

uint32_t vd_poller_standing(const vd_poller_t *self)
{
    return self->reads.count;
}

uint64_t vd_poller_reads(const vd_poller_t *self)
{
    return self->readings_n;
}

uint64_t vd_poller_failures(const vd_poller_t *self)
{
    return self->failures;
}

uint32_t vd_poller_out(const vd_poller_t *self)
{
    return self->out_count;
}
