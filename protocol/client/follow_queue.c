/* follow_queue.c: the events of a follow that wait for its caller. */
#include "client/follow_impl.h"

#include <assert.h>
#include <inttypes.h>

static vd_follow_span_t span_of(const vd_event_t *event, vd_bytes_t part)
{
    if (part.size == 0)
        return (vd_follow_span_t){0};
    assert(part.data >= event->raw.data &&
           part.data + part.size <= event->raw.data + event->raw.size);
    return (vd_follow_span_t){(uint32_t)(part.data - event->raw.data), (uint32_t)part.size};
}

static vd_bytes_t part_of(vd_bytes_t raw, vd_follow_span_t span)
{
    assert(span.at + span.size <= raw.size);
    return span.size > 0 ? vd_bytes(raw.data + span.at, span.size) : vd_bytes(NULL, 0);
}

/* ---- in ---- */

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)effects;
    if (self->dry || self->closed || self->reached)
        return;
    if (self->has_target && commit->index > self->target) {
        self->reached = true;
        return;
    }
    bool ended = vd_follow_is_single(self) && vd_str_is(event->type, "session_ended");
    if (ended)
        vd_follow_note_end(self, event->data);
    if (ended && self->wanted.type[0] != 0 &&
        !vd_glob_match(vd_str(self->wanted.type), event->type)) {
        /* It came to tell the end alone. */
        self->position = *position;
        self->closed = true;
        return;
    }
    vd_follow_queued_t head = {.position = *position,
                               .seq = event->seq,
                               .raw_size = (uint32_t)event->raw.size,
                               .ts = span_of(event, event->ts),
                               .type = span_of(event, event->type),
                               .data = span_of(event, event->data),
                               .cause = span_of(event, event->cause),
                               .aux = span_of(event, event->aux)};
    vd_str_copy(head.session, sizeof head.session, event->session);
    size_t before = self->queue.size;
    if (!vd_buffer_add(&self->queue, &head, sizeof head) ||
        !vd_buffer_add(&self->queue, event->raw.data, event->raw.size)) {
        vd_buffer_cut(&self->queue, before);
        self->dry = true;
        return;
    }
    self->position = *position;
    self->closed = ended;
    self->absent_last = false;
    self->round_events++;
    self->queued_us = now.mono_us;
}

/* Ranges that follow on each other are told as one. */
static bool extend_absent(vd_follow_t *self, const vd_follow_queued_t *next)
{
    vd_follow_queued_t last;
    if (!self->absent_last || next->missing == 0)
        return false;
    memcpy(&last, self->queue.data + self->absent_at, sizeof last);
    if (last.absent != next->absent || strcmp(last.session, next->session) != 0 ||
        last.seq + last.missing != next->seq)
        return false;
    last.missing += next->missing;
    last.position = next->position;
    memcpy(self->queue.data + self->absent_at, &last, sizeof last);
    return true;
}

static void add_absent(vd_follow_t *self, const vd_follow_queued_t *head)
{
    if (!extend_absent(self, head)) {
        self->absent_at = self->queue.size;
        self->absent_last = vd_buffer_add(&self->queue, head, sizeof *head);
        self->dry = !self->absent_last;
    }
    if (!self->dry)
        self->position = head->position;
}

static void on_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                      vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)effects;
    if (self->dry || self->closed || self->reached)
        return;
    uint64_t index = position->index + (position->offset > 0 ? 1 : 0);
    if (self->has_target && index > self->target) {
        self->reached = true;
        return;
    }
    vd_follow_queued_t head = {
        .position = *position, .seq = first, .absent = status, .missing = count};
    vd_str_copy(head.session, sizeof head.session, session);
    add_absent(self, &head);
}

static void on_gap(void *arg, vd_now_t now, uint64_t first, uint64_t last,
                   const vd_position_t *position, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)effects, (void)last;
    vd_follow_queued_t head = {.position = *position, .seq = first, .absent = VD_TOO_SLOW};
    vd_str_copy(head.session, sizeof head.session, vd_str(self->wanted.session));
    if (!self->dry && !self->closed && !self->reached)
        add_absent(self, &head);
}

static void on_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                        vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)effects;
    /* Behind the target there is what was not taken: who goes on from here is still to have it. */
    if (self->dry || self->reached)
        return;
    self->position = *position;
    if (self->until_head && !self->has_target) {
        self->has_target = true;
        self->target = head;
    }
    if (self->has_target && position->index >= self->target)
        self->reached = true;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)first, (void)head, (void)effects;
    self->stopped = status == VD_OK ? VD_FAILED : status;
    vd_str_copy(self->stopped_text, sizeof self->stopped_text, vd_str(text));
}

static void on_mode(void *arg, vd_now_t now, vd_stream_mode_t mode, bool reading,
                    vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    vd_follow_mode_t view;
    (void)now, (void)mode, (void)reading, (void)effects;
    if (self->on_mode == NULL)
        return;
    vd_follow_mode(self, &view);
    self->on_mode(self->on_mode_arg, &view);
}

const vd_subscriber_handler_t vd_follow_handler = {.event = on_event,
                                                   .absent = on_absent,
                                                   .progress = on_progress,
                                                   .stopped = on_stopped,
                                                   .mode = on_mode,
                                                   .gap = on_gap};

bool vd_follow_has_news(void *arg)
{
    const vd_follow_t *self = arg;
    return self->queue.size > 0 || self->stopped != VD_OK || self->closed || self->reached ||
           self->dry;
}

/* ---- out ---- */

void vd_follow_settle(vd_follow_t *self)
{
    assert(self->queue_at <= self->queue.size);
    vd_reception_done(self->reception, self->place.position.index);
    if (self->taken_events > 0) {
        vd_reception_consumed(self->reception, vd_client_now(), self->taken_events,
                              self->taken_bytes, vd_engine_effects(&self->engine));
        vd_engine_carry_out(&self->engine);
        self->taken_events = self->taken_bytes = 0;
    }
    size_t rest = self->queue.size - self->queue_at;
    if (rest > 0 && self->queue_at > 0)
        memmove(self->queue.data, self->queue.data + self->queue_at, rest);
    if (self->absent_last && self->absent_at < self->queue_at)
        self->absent_last = false;
    else if (self->absent_last)
        self->absent_at -= self->queue_at;
    self->queue_at = 0;
    vd_buffer_cut(&self->queue, rest);
}

/* Tells of events that are not there. */
static vd_status_t tell_absent(vd_follow_t *self, vd_follow_event_t *event)
{
    const vd_follow_queued_t *range = &self->current;
    const char *why = range->absent == VD_PRUNED ? "pruned" : "damaged or lost";
    assert(range->absent != VD_OK && range->raw_size == 0);
    if (range->absent == VD_TOO_SLOW)
        return vd_client_fail(self->client, range->absent,
                              "commits %" PRIu64 " to %" PRIu64 " left the publisher's memory "
                              "before they were taken; take commits, too, to have them",
                              range->seq, range->position.index);
    if (range->missing == 0)
        return vd_client_fail(self->client, range->absent,
                              "commit %" PRIu64 " cannot be read: the events in it are %s",
                              range->position.index, why);
    *event = (vd_follow_event_t){
        .session = range->session, .seq = range->seq, .missing = range->missing};
    return vd_client_fail(self->client, range->absent,
                          "session %s: events %" PRIu64 " to %" PRIu64 " are %s", range->session,
                          range->seq, range->seq + range->missing - 1, why);
}

vd_status_t vd_follow_pull(vd_follow_t *self, vd_follow_event_t *event)
{
    assert(self->queue.size - self->queue_at >= sizeof self->current);
    memcpy(&self->current, self->queue.data + self->queue_at, sizeof self->current);
    self->queue_at += sizeof self->current;
    self->has_current = true;
    if (self->current.absent != VD_OK)
        return tell_absent(self, event);
    vd_bytes_t raw = vd_bytes(self->queue.data + self->queue_at, self->current.raw_size);
    self->queue_at += raw.size;
    self->taken_events++;
    self->taken_bytes += raw.size;
    self->event = (vd_event_t){.ts = part_of(raw, self->current.ts),
                               .session = vd_str(self->current.session),
                               .seq = self->current.seq,
                               .type = part_of(raw, self->current.type),
                               .data = part_of(raw, self->current.data),
                               .cause = part_of(raw, self->current.cause),
                               .aux = part_of(raw, self->current.aux),
                               .raw = raw};
    vd_str_copy(self->ts, sizeof self->ts, self->event.ts);
    vd_str_copy(self->type, sizeof self->type, self->event.type);
    *event = (vd_follow_event_t){.ts = self->ts,
                                 .session = self->current.session,
                                 .seq = self->current.seq,
                                 .type = self->type,
                                 .data = {self->event.data.data, self->event.data.size},
                                 .raw = {raw.data, raw.size},
                                 .aux = {self->event.aux.data, self->event.aux.size}};
    return VD_OK;
}
