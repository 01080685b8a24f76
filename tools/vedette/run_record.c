/* run_record.c: events of a command, collected into frames. */
#include "run_record.h"

#include "wire/events.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    LARGEST = VD_EVENT_BYTES_MAX + 2 * VD_NAME_BYTES_MAX, /* event in the frame */
    LAST_BYTES = 4 * VD_TEXT_BYTES_MAX, /* each of the last events; checked where it is written */
    SHOWN_BYTES = 200,                  /* of a line that is refused, on stderr */
};

static void on_receipt(void *arg, const vd_receipt_t *receipt)
{
    run_record_t *self = arg;
    if (receipt->status == VD_OK || receipt->status == VD_EXISTS)
        return;
    if (!self->over)
        cli_fail(self->cli, receipt->status, "session %s %s: %s", self->session,
                 self->begun ? "takes no more events" : "cannot be begun", receipt->text);
    self->over = self->incomplete = true;
}

vd_status_t run_record_open(run_record_t *self, cli_t *cli, int timeout_ms)
{
    char name[VD_NAME_BYTES_MAX + 1];
    uint32_t salt = (uint32_t)cli_wall_ms();
    self->cli = cli;
    vd_buffer_init(&self->frame, RUN_FRAME_BYTES_MAX + LARGEST + RUN_LAST_EVENTS * LAST_BYTES);
    vd_buffer_init(&self->data, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&self->text, 4 * RUN_LINE_BYTES_MAX);
    /* A name of its own: commands that run at the same time must not fence each other. */
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        salt ^= (uint32_t)cli_mono_ms() << 10;
    snprintf(name, sizeof name, "run-%d-%08" PRIx32, (int)getpid(), salt);
    return vd_producer_open(&self->producer, cli->client, name, on_receipt, self, timeout_ms);
}

void run_record_close(run_record_t *self)
{
    vd_producer_destroy(&self->producer);
    vd_buffer_free(&self->frame);
    vd_buffer_free(&self->data);
    vd_buffer_free(&self->text);
}

/* Nobody waits for long with best_effort. */
static bool lets_go(const run_record_t *self)
{
    return self->best_effort && self->blocked_ms != 0 &&
           cli_mono_ms() - self->blocked_ms >= RUN_PATIENCE_MS;
}

static bool has_room(const run_record_t *self)
{
    return self->count < RUN_FRAME_EVENTS_MAX - RUN_LAST_EVENTS &&
           self->frame.size < RUN_FRAME_BYTES_MAX;
}

bool run_record_full(const run_record_t *self)
{
    return !self->over && !has_room(self) && !lets_go(self);
}

void run_record_event(run_record_t *self, const char *type, vd_bytes_t data)
{
    assert(self->count < RUN_FRAME_EVENTS_MAX && data.size > 0);
    if (self->over)
        return;
    vd_buffer_add(&self->frame, type, strlen(type) + 1);
    vd_buffer_add(&self->frame, data.data, data.size);
    assert(!self->frame.full);
    self->ends[self->count++] = self->frame.size;
}

/* Returns whether the line is only counted. */
static bool is_lost(run_record_t *self)
{
    if (has_room(self))
        return false;
    assert(lets_go(self));
    self->lost++;
    self->incomplete = true;
    return true;
}

static void write_lost(run_record_t *self)
{
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, 2);
    vd_write_pair_u64(&self->data, "lines", self->lost);
    vd_write_pair_text(&self->data, "text", "the runtime took no events");
    run_record_event(self, "output_lost", vd_buffer_view(&self->data));
    self->lost = 0;
}

void run_record_end(run_record_t *self, vd_bytes_t data)
{
    assert(data.size <= LAST_BYTES - VD_NAME_BYTES_MAX);
    if (self->lost > 0 && !self->over)
        write_lost(self);
    run_record_event(self, "session_ended", data);
}

static void write_cut(vd_buffer_t *out, const run_line_t *line, size_t more)
{
    if (line->cut + more > 0)
        vd_write_pair_u64(out, "cut", line->cut + more);
}

void run_record_output(run_record_t *self, const char *stream, const run_line_t *line)
{
    if (self->over || is_lost(self))
        return;
    vd_buffer_clear(&self->text);
    vd_buffer_clear(&self->data);
    bool whole = run_text(line->bytes, &self->text);
    vd_write_map(&self->data, 2u + (line->cut > 0) + line->unended + !whole);
    vd_write_pair_text(&self->data, "stream", stream);
    vd_write_pair_str(&self->data, "text", vd_buffer_view(&self->text));
    write_cut(&self->data, line, 0);
    if (line->unended)
        vd_write_pair_bool(&self->data, "unended", true);
    if (!whole) {
        vd_write_text(&self->data, "raw");
        vd_write_bin(&self->data, line->bytes);
    }
    assert(!self->data.full && !self->text.full);
    run_record_event(self, "output", vd_buffer_view(&self->data));
}

/* Records a line that is no event, and shows it. */
static void refuse(run_record_t *self, const run_line_t *line, const char *error)
{
    size_t kept = line->bytes.size < RUN_LINE_BYTES_MAX ? line->bytes.size : RUN_LINE_BYTES_MAX;
    size_t shown = kept < SHOWN_BYTES ? kept : SHOWN_BYTES;
    self->refused++;
    cli_fail(self->cli, VD_BAD_EVENT, "this line is no event: %s: %.*s%s", error, (int)shown,
             (const char *)line->bytes.data,
             shown < line->bytes.size || line->cut > 0 ? "..." : "");
    vd_buffer_clear(&self->text);
    vd_buffer_clear(&self->data);
    run_text(vd_bytes(line->bytes.data, kept), &self->text);
    vd_write_map(&self->data, 2u + (line->cut + line->bytes.size > kept));
    vd_write_pair_text(&self->data, "error", error);
    vd_write_pair_str(&self->data, "text", vd_buffer_view(&self->text));
    write_cut(&self->data, line, line->bytes.size - kept);
    assert(!self->data.full && !self->text.full);
    run_record_event(self, "event_refused", vd_buffer_view(&self->data));
}

/* Reads a line as {type, data}. False with the reason in `error`. */
static bool read_event(run_record_t *self, const run_line_t *line, vd_str_t *type, vd_bytes_t *data,
                       char error[VD_TEXT_BYTES_MAX])
{
    static const uint8_t nothing[] = {0x80};
    vd_value_t map, value;
    snprintf(error, VD_TEXT_BYTES_MAX, "it has more than %d bytes", RUN_EVENT_BYTES_MAX);
    vd_buffer_clear(&self->data);
    if (line->cut > 0 || vd_json_parse(line->bytes, &self->data, error, VD_TEXT_BYTES_MAX) != VD_OK)
        return false;
    *type = *data = vd_bytes(NULL, 0);
    if (!vd_value_of(vd_buffer_view(&self->data), &map) || map.kind != VD_KIND_MAP) {
        snprintf(error, VD_TEXT_BYTES_MAX, "it has to be an object with type and data");
        return false;
    }
    if (vd_value_get(&map, "type", &value))
        *type = vd_value_str(&value);
    *data = vd_value_get(&map, "data", &value) ? value.raw : vd_bytes(nothing, sizeof nothing);
    if (!vd_type_valid(*type)) {
        snprintf(error, VD_TEXT_BYTES_MAX, "its type has to be 1 to %d of a-z A-Z 0-9 _ . -",
                 VD_NAME_BYTES_MAX);
        return false;
    }
    if (vd_str_is(*type, "session_started") || vd_str_is(*type, "session_ended")) {
        snprintf(error, VD_TEXT_BYTES_MAX, "%.*s is written by vedette run alone", (int)type->size,
                 (const char *)type->data);
        return false;
    }
    if (data->size > VD_EVENT_BYTES_MAX - 4 * VD_NAME_BYTES_MAX ||
        vd_scan_exact(*data, VD_DEPTH_MAX - 1) != VD_OK) {
        snprintf(error, VD_TEXT_BYTES_MAX, "its data are too large or nested too deeply");
        return false;
    }
    return !self->strict || vd_event_check(*type, *data, error, VD_TEXT_BYTES_MAX) == VD_OK;
}

void run_record_typed(run_record_t *self, const run_line_t *line)
{
    char error[VD_TEXT_BYTES_MAX], name[VD_NAME_BYTES_MAX + 1];
    vd_str_t type;
    vd_bytes_t data;
    if (self->over || is_lost(self) || (line->bytes.size == 0 && line->cut == 0))
        return;
    if (!read_event(self, line, &type, &data, error)) {
        refuse(self, line, error);
        return;
    }
    vd_str_copy(name, sizeof name, type);
    run_record_event(self, name, data);
}

/* Sends what is in the frame. VD_OK, or VD_OVERLOADED with the frame as it was. */
static vd_status_t send_frame(run_record_t *self)
{
    static vd_new_event_t events[RUN_FRAME_EVENTS_MAX];
    size_t at = 0;
    for (size_t i = 0; i < self->count; i++) {
        const char *type = (const char *)self->frame.data + at;
        size_t data_at = at + strlen(type) + 1;
        assert(data_at < self->ends[i]);
        events[i] = (vd_new_event_t){.type = type,
                                     .data = {self->frame.data + data_at, self->ends[i] - data_at}};
        at = self->ends[i];
    }
    assert(at == self->frame.size);
    vd_status_t status =
        vd_producer_emit_frame(self->producer, self->session, NULL, events, self->count);
    if (status == VD_OVERLOADED)
        return status;
    if (status != VD_OK && !self->over) {
        cli_fail_client(self->cli, status);
        self->over = self->incomplete = true;
    }
    self->written += status == VD_OK ? self->count : 0;
    vd_buffer_clear(&self->frame);
    self->count = 0;
    return VD_OK;
}

/* Says when nothing is taken for long, and when it is again. */
static void tell(run_record_t *self, bool blocked)
{
    int64_t now_ms = cli_mono_ms();
    if (!blocked) {
        if (self->told)
            cli_say(self->cli, "vedette: events are taken again, after %.1f s",
                    (double)(now_ms - self->blocked_ms) / 1000);
        self->blocked_ms = 0;
        self->told = false;
        return;
    }
    if (self->blocked_ms == 0)
        self->blocked_ms = now_ms;
    if (self->told || now_ms - self->blocked_ms < RUN_PATIENCE_MS)
        return;
    self->told = true;
    cli_say(self->cli, self->best_effort ? "vedette: the runtime takes no events: output is lost"
                                         : "vedette: the runtime takes no events: the command "
                                           "is held back until it does; see: vedette status");
}

bool run_record_push(run_record_t *self, int wait_ms)
{
    vd_status_t status = self->count > 0 && !self->over ? send_frame(self) : VD_OK;
    if (status == VD_OK && self->lost > 0 && !self->over) {
        write_lost(self);
        status = send_frame(self);
    }
    tell(self, status == VD_OVERLOADED);
    vd_producer_wait(self->producer, wait_ms);
    if (self->over) {
        vd_buffer_clear(&self->frame);
        self->count = 0;
    }
    return self->count == 0;
}
