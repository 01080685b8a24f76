/* turns.c: when a turn runs, and what becomes of it. */
#include "host_state.h"

#include <assert.h>

static int64_t interval_us(const vd_host_t *self)
{
    return self->options.interval_ms * 1000;
}

/* When the next turn is due; -1: not before something happens. */
static int64_t due_us(const vd_host_t *self)
{
    if (self->phase != VD_HOST_RUNNING || self->outstanding || self->moving)
        return -1;
    /* The first turn waits for a sample, unless it is known that none will come: then what the state
     * says of sources that have left is to be put right. */
    bool none = self->samples->complete && self->samples->source_count == 0;
    if (vd_collecting_is_on(self)) {
        if (!vd_collecting_has_input(self) && !vd_collecting_is_joined(self))
            return -1;
        none = true;
    }
    if (self->turn_us == 0 && self->new_us == 0 && !none)
        return -1;
    int64_t rest_us = self->turn_us ? self->turn_us + interval_us(self) : self->new_us;
    if (self->failed)
        return rest_us;
    if (self->again || vd_collecting_has_input(self))
        return self->turn_us;
    if (self->new_us == 0)
        return rest_us + interval_us(self) / 4;
    /* When all that was asked for has come there is nothing to wait for. */
    bool whole = self->urgent && !vd_readings_wait(&self->readings);
    int64_t coalesced_us = self->new_us + (whole ? 0 : VD_COALESCE_MS * 1000);
    int64_t spaced_us = self->turn_us ? self->turn_us + interval_us(self) / 10 : 0;
    return self->urgent || coalesced_us > spaced_us ? coalesced_us : spaced_us;
}

bool vd_host_is_turn_due(const vd_host_t *self, vd_now_t now)
{
    int64_t at_us = due_us(self);
    return at_us >= 0 && now.mono_us >= at_us;
}

void vd_host_schedule(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t at_us = self->declaring ? now.mono_us : due_us(self);
    if (at_us < 0)
        vd_effects_timer_clear(effects, VD_HOST_TIMER_TURN);
    else
        vd_effects_timer(effects, VD_HOST_TIMER_TURN, at_us > now.mono_us ? at_us : now.mono_us);
}

/* Draws the view; what does not fit leaves the last good one in place. */
static void draw(vd_host_t *self, vd_now_t now)
{
    vd_buffer_clear(&self->drawing);
    self->observer->view(self->state, self->samples, &self->drawing);
    if (self->drawing.full || vd_scan_exact(vd_buffer_view(&self->drawing), VD_DEPTH_MAX - 2)) {
        vd_faults_set(
            &self->faults, VD_STAGE_TURN, now.wall_ms,
            "the snapshot of observer %s is over %d bytes or not one value; the last good "
            "one is kept",
            self->name, VD_VIEW_BYTES_MAX);
        self->view_old = true;
        return;
    }
    vd_buffer_t good = self->drawing;
    self->drawing = self->view;
    self->view = good;
    self->view_old = false;
}

static void complete(vd_host_t *self, vd_now_t now, uint64_t seq, vd_effects_t *effects)
{
    uint64_t seen = self->samples->seen;
    self->cycle = self->turn.number;
    self->cycle_ms = self->turn.now_ms;
    self->turn_ms = (now.mono_us - self->turn_us) / 1000;
    self->again = self->turn.full;
    self->failed = false;
    vd_faults_clear(&self->faults, VD_STAGE_TURN, now.wall_ms);
    vd_samples_turned(self->samples, self->turn_serial);
    vd_collecting_turned(self, now, effects);
    for (uint32_t at = 0; at < self->samples->source_count; at++)
        if (self->samples->sources[at]->touched > seen)
            self->samples->sources[at]->declared = false;
    self->declaring = true;
    self->declare_at = 0;
    draw(self, now);
    vd_host_publish_cycle(self, now, seq, effects);
    if (vd_samples_have_new(self->samples) && self->new_us == 0)
        self->new_us = now.mono_us;
}

static void fail(vd_host_t *self, vd_now_t now, vd_stage_t stage, const char *what,
                 const char *text, vd_effects_t *effects)
{
    self->failed = true;
    self->again = false;
    if (vd_faults_set(&self->faults, stage, now.wall_ms, "%s%s%s", what, text[0] ? ": " : "", text))
        vd_effects_log(effects, VD_WARN, "turn %llu: %s", (unsigned long long)self->turn.number,
                       self->faults.stages[stage].text);
}

static void ask_reads(vd_host_t *self, vd_now_t now)
{
    vd_bytes_t rest = vd_buffer_view(&self->turn.reads);
    vd_value_t value;
    vd_read_record_t read;
    while (vd_value_next(&rest, &value)) {
        vd_status_t status = vd_record_decode(value.raw, VD_RECORD_read, &read);
        assert(status == VD_OK); /* turn.c wrote it */
        vd_readings_once(&self->readings, now, &read);
    }
}

static vd_status_t run_once(vd_host_t *self, vd_now_t now)
{
    vd_turn_begin(&self->turn, self->cycle + 1, now.wall_ms);
    return self->observer->turn(self->state, self->samples, &self->turn);
}

/* Runs it on the next input, too, as long as they yield nothing: of those only the last one is a
 * cycle. */
static vd_status_t run(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_status_t status;
    for (int inputs = 1;; inputs++) {
        vd_collecting_give(self);
        status = run_once(self, now);
        if (status == VD_OK && self->turn.full && vd_collecting_cut(self))
            status = run_once(self, now); /* it is pure: the same again, but for its causes */
        bool quiet = status == VD_OK && !self->turn.bad && self->turn.count == 0 &&
                     self->turn.read_count == 0;
        if (!quiet || inputs == VD_INPUTS_PER_TURN || !vd_collecting_turned(self, now, effects))
            return status;
        vd_collecting_settle(self, now, effects);
        if (!vd_collecting_has_input(self))
            return status;
    }
}

void vd_host_run_turn(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RUNNING && !self->outstanding);
    self->turn_us = now.mono_us > 0 ? now.mono_us : 1;
    self->new_us = 0;
    self->urgent = false;
    self->turn_serial = self->samples->serial;
    vd_status_t status = run(self, now, effects);
    if (status != VD_OK || self->turn.bad) {
        fail(self, now, VD_STAGE_TURN, vd_status_text(status != VD_OK ? status : VD_BAD_EVENT),
             self->turn.text, effects);
        return;
    }
    ask_reads(self, now);
    if (self->turn.count == 0) {
        complete(self, now, 0, effects);
        return;
    }
    vd_host_offer_turn(self, now, effects);
}

void vd_host_turn_failed(vd_host_t *self, vd_now_t now, const char *what, const char *text,
                         vd_effects_t *effects)
{
    fail(self, now, VD_STAGE_COMMIT, what, text, effects);
}

void vd_host_offer_turn(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(!self->outstanding && !self->moving && self->turn.count > 0);
    vd_failpoint("observer.before_emit");
    vd_status_t status =
        vd_emit_offer(self->emit, now, vd_str(self->session), vd_buffer_view(&self->turn.run),
                      self->turn.count, self->turn.number, effects);
    self->offered++;
    vd_host_failpoint_sent(effects, "observer.after_emit");
    if (status == VD_OK)
        self->outstanding = true;
    else
        vd_host_turn_failed(self, now, "the events cannot be sent", vd_status_text(status),
                            effects);
}

/* Applies the events of the turn, which are on disk. */
static void apply_events(vd_host_t *self, uint64_t last_seq)
{
    vd_bytes_t run = vd_buffer_view(&self->turn.run);
    vd_entry_t entry;
    uint64_t at = 0;
    while (vd_run_next(&run, &entry) == VD_OK) {
        vd_event_t event = {0};
        vd_status_t status = vd_event_read(entry.event, &event);
        assert(status == VD_OK); /* turn.c wrote it */
        at++;
        event.session = vd_str(self->session);
        event.seq = last_seq ? last_seq - self->turn.count + at : 0;
        self->observer->apply(self->state, &event);
    }
    assert(at == self->turn.count);
}

void vd_host_outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    vd_host_t *self = arg;
    if (self->stating) {
        vd_host_state_outcome(self, now, outcome, effects);
        return;
    }
    assert(self->outstanding && outcome->token == self->turn.number);
    assert(outcome->count == self->turn.count);
    self->outstanding = false;
    if (outcome->status == VD_SESSION_CLOSED || outcome->status == VD_UNKNOWN_SESSION) {
        self->turn_waits = true;
        vd_host_move(self, now, effects);
        return;
    }
    if (outcome->status != VD_OK) {
        fail(self, now, VD_STAGE_COMMIT, vd_status_text(outcome->status), outcome->text, effects);
        return;
    }
    if (vd_emit_epoch(self->emit) != self->epoch)
        return; /* the store has changed under the state: the replay that follows applies this too */
    bool known = outcome->mark == outcome->first + outcome->count - 1 &&
                 strcmp(outcome->session, self->session) == 0 && outcome->seq >= self->turn.count;
    uint64_t seq = known ? outcome->seq : 0;
    vd_faults_clear(&self->faults, VD_STAGE_COMMIT, now.wall_ms);
    self->position = outcome->position;
    self->seq = seq;
    self->seq_unknown = !known;
    vd_failpoint("observer.committed");
    apply_events(self, seq);
    vd_failpoint("observer.applied");
    vd_host_keep_applied(self, now, self->turn.count, seq);
    complete(self, now, seq, effects);
}
