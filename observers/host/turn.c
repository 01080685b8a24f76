/* turn.c: events and wishes of a turn, within their limits. */
#include "turn.h"

#include <assert.h>
#include <stdarg.h>

void vd_turn_init(vd_turn_t *self, const char *observer)
{
    assert(self && observer);
    *self = (vd_turn_t){.observer = observer};
    vd_buffer_init(&self->run, VD_TURN_BYTES_MAX);
    vd_buffer_init(&self->reads, VD_TURN_READS_MAX * (VD_TEXT_BYTES_MAX + 512));
    vd_buffer_init(&self->scratch, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&self->event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&self->cause, 1024);
}

void vd_turn_free(vd_turn_t *self)
{
    assert(self);
    vd_buffer_free(&self->run);
    vd_buffer_free(&self->reads);
    vd_buffer_free(&self->scratch);
    vd_buffer_free(&self->event);
    vd_buffer_free(&self->cause);
}

void vd_turn_begin(vd_turn_t *self, uint64_t number, int64_t now_ms)
{
    assert(self && number > 0);
    self->number = number;
    self->now_ms = now_ms;
    self->count = self->read_count = 0;
    self->full = self->bad = false;
    self->text[0] = 0;
    vd_buffer_clear(&self->run);
    vd_buffer_clear(&self->reads);
}

static void write_cause(vd_turn_t *self, const vd_sample_record_t *sample)
{
    vd_buffer_clear(&self->cause);
    if (self->origin) {
        vd_place_write_cause(&self->place, self->origin, self->observer, self->number,
                             &self->cause);
        return;
    }
    vd_write_map(&self->cause, sample ? 4 : 2);
    vd_write_pair_text(&self->cause, "observer", self->observer);
    if (sample) {
        vd_write_pair_str(&self->cause, "source", sample->source);
        vd_write_pair_u64(&self->cause, "sample", sample->n);
    }
    vd_write_pair_u64(&self->cause, "turn", self->number);
}

static bool bad_event(vd_turn_t *self, const char *type, const char *why)
{
    self->bad = true;
    snprintf(self->text, sizeof self->text, "the event %s cannot be written: %s", type, why);
    return false;
}

bool vd_turn_event(vd_turn_t *self, const char *type, vd_bytes_t data,
                   const vd_sample_record_t *sample)
{
    assert(self && self->number > 0 && type);
    assert(self->count <= VD_TURN_EVENTS_MAX);
    if (self->full || self->bad)
        return false;
    if (self->count == VD_TURN_EVENTS_MAX) {
        self->full = true;
        return false;
    }
    if (!vd_type_valid(vd_str(type)))
        return bad_event(self, type, "its type is not valid");
    if (vd_scan_exact(data, VD_DEPTH_MAX - 2) != VD_OK)
        return bad_event(self, type, "its data is not one MessagePack value");
    write_cause(self, sample);
    vd_buffer_clear(&self->event);
    vd_event_write(&self->event, self->now_ms, vd_str(type), data, vd_buffer_view(&self->cause));
    if (self->event.full)
        return bad_event(self, type, "it is over the limit of one event");
    size_t before = self->run.size;
    if (!vd_run_add(&self->run, vd_buffer_view(&self->event))) {
        vd_buffer_cut(&self->run, before);
        if (self->count == 0)
            return bad_event(self, type, "it is over the limit of one turn");
        self->full = true;
        return false;
    }
    self->count++;
    return true;
}

/* Is the read that was written at `place` there already? */
static bool is_asked(const vd_turn_t *self, size_t place)
{
    vd_bytes_t rest = vd_bytes(self->reads.data, place);
    vd_bytes_t last = vd_bytes(self->reads.data + place, self->reads.size - place);
    vd_value_t value;
    while (vd_value_next(&rest, &value))
        if (vd_bytes_equal(value.raw, last))
            return true;
    return false;
}

bool vd_turn_read_args(vd_turn_t *self, vd_str_t source, const char *op, const char *target,
                       vd_bytes_t args)
{
    assert(self && op && target);
    assert(self->read_count <= VD_TURN_READS_MAX);
    vd_read_record_t read = {
        .source = source, .op = vd_str(op), .target = vd_str(target), .args = args};
    size_t before = self->reads.size;
    if (vd_record_encode(VD_RECORD_read, &read, &self->reads) != VD_OK || self->reads.full) {
        vd_buffer_cut(&self->reads, before);
        return false;
    }
    bool asked = is_asked(self, before);
    if (asked || self->read_count == VD_TURN_READS_MAX)
        vd_buffer_cut(&self->reads, before);
    else
        self->read_count++;
    return asked || self->reads.size > before;
}

bool vd_turn_read(vd_turn_t *self, vd_str_t source, const char *op, const char *target)
{
    return vd_turn_read_args(self, source, op, target, vd_bytes(NULL, 0));
}

vd_buffer_t *vd_turn_scratch(vd_turn_t *self)
{
    assert(self);
    vd_buffer_clear(&self->scratch);
    return &self->scratch;
}

int64_t vd_turn_now_ms(const vd_turn_t *self)
{
    assert(self);
    return self->now_ms;
}

vd_status_t vd_turn_fail(vd_turn_t *self, vd_status_t status, const char *format, ...)
{
    assert(self && status != VD_OK && format);
    va_list args;
    va_start(args, format);
    vsnprintf(self->text, sizeof self->text, format, args);
    va_end(args);
    return status;
}
