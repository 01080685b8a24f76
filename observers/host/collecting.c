/* collecting.c: the place of a collector in its input, and what is before its turns. */
#include "collecting_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void vd_collecting_init(vd_host_t *host, const char *origin, const char *endpoint)
{
    vd_collecting_t *self = &host->collecting;
    assert(vd_name_valid(vd_str(origin)) && strlen(endpoint) <= VD_ENDPOINT_BYTES_MAX);
    strcpy(self->origin, origin);
    strcpy(self->endpoint, endpoint);
    self->phase = VD_COLLECTING_IDLE;
    host->turn.origin = self->origin;
}

void vd_collecting_free(vd_host_t *host)
{
    vd_taken_clear(&host->collecting);
    vd_subscriber_destroy(&host->collecting.subscriber);
}

bool vd_collecting_is_on(const vd_host_t *host)
{
    return host->collecting.origin[0] != 0;
}

/* ---- the queue ---- */

vd_taken_t *vd_taken_make(vd_collecting_t *self, vd_taken_kind_t kind, const char *session,
                          uint64_t seq, vd_str_t target, vd_bytes_t content)
{
    vd_taken_t *taken = calloc(1, sizeof *taken + target.size + content.size);
    if (!taken)
        return NULL;
    taken->kind = kind;
    strcpy(taken->session, session);
    taken->seq = seq;
    if (target.size > 0)
        memcpy(taken->bytes, target.data, target.size);
    if (content.size > 0)
        memcpy(taken->bytes + target.size, content.data, content.size);
    taken->record = (vd_sample_record_t){
        .source = vd_str(self->origin),
        .op = vd_str(kind == VD_TAKEN_SNAPSHOT ? VD_INPUT_OP_SNAPSHOT : VD_INPUT_OP_EVENT),
        .target = vd_bytes(taken->bytes, target.size),
        .n = seq,
        .status = vd_str("ok"),
        .content = vd_bytes(taken->bytes + target.size, content.size)};
    return taken;
}

vd_taken_t *vd_taken_add(vd_collecting_t *self, vd_taken_kind_t kind, const char *session,
                         uint64_t seq, vd_str_t target, vd_bytes_t content)
{
    vd_taken_t *taken = vd_taken_make(self, kind, session, seq, target, content);
    if (!taken)
        return NULL;
    if (self->last)
        self->last->next = taken;
    else
        self->first = taken;
    self->last = taken;
    return taken;
}

static vd_taken_t *unlink_first(vd_collecting_t *self)
{
    vd_taken_t *taken = self->first;
    assert(taken && !self->given);
    self->first = taken->next;
    if (!self->first)
        self->last = NULL;
    return taken;
}

void vd_taken_replace(vd_collecting_t *self, vd_taken_t *taken)
{
    free(unlink_first(self));
    taken->next = self->first;
    self->first = taken;
    if (!self->last)
        self->last = taken;
}

void vd_taken_drop(vd_collecting_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_taken_t *taken = unlink_first(self);
    if (taken->life != 0 && taken->life == self->life)
        vd_subscriber_consumed(self->subscriber, now, 1, taken->size, effects);
    free(taken);
}

void vd_taken_clear(vd_collecting_t *self)
{
    self->given = false;
    while (self->first)
        free(unlink_first(self));
}

/* ---- the place ---- */

void vd_collecting_forget(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    if (self->subscriber)
        vd_subscriber_stop(self->subscriber, now, effects);
    host->samples->input = NULL;
    vd_taken_clear(self);
    vd_effects_timer_clear(effects, VD_HOST_TIMER_COLLECT);
    self->phase = VD_COLLECTING_IDLE;
    self->place = (vd_input_place_t){.rest = VD_REST_NOTHING};
    self->asked_us = 0;
    self->broken = false;
}

void vd_collecting_save(const vd_host_t *host, vd_buffer_t *out)
{
    const vd_collecting_t *self = &host->collecting;
    vd_place_save(&self->place, self->origin, host->observer, host->state, out);
}

/* ---- turns ---- */

bool vd_collecting_has_input(const vd_host_t *host)
{
    const vd_taken_t *first = host->collecting.first;
    return first && (first->kind == VD_TAKEN_EVENT || first->kind == VD_TAKEN_SNAPSHOT);
}

bool vd_collecting_is_joined(const vd_host_t *host)
{
    const vd_collecting_t *self = &host->collecting;
    return self->phase == VD_COLLECTING_READING && self->joined && !self->first;
}

/* The place behind a snapshot: what is missing was before it, too. */
static void place_behind(vd_input_place_t *place, const vd_taken_t *taken)
{
    int order = strcmp(taken->session, place->session);
    if (order > 0 || (order == 0 && taken->seq > place->seq)) {
        strcpy(place->session, taken->session);
        place->seq = taken->seq;
    }
    place->rest = VD_REST_NOTHING;
}

void vd_collecting_give(vd_host_t *host)
{
    vd_collecting_t *self = &host->collecting;
    assert(!host->outstanding);
    if (!vd_collecting_is_on(host))
        return;
    self->given = vd_collecting_has_input(host);
    host->samples->input = self->given ? &self->first->record : NULL;
    host->turn.place = self->place;
    if (!self->given)
        return;
    if (self->first->kind == VD_TAKEN_SNAPSHOT) {
        place_behind(&host->turn.place, self->first);
    } else {
        strcpy(host->turn.place.session, self->first->session);
        host->turn.place.seq = self->first->seq;
        host->turn.place.rest = VD_REST_NOTHING;
    }
}

bool vd_collecting_cut(vd_host_t *host)
{
    vd_collecting_t *self = &host->collecting;
    if (!self->given || host->turn.place.rest != VD_REST_NOTHING)
        return false;
    bool snapshot = self->first->kind == VD_TAKEN_SNAPSHOT;
    host->turn.place.rest = snapshot ? VD_REST_SNAPSHOT : VD_REST_EVENT;
    return true;
}

bool vd_collecting_turned(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    if (!self->given)
        return false;
    bool snapshot = self->first->kind == VD_TAKEN_SNAPSHOT, stopped = self->first->stopped;
    host->samples->input = NULL;
    self->given = false;
    self->place = host->turn.place;
    if (self->place.rest != VD_REST_NOTHING)
        return true;
    vd_taken_drop(self, now, effects);
    if (!snapshot)
        return true;
    vd_faults_clear(&host->faults, VD_STAGE_STATE, now.wall_ms);
    self->asked_us = 0;
    /* What the stream brings from behind the hole goes on, unless the snapshot is of a later
     * session. */
    if (stopped || self->broken || strcmp(self->place.session, self->session) != 0)
        vd_collecting_read(host, now, effects);
    else
        self->phase = VD_COLLECTING_READING;
    return true;
}

/* ---- the way of what was read ---- */

void vd_collecting_begin(vd_host_t *host, vd_now_t now, const char *oldest, bool lost,
                         vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    assert(host->phase == VD_HOST_RUNNING && self->phase == VD_COLLECTING_IDLE && !self->first);
    if (!vd_collecting_is_on(host))
        return;
    if (self->place.session[0] == 0)
        strcpy(self->place.session, oldest);
    if (!lost && self->place.rest != VD_REST_SNAPSHOT) {
        vd_collecting_read(host, now, effects);
        return;
    }
    self->place.rest = VD_REST_SNAPSHOT;
    vd_collecting_lose(host, now, lost ? "what was before is lost" : "begun before", effects);
}

/* Was it dealt with? */
static bool is_passed(const vd_collecting_t *self, const vd_taken_t *taken)
{
    const vd_input_place_t *place = &self->place;
    if (taken->kind != VD_TAKEN_EVENT || strcmp(taken->session, place->session) != 0)
        return false;
    return taken->seq < place->seq || (taken->seq == place->seq && place->rest != VD_REST_EVENT);
}

void vd_collecting_settle(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    if (self->phase == VD_COLLECTING_IDLE || self->given)
        return;
    while (self->first && is_passed(self, self->first))
        vd_taken_drop(self, now, effects);
    const vd_taken_t *first = self->first;
    if (first && first->kind == VD_TAKEN_END && self->phase == VD_COLLECTING_READING)
        vd_collecting_link(host, now, effects);
    else if (first && first->kind == VD_TAKEN_HOLE && self->phase != VD_COLLECTING_BEGINNING)
        vd_collecting_ask_snapshot(host, now, effects);
}
