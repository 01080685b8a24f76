/* auditor.c: the turns of the auditor. */
#include "auditor_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_US (250 * MS)
/* After its start, and after it stood still: until what waits for it has come. */
#define BEGIN_US (5000 * MS)
#define SLEPT_US (3000 * MS)
/* So far behind, what others say of the newest commits has to wait. */
#define LAG_MAX       2000u
#define SCRATCH_BYTES (64u * 1024)

static void on_seen(void *arg, vd_str_t session, uint64_t seq, uint64_t index, vd_str_t type,
                    const vd_entry_t *entry)
{
    vd_auditor_t *self = arg;
    vd_event_t event;
    vd_value_t data;
    if (!vd_str_is(session, self->session))
        return;
    vd_telling_seen(self, seq, entry);
    vd_children_event(self, seq, index, type, entry);
    if (vd_str_is(type, "session_ended") && vd_event_read(entry->event, &event) == VD_OK &&
        vd_value_of(event.data, &data))
        vd_children_session(self, vd_value_get_str(&data, "continued_by"));
}

vd_auditor_t *vd_auditor_new(const vd_auditor_options_t *options)
{
    assert(options != NULL && options->read != NULL && options->inc != 0);
    vd_auditor_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    const char *endpoints[] = {options->read,     options->emit,       options->events,
                               options->control,  options->membership, options->supervisor,
                               options->lifecycle};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
        vd_str_copy(self->endpoints[i], sizeof self->endpoints[i], vd_str(endpoints[i]));
    vd_str_copy(self->name, sizeof self->name, vd_str(options->name));
    if (vd_name_valid(vd_str(options->session)))
        vd_str_copy(self->session, sizeof self->session, vd_str(options->session));
    self->inc = options->inc;
    self->from_start = options->from_start;
    self->canary_us = options->canary_us;
    self->claims.book = &self->book;
    self->live = (vd_probe_t){.peer = vd_peer_named("live"),
                              .who = "the live stream",
                              .same = VD_INVARIANT_live_same,
                              .live = true};
    self->sampler = vd_peer_named("sample");
    vd_buffer_init(&self->scratch, SCRATCH_BYTES);
    vd_buffer_init(&self->data, SCRATCH_BYTES);
    self->history = vd_history_new(&self->book, on_seen, self);
    if (self->history == NULL)
        vd_auditor_destroy(&self);
    else
        vd_history_watch(self->history, self->session);
    return self;
}

void vd_auditor_destroy(vd_auditor_t **self)
{
    vd_auditor_t *auditor = *self;
    if (auditor == NULL)
        return;
    vd_emit_destroy(&auditor->emit);
    vd_history_destroy(&auditor->history);
    vd_buffer_free(&auditor->scratch);
    vd_buffer_free(&auditor->data);
    free(auditor);
    *self = NULL;
}

bool vd_auditor_may_judge(const vd_auditor_t *self)
{
    return self->state == VD_READING_ON && self->now.mono_us >= self->quiet_us &&
           self->head <= vd_history_position(self->history)->index + LAG_MAX;
}

static void on_start(vd_auditor_t *self, vd_effects_t *effects)
{
    vd_peer_t events = vd_peer_named("ingestor");
    self->quiet_us = self->now.mono_us + BEGIN_US;
    vd_reading_start(self, effects);
    vd_actors_start(self, effects);
    vd_children_start(self, effects);
    vd_effects_connect(effects, VD_AUDITOR_ASK, &self->live.peer, self->endpoints[VD_AT_READ]);
    vd_effects_connect(effects, VD_AUDITOR_ASK, &self->sampler, self->endpoints[VD_AT_READ]);
    vd_effects_connect(effects, VD_AUDITOR_EVENTS, &events, self->endpoints[VD_AT_EVENTS]);
    vd_effects_timer(effects, TIMER_TICK, self->now.mono_us + TICK_US);
}

/* It stood still: what waits for it is of before, and is taken before the timer tells. */
static void wake(vd_auditor_t *self)
{
    if (self->quiet_us < self->now.mono_us + BEGIN_US)
        self->quiet_us = self->now.mono_us + BEGIN_US;
    self->deadline_us = self->now.mono_us + SLEPT_US;
    self->heard_us = self->now.mono_us;
    vd_claims_clear(&self->claims);
    vd_audited_reads_settle(self);
}

static void on_tick(vd_auditor_t *self, vd_effects_t *effects)
{
    vd_reading_tick(self, effects);
    vd_probe_tick(self, &self->live, effects);
    vd_hints_tick(self, effects);
    vd_actors_tick(self, effects);
    vd_children_tick(self, effects);
    vd_telling_tick(self, effects);
    vd_effects_timer(effects, TIMER_TICK, self->now.mono_us + TICK_US);
}

static void on_message(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    if (input->port == VD_AUDITOR_REQUESTS) {
        if (!vd_telling_answer(self, input, effects))
            vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                                   "%s answers PING and GET of audit and of metrics", self->name);
    } else if (input->port == VD_AUDITOR_EVENTS) {
        vd_hints_heard(self, input->message);
    } else if (vd_peer_equal(&input->peer, &self->reader)) {
        vd_reading_take(self, input->message, effects);
    } else if (vd_peer_equal(&input->peer, &self->live.peer)) {
        vd_probe_take(self, &self->live, input->message);
    } else if (vd_peer_equal(&input->peer, &self->sampler)) {
        vd_hints_answer(self, input->message);
    } else if (!vd_actors_take(self, input, effects) && !vd_children_take(self, input, effects)) {
        vd_telling_take(self, input, effects);
    }
}

void vd_auditor_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_auditor_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    bool slept = input->kind != VD_INPUT_START && now.mono_us - self->now.mono_us > SLEPT_US;
    self->now = now;
    self->book.now_ms = now.wall_ms;
    if (slept)
        wake(self);
    switch (input->kind) {
    case VD_INPUT_START:
        on_start(self, effects);
        break;
    case VD_INPUT_STOP:
        vd_effects_exit(effects, VD_OK, "checked up to commit %llu",
                        (unsigned long long)vd_history_position(self->history)->index);
        break;
    case VD_INPUT_MESSAGE:
        on_message(self, input, effects);
        break;
    case VD_INPUT_TIMER:
        if (input->id == TIMER_TICK)
            on_tick(self, effects);
        else
            vd_telling_take(self, input, effects);
        break;
    case VD_INPUT_DONE:
        break;
    }
}

const vd_book_t *vd_auditor_book(const vd_auditor_t *self)
{
    return &self->book;
}

void vd_auditor_look(const vd_auditor_t *self, vd_auditor_view_t *view)
{
    *view = (vd_auditor_view_t){.from = self->from,
                                .position = vd_history_position(self->history)->index,
                                .head = self->head,
                                .commits = vd_history_commits(self->history),
                                .events = vd_history_events(self->history),
                                .sessions = vd_history_sessions(self->history),
                                .sessions_forgotten = vd_history_forgotten(self->history),
                                .unanswered = self->unanswered,
                                .restarts = self->restarts,
                                .left_out = self->left_out + self->book.untold};
}
