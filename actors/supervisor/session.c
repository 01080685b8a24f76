#include "session.h"

#include "wire/run.h"

#include <assert.h>
#include <stdio.h>

#define RING_BYTES (2 * VD_EMIT_BYTES_MAX)

enum token { TOKEN_BEGIN = 1, TOKEN_EVENTS, TOKEN_END, TOKEN_NEXT, TOKEN_LAST };

static void flush(vd_session_t *self, vd_now_t now, vd_effects_t *effects);
static void go_over(vd_session_t *self, vd_now_t now, vd_effects_t *effects);

/* ---- outcomes ---- */

static void take_begun(vd_session_t *self, vd_now_t now, const vd_outcome_t *outcome,
                       vd_effects_t *effects)
{
    if (self->state != VD_SESSION_BEGINNING) /* given up at the end of the runtime */
        return;
    bool stored = outcome->status == VD_OK;
    self->state = stored ? VD_SESSION_OPEN : VD_SESSION_REFUSED;
    self->begun_us = now.mono_us;
    if (stored) {
        vd_effects_log(effects, VD_INFO, "session %s has begun", self->id);
        return;
    }
    (void)snprintf(self->text, sizeof self->text, "the ingestor refuses session %.64s: %s (%.600s)",
                   self->id, vd_status_text(outcome->status), outcome->text);
    vd_effects_log(effects, VD_ERROR, "%s", self->text);
}

static void take_next(vd_session_t *self, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    assert(self->next[0] != '\0' && !self->next_begun);
    self->next_begun = outcome->status == VD_OK;
    self->text[0] = '\0';
    if (self->next_begun)
        return;
    (void)snprintf(self->text, sizeof self->text,
                   "session %.64s goes on: the ingestor refuses session %.64s: %s (%.600s)",
                   self->id, self->next, vd_status_text(outcome->status), outcome->text);
    vd_effects_log(effects, VD_WARN, "%s", self->text);
    self->next[0] = '\0';
}

/* Puts runtime events that were not stored back in front of those that wait. */
static void put_back(vd_session_t *self, vd_session_out_t *out)
{
    bool fits = self->pending_count + out->count <= VD_SESSION_EVENTS_MAX &&
                self->pending.size + out->run.size <= VD_SESSION_BYTES_MAX;
    if (fits && vd_buffer_add(&out->run, self->pending.data, self->pending.size)) {
        vd_buffer_t waiting = self->pending;
        self->pending = out->run;
        self->pending_count += out->count;
        out->run = waiting;
    } else {
        self->dropped += out->count;
    }
}

/* Was it rejected because its session is over: ended by somebody else, or pruned since? */
static bool is_over(const vd_outcome_t *outcome)
{
    return outcome->status == VD_SESSION_CLOSED || outcome->status == VD_UNKNOWN_SESSION;
}

/* What becomes of the runtime events in a frame. */
static void take_written(vd_session_t *self, const vd_outcome_t *outcome, vd_session_out_t *out,
                         vd_effects_t *effects)
{
    assert(out->out);
    if (is_over(outcome)) {
        put_back(self, out);
    } else if (outcome->status != VD_OK && out->count > 0) {
        vd_effects_log(effects, VD_WARN, "%u runtime events were rejected: %s (%s)", out->count,
                       vd_status_text(outcome->status), outcome->text);
    }
    out->out = false;
    out->count = 0;
    vd_buffer_clear(&out->run);
}

static void take_ended(vd_session_t *self, const char *id, const vd_outcome_t *outcome,
                       vd_effects_t *effects)
{
    (void)self;
    if (outcome->status == VD_OK)
        vd_effects_log(effects, VD_INFO, "session %s has ended", id);
    else
        vd_effects_log(effects, VD_WARN, "session %s could not be ended: %s (%s)", id,
                       vd_status_text(outcome->status), outcome->text);
}

static void outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    vd_session_t *self = arg;
    switch (outcome->token) {
    case TOKEN_BEGIN:
        take_begun(self, now, outcome, effects);
        break;
    case TOKEN_NEXT:
        take_next(self, outcome, effects);
        break;
    case TOKEN_LAST:
        take_ended(self, self->last, outcome, effects);
        take_written(self, outcome, &self->ending, effects);
        self->last[0] = '\0';
        break;
    case TOKEN_END:
        if (self->state != VD_SESSION_ENDING)
            break;
        self->state = VD_SESSION_ENDED;
        take_ended(self, self->id, outcome, effects);
        break;
    default:
        assert(outcome->token == TOKEN_EVENTS);
        self->closed = self->closed || (is_over(outcome) && !self->last[0]);
        take_written(self, outcome, &self->events, effects);
    }
    go_over(self, now, effects);
    flush(self, now, effects);
}

bool vd_session_init(vd_session_t *self, const char *id, const vd_session_ids_t *ids, uint64_t life,
                     uint16_t port, uint32_t timer)
{
    assert(self && id && id[0] != '\0' && strlen(id) <= VD_NAME_BYTES_MAX);
    *self = (vd_session_t){.state = VD_SESSION_NONE, .ids = *ids, .seed = life};
    strcpy(self->id, id);
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_buffer_init(&self->pending, VD_SESSION_BYTES_MAX);
    vd_buffer_init(&self->event, VD_SESSION_BYTES_MAX);
    vd_buffer_init(&self->data, VD_SESSION_BYTES_MAX);
    vd_buffer_init(&self->events.run, VD_SESSION_BYTES_MAX);
    vd_buffer_init(&self->ending.run, VD_SESSION_BYTES_MAX);
    self->emit = vd_emit_new("supervisor", life, port, &peer, timer, RING_BYTES, outcome, self);
    return self->emit != NULL;
}

void vd_session_free(vd_session_t *self)
{
    vd_emit_destroy(&self->emit);
    vd_buffer_free(&self->pending);
    vd_buffer_free(&self->event);
    vd_buffer_free(&self->data);
    vd_buffer_free(&self->events.run);
    vd_buffer_free(&self->ending.run);
}

const char *vd_session_trouble(const vd_session_t *self)
{
    if (self->text[0] != 0)
        return self->text;
    const char *store = vd_emit_trouble(self->emit);
    return store[0] != 0 ? store : "not on disk yet";
}

/* ---- writing ---- */

/* Appends the event of `type` with the data in self->data to the run. False if it does not fit. */
static bool append(vd_session_t *self, vd_now_t now, const char *type)
{
    vd_buffer_clear(&self->event);
    vd_event_write(&self->event, now.wall_ms, vd_str(type), vd_buffer_view(&self->data),
                   vd_bytes(NULL, 0));
    assert(!self->event.full && !self->data.full);
    if (!vd_run_add(&self->pending, vd_buffer_view(&self->event))) {
        self->pending.full = false;
        return false;
    }
    self->pending_count++;
    return true;
}

static void forget_pending(vd_session_t *self)
{
    self->pending_count = 0;
    vd_buffer_clear(&self->pending);
}

/* Notes the runtime events that wait as those of the frame that goes out. */
static void keep_out(vd_session_t *self, vd_session_out_t *out)
{
    assert(!out->out);
    vd_buffer_clear(&out->run);
    out->out = true;
    out->count = self->pending_count;
    if (self->pending.size > 0 &&
        !vd_buffer_add(&out->run, self->pending.data, self->pending.size)) {
        out->count = 0; /* no memory: they go out once, and are lost if they are rejected */
        vd_buffer_clear(&out->run);
    }
}

static void flush(vd_session_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->state != VD_SESSION_OPEN || self->events.out || self->pending_count == 0 ||
        self->closed || self->ending.out)
        return;
    vd_status_t status =
        vd_emit_offer(self->emit, now, vd_str(self->id), vd_buffer_view(&self->pending),
                      self->pending_count, TOKEN_EVENTS, effects);
    if (status == VD_OVERLOADED)
        return;
    if (status == VD_OK)
        keep_out(self, &self->events);
    else
        vd_effects_log(effects, VD_WARN, "%u runtime events are not written: %s",
                       self->pending_count, vd_status_text(status));
    forget_pending(self);
}

/* Offers session_started of session `id`. */
static vd_status_t offer_start(vd_session_t *self, vd_now_t now, const char *id,
                               const char *continues, uint64_t token, vd_effects_t *effects)
{
    vd_buffer_t run;
    vd_buffer_init(&run, VD_SESSION_BYTES_MAX);
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, continues ? 5 : 4);
    vd_write_pair_text(&self->data, "name", self->facts.name);
    vd_write_pair_text(&self->data, "command", self->facts.command);
    vd_write_text(&self->data, "labels");
    vd_write_map(&self->data, 1);
    vd_write_pair_text(&self->data, "host", self->facts.host);
    vd_write_pair_bool(&self->data, "owner", true);
    if (continues)
        vd_write_pair_text(&self->data, "continues", continues);
    vd_buffer_clear(&self->event);
    vd_event_write(&self->event, now.wall_ms, vd_str("session_started"),
                   vd_buffer_view(&self->data), vd_bytes(NULL, 0));
    vd_status_t status = VD_NO_MEMORY;
    if (vd_run_add(&run, vd_buffer_view(&self->event)))
        status =
            vd_emit_offer(self->emit, now, vd_str(id), vd_buffer_view(&run), 1, token, effects);
    vd_buffer_free(&run);
    return status;
}

void vd_session_begin(vd_session_t *self, vd_now_t now, const char *endpoint,
                      const vd_session_facts_t *facts, vd_effects_t *effects)
{
    assert(self->state == VD_SESSION_NONE && endpoint && facts && facts->host);
    self->facts = *facts;
    vd_emit_open(self->emit, now, endpoint, effects);
    vd_status_t status = offer_start(self, now, self->id, NULL, TOKEN_BEGIN, effects);
    self->state = status == VD_OK ? VD_SESSION_BEGINNING : VD_SESSION_REFUSED;
    if (status != VD_OK) {
        (void)snprintf(self->text, sizeof self->text, "session %.64s cannot be begun: %s", self->id,
                       vd_status_text(status));
        vd_effects_log(effects, VD_ERROR, "%s", self->text);
    }
}

/* Offers what waits, and session_ended behind it. Not VD_OK: what waits still does. */
static vd_status_t offer_end(vd_session_t *self, vd_now_t now, const char *continued_by,
                             uint64_t token, vd_effects_t *effects)
{
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, continued_by ? 2 : 1);
    vd_write_pair_text(&self->data, "status", "completed");
    if (continued_by)
        vd_write_pair_text(&self->data, "continued_by", continued_by);
    size_t before = self->pending.size;
    if (!append(self, now, "session_ended")) {
        self->dropped += self->pending_count;
        forget_pending(self);
        before = 0;
        bool fits = append(self, now, "session_ended");
        assert(fits);
        (void)fits;
    }
    vd_status_t status =
        vd_emit_offer(self->emit, now, vd_str(self->id), vd_buffer_view(&self->pending),
                      self->pending_count, token, effects);
    vd_buffer_cut(&self->pending, before);
    self->pending_count--;
    return status;
}

void vd_session_end(vd_session_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->state == VD_SESSION_OPEN && self->next[0] == '\0');
    vd_status_t status = offer_end(self, now, NULL, TOKEN_END, effects);
    self->state = status == VD_OK ? VD_SESSION_ENDING : VD_SESSION_ENDED;
    if (status != VD_OK)
        vd_effects_log(effects, VD_WARN, "session %s could not be ended: %s", self->id,
                       vd_status_text(status));
    forget_pending(self);
}

/* ---- rolling ---- */

bool vd_session_is_rolling(const vd_session_t *self)
{
    return self->next[0] != '\0' || self->last[0] != '\0';
}

void vd_session_roll(vd_session_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->state == VD_SESSION_OPEN && !vd_session_is_rolling(self));
    vd_session_id_next(&self->ids, now.wall_ms, vd_random_next(&self->seed), self->next);
    self->next_begun = false;
    vd_effects_log(effects, VD_INFO, "session %s is to be continued by %s", self->id, self->next);
    vd_status_t status = offer_start(self, now, self->next, self->id, TOKEN_NEXT, effects);
    if (status == VD_OK)
        return;
    vd_effects_log(effects, VD_WARN, "session %s cannot be begun: %s", self->next,
                   vd_status_text(status));
    self->next[0] = '\0';
}

/* The next session is on disk: ends the old one, and goes on in the next one. */
static void go_over(vd_session_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!self->next_begun || self->next[0] == '\0')
        return;
    assert(self->last[0] == '\0' && !self->ending.out);
    vd_status_t status = offer_end(self, now, self->next, TOKEN_LAST, effects);
    if (status == VD_OVERLOADED)
        return; /* again with the next outcome: something is out */
    if (status == VD_OK) {
        keep_out(self, &self->ending);
        forget_pending(self);
        strcpy(self->last, self->id);
    } else {
        vd_effects_log(effects, VD_WARN, "session %s could not be ended: %s", self->id,
                       vd_status_text(status));
    }
    strcpy(self->id, self->next);
    self->next[0] = '\0';
    self->next_begun = self->closed = false;
    self->went_over = true;
    self->begun_us = now.mono_us;
    vd_effects_log(effects, VD_INFO, "session %s has begun", self->id);
}

/* ---- inputs and runtime events ---- */

bool vd_session_step(vd_session_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects)
{
    return vd_emit_step(self->emit, now, input, effects);
}

/* Whether events may still be written; begins their data if so. */
static bool writable(vd_session_t *self, uint32_t pairs, const vd_child_t *child)
{
    if (self->state > VD_SESSION_OPEN)
        return false;
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, pairs);
    vd_write_pair_text(&self->data, "actor", child->name);
    return true;
}

static void record(vd_session_t *self, vd_now_t now, const char *type, vd_effects_t *effects)
{
    if (self->pending_count >= VD_SESSION_EVENTS_MAX || !append(self, now, type)) {
        if (self->dropped++ == 0)
            vd_effects_log(effects, VD_WARN,
                           "runtime events are dropped: the ingestor takes none and %u wait",
                           self->pending_count);
        return;
    }
    flush(self, now, effects);
    if (self->dropped > 0 && self->pending_count == 0) {
        vd_effects_log(effects, VD_WARN, "%llu runtime events were dropped in all",
                       (unsigned long long)self->dropped);
        self->dropped = 0;
    }
}

void vd_session_actor_started(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                              vd_effects_t *effects)
{
    if (!writable(self, 4, child))
        return;
    vd_write_pair_text(&self->data, "kind", child->kind);
    vd_write_pair_u64(&self->data, "pid", child->pid);
    vd_write_pair_u64(&self->data, "restarts", child->restarts);
    record(self, now, "actor_started", effects);
}

void vd_session_actor_ready(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                            vd_effects_t *effects)
{
    if (!writable(self, 2, child))
        return;
    vd_write_pair_u64(&self->data, "pid", child->pid);
    record(self, now, "actor_ready", effects);
}

void vd_session_actor_exited(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                             uint64_t pid, const vd_death_t *death, vd_effects_t *effects)
{
    static const char *const how[] = {
        [VD_DEATH_EXITED] = "exited",           [VD_DEATH_KILLED] = "killed",
        [VD_DEATH_DUMPED] = "dumped",           [VD_DEATH_NOT_EXECUTED] = "not_executed",
        [VD_DEATH_NOT_STARTED] = "not_started",
    };
    if (!writable(self, 5, child))
        return;
    const char *number = "error";
    if (death->how == VD_DEATH_EXITED)
        number = "code";
    else if (death->how == VD_DEATH_KILLED || death->how == VD_DEATH_DUMPED)
        number = "signal";
    vd_write_pair_u64(&self->data, "pid", pid);
    vd_write_pair_text(&self->data, "how", how[death->how]);
    vd_write_pair_i64(&self->data, number, death->number);
    vd_write_pair_text(&self->data, "text", child->reason);
    record(self, now, "actor_exited", effects);
}

void vd_session_actor_failed(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                             vd_effects_t *effects)
{
    if (!writable(self, 2, child))
        return;
    vd_write_pair_text(&self->data, "reason", child->reason);
    record(self, now, "actor_failed", effects);
}

bool vd_session_went_over(vd_session_t *self)
{
    bool went_over = self->went_over;
    self->went_over = false;
    return went_over;
}

void vd_session_actor_runs(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                           vd_effects_t *effects)
{
    bool down = child->state == VD_CHILD_BACKOFF || child->state == VD_CHILD_FAILED;
    bool started = child->started_ms > 0;
    char ts[VD_TS_SIZE];
    if (!writable(self, 5U + started + down, child))
        return;
    vd_write_pair_text(&self->data, "kind", child->kind);
    vd_write_pair_text(&self->data, "state", vd_child_state_name(child->state));
    vd_write_pair_u64(&self->data, "pid", child->pid);
    vd_write_pair_u64(&self->data, "restarts", child->restarts);
    if (started) {
        vd_ts_format(child->started_ms, ts);
        vd_write_pair_text(&self->data, "since", ts);
    }
    if (down)
        vd_write_pair_text(&self->data, "reason", child->reason);
    record(self, now, "actor_runs", effects);
}
