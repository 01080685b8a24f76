/* host.c: joins the parts of the observer host in one step function. */
#include "host_state.h"
#include "layout/layout.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHECK_US = 1000000,
    QUIET_LIMIT_US = 5000000, /* without an answer before it is told as an error */
    EMIT_BYTES = 2 * VD_EMIT_BYTES_MAX,
};

static bool make_parts(vd_host_t *self)
{
    const vd_host_options_t *options = &self->options;
    vd_peer_t ingestor = vd_peer_named("ingestor");
    self->samples = vd_samples_new();
    if (!self->samples)
        return false;
    vd_roster_init(&self->roster, self->samples, VD_HOST_PORT_BROKER, VD_HOST_PORT_MEMBERSHIP,
                   VD_HOST_TIMER_MEMBERSHIP);
    vd_readings_init(&self->readings, self->samples, &self->roster, &self->faults, self->name,
                     options->inc, options->interval_ms, VD_HOST_PORT_POLLER, VD_HOST_PORT_SAMPLES,
                     VD_HOST_TIMER_READINGS);
    vd_host_restore_init(self);
    vd_host_past_init(self);
    self->emit = vd_emit_new(self->name, options->inc, VD_HOST_PORT_EMIT, &ingestor,
                             VD_HOST_TIMER_EMIT, EMIT_BYTES, vd_host_outcome, self);
    if (!self->emit ||
        !vd_feed_publisher_init(&self->publisher, "state", options->inc, VD_HOST_PORT_CHANGES,
                                options->history, options->history_bytes))
        return false;
    self->publisher.age_us_max = options->history_age_ms * 1000;
    return true;
}

/* The layout as a value, for those who ask. */
static bool take_layout(vd_host_t *self, char *error, size_t error_size)
{
    const char *json = self->observer->layout;
    if (!json)
        vd_write_nil(&self->layout);
    return !json || vd_layout_of_json(json, &self->layout, error, error_size) == VD_OK;
}

vd_host_t *vd_host_new(const vd_host_options_t *options, char *error, size_t error_size)
{
    assert(options && options->observer && options->interval_ms > 0 && options->history > 0);
    assert(options->history_bytes >= VD_HISTORY_BYTES_MIN && options->history_age_ms >= 0);
    assert(strlen(options->name) <= VD_NAME_BYTES_MAX);
    assert(strlen(options->session) <= VD_NAME_BYTES_MAX);
    vd_host_t *self = calloc(1, sizeof *self);
    if (!self) {
        snprintf(error, error_size, "no memory");
        return NULL;
    }
    self->options = *options;
    self->observer = options->observer;
    self->phase = VD_HOST_OPENING;
    strcpy(self->name, options->name);
    strcpy(self->session, options->session);
    const char *endpoints[4] = {options->broker_control, options->broker_membership,
                                options->ingestor_emit, options->ingestor_read};
    for (int at = 0; at < 4; at++)
        vd_str_copy(self->endpoints[at], sizeof self->endpoints[at], vd_str(endpoints[at]));
    vd_turn_init(&self->turn, self->name);
    if (options->reads)
        vd_collecting_init(self, options->reads, options->origin_requests);
    vd_buffer_init(&self->view, VD_VIEW_BYTES_MAX);
    vd_buffer_init(&self->drawing, VD_VIEW_BYTES_MAX);
    vd_buffer_init(&self->scratch, VD_SNAPSHOT_BYTES_MAX);
    vd_buffer_init(&self->layout, VD_LAYOUT_BYTES_MAX);
    if (!take_layout(self, error, error_size)) {
        vd_host_destroy(&self);
        return NULL;
    }
    if (self->observer->init(&self->state, options->config, error, error_size) != VD_OK) {
        vd_host_destroy(&self);
        return NULL;
    }
    if (!make_parts(self)) {
        snprintf(error, error_size, "no memory");
        vd_host_destroy(&self);
    }
    return self;
}

void vd_host_destroy(vd_host_t **self_p)
{
    assert(self_p);
    vd_host_t *self = *self_p;
    if (!self)
        return;
    if (self->state)
        self->observer->destroy(&self->state);
    vd_collecting_free(self);
    vd_replay_free(&self->replay);
    vd_host_past_free(self);
    vd_emit_destroy(&self->emit);
    vd_feed_publisher_free(&self->publisher);
    vd_readings_free(&self->readings);
    vd_roster_free(&self->roster);
    vd_samples_destroy(&self->samples);
    vd_turn_free(&self->turn);
    vd_buffer_free(&self->view);
    vd_buffer_free(&self->drawing);
    vd_buffer_free(&self->scratch);
    vd_buffer_free(&self->layout);
    free(self);
    *self_p = NULL;
}

const void *vd_host_state(const vd_host_t *self)
{
    assert(self);
    return self->state;
}

uint64_t vd_host_cycle(const vd_host_t *self)
{
    assert(self);
    return self->cycle;
}

static void start(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_peer_t broker = vd_peer_named("broker");
    self->opened_us = now.mono_us;
    vd_peer_t ingestor = vd_peer_named("ingestor");
    vd_emit_open(self->emit, now, self->endpoints[2], effects);
    vd_effects_connect(effects, VD_HOST_PORT_READ, &ingestor, self->endpoints[3]);
    vd_feed_reader_connect(&self->roster.reader, now, &broker, self->endpoints[0],
                           self->endpoints[1], effects);
    vd_effects_timer(effects, VD_HOST_TIMER_CHECK, now.mono_us + CHECK_US);
}

static void answer(vd_host_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    if (input->message->id == VD_MESSAGE_QUERY) {
        vd_host_answer_query(self, input, effects);
        return;
    }
    if (input->message->id == VD_MESSAGE_PAST) {
        vd_host_past_asked(self, now, input, effects);
        return;
    }
    vd_buffer_clear(&self->scratch);
    if (vd_feed_answer(&self->publisher, input, effects, vd_host_write_snapshot, self,
                       &self->scratch))
        return;
    vd_effects_reply_error(
        effects, input, VD_NOT_FOUND,
        "observer %s has one feed, \"state\", and answers GET, READ, QUERY and PAST", self->name);
}

/* What is not answered for long is an error of its stage. */
static void check(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    const vd_feed_reader_t *reader = &self->roster.reader;
    int64_t heard_us = reader->heard_us > 0 ? reader->heard_us : self->opened_us;
    int64_t limit_us = QUIET_LIMIT_US + 2 * reader->quiet_ms * 1000;
    if (now.mono_us - heard_us > limit_us)
        vd_faults_set(&self->faults, VD_STAGE_MEMBERSHIP, now.wall_ms,
                      "the broker at %s does not answer; what is known is kept",
                      self->endpoints[0]);
    else if (self->roster.malformed != self->seen_malformed)
        vd_faults_set(&self->faults, VD_STAGE_MEMBERSHIP, now.wall_ms,
                      "records of the membership were not understood");
    else
        vd_faults_clear(&self->faults, VD_STAGE_MEMBERSHIP, now.wall_ms);
    self->seen_malformed = self->roster.malformed;

    int64_t since_us = self->phase == VD_HOST_RUNNING ? self->turn_us : self->opened_us;
    bool waits = self->phase != VD_HOST_RUNNING || (self->outstanding && !self->stating);
    if (waits && now.mono_us - since_us > QUIET_LIMIT_US)
        vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the ingestor at %s takes no events now; they wait, nothing is lost",
                      self->endpoints[2]);
    vd_effects_timer(effects, VD_HOST_TIMER_CHECK, now.mono_us + CHECK_US);
}

/* An observer without anything to write does not learn from a rejection that its session has
 * ended. */
static void watch(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->phase != VD_HOST_RUNNING || self->outstanding || self->moving ||
        now.mono_us - self->watched_us < (VD_WATCH_MS - CHECK_US / 2000) * 1000LL)
        return;
    self->watched_us = now.mono_us;
    self->watched = self->offered;
    vd_chain_ask(self, now, VD_ASK_WATCH, self->session, effects);
}

static void take(vd_host_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    if (input->kind == VD_INPUT_START)
        start(self, now, effects);
    else if (input->kind == VD_INPUT_MESSAGE && input->port == VD_HOST_PORT_REQUESTS)
        answer(self, now, input, effects);
    else if (input->kind == VD_INPUT_TIMER && input->id == VD_HOST_TIMER_CHECK)
        check(self, now, effects), watch(self, now, effects);
    else if (vd_replay_step(&self->replay, now, input, effects) ||
             vd_host_past_step(self, now, input, effects) ||
             vd_host_keep_answered(self, now, input, effects))
        return;
    else if (input->kind == VD_INPUT_TIMER && input->id == VD_HOST_TIMER_CHAIN)
        vd_chain_again(self, now, effects);
    else if (input->kind == VD_INPUT_MESSAGE && input->port == VD_HOST_PORT_READ &&
             (input->message->id == VD_MESSAGE_SESSION_ROWS ||
              (input->message->id == VD_MESSAGE_ERROR && vd_chain_is_asking(self, input->message))))
        vd_chain_answered(self, now, input->message, effects);
    else if (input->kind == VD_INPUT_TIMER && input->id == VD_HOST_TIMER_RETRY)
        vd_host_restore_begin(self, now, effects);
    else if (!vd_feed_reader_step(&self->roster.reader, now, input, effects) &&
             !vd_emit_step(self->emit, now, input, effects) &&
             !vd_collecting_step(self, now, input, effects))
        vd_readings_step(&self->readings, now, input, effects);
}

static void declare_source(vd_host_t *self, vd_observed_t *source)
{
    vd_reads_t reads;
    vd_reads_open(&reads);
    self->observer->reads(self->state, self->samples, &source->record, &reads);
    vd_outlet_t *outlet = vd_roster_outlet(&self->roster, source->record.poller);
    if (vd_samples_declare(self->samples, source, &reads) && outlet)
        outlet->dirty = true;
    vd_reads_close(&reads);
}

/* Asks the observer for the reads of sources that came, changed or had new samples: of at most
 * `limit` of them, the next ones in later steps. */
static void declare(vd_host_t *self, uint32_t limit)
{
    vd_samples_t *samples = self->samples;
    for (; self->declare_at < samples->source_count; self->declare_at++) {
        vd_observed_t *source = samples->sources[self->declare_at];
        if (source->declared)
            continue;
        if (limit == 0)
            return;
        limit--;
        declare_source(self, source);
    }
    self->declaring = false;
}

static void declare_all(vd_host_t *self)
{
    self->declare_at = 0;
    declare(self, UINT32_MAX);
}

/* What follows from the input: the phases, the reads, the turn. */
static void settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (vd_emit_state(self->emit) == VD_EMIT_FENCED) {
        self->ended = true;
        vd_effects_exit(effects, VD_FENCED, "a newer observer %s has taken over", self->name);
        return;
    }
    if (self->phase == VD_HOST_RUNNING && !self->outstanding &&
        vd_emit_state(self->emit) == VD_EMIT_READY && vd_emit_epoch(self->emit) != self->epoch)
        vd_host_restore_again(self, now, effects);
    if (!self->ended && self->phase == VD_HOST_OPENING &&
        vd_emit_state(self->emit) == VD_EMIT_READY)
        vd_host_restore_begin(self, now, effects);
    bool restored = !self->ended && self->phase == VD_HOST_RESTORING &&
                    vd_host_restore_settle(self, now, effects);
    if (restored) {
        vd_effects_do(effects, VD_HOST_READY, 0, NULL);
        for (uint32_t at = 0; at < self->samples->source_count; at++)
            self->samples->sources[at]->declared = false; /* its reads may depend on the state */
    }
    if (self->ended)
        return;
    if (self->new_us == 0 && vd_samples_have_new(self->samples) && !self->outstanding)
        self->new_us = now.mono_us > 0 ? now.mono_us : 1;
    self->urgent = self->urgent || self->readings.answered != self->seen_answers;
    self->seen_answers = self->readings.answered;
    /* Before a turn, so that a source that has moved is not missing from it. */
    if (self->roster.changes != self->seen_membership ||
        (self->declaring && vd_host_is_turn_due(self, now)))
        declare_all(self);
    vd_collecting_settle(self, now, effects);
    if (vd_host_is_turn_due(self, now))
        vd_host_run_turn(self, now, effects);
    if (restored)
        declare_all(self);
    else if (self->declaring)
        declare(self, VD_DECLARED_PER_STEP);
    self->seen_membership = self->roster.changes;
    if (self->faults.changes != self->published_faults)
        vd_host_publish_error(self, now, effects);
    vd_host_keep_settle(self, now, effects);
    vd_readings_settle(&self->readings, now, effects);
    vd_host_schedule(self, now, effects);
}

void vd_host_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_host_t *self = state;
    assert(self && input && effects);
    if (self->ended)
        return;
    self->wall_ms = now.wall_ms;
    if (input->kind == VD_INPUT_STOP) {
        self->ended = true;
        vd_effects_exit(effects, VD_OK, "stopped");
        return;
    }
    vd_feed_publisher_tick(&self->publisher, now);
    vd_readings_begin(&self->readings, effects);
    take(self, now, input, effects);
    if (!self->ended)
        settle(self, now, effects);
}
