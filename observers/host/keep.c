/* keep.c: the state is kept at the ingestor, so that a restart reads the events behind it alone. */
#include "host_state.h"

#include <assert.h>

enum { ANSWER_US = 10000000, KEPT_BYTES = 32 << 20, KEEP_MIN = 2 };

/* Correlations of a stream begin at 2^48; those of replays and rows are higher. */
static const uint64_t correlation_bit = UINT64_C(1) << 61;

void vd_host_keep_restored(vd_host_t *self, vd_now_t now)
{
    const vd_replay_t *replay = &self->replay;
    vd_keeping_t *keeping = &self->keeping;
    keeping->changed = replay->applied > 0;
    keeping->events = replay->read;
    keeping->at_us = now.mono_us;
    keeping->out = false;
    keeping->seq = strcmp(replay->session, self->session) == 0 ? replay->seq : 0;
    keeping->at_ms = replay->at_ms;
}

void vd_host_keep_applied(vd_host_t *self, vd_now_t now, uint32_t count, uint64_t seq)
{
    self->keeping.changed = true;
    self->keeping.events += count;
    self->keeping.seq = seq;
    self->keeping.at_ms = now.wall_ms;
}

void vd_host_keep_moved(vd_host_t *self, vd_now_t now, uint64_t seq)
{
    self->keeping.seq = seq;
    self->keeping.at_ms = now.wall_ms;
}

void vd_host_keep_soon(vd_host_t *self)
{
    self->keeping.changed = self->keeping.told = true;
    self->keeping.at_us = -self->options.snapshot_interval_ms * 1000;
}

/* Told once, until it is over. */
static void tell(vd_host_t *self, vd_now_t now, const char *what, vd_str_t text,
                 vd_effects_t *effects)
{
    self->keeping.told = true;
    if (vd_faults_set(
            &self->faults, VD_STAGE_STATE, now.wall_ms,
            "the state of observer %s cannot be kept: %s%.*s; a restart reads more events",
            self->name, what, (int)text.size, text.size > 0 ? (const char *)text.data : ""))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_STATE].text);
}

static bool is_due(const vd_host_t *self, vd_now_t now)
{
    const vd_keeping_t *keeping = &self->keeping;
    if (self->options.snapshot_events == 0 || keeping->off || self->phase != VD_HOST_RUNNING ||
        self->outstanding || self->moving || vd_emit_epoch(self->emit) != self->epoch ||
        self->position.store[0] == 0 || keeping->at_ms == 0)
        return false;
    int64_t since_us = now.mono_us - keeping->at_us;
    if (keeping->out && since_us < ANSWER_US)
        return false;
    return keeping->events >= self->options.snapshot_events ||
           (keeping->changed && since_us >= self->options.snapshot_interval_ms * 1000);
}

/* How many states stay: the larger they are, the fewer, so that a session's take a bounded place. */
static uint64_t keep_of(const vd_host_t *self, size_t size)
{
    uint64_t fit = KEPT_BYTES / (size + 1);
    fit = fit > KEEP_MIN ? fit : KEEP_MIN;
    return self->options.snapshots_keep < fit ? self->options.snapshots_keep : fit;
}

static void send(vd_host_t *self, vd_shared_t *state, vd_effects_t *effects)
{
    vd_keeping_t *keeping = &self->keeping;
    vd_peer_t ingestor = vd_peer_named("ingestor");
    vd_message_t message = {.id = VD_MESSAGE_SAVE_SNAPSHOT,
                            .correlation = correlation_bit | ++keeping->correlation};
    vd_save_snapshot_body_t *body = &message.save_snapshot;
    body->observer = vd_str(self->name);
    body->version = vd_replay_version(self->observer);
    body->session = vd_str(self->session);
    body->store = vd_str(self->position.store);
    body->index = self->position.index;
    body->offset = self->position.offset;
    body->chain = self->position.chain;
    body->seq = keeping->seq;
    body->cycle = self->cycle;
    body->at_ms = keeping->at_ms;
    body->keep = keep_of(self, state->size);
    vd_effects_send_shared(effects, VD_HOST_PORT_READ, &ingestor, &message, state);
    vd_host_failpoint_sent(effects, "observer.keeping");
    keeping->out = true;
}

void vd_host_keep_settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!is_due(self, now))
        return;
    self->keeping.at_us = now.mono_us;
    self->keeping.events = 0;
    self->keeping.changed = self->keeping.out = false;
    vd_buffer_t state;
    vd_buffer_init(&state, VD_STATE_BYTES_MAX);
    vd_collecting_save(self, &state);
    vd_shared_t *shared = state.full ? NULL : vd_shared_new(state.size);
    if (shared) {
        memcpy(shared->data, state.data, state.size);
        shared->size = state.size;
        send(self, shared, effects);
        vd_shared_release(&shared);
    } else {
        tell(self, now, "it is larger than a kept state may be, or than memory", vd_bytes(NULL, 0),
             effects);
    }
    vd_buffer_free(&state);
}

bool vd_host_keep_answered(vd_host_t *self, vd_now_t now, const vd_input_t *input,
                           vd_effects_t *effects)
{
    vd_keeping_t *keeping = &self->keeping;
    if (input->kind != VD_INPUT_MESSAGE || input->port != VD_HOST_PORT_READ ||
        input->message->correlation >> 61 != 1)
        return false;
    if (!keeping->out || input->message->correlation != (correlation_bit | keeping->correlation))
        return true;
    keeping->out = false;
    if (input->message->id == VD_MESSAGE_DONE) {
        vd_failpoint("observer.kept");
        if (keeping->told)
            vd_faults_clear(&self->faults, VD_STAGE_STATE, now.wall_ms);
        keeping->told = false;
    } else if (input->message->id == VD_MESSAGE_ERROR) {
        vd_status_t status = vd_status_of_name(input->message->error.status);
        keeping->off = status == VD_UNSUPPORTED; /* an ingestor of an older version */
        keeping->changed = true;
        if (!keeping->off)
            tell(self, now, "", input->message->error.text, effects);
    }
    return true;
}
