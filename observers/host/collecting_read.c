/* collecting_read.c: the stream of the session whose events are read. */
#include "collecting_state.h"

#include <assert.h>
#include <stdio.h>

enum { AGAIN_US = 500000 };

static void give_up(vd_host_t *host, vd_effects_t *effects)
{
    host->ended = true;
    vd_effects_exit(effects, VD_NO_MEMORY, "observer %s: no memory for the events of observer %s",
                    host->name, host->collecting.origin);
}

static bool is_of_origin(const vd_collecting_t *self, const vd_event_t *event)
{
    vd_value_t cause;
    return event->cause.size > 0 && vd_value_of(event->cause, &cause) &&
           cause.kind == VD_KIND_MAP &&
           vd_str_is(vd_value_get_str(&cause, "observer"), self->origin) &&
           !vd_str_is(event->type, VD_OBSERVER_STATE);
}

static void take_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                       const vd_position_t *position, vd_effects_t *effects)
{
    vd_host_t *host = arg;
    vd_collecting_t *self = &host->collecting;
    (void)commit, (void)position;
    assert(self->subscriber && vd_str_is(event->session, self->session));
    bool end = vd_str_is(event->type, "session_ended");
    if (!end && !is_of_origin(self, event)) {
        vd_subscriber_consumed(self->subscriber, now, 1, event->raw.size, effects);
        return;
    }
    vd_taken_t *taken =
        end ? vd_taken_add(self, VD_TAKEN_END, self->session, event->seq, vd_str(""), event->data)
            : vd_taken_add(self, VD_TAKEN_EVENT, self->session, event->seq, event->type,
                           event->data);
    if (!taken) {
        give_up(host, effects);
        return;
    }
    taken->life = self->life;
    taken->size = event->raw.size;
    if (!vd_ts_parse(event->ts, &taken->record.at_ms))
        taken->record.at_ms = 0;
    self->read = event->seq;
}

/* Adds a hole, or makes the last one greater, unless it is being asked about. */
static void add_hole(vd_host_t *host, const char *session, uint64_t seq, bool stopped,
                     vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_taken_t *hole = self->last;
    if (!hole || hole == self->first || hole->kind != VD_TAKEN_HOLE)
        hole = vd_taken_add(self, VD_TAKEN_HOLE, session, seq, vd_str(""), vd_bytes(NULL, 0));
    if (!hole) {
        give_up(host, effects);
        return;
    }
    if (seq > hole->seq)
        hole->seq = seq;
    hole->stopped = hole->stopped || stopped;
}

static void tell_hole(vd_host_t *host, vd_now_t now, const char *what, const char *why,
                      vd_effects_t *effects)
{
    if (vd_faults_set(
            &host->faults, VD_STAGE_STATE, now.wall_ms,
            "%s of observer %s cannot be read (%s): observer %s goes on from its snapshot", what,
            host->collecting.origin, why, host->name))
        vd_effects_log(effects, VD_WARN, "%s", host->faults.stages[VD_STAGE_STATE].text);
}

static void take_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                        vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    vd_host_t *host = arg;
    vd_collecting_t *self = &host->collecting;
    char what[VD_NAME_BYTES_MAX + 80];
    (void)position, (void)session;
    const vd_input_place_t *place = &self->place;
    uint64_t last = count > 0 ? first + count - 1 : self->read;
    if (place->rest == VD_REST_NOTHING && strcmp(place->session, self->session) == 0 &&
        last <= place->seq) {
        self->read = last; /* it was dealt with before */
        return;
    }
    snprintf(what, sizeof what, "events of session %s behind %llu", self->session,
             (unsigned long long)self->read);
    tell_hole(host, now, what, vd_status_text(status), effects);
    if (last > self->read)
        self->read = last;
    add_hole(host, self->session, last, false, effects);
}

static void take_stop(void *arg, vd_now_t now, vd_status_t status, const char *text, uint64_t first,
                      uint64_t head, vd_effects_t *effects)
{
    vd_host_t *host = arg;
    vd_collecting_t *self = &host->collecting;
    (void)first, (void)head;
    if (self->last && self->last->kind == VD_TAKEN_END)
        return; /* nothing more was to come */
    if (status == VD_PRUNED || status == VD_CORRUPT || status == VD_UNKNOWN_SESSION) {
        char what[VD_NAME_BYTES_MAX + 32];
        snprintf(what, sizeof what, "session %s", self->session);
        tell_hole(host, now, what, vd_status_text(status), effects);
        add_hole(host, self->session, self->read, true, effects);
        return;
    }
    if (vd_faults_set(&host->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the events of observer %s cannot be read: %s%s%s", self->origin,
                      vd_status_text(status), text && text[0] ? ": " : "", text ? text : ""))
        vd_effects_log(effects, VD_WARN, "%s", host->faults.stages[VD_STAGE_COMMIT].text);
    self->broken = self->told = true;
    vd_effects_timer(effects, VD_HOST_TIMER_COLLECT, now.mono_us + AGAIN_US);
}

static void take_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                          vd_effects_t *effects)
{
    vd_host_t *host = arg;
    (void)effects;
    if (host->collecting.told)
        vd_faults_clear(&host->faults, VD_STAGE_COMMIT, now.wall_ms);
    host->collecting.told = false;
    host->collecting.joined |= vd_lag(head, position->index) == 0;
}

static const vd_subscriber_handler_t handler = {
    .event = take_event, .absent = take_absent, .progress = take_progress, .stopped = take_stop};

static bool make_subscriber(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_peer_t ingestor = vd_peer_named("ingestor");
    if (self->subscriber)
        return true;
    self->subscriber =
        vd_subscriber_new(VD_HOST_PORT_INPUT, &ingestor, VD_HOST_TIMER_INPUT, &handler, host);
    if (!self->subscriber) {
        give_up(host, effects);
        return false;
    }
    vd_subscriber_connect(self->subscriber, now, host->endpoints[3], effects);
    return true;
}

/* Begins the stream behind what was read of the session. */
static void start(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_subscription_t subscription = {
        .seq = self->read + 1, .seed = host->options.inc, .credit_items = VD_COLLECTING_EVENTS};
    if (!make_subscriber(host, now, effects))
        return;
    strcpy(subscription.name, host->name);
    strcpy(subscription.session, self->session);
    self->life++;
    self->broken = self->joined = false;
    self->phase = VD_COLLECTING_READING;
    vd_subscriber_start(self->subscriber, now, &subscription, effects);
}

void vd_collecting_read(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    const vd_input_place_t *place = &self->place;
    assert(!self->given && place->session[0] != 0 && place->rest != VD_REST_SNAPSHOT);
    vd_taken_clear(self);
    strcpy(self->session, place->session);
    self->read = place->seq;
    if (self->read > 0)
        self->read--; /* it is to be given again, or it is the end, which the snapshot knew of */
    start(host, now, effects);
}

void vd_collecting_lose(vd_host_t *host, vd_now_t now, const char *why, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    char what[VD_NAME_BYTES_MAX + 80];
    snprintf(what, sizeof what, "events of session %s behind %llu", self->place.session,
             (unsigned long long)self->place.seq);
    tell_hole(host, now, what, why, effects);
    vd_taken_clear(self);
    self->phase = VD_COLLECTING_READING;
    add_hole(host, self->place.session, self->place.seq, true, effects);
}

bool vd_collecting_step(vd_host_t *host, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    if (!vd_collecting_is_on(host))
        return false;
    if (input->kind == VD_INPUT_TIMER && input->id == VD_HOST_TIMER_COLLECT) {
        if (self->phase == VD_COLLECTING_READING && self->broken)
            start(host, now, effects);
        else
            vd_collecting_ask_again(host, now, effects);
        return true;
    }
    return vd_collecting_answered(host, now, input, effects) ||
           (self->subscriber && vd_subscriber_step(self->subscriber, now, input, effects));
}
