/* state.c: the life of a state, and what is read from it. */
#include "tui/state.h"
#include "tui/state_impl.h"

#include <assert.h>
#include <stdlib.h>

tui_state_t *tui_state_new(void)
{
    tui_state_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    tui_rows_init(&self->actors, sizeof(tui_actor_t), TUI_ACTORS_MAX);
    tui_rows_init(&self->sources, sizeof(tui_source_t), TUI_SOURCES_MAX);
    tui_rows_init(&self->observers, sizeof(tui_observer_t), TUI_OBSERVERS_MAX);
    tui_rows_init(&self->subscribers, sizeof(tui_subscriber_t), TUI_SUBSCRIBERS_MAX);
    tui_rows_init(&self->types, sizeof(tui_type_t), TUI_TYPES_MAX);
    tui_state_clear(self);
    self->progress = tui_progress_new();
    if (self->progress == NULL)
        tui_state_destroy(&self);
    return self;
}

void tui_state_destroy(tui_state_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    tui_rows_free(&(*self)->actors);
    tui_rows_free(&(*self)->sources);
    tui_rows_free(&(*self)->observers);
    tui_rows_free(&(*self)->subscribers);
    tui_rows_free(&(*self)->types);
    tui_progress_destroy(&(*self)->progress);
    free(*self);
    *self = NULL;
}

bool tui_state_clear_progress(tui_state_t *self)
{
    if (!self->has_progress)
        return true;
    tui_progress_t *empty = tui_progress_new();
    if (empty == NULL)
        return false;
    tui_progress_destroy(&self->progress);
    self->progress = empty;
    self->has_progress = false;
    return true;
}

void tui_state_clear(tui_state_t *self)
{
    self->session = (tui_session_t){.exit = -1, .signal = -1, .duration_ms = -1};
    self->totals = (tui_totals_t){0};
    tui_rows_clear(&self->actors);
    tui_rows_clear(&self->sources);
    tui_rows_clear(&self->observers);
    tui_rows_clear(&self->subscribers);
    tui_rows_clear(&self->types);
    (void)tui_state_clear_progress(self);
    self->fault_total = 0;
    memset(self->rates, 0, sizeof self->rates);
    self->rate_second = self->second_ms = -1;
}

const tui_session_t *tui_state_session(const tui_state_t *self)
{
    return &self->session;
}

const tui_totals_t *tui_state_totals(const tui_state_t *self)
{
    return &self->totals;
}

static const void *all(const tui_rows_t *rows, size_t *count)
{
    *count = rows->count;
    return rows->data;
}

const tui_actor_t *tui_state_actors(const tui_state_t *self, size_t *count)
{
    return all(&self->actors, count);
}

const tui_source_t *tui_state_sources(const tui_state_t *self, size_t *count)
{
    return all(&self->sources, count);
}

const tui_observer_t *tui_state_observers(const tui_state_t *self, size_t *count)
{
    return all(&self->observers, count);
}

const tui_subscriber_t *tui_state_subscribers(const tui_state_t *self, size_t *count)
{
    return all(&self->subscribers, count);
}

const tui_type_t *tui_state_types(const tui_state_t *self, size_t *count)
{
    return all(&self->types, count);
}

const tui_actor_t *tui_state_actor(const tui_state_t *self, vd_str_t name)
{
    return tui_rows_find(&self->actors, name);
}

const tui_source_t *tui_state_source(const tui_state_t *self, vd_str_t name)
{
    return tui_rows_find(&self->sources, name);
}

const tui_observer_t *tui_state_observer(const tui_state_t *self, vd_str_t name)
{
    return tui_rows_find(&self->observers, name);
}

const tui_subscriber_t *tui_state_subscriber(const tui_state_t *self, vd_str_t name)
{
    return tui_rows_find(&self->subscribers, name);
}

const tui_type_t *tui_state_type(const tui_state_t *self, vd_str_t name)
{
    return tui_rows_find(&self->types, name);
}

const tui_progress_t *tui_state_progress(const tui_state_t *self)
{
    return self->progress;
}

uint64_t tui_state_fault_total(const tui_state_t *self)
{
    return self->fault_total;
}

size_t tui_state_fault_count(const tui_state_t *self)
{
    return self->fault_total < TUI_FAULTS_MAX ? (size_t)self->fault_total : TUI_FAULTS_MAX;
}

const tui_fault_t *tui_state_fault(const tui_state_t *self, size_t index)
{
    assert(index < tui_state_fault_count(self));
    return &self->faults[(self->fault_total - 1 - index) % TUI_FAULTS_MAX];
}

int64_t tui_state_rates(const tui_state_t *self, uint64_t events[TUI_RATE_SECONDS])
{
    memset(events, 0, TUI_RATE_SECONDS * sizeof *events);
    if (self->rate_second < 0)
        return 0;
    for (int64_t i = 0; i < TUI_RATE_SECONDS; i++) {
        int64_t second = self->rate_second - (TUI_RATE_SECONDS - 1) + i;
        if (second >= 0)
            events[i] = self->rates[second % TUI_RATE_SECONDS];
    }
    return self->rate_second;
}

const char *tui_session_state_word(tui_session_state_t state)
{
    static const char *const words[] = {
        [TUI_SESSION_UNKNOWN] = "unknown",
        [TUI_SESSION_ACTIVE] = "active",
        [TUI_SESSION_COMPLETED] = "completed",
        [TUI_SESSION_FAILED] = "failed",
    };
    assert(state <= TUI_SESSION_FAILED);
    return words[state];
}

const char *tui_actor_state_word(tui_actor_state_t state)
{
    static const char *const words[] = {
        [TUI_ACTOR_STARTING] = "starting", [TUI_ACTOR_READY] = "ready",
        [TUI_ACTOR_STOPPED] = "stopped",   [TUI_ACTOR_DEAD] = "dead",
        [TUI_ACTOR_FAILED] = "failed",
    };
    assert(state < TUI_ACTOR_STATES);
    return words[state];
}

const char *tui_fault_kind_word(tui_fault_kind_t kind)
{
    static const char *const words[] = {
        [TUI_FAULT_DEATH] = "death",
        [TUI_FAULT_GIVEN_UP] = "given up",
        [TUI_FAULT_INTERRUPTED] = "interrupted",
        [TUI_FAULT_DROPPED] = "dropped",
        [TUI_FAULT_FAILURE] = "failure",
        [TUI_FAULT_MADE] = "on purpose",
    };
    assert(kind < TUI_FAULT_KINDS);
    return words[kind];
}
