/* state_take.c: what an event does to a state. */
#include "tui/state.h"
#include "tui/state_impl.h"
#include "wire/events.h"

#include <assert.h>
#include <stdio.h>

/* An event while it is taken. */
typedef struct taking {
    tui_state_t *self;
    const vd_event_t *event;
    vd_value_t data; /* decoded where the type means anything */
    int64_t at_ms;
} taking_t;

typedef void take_fn(const taking_t *taking);

static take_fn take_session_started, take_session_ended, take_session_status, take_actor_started,
    take_actor_ready, take_actor_exited, take_actor_failed, take_actor_runs, take_interrupted,
    take_mode, take_dropped, take_failure, take_made;

/* The place in this table, from 1, is what a type means. */
static const struct {
    const char *type;
    take_fn *take;
} cares[] = {
    {"session_started", take_session_started},
    {"session_ended", take_session_ended},
    {"session_status", take_session_status},
    {"actor_started", take_actor_started},
    {"actor_ready", take_actor_ready},
    {"actor_exited", take_actor_exited},
    {"actor_failed", take_actor_failed},
    {"actor_runs", take_actor_runs},
    {"ingest_interrupted", take_interrupted},
    {"subscriber_mode", take_mode},
    {"subscriber_dropped", take_dropped},
    {"output_lost", take_failure},
    {"event_refused", take_failure},
    {"descendant_check_failed", take_failure},
    {"generation_failed", take_failure},
    {"node_generation_failed", take_failure},
    {"provider_request_failed", take_failure},
    {"fault_injected", take_made},
    {"fault_failed", take_failure},
    {"invariant_violated", take_failure},
};

static uint8_t care_of_workflow(vd_str_t type)
{
    static const char *const groups[] = {"context",  "orchestrator", "queue",
                                         "provider", "scanner",      "watcher"};
    const vd_event_type_t *known = vd_event_type(type);
    for (size_t i = 0; known != NULL && i < sizeof groups / sizeof *groups; i++)
        if (strcmp(known->group, groups[i]) == 0)
            return TUI_CARE_PROGRESS;
    return 0;
}

uint8_t tui_state_care(vd_str_t type)
{
    uint8_t workflow = care_of_workflow(type);
    for (size_t i = 0; i < sizeof cares / sizeof *cares; i++)
        if (vd_str_is(type, cares[i].type))
            return (uint8_t)((i + 1) | workflow);
    return workflow;
}

enum { SIGNAL_TERM = 15 };

/* ---- fields ---- */

static vd_str_t text_of(const taking_t *taking, const char *key)
{
    return vd_value_get_str(&taking->data, key);
}

static uint64_t count_of(const taking_t *taking, const char *key)
{
    return vd_value_get_u64(&taking->data, key, 0);
}

/* The same; below 0 when it is absent or too large. */
static int64_t number_of(const taking_t *taking, const char *key)
{
    uint64_t number = vd_value_get_u64(&taking->data, key, UINT64_MAX);
    return number <= INT64_MAX ? (int64_t)number : -1;
}

static void copy_text(const taking_t *taking, const char *key, char *out, size_t size)
{
    tui_text_copy(out, size, text_of(taking, key));
}

/* ---- faults ---- */

static void note_fault(const taking_t *taking, tui_fault_kind_t kind, vd_str_t name, vd_str_t text)
{
    tui_state_t *self = taking->self;
    tui_fault_t *fault = &self->faults[self->fault_total++ % TUI_FAULTS_MAX];
    fault->seq = taking->event->seq;
    fault->at_ms = taking->at_ms;
    fault->kind = kind;
    tui_text_copy(fault->type, sizeof fault->type, taking->event->type);
    tui_text_copy(fault->name, sizeof fault->name, name);
    tui_text_copy(fault->text, sizeof fault->text, text);
    self->totals.faults[kind]++;
}

static void take_interrupted(const taking_t *taking)
{
    note_fault(taking, TUI_FAULT_INTERRUPTED, vd_str("ingestor"), text_of(taking, "text"));
}

static void take_failure(const taking_t *taking)
{
    static const char *const names[] = {"node", "request", "provider", "target", "invariant"};
    vd_str_t name = vd_bytes(NULL, 0), text = text_of(taking, "error");
    for (size_t i = 0; i < sizeof names / sizeof *names && name.size == 0; i++)
        name = text_of(taking, names[i]);
    note_fault(taking, TUI_FAULT_FAILURE, name, text.size > 0 ? text : text_of(taking, "text"));
}

/* Somebody breaks the runtime on purpose: what, and to whom. */
static void take_made(const taking_t *taking)
{
    note_fault(taking, TUI_FAULT_MADE, text_of(taking, "target"), text_of(taking, "fault"));
}

/* ---- the session ---- */

static void take_session_started(const taking_t *taking)
{
    tui_session_t *session = &taking->self->session;
    vd_value_t owner;
    copy_text(taking, "name", session->name, sizeof session->name);
    copy_text(taking, "command", session->command, sizeof session->command);
    copy_text(taking, "continues", session->continues, sizeof session->continues);
    session->owned =
        vd_value_get(&taking->data, "owner", &owner) && owner.kind == VD_KIND_BOOL && owner.boolean;
}

static void take_session_ended(const taking_t *taking)
{
    tui_session_t *session = &taking->self->session;
    bool failed = vd_str_is(text_of(taking, "status"), "failed");
    vd_str_t text = text_of(taking, "error");
    session->state = failed ? TUI_SESSION_FAILED : TUI_SESSION_COMPLETED;
    session->ended_ms = taking->at_ms;
    session->exit = number_of(taking, "exit");
    session->signal = number_of(taking, "signal");
    session->duration_ms = number_of(taking, "duration_ms");
    copy_text(taking, "continued_by", session->continued_by, sizeof session->continued_by);
    text = text.size > 0 ? text : text_of(taking, "text");
    tui_text_copy(session->text, sizeof session->text, text);
    if (failed)
        note_fault(taking, TUI_FAULT_FAILURE, vd_str(session->name), text);
}

static void take_session_status(const taking_t *taking)
{
    copy_text(taking, "text", taking->self->session.status, sizeof taking->self->session.status);
}

/* ---- actors ---- */

static bool is_gone(const tui_actor_t *actor)
{
    return actor->state >= TUI_ACTOR_STOPPED;
}

/* The one that is gone for longest makes room; NULL: none is. */
static tui_actor_t *longest_gone(const tui_rows_t *rows)
{
    tui_actor_t *found = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        tui_actor_t *actor = tui_rows_at(rows, i);
        if (is_gone(actor) && (found == NULL || actor->seq < found->seq))
            found = actor;
    }
    return found;
}

/* Its row, made where there is none; NULL: no room, or the event names none. */
static tui_actor_t *actor_of(const taking_t *taking)
{
    tui_state_t *self = taking->self;
    vd_str_t name = text_of(taking, "actor");
    if (name.size == 0)
        return NULL;
    tui_actor_t *actor = tui_rows_find(&self->actors, name);
    if (actor == NULL)
        actor = tui_rows_add(&self->actors, name);
    if (actor == NULL && (actor = longest_gone(&self->actors)) != NULL) {
        tui_rows_replace(&self->actors, actor, name);
        self->totals.rows_replaced++;
    }
    if (actor == NULL)
        self->totals.actors_left_out++;
    else
        actor->seq = taking->event->seq;
    return actor;
}

static void enter_state(const taking_t *taking, tui_actor_t *actor, tui_actor_state_t state)
{
    actor->state = state;
    actor->since_ms = taking->at_ms;
}

static void take_actor_started(const taking_t *taking)
{
    tui_actor_t *actor = actor_of(taking);
    if (actor == NULL)
        return;
    enter_state(taking, actor, TUI_ACTOR_STARTING);
    copy_text(taking, "kind", actor->kind, sizeof actor->kind);
    actor->pid = count_of(taking, "pid");
    actor->restarts = count_of(taking, "restarts");
    actor->started_ms = taking->at_ms;
}

static void take_actor_ready(const taking_t *taking)
{
    tui_actor_t *actor = actor_of(taking);
    if (actor == NULL)
        return;
    enter_state(taking, actor, TUI_ACTOR_READY);
    actor->pid = count_of(taking, "pid");
}

/* It ended well, or as it was told to. A SIGKILL that somebody asked for is a fault that somebody made. */
static bool was_wished(const taking_t *taking)
{
    vd_str_t how = text_of(taking, "how");
    return (vd_str_is(how, "exited") && number_of(taking, "code") == 0) ||
           (vd_str_is(how, "killed") && number_of(taking, "signal") == SIGNAL_TERM);
}

static void take_actor_exited(const taking_t *taking)
{
    tui_actor_t *actor = actor_of(taking);
    bool wished = was_wished(taking);
    vd_str_t text = text_of(taking, "text");
    if (text.size == 0)
        text = text_of(taking, "how");
    if (!wished)
        note_fault(taking, TUI_FAULT_DEATH, text_of(taking, "actor"), text);
    if (actor == NULL)
        return;
    enter_state(taking, actor, wished ? TUI_ACTOR_STOPPED : TUI_ACTOR_DEAD);
    actor->pid = 0;
    if (wished)
        return;
    actor->deaths++;
    actor->error_ms = taking->at_ms;
    tui_text_copy(actor->error, sizeof actor->error, text);
}

static void take_actor_failed(const taking_t *taking)
{
    tui_actor_t *actor = actor_of(taking);
    note_fault(taking, TUI_FAULT_GIVEN_UP, text_of(taking, "actor"), text_of(taking, "reason"));
    if (actor == NULL)
        return;
    enter_state(taking, actor, TUI_ACTOR_FAILED);
    actor->pid = 0;
    actor->error_ms = taking->at_ms;
    copy_text(taking, "reason", actor->error, sizeof actor->error);
}

/* A process that was stopped for a while, or is on its way down, is there until its end is told. */
static tui_actor_state_t state_named(vd_str_t word)
{
    static const struct {
        const char *word;
        tui_actor_state_t state;
    } states[] = {
        {"starting", TUI_ACTOR_STARTING}, {"ready", TUI_ACTOR_READY},  {"paused", TUI_ACTOR_READY},
        {"stopping", TUI_ACTOR_READY},    {"backoff", TUI_ACTOR_DEAD}, {"failed", TUI_ACTOR_FAILED},
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (vd_str_is(word, states[i].word))
            return states[i].state;
    return TUI_ACTOR_STOPPED;
}

/* It is as it was before this session: no fault of this one; how long it is down is not told. */
static void take_actor_runs(const taking_t *taking)
{
    tui_actor_t *actor = actor_of(taking);
    int64_t since_ms;
    if (actor == NULL)
        return;
    if (!vd_ts_parse(text_of(taking, "since"), &since_ms))
        since_ms = 0;
    actor->state = state_named(text_of(taking, "state"));
    copy_text(taking, "kind", actor->kind, sizeof actor->kind);
    copy_text(taking, "reason", actor->error, sizeof actor->error);
    actor->pid = count_of(taking, "pid");
    actor->restarts = count_of(taking, "restarts");
    actor->started_ms = since_ms;
    actor->since_ms = is_gone(actor) ? 0 : since_ms;
}

/* ---- subscribers ---- */

static tui_subscriber_t *longest_quiet(const tui_rows_t *rows)
{
    tui_subscriber_t *found = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        tui_subscriber_t *row = tui_rows_at(rows, i);
        if (found == NULL || row->seq < found->seq)
            found = row;
    }
    return found;
}

static tui_subscriber_t *subscriber_of(const taking_t *taking)
{
    tui_state_t *self = taking->self;
    vd_str_t name = text_of(taking, "name");
    self->totals.untold += count_of(taking, "left_out");
    if (name.size == 0)
        return NULL;
    tui_subscriber_t *row = tui_rows_find(&self->subscribers, name);
    if (row == NULL)
        row = tui_rows_add(&self->subscribers, name);
    if (row == NULL && (row = longest_quiet(&self->subscribers)) != NULL) {
        tui_rows_replace(&self->subscribers, row, name);
        self->totals.rows_replaced++;
    }
    if (row == NULL) {
        self->totals.subscribers_left_out++;
        return NULL;
    }
    row->seq = taking->event->seq;
    row->since_ms = taking->at_ms;
    copy_text(taking, "publisher", row->publisher, sizeof row->publisher);
    return row;
}

static void take_mode(const taking_t *taking)
{
    tui_subscriber_t *row = subscriber_of(taking);
    if (row == NULL)
        return;
    copy_text(taking, "from", row->before, sizeof row->before);
    copy_text(taking, "to", row->mode, sizeof row->mode);
    row->lag = count_of(taking, "lag");
    row->queue = count_of(taking, "queue");
    row->changes++;
    row->dropped = false;
}

static void take_dropped(const taking_t *taking)
{
    tui_subscriber_t *row = subscriber_of(taking);
    note_fault(taking, TUI_FAULT_DROPPED, text_of(taking, "name"), text_of(taking, "text"));
    if (row == NULL)
        return;
    if (!row->dropped)
        memcpy(row->before, row->mode, sizeof row->before);
    tui_text_copy(row->mode, sizeof row->mode, vd_str("dropped"));
    copy_text(taking, "text", row->text, sizeof row->text);
    row->dropped = true;
    row->drops++;
}

/* ---- causes ---- */

typedef struct cause {
    vd_str_t observer, source;
    bool other_session; /* the source is an observer whose events were read */
    uint64_t sample, turn;
} cause_t;

static bool read_cause(vd_bytes_t bytes, cause_t *cause)
{
    vd_value_t map, key, value;
    *cause = (cause_t){0};
    if (!vd_value_next(&bytes, &map) || map.kind != VD_KIND_MAP)
        return false;
    vd_bytes_t rest = map.bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
        if (key.kind != VD_KIND_STR)
            continue;
        if (vd_str_is(key.bytes, "observer"))
            cause->observer = vd_value_str(&value);
        else if (vd_str_is(key.bytes, "source"))
            cause->source = vd_value_str(&value);
        else if (vd_str_is(key.bytes, "session"))
            cause->other_session = true;
        else if (vd_str_is(key.bytes, "sample"))
            cause->sample = vd_value_u64(&value, 0);
        else if (vd_str_is(key.bytes, "turn"))
            cause->turn = vd_value_u64(&value, 0);
    }
    return cause->observer.size > 0;
}

/* Returns the number of the observer's row. */
static uint16_t take_observer(tui_state_t *self, const vd_event_t *event, int64_t at_ms,
                              const cause_t *cause)
{
    tui_observer_t *row = tui_rows_find(&self->observers, cause->observer);
    if (row == NULL && (row = tui_rows_add(&self->observers, cause->observer)) != NULL)
        row->first_ms = at_ms;
    if (row == NULL) {
        self->totals.observers_left_out++;
        return TUI_OBSERVERS_MAX;
    }
    row->events++;
    row->turn = cause->turn;
    row->seq = event->seq;
    row->last_ms = at_ms;
    tui_text_copy(row->source, sizeof row->source, cause->source);
    return (uint16_t)(row - (tui_observer_t *)(void *)self->observers.data);
}

static void take_cause(tui_state_t *self, const vd_event_t *event, int64_t at_ms)
{
    cause_t cause;
    if (!read_cause(event->cause, &cause))
        return;
    uint16_t observer = take_observer(self, event, at_ms, &cause);
    if (cause.source.size == 0 || cause.other_session)
        return;
    tui_source_t *row = tui_rows_find(&self->sources, cause.source);
    if (row == NULL && (row = tui_rows_add(&self->sources, cause.source)) != NULL)
        row->first_ms = at_ms;
    if (row == NULL) {
        self->totals.sources_left_out++;
        return;
    }
    row->observer = observer;
    row->sample = cause.sample;
    row->events++;
    row->seq = event->seq;
    row->last_ms = at_ms;
}

/* ---- any event ---- */

/* Its time; that of the event before, where it has none. */
static int64_t time_of(tui_state_t *self, vd_str_t ts)
{
    if (ts.size != VD_TS_SIZE - 1)
        return self->session.last_ms;
    const uint8_t *ms = ts.data + TUI_SECOND_BYTES + 1;
    if (self->second_ms >= 0 && memcmp(ts.data, self->second, TUI_SECOND_BYTES) == 0 &&
        ms[0] >= '0' && ms[0] <= '9' && ms[1] >= '0' && ms[1] <= '9' && ms[2] >= '0' &&
        ms[2] <= '9')
        return self->second_ms + (ms[0] - '0') * 100 + (ms[1] - '0') * 10 + (ms[2] - '0');
    int64_t at_ms;
    if (!vd_ts_parse(ts, &at_ms))
        return self->session.last_ms;
    memcpy(self->second, ts.data, TUI_SECOND_BYTES);
    self->second_ms = at_ms - at_ms % 1000;
    return at_ms;
}

/* An event of a time before the window begins it anew: clocks that were wrong do not stop it. */
static void count_rate(tui_state_t *self, int64_t at_ms)
{
    int64_t second = at_ms / 1000;
    if (second <= self->rate_second && second > self->rate_second - TUI_RATE_SECONDS) {
        self->rates[second % TUI_RATE_SECONDS]++;
        return;
    }
    int64_t from = self->rate_second + 1;
    if (self->rate_second < 0 || second < from || second - from >= TUI_RATE_SECONDS)
        memset(self->rates, 0, sizeof self->rates);
    else
        for (int64_t each = from; each <= second; each++)
            self->rates[each % TUI_RATE_SECONDS] = 0;
    self->rate_second = second;
    self->rates[second % TUI_RATE_SECONDS] = 1;
}

/* Counts its type. Returns what the type means. */
static uint8_t take_type(tui_state_t *self, const vd_event_t *event, int64_t at_ms)
{
    tui_type_t *row = tui_rows_find(&self->types, event->type);
    if (row == NULL && (row = tui_rows_add(&self->types, event->type)) != NULL)
        row->care = tui_state_care(event->type);
    if (row == NULL) {
        self->totals.types_left_out++;
        return tui_state_care(event->type);
    }
    row->events++;
    row->seq = event->seq;
    row->last_ms = at_ms;
    return row->care;
}

static void begin_session(tui_state_t *self, const vd_event_t *event, int64_t at_ms)
{
    tui_text_copy(self->session.id, sizeof self->session.id, event->session);
    self->session.state = TUI_SESSION_ACTIVE;
    self->session.begun_ms = at_ms;
}

bool tui_state_apply(tui_state_t *self, const vd_event_t *event)
{
    assert(self != NULL && event != NULL);
    tui_totals_t *totals = &self->totals;
    if (event->seq <= totals->seq)
        return false;
    int64_t at_ms = time_of(self, event->ts);
    totals->missing += event->seq - totals->seq - 1;
    totals->seq = event->seq;
    if (totals->events++ == 0)
        begin_session(self, event, at_ms);
    self->session.last_ms = at_ms;
    if (at_ms > self->session.clock_ms)
        self->session.clock_ms = at_ms;
    count_rate(self, at_ms);
    uint8_t care = take_type(self, event, at_ms);
    if (event->cause.size > 0)
        take_cause(self, event, at_ms);
    if ((care & TUI_CARE_PROGRESS) != 0) {
        self->has_progress = true;
        (void)tui_progress_apply(self->progress, event);
        care &= TUI_CARE_PROGRESS - 1;
    }
    if (care == 0)
        return true;
    taking_t taking = {.self = self, .event = event, .at_ms = at_ms};
    vd_bytes_t data = event->data;
    if (!vd_value_next(&data, &taking.data) || taking.data.kind != VD_KIND_MAP)
        taking.data = (vd_value_t){.kind = VD_KIND_MAP};
    cares[care - 1].take(&taking);
    return true;
}

void tui_state_skip(tui_state_t *self, uint64_t seq)
{
    assert(self != NULL);
    if (seq <= self->totals.seq)
        return;
    self->totals.missing += seq - self->totals.seq;
    self->totals.seq = seq;
}
