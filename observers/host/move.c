/* move.c: goes on in the session that continues this one, with the state as the first word there. */
#include "host_state.h"

#include <assert.h>

enum {
    PART_BYTES = 204800,
    TOKEN_STATE = 0, /* turns count from 1 */
};

static_assert(PART_BYTES + 1024 < VD_EVENT_BYTES_MAX, "a part is one event");

/* Writes one part of the saved state as an event of the run. */
static bool add_part(vd_host_t *self, vd_now_t now, vd_buffer_t *run, vd_bytes_t state,
                     uint64_t part, uint64_t parts)
{
    vd_buffer_t data, cause, event;
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&cause, 1024);
    vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
    vd_write_map(&data, 6);
    vd_write_pair_text(&data, "observer", self->name);
    vd_write_pair_text(&data, "kind", self->observer->name);
    vd_write_pair_u64(&data, "version", self->observer->version);
    vd_write_pair_u64(&data, "part", part);
    vd_write_pair_u64(&data, "parts", parts);
    vd_write_text(&data, "state");
    vd_write_bin(&data, state);
    vd_write_map(&cause, 2);
    vd_write_pair_text(&cause, "observer", self->name);
    vd_write_pair_u64(&cause, "turn", self->cycle);
    vd_event_write(&event, now.wall_ms, vd_str(VD_OBSERVER_STATE), vd_buffer_view(&data),
                   vd_buffer_view(&cause));
    bool fits = !event.full && vd_run_add(run, vd_buffer_view(&event));
    vd_buffer_free(&data);
    vd_buffer_free(&cause);
    vd_buffer_free(&event);
    return fits;
}

/* Writes the state as the events of one frame. Returns how many; 0: it does not fit. */
static uint32_t write_state(vd_host_t *self, vd_now_t now, vd_buffer_t *run)
{
    vd_buffer_t saved;
    vd_buffer_init(&saved, VD_EMIT_BYTES_MAX);
    vd_collecting_save(self, &saved);
    vd_bytes_t rest = vd_buffer_view(&saved);
    uint32_t parts = (uint32_t)((rest.size + PART_BYTES - 1) / PART_BYTES);
    uint32_t part = 0;
    bool fits = !saved.full && parts > 0;
    while (fits && part < parts) {
        size_t size = rest.size < PART_BYTES ? rest.size : PART_BYTES;
        fits = add_part(self, now, run, vd_bytes(rest.data, size), ++part, parts);
        rest = vd_bytes(rest.data + size, rest.size - size);
    }
    assert(!fits || rest.size == 0);
    vd_buffer_free(&saved);
    return fits ? parts : 0;
}

/* The next session is ours; our last event there is `seq` (0: unknown). The events of a turn that the
 * old one has rejected go there. */
static void arrive(vd_host_t *self, vd_now_t now, uint64_t seq, vd_effects_t *effects)
{
    if (strcmp(self->session, self->chain.asked) != 0) {
        self->seq = 0; /* none of its events says more than the state */
        self->seq_unknown = false;
        vd_effects_log(effects, VD_INFO, "goes on from session %s in session %s", self->session,
                       self->chain.asked);
    }
    memmove(self->session, self->chain.asked, sizeof self->session);
    vd_host_keep_moved(self, now, seq);
    vd_chain_rest(self, effects);
    vd_faults_clear(&self->faults, VD_STAGE_COMMIT, now.wall_ms);
    self->moving = false;
    if (!self->turn_waits)
        return;
    self->turn_waits = false;
    vd_host_offer_turn(self, now, effects);
}

/* Writes the state to the session asked for, as our first word there. */
static void enter(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    const char *target = self->chain.asked;
    vd_buffer_t run;
    vd_buffer_init(&run, VD_EMIT_BYTES_MAX);
    uint32_t count = write_state(self, now, &run);
    if (count == 0) {
        if (vd_faults_set(&self->faults, VD_STAGE_STATE, now.wall_ms,
                          "the state of observer %s does not fit into one frame of %d bytes: "
                          "session %s begins without it, and until it is kept there a restart "
                          "goes back to the sessions before",
                          self->name, VD_EMIT_BYTES_MAX, target))
            vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_STATE].text);
        arrive(self, now, 0, effects);
        vd_host_keep_soon(self);
    } else if (vd_emit_offer(self->emit, now, vd_str(target), vd_buffer_view(&run), count,
                             TOKEN_STATE, effects) == VD_OK) {
        self->outstanding = self->stating = true;
        self->state_count = count;
        self->chain.asking = VD_ASK_NOTHING; /* `asked` stays the session that is gone to */
        vd_effects_timer_clear(effects, VD_HOST_TIMER_CHAIN);
    }
    vd_buffer_free(&run);
}

void vd_host_move(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RUNNING && !self->outstanding);
    self->moving = true;
    vd_chain_ask(self, now, VD_ASK_MOVE, self->session, effects);
}

/* The session is open after all: whatever was rejected is tried again with the interval. */
static void stay(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_chain_rest(self, effects);
    self->moving = false;
    if (self->turn_waits)
        vd_host_turn_failed(self, now, "rejected", vd_status_text(VD_SESSION_CLOSED), effects);
    self->turn_waits = false;
}

void vd_host_move_to(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->moving && !self->outstanding);
    if (strcmp(self->chain.asked, self->session) == 0)
        stay(self, now, effects);
    else
        enter(self, now, effects);
}

void vd_host_move_in(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RUNNING && !self->outstanding && !self->turn_waits);
    self->moving = true;
    vd_chain_later(self, now, effects); /* should the frame not be taken now */
    enter(self, now, effects);
}

void vd_host_state_outcome(vd_host_t *self, vd_now_t now, const vd_outcome_t *outcome,
                           vd_effects_t *effects)
{
    assert(self->moving && self->stating && self->outstanding);
    assert(outcome->token == TOKEN_STATE && outcome->count == self->state_count);
    self->outstanding = self->stating = false;
    if (vd_emit_epoch(self->emit) != self->epoch || outcome->status == VD_FENCED)
        return; /* the replay that follows, or the next life, finds what is there */
    if (outcome->status == VD_OK) {
        self->position = outcome->position;
        vd_faults_clear(&self->faults, VD_STAGE_STATE, now.wall_ms);
        bool known = outcome->mark == outcome->first + outcome->count - 1 &&
                     strcmp(outcome->session, self->chain.asked) == 0;
        arrive(self, now, known ? outcome->seq : 0, effects);
        return;
    }
    if (outcome->status != VD_SESSION_CLOSED &&
        vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "session %s does not take the state of observer %s: %s (%s)",
                      self->chain.asked, self->name, vd_status_text(outcome->status),
                      outcome->text))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_COMMIT].text);
    /* That one has ended, too, or is not there any more: once more from ours. */
    if (outcome->status == VD_SESSION_CLOSED)
        vd_host_move(self, now, effects);
    else
        vd_chain_later(self, now, effects);
}
