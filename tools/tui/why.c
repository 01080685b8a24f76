/* why.c: what a story wants to know, one thing after the other. */
#include "tui/why_state.h"

#include "wire/message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TEXTS_BYTES_MAX = TUI_WHY_FACTS_MAX * TUI_WHY_TEXT_MAX,
    VALUES_BYTES_MAX = 4 * VD_EVENT_BYTES_MAX,
    NEAR_ENOUGH = 512, /* events: no need to look for the time more closely */
};

static void want_events(tui_why_t *self, why_stage_t stage, const char *session, uint64_t from,
                        uint64_t count)
{
    self->stage = stage;
    self->found = false;
    self->hole = VD_OK;
    vd_str_copy(self->want_session, sizeof self->want_session, vd_str(session));
    self->want = (tui_why_want_t){
        .kind = TUI_WHY_EVENTS, .session = self->want_session, .seq = from, .count = count};
}

static void want(tui_why_t *self, why_stage_t stage, tui_why_want_kind_t kind, const char *session,
                 const char *actor)
{
    self->stage = stage;
    vd_str_copy(self->want_session, sizeof self->want_session, vd_str(session));
    vd_str_copy(self->want_actor, sizeof self->want_actor, vd_str(actor));
    self->want =
        (tui_why_want_t){.kind = kind, .session = self->want_session, .actor = self->want_actor};
}

static void end(tui_why_t *self)
{
    self->stage = WHY_TOLD;
    self->want = (tui_why_want_t){.kind = TUI_WHY_NOTHING};
    if (self->status == VD_OK)
        why_tell_near(self);
}

static void fail(tui_why_t *self, vd_status_t status, const char *text)
{
    assert(status != VD_OK);
    self->status = status;
    vd_str_copy(self->error, sizeof self->error, vd_str(text));
    self->fact_count = 0;
    end(self);
}

tui_why_t *tui_why_new(const char *session, uint64_t seq, bool live)
{
    assert(session != NULL);
    tui_why_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->live = live;
    vd_buffer_init(&self->next_raw, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&self->texts, TEXTS_BYTES_MAX);
    vd_buffer_init(&self->values, VALUES_BYTES_MAX);
    vd_str_copy(self->first.session, sizeof self->first.session, vd_str(session));
    self->first.seq = seq;
    if (seq == 0)
        fail(self, VD_USAGE, "sequences begin at 1");
    else
        want_events(self, WHY_FIND, session, seq, 1);
    return self;
}

void tui_why_destroy(tui_why_t **self)
{
    if (*self == NULL)
        return;
    vd_buffer_free(&(*self)->next_raw);
    vd_buffer_free(&(*self)->texts);
    vd_buffer_free(&(*self)->values);
    free(*self);
    *self = NULL;
}

const tui_why_want_t *tui_why_want(const tui_why_t *self)
{
    return &self->want;
}

vd_status_t tui_why_status(const tui_why_t *self, const char **error)
{
    if (error != NULL)
        *error = self->error;
    return self->status;
}

/* ---- events ---- */

/* Keeps the event as the one that was looked for. */
static void keep(tui_why_t *self, const vd_event_t *event)
{
    vd_buffer_clear(&self->next_raw);
    self->found = vd_buffer_add(&self->next_raw, event->raw.data, event->raw.size);
    why_read(&self->next, self->want_session, event);
}

static bool is_of(const vd_event_t *event, const char *observer)
{
    vd_value_t cause;
    return vd_value_of(event->cause, &cause) && cause.kind == VD_KIND_MAP &&
           vd_str_is(vd_value_get_str(&cause, "observer"), observer);
}

/* The time of an event in the middle of the runtime's session says on which side to look on. */
static void compare(tui_why_t *self, const vd_event_t *event)
{
    int64_t ms = 0;
    self->found = true;
    if (vd_ts_parse(event->ts, &ms) && ms > self->first.ms)
        self->high = event->seq;
    else
        self->low = event->seq;
}

void tui_why_event(tui_why_t *self, const vd_event_t *event)
{
    const tui_why_want_t *want = &self->want;
    if (want->kind != TUI_WHY_EVENTS || event->seq < want->seq ||
        event->seq - want->seq >= want->count)
        return;
    switch (self->stage) {
    case WHY_FIND:
        keep(self, event);
        break;
    case WHY_ORIGIN:
    case WHY_BACK:
        if (is_of(event, self->event.source))
            keep(self, event);
        break;
    case WHY_AROUND:
        why_tell_turn_event(self, event);
        if (self->level == 0 && event->seq != self->first.seq)
            why_keep_near(self, self->want_session, event);
        break;
    case WHY_LOCATE:
        compare(self, event);
        break;
    case WHY_RUNTIME:
        why_keep_near(self, self->want_session, event);
        break;
    default:
        break;
    }
}

void tui_why_hole(tui_why_t *self, vd_status_t status, uint64_t seq, uint64_t missing)
{
    const char *how = status == VD_PRUNED ? "were pruned" : "are damaged";
    const tui_why_want_t *want = &self->want;
    if (want->kind != TUI_WHY_EVENTS || seq >= want->seq + want->count)
        return;
    self->hole = status;
    if (self->stage == WHY_FIND)
        return;
    size_t fact;
    if (missing > 0)
        fact = why_add(self, WHY_MISSING, TUI_WARN, "store", vd_bytes(NULL, 0),
                       "%" PRIu64 " events of session %s from %" PRIu64 " on %s", missing,
                       self->want_session, seq, how);
    else
        fact = why_add(self, WHY_MISSING, TUI_WARN, "store", vd_bytes(NULL, 0),
                       "events of session %s around %" PRIu64 " %s", self->want_session, want->seq,
                       how);
    why_about(self, fact, self->want_session, missing > 0 ? seq : 0);
}

/* ---- from one want to the next ---- */

static void want_around(tui_why_t *self)
{
    uint64_t reach = self->level == 0 ? TUI_WHY_AROUND_EVENTS : TUI_WHY_TURN_EVENTS;
    uint64_t seq = self->event.seq, from = seq > reach ? seq - reach : 1;
    want_events(self, WHY_AROUND, self->event.session, from, seq - from + reach + 1);
}

/* Goes on with the event that was found: tells of it and of its cause. */
static void enter(tui_why_t *self)
{
    vd_event_t event = {0};
    self->event = self->next;
    if (self->level == 0)
        self->first = self->next;
    vd_event_read(vd_buffer_view(&self->next_raw), &event);
    event.seq = self->event.seq;
    event.session = vd_str(self->event.session);
    why_tell_event(self, &event);
    why_tell_cause(self, &event);
    want_around(self);
}

/* Without any of the runtime's own events here they are in its own session, if anywhere. */
static void look_for_runtime(tui_why_t *self)
{
    if (self->before_count + self->after_count > 0)
        end(self);
    else
        want(self, WHY_SESSIONS, TUI_WHY_SESSIONS, "", "");
}

/* The chain of causes has ended: where the first sample came from. */
static void look_for_source(tui_why_t *self)
{
    bool sampled =
        self->event.source[0] != 0 && self->event.origin[0] == 0 && self->event.has_sample;
    if (sampled && self->live) {
        want(self, WHY_MEMBERSHIP, TUI_WHY_MEMBERSHIP, "", "");
        return;
    }
    if (sampled)
        why_add(self, WHY_SOURCE, TUI_DIM, "store", vd_bytes(NULL, 0),
                "%s: where it is and who reads it is known while the runtime is up, and not stored",
                self->event.source);
    look_for_runtime(self);
}

/* A collector's event: further back, to the event that it came of. */
static void go_back(tui_why_t *self)
{
    const why_event_t *event = &self->event;
    if (event->origin[0] == 0 || event->sample == 0) {
        look_for_source(self);
    } else if (self->level + 1 == TUI_WHY_LEVELS_MAX) {
        why_add(self, WHY_MISSING, TUI_DIM, "store", vd_bytes(NULL, 0),
                "the chain is followed no further than %d events back", TUI_WHY_LEVELS_MAX);
        look_for_source(self);
    } else {
        want_events(self, WHY_ORIGIN, event->origin, event->sample, 1);
    }
}

static void origin_answered(tui_why_t *self)
{
    uint64_t sample = self->event.sample;
    if (self->found) {
        self->level++;
        enter(self);
    } else if (self->stage == WHY_ORIGIN && sample > 1) {
        uint64_t from = sample > TUI_WHY_AROUND_EVENTS ? sample - TUI_WHY_AROUND_EVENTS : 1;
        char session[VD_NAME_BYTES_MAX + 1];
        vd_str_copy(session, sizeof session, vd_str(self->event.origin));
        want_events(self, WHY_BACK, session, from, sample - from);
    } else {
        why_add(self, WHY_MISSING, TUI_WARN, "store", vd_bytes(NULL, 0),
                "no event of observer %s is found in session %s within %d events before %" PRIu64,
                self->event.source, self->event.origin, TUI_WHY_AROUND_EVENTS, sample + 1);
        look_for_runtime(self);
    }
}

static void found_or_not(tui_why_t *self, vd_status_t status, const char *error)
{
    char text[VD_TEXT_BYTES_MAX + 1];
    if (self->found) {
        enter(self);
    } else if (self->hole != VD_OK) {
        snprintf(text, sizeof text, "event %s:%" PRIu64 " %s", self->first.session, self->first.seq,
                 self->hole == VD_PRUNED ? "was pruned" : "is damaged; see: vedette store verify");
        fail(self, self->hole, text);
    } else if (status != VD_OK && status != VD_NOT_FOUND && status != VD_SESSION_CLOSED) {
        fail(self, status, error != NULL && error[0] != 0 ? error : vd_status_text(status));
    } else {
        want(self, WHY_LAST, TUI_WHY_SESSION, self->first.session, "");
    }
}

static void last_answered(tui_why_t *self, vd_status_t status, const char *error, vd_bytes_t value)
{
    char text[VD_TEXT_BYTES_MAX + 1];
    vd_session_record_t row;
    if (status == VD_OK)
        status = vd_record_decode(value, VD_RECORD_session, &row);
    if (status != VD_OK) {
        fail(self, status, error != NULL && error[0] != 0 ? error : vd_status_text(status));
        return;
    }
    snprintf(text, sizeof text, "session %s has no event %" PRIu64 "; its last one is %" PRIu64,
             self->first.session, self->first.seq, row.last_seq);
    fail(self, VD_NOT_FOUND, text);
}

static void membership_answered(tui_why_t *self, vd_status_t status, const char *error,
                                vd_bytes_t value)
{
    if (status == VD_OK)
        why_tell_membership(self, value);
    else
        why_add(self, WHY_SOURCE, TUI_WARN, "broker", vd_bytes(NULL, 0),
                "%s: the broker cannot be asked (%s), and what it knows is not stored",
                self->event.source,
                error != NULL && error[0] != 0 ? error : vd_status_text(status));
    if (self->poller[0] != 0)
        want(self, WHY_READINGS, TUI_WHY_READINGS, "", self->poller);
    else
        look_for_runtime(self);
}

static void readings_answered(tui_why_t *self, vd_status_t status, const char *error,
                              vd_bytes_t value)
{
    if (status == VD_OK)
        why_tell_readings(self, value);
    else
        why_add(self, WHY_POLLER, TUI_WARN, self->poller, vd_bytes(NULL, 0),
                "%s reads it, and cannot be asked now (%s)", self->poller,
                error != NULL && error[0] != 0 ? error : vd_status_text(status));
    look_for_runtime(self);
}

/* ---- the session of the runtime ---- */

static void want_runtime(tui_why_t *self)
{
    char session[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(session, sizeof session, vd_str(self->runtime));
    if (self->high - self->low > NEAR_ENOUGH) {
        want_events(self, WHY_LOCATE, session, self->low + (self->high - self->low) / 2, 1);
        return;
    }
    uint64_t from = self->low > TUI_WHY_AROUND_EVENTS ? self->low - TUI_WHY_AROUND_EVENTS : 1;
    want_events(self, WHY_RUNTIME, session, from, self->high - from + TUI_WHY_AROUND_EVENTS);
}

static void sessions_answered(tui_why_t *self, vd_status_t status, const char *error,
                              vd_bytes_t rows)
{
    vd_session_record_t row;
    bool own = false;
    while (status == VD_OK && self->runtime[0] == 0) {
        vd_status_t read = vd_rows_next(&rows, VD_RECORD_session, &row);
        if (read == VD_NOT_FOUND)
            break;
        if (read != VD_OK || !vd_str_is(row.owner, "supervisor"))
            continue;
        own = own || vd_str_is(row.session, self->first.session);
        bool then = row.started_ms <= self->first.ms + 1000 &&
                    (row.ended_ms == 0 || row.ended_ms + 1000 >= self->first.ms);
        if (!then || vd_str_is(row.session, self->first.session) || row.last_seq == 0)
            continue;
        vd_str_copy(self->runtime, sizeof self->runtime, row.session);
        self->low = 1;
        self->high = row.last_seq;
    }
    if (status != VD_OK)
        why_add(self, WHY_MISSING, TUI_WARN, "store", vd_bytes(NULL, 0),
                "which session the runtime had then cannot be asked (%s)",
                error != NULL && error[0] != 0 ? error : vd_status_text(status));
    if (self->runtime[0] == 0 || own)
        end(self);
    else
        want_runtime(self);
}

void tui_why_answer(tui_why_t *self, vd_status_t status, const char *error, vd_bytes_t value)
{
    switch (self->stage) {
    case WHY_FIND:
        found_or_not(self, status, error);
        break;
    case WHY_LAST:
        last_answered(self, status, error, value);
        break;
    case WHY_AROUND:
        why_tell_turn(self);
        go_back(self);
        break;
    case WHY_ORIGIN:
    case WHY_BACK:
        origin_answered(self);
        break;
    case WHY_MEMBERSHIP:
        membership_answered(self, status, error, value);
        break;
    case WHY_READINGS:
        readings_answered(self, status, error, value);
        break;
    case WHY_SESSIONS:
        sessions_answered(self, status, error, value);
        break;
    case WHY_LOCATE:
        if (self->found) {
            want_runtime(self);
            break;
        }
        end(self);
        break;
    case WHY_RUNTIME:
        end(self);
        break;
    case WHY_TOLD:
        break;
    }
}
