/* replay_state.c: what events and kept states make of the state of a replay. */
#include "replay.h"

#include "kit/failpoint.h"

#include <assert.h>
#include <stdio.h>

/* Is the event one of this observer's? */
static bool is_own(const vd_replay_t *self, const vd_event_t *event, uint64_t *turn)
{
    vd_value_t cause;
    if (event->cause.size == 0 || !vd_value_of(event->cause, &cause) || cause.kind != VD_KIND_MAP)
        return false;
    if (!vd_str_is(vd_value_get_str(&cause, "observer"), self->spec.name))
        return false;
    *turn = vd_value_get_u64(&cause, "turn", 0);
    return true;
}

uint64_t vd_replay_version(const vd_observer_t *observer)
{
    return (uint64_t)vd_crc32c(0, vd_str(observer->name)) << 32 | observer->version;
}

bool vd_replay_fresh(vd_replay_t *self)
{
    if (self->state)
        self->spec.observer->destroy(&self->state);
    self->applied = self->read = self->kept_index = 0;
    self->from_kept = false;
    self->place = (vd_input_place_t){.rest = VD_REST_NOTHING};
    self->seq = 0;
    self->at_ms = 0;
    self->session[0] = 0;
    self->own_position = (vd_position_t){0};
    vd_status_t status =
        self->spec.observer->init(&self->state, self->spec.config, self->text, sizeof self->text);
    if (status == VD_OK)
        return true;
    self->phase = VD_REPLAY_FAILED;
    self->status = status;
    return false;
}

/* Takes a saved state in place of what is there. */
static vd_status_t load(vd_replay_t *self, vd_bytes_t saved)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    const vd_observer_t *observer = self->spec.observer;
    void *fresh = NULL;
    vd_status_t status = observer->init(&fresh, self->spec.config, error, sizeof error);
    if (status == VD_OK)
        status = vd_place_load(&self->place, self->spec.origin, observer, fresh, saved);
    if (status != VD_OK) {
        if (fresh)
            observer->destroy(&fresh);
        return status;
    }
    if (self->state)
        observer->destroy(&self->state);
    self->state = fresh;
    self->links.based = true;
    self->links.stated = self->links.at == 0;
    return VD_OK;
}

/* Was the state written by an observer of this kind and version? One without them is of the first. */
static bool is_readable(const vd_replay_t *self, const vd_value_t *data)
{
    const vd_observer_t *observer = self->spec.observer;
    vd_str_t kind = vd_value_get_str(data, "kind");
    vd_value_t version;
    if (kind.size > 0 && !vd_str_is(kind, observer->name))
        return false;
    return vd_value_get(data, "version", &version) ? vd_value_u64(&version, 0) == observer->version
                                                   : observer->version <= 1;
}

/* The next part of a state that was written as events. Parts are one frame, and so one after the
 * other. A state that cannot be loaded, or is another version's, is left out: what came before it leads
 * to the same. */
static void take_part(vd_replay_t *self, const vd_event_t *event, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    vd_value_t data, state;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP ||
        !vd_value_get(&data, "state", &state) || state.kind != VD_KIND_BIN ||
        !is_readable(self, &data))
        return;
    uint64_t part = vd_value_get_u64(&data, "part", 0);
    if (part == 1) {
        vd_buffer_clear(&links->parts);
        links->part = 1;
    }
    if (part == 0 || part != links->part ||
        !vd_buffer_add(&links->parts, state.bytes.data, state.bytes.size)) {
        links->part = 0; /* a part is missing: nothing but a new first one helps */
        return;
    }
    if (links->part++ != vd_value_get_u64(&data, "parts", 0))
        return;
    vd_status_t status = load(self, vd_buffer_view(&links->parts));
    if (status != VD_OK)
        vd_effects_log(effects, VD_WARN, "the state in session %s cannot be loaded: %s",
                       links->ids[links->at], vd_status_text(status));
}

void vd_replay_take_event(vd_replay_t *self, const vd_event_t *event, const vd_commit_t *commit,
                          vd_effects_t *effects)
{
    uint64_t turn = 0;
    self->read++;
    if (!is_own(self, event, &turn))
        return;
    if (vd_str_is(event->type, VD_OBSERVER_STATE)) {
        take_part(self, event, effects);
    } else if (self->links.based) {
        vd_failpoint("observer.replaying");
        self->spec.observer->apply(self->state, event);
        vd_place_replay(&self->place, self->spec.origin, event);
        self->applied++;
    }
    self->seq = event->seq;
    self->at_ms = commit->time_ms;
    strcpy(self->session, self->links.ids[self->links.at]);
    if (turn > self->cycle)
        self->cycle = turn;
}

/* Is it what was asked for? */
static bool is_wanted(const vd_replay_t *self, const vd_stored_snapshot_body_t *kept)
{
    const vd_moment_t *moment = &self->moment;
    bool newest = self->links.at == 0;
    uint64_t touched = kept->index + (kept->offset > 0 ? 1 : 0);
    return vd_str_is(kept->observer, self->spec.name) &&
           vd_str_is(kept->session, self->links.ids[self->links.at]) &&
           kept->version == vd_replay_version(self->spec.observer) && kept->index > 0 &&
           kept->store.size > 0 && kept->store.size < VD_STORE_ID_SIZE &&
           (!newest || moment->seq == 0 || (kept->seq > 0 && kept->seq <= moment->seq)) &&
           (newest || self->end_index == 0 || touched <= self->end_index) &&
           (moment->at_ms == 0 || kept->at_ms <= moment->at_ms) &&
           (self->below == 0 || kept->index < self->below);
}

bool vd_replay_load_kept(vd_replay_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    const vd_stored_snapshot_body_t *kept = &message->stored_snapshot;
    if (!is_wanted(self, kept))
        return false;
    vd_status_t status = vd_scan_exact(message->payload, VD_DEPTH_MAX);
    if (status == VD_OK)
        status = load(self, message->payload);
    if (status != VD_OK) {
        vd_effects_log(effects, VD_WARN,
                       "the state kept at commit %llu of session %s cannot be loaded: %s",
                       (unsigned long long)kept->index, self->links.ids[self->links.at],
                       vd_status_text(status));
        return false;
    }
    self->position = (vd_position_t){
        .index = kept->index, .offset = kept->offset, .chain = (uint32_t)kept->chain};
    vd_str_copy(self->position.store, sizeof self->position.store, kept->store);
    self->own_position = self->position;
    self->kept_index = kept->index;
    self->from_kept = true;
    self->applied = self->read = 0;
    self->seq = kept->seq;
    self->at_ms = kept->at_ms;
    strcpy(self->session, self->links.ids[self->links.at]);
    if (kept->cycle > self->cycle)
        self->cycle = kept->cycle;
    vd_failpoint("observer.loaded");
    return true;
}
