#include "session.h"

#include "wire/run.h"

#include <assert.h>
#include <stdio.h>

#define RING_BYTES (2 * VD_EMIT_BYTES_MAX)

enum token { TOKEN_BEGIN = 1, TOKEN_EVENTS, TOKEN_END };

static void flush(vd_session_t *self, vd_now_t now, vd_effects_t *effects);

static void outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    vd_session_t *self = arg;
    bool stored = outcome->status == VD_OK;
    switch (outcome->token) {
    case TOKEN_BEGIN:
        if (self->state != VD_SESSION_BEGINNING) /* given up at the end of the runtime */
            break;
        self->state = stored ? VD_SESSION_OPEN : VD_SESSION_REFUSED;
        if (stored) {
            vd_effects_log(effects, VD_INFO, "session %s has begun", self->id);
            break;
        }
        (void)snprintf(self->text, sizeof self->text,
                       "the ingestor refuses session %.64s: %s (%.600s)", self->id,
                       vd_status_text(outcome->status), outcome->text);
        vd_effects_log(effects, VD_ERROR, "%s", self->text);
        break;
    case TOKEN_END:
        if (self->state != VD_SESSION_ENDING)
            break;
        self->state = VD_SESSION_ENDED;
        if (stored)
            vd_effects_log(effects, VD_INFO, "session %s has ended", self->id);
        else
            vd_effects_log(effects, VD_WARN, "session %s could not be ended: %s (%s)", self->id,
                           vd_status_text(outcome->status), outcome->text);
        break;
    default:
        assert(outcome->token == TOKEN_EVENTS);
        self->out = false;
        if (!stored)
            vd_effects_log(effects, VD_WARN, "%u runtime events were rejected: %s (%s)",
                           outcome->count, vd_status_text(outcome->status), outcome->text);
    }
    flush(self, now, effects);
}

bool vd_session_init(vd_session_t *self, const char *id, uint64_t life, uint16_t port,
                     uint32_t timer)
{
    assert(self && id && id[0] != '\0');
    *self = (vd_session_t){.state = VD_SESSION_NONE, .id = id};
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_buffer_init(&self->pending, VD_SESSION_BYTES_MAX);
    vd_buffer_init(&self->event, VD_SESSION_BYTES_MAX);
    vd_buffer_init(&self->data, VD_SESSION_BYTES_MAX);
    self->emit = vd_emit_new("supervisor", life, port, &peer, timer, RING_BYTES, outcome, self);
    return self->emit != NULL;
}

void vd_session_free(vd_session_t *self)
{
    vd_emit_destroy(&self->emit);
    vd_buffer_free(&self->pending);
    vd_buffer_free(&self->event);
    vd_buffer_free(&self->data);
}

const char *vd_session_trouble(const vd_session_t *self)
{
    if (self->text[0] != 0)
        return self->text;
    const char *store = vd_emit_trouble(self->emit);
    return store[0] != 0 ? store : "not on disk yet";
}

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

static void flush(vd_session_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->state != VD_SESSION_OPEN || self->out || self->pending_count == 0)
        return;
    vd_status_t status =
        vd_emit_offer(self->emit, now, vd_str(self->id), vd_buffer_view(&self->pending),
                      self->pending_count, TOKEN_EVENTS, effects);
    if (status == VD_OVERLOADED)
        return;
    if (status != VD_OK)
        vd_effects_log(effects, VD_WARN, "%u runtime events are not written: %s",
                       self->pending_count, vd_status_text(status));
    self->out = status == VD_OK;
    self->pending_count = 0;
    vd_buffer_clear(&self->pending);
}

void vd_session_begin(vd_session_t *self, vd_now_t now, const char *endpoint, const char *name,
                      const char *command, const char *host, vd_effects_t *effects)
{
    assert(self->state == VD_SESSION_NONE && endpoint && host);
    vd_buffer_t run;
    vd_buffer_init(&run, VD_SESSION_BYTES_MAX);
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, 4);
    vd_write_pair_text(&self->data, "name", name);
    vd_write_pair_text(&self->data, "command", command);
    vd_write_text(&self->data, "labels");
    vd_write_map(&self->data, 1);
    vd_write_pair_text(&self->data, "host", host);
    vd_write_pair_bool(&self->data, "owner", true);
    vd_buffer_clear(&self->event);
    vd_event_write(&self->event, now.wall_ms, vd_str("session_started"),
                   vd_buffer_view(&self->data), vd_bytes(NULL, 0));
    vd_emit_open(self->emit, now, endpoint, effects);
    vd_status_t status = VD_NO_MEMORY;
    if (vd_run_add(&run, vd_buffer_view(&self->event)))
        status = vd_emit_offer(self->emit, now, vd_str(self->id), vd_buffer_view(&run), 1,
                               TOKEN_BEGIN, effects);
    self->state = status == VD_OK ? VD_SESSION_BEGINNING : VD_SESSION_REFUSED;
    if (status != VD_OK) {
        (void)snprintf(self->text, sizeof self->text, "session %.64s cannot be begun: %s", self->id,
                       vd_status_text(status));
        vd_effects_log(effects, VD_ERROR, "%s", self->text);
    }
    vd_buffer_free(&run);
}

void vd_session_end(vd_session_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->state == VD_SESSION_OPEN);
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, 1);
    vd_write_pair_text(&self->data, "status", "completed");
    if (!append(self, now, "session_ended")) {
        self->dropped += self->pending_count;
        self->pending_count = 0;
        vd_buffer_clear(&self->pending);
        bool fits = append(self, now, "session_ended");
        assert(fits);
        (void)fits;
    }
    vd_status_t status =
        vd_emit_offer(self->emit, now, vd_str(self->id), vd_buffer_view(&self->pending),
                      self->pending_count, TOKEN_END, effects);
    self->state = status == VD_OK ? VD_SESSION_ENDING : VD_SESSION_ENDED;
    if (status != VD_OK)
        vd_effects_log(effects, VD_WARN, "session %s could not be ended: %s", self->id,
                       vd_status_text(status));
    self->pending_count = 0;
    vd_buffer_clear(&self->pending);
}

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
