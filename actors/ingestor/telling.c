/* telling.c: the session of the runtime, and what subscribers go through, told in it. */
#include "sequencer_state.h"

#include <assert.h>
#include <string.h>

enum {
    BURST = 32,       /* events that may follow each other */
    EACH_US = 100000, /* and one more after each of these */
};

void vd_seq_begin_telling(vd_sequencer_t *self)
{
    self->telling.by_frames = self->telling.by_time = BURST;
}

static vd_session_t *continuation(vd_sequencer_t *self, const char *id)
{
    for (vd_session_t *session = self->open; session != NULL; session = session->next_open)
        if (strcmp(session->open->continues, id) == 0)
            return session;
    return NULL;
}

void vd_seq_follow_runtime(vd_sequencer_t *self, const vd_session_t *closed)
{
    if (self->telling.session[0] == 0 || strcmp(self->telling.session, closed->id) != 0)
        return;
    const vd_session_t *next = continuation(self, closed->id);
    if (next != NULL)
        memcpy(self->telling.session, next->id, sizeof next->id);
}

vd_session_t *vd_seq_runtime_session(vd_sequencer_t *self)
{
    if (self->telling.session[0] == 0)
        return NULL;
    vd_session_t *session = vd_names_get(&self->sessions, vd_str(self->telling.session));
    if (session != NULL &&
        (session->open == NULL || vd_session_is_closed(&session->open->assigned)))
        session = continuation(self, self->telling.session);
    if (session == NULL || session->open->assigned.state != VD_SESSION_ACTIVE)
        return NULL;
    return session;
}

/* Takes one of the events that may still be written. Each has to be paid for by a frame of somebody
 * else: what a subscriber does because of such an event can never bring forth another one for
 * ever. */
static bool may_tell(vd_telling_t *self, vd_now_t now, uint64_t frames)
{
    uint64_t more = frames - self->frames_seen;
    self->frames_seen = frames;
    self->by_frames = more < BURST - self->by_frames ? self->by_frames + (uint32_t)more : BURST;
    while (self->by_time < BURST && now.mono_us >= self->time_us + EACH_US) {
        self->by_time++;
        self->time_us += EACH_US;
    }
    if (self->by_time == BURST)
        self->time_us = now.mono_us;
    if (self->by_frames == 0 || self->by_time == 0)
        return false;
    self->by_frames--;
    self->by_time--;
    return true;
}

static void write_mode(vd_buffer_t *data, const vd_seq_notice_t *notice, uint64_t left_out)
{
    vd_write_map(data, 5 + (left_out > 0) + (notice->where[0] != 0));
    vd_write_pair_text(data, "name", notice->name);
    vd_write_pair_text(data, "from", notice->from);
    vd_write_pair_text(data, "to", notice->to);
    vd_write_pair_u64(data, "lag", notice->lag);
    vd_write_pair_u64(data, "queue", notice->queue);
}

static void write_drop(vd_buffer_t *data, const vd_seq_notice_t *notice, uint64_t left_out)
{
    vd_write_map(data, 3 + (left_out > 0) + (notice->where[0] != 0));
    vd_write_pair_text(data, "name", notice->name);
    vd_write_pair_text(data, "reason", vd_status_name(notice->status));
    vd_write_pair_text(data, "text", notice->text);
}

/* The run of one event that tells it, in the sequencer's scratch; empty when it does not fit. */
static vd_bytes_t make_event(vd_sequencer_t *self, vd_now_t now, const vd_seq_notice_t *notice)
{
    bool dropped = notice->kind == VD_SEQ_SUBSCRIBER_DROPPED;
    uint64_t left_out = self->telling.left_out;
    vd_buffer_clear(&self->data);
    vd_buffer_clear(&self->event);
    vd_buffer_clear(&self->run);
    if (dropped)
        write_drop(&self->data, notice, left_out);
    else
        write_mode(&self->data, notice, left_out);
    if (notice->where[0] != 0)
        vd_write_pair_text(&self->data, "publisher", notice->where);
    if (left_out > 0)
        vd_write_pair_u64(&self->data, "left_out", left_out);
    vd_event_write(&self->event, now.wall_ms,
                   vd_str(dropped ? "subscriber_dropped" : "subscriber_mode"),
                   vd_buffer_view(&self->data), vd_bytes(NULL, 0));
    bool whole = !self->data.full && !self->event.full &&
                 vd_run_add(&self->run, vd_buffer_view(&self->event));
    return whole ? vd_buffer_view(&self->run) : vd_bytes(NULL, 0);
}

static bool tell(vd_sequencer_t *self, vd_now_t now, vd_session_t *session,
                 const vd_seq_notice_t *notice)
{
    if (!vd_seq_tell_outage(self, now, session))
        return false;
    vd_bytes_t run = make_event(self, now, notice);
    if (run.size == 0)
        return false;
    vd_batch_t *batch = vd_seq_collect(self, now, session, 1, run.size);
    if (batch == NULL)
        return false;
    vd_store_session_t *record = &session->open->assigned;
    vd_batch_touch_session(batch, session);
    vd_batch_add(batch, session, record->last_seq + 1, run, 1);
    record->last_seq++;
    record->bytes += run.size;
    return true;
}

void vd_seq_take_notice(vd_sequencer_t *self, vd_now_t now, const vd_seq_notice_t *notice)
{
    assert(notice != NULL);
    vd_session_t *session = vd_seq_runtime_session(self);
    if (session == NULL || self->trouble || self->stopping)
        return;
    if (may_tell(&self->telling, now, self->stats.frames) && tell(self, now, session, notice)) {
        self->telling.left_out = 0;
        self->stats.told++;
    } else {
        self->telling.left_out++;
        self->stats.left_out++;
    }
}
