/* stream_part.c: subscribers that take both streams: their modes, their credit, their positions. */
#include "stream_part.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

static const vd_wire_t wires[] = {{PORT_READ, VD_WIRE_DEALER, "read"}};

/* ---- what comes ---- */

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    stream_t *self = arg;
    vd_witness_event(&self->witness, event, commit, position);
    if (self->turns)
        vd_witness_mark(&self->witness, position, &self->mark);
    if (!self->slow) {
        vd_reception_consumed(self->reception, now, 1, event->raw.size, effects);
        return;
    }
    if (self->queue_count == QUEUE_MAX) {
        vd_whole_fail(self->whole, "[bounds] more than %d events wait at %s", QUEUE_MAX,
                      self->name);
        return;
    }
    self->queue[(self->queue_at + self->queue_count++) % QUEUE_MAX] = (uint32_t)event->raw.size;
}

static void on_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                      vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    stream_t *self = arg;
    (void)now;
    (void)effects;
    vd_witness_absent(&self->witness, session, first, count, status, position);
}

static void consume(stream_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_world_t *world = self->whole->world;
    uint32_t count = 1 + (uint32_t)vd_world_random(world, 40);
    for (; count > 0 && self->queue_count > 0; count--) {
        uint32_t size = self->queue[self->queue_at];
        self->queue_at = (self->queue_at + 1) % QUEUE_MAX;
        self->queue_count--;
        vd_reception_consumed(self->reception, now, 1, size, effects);
    }
    /* In the calm it is quick enough to come to the end of a long history. */
    int64_t wait_us = 1000 + (int64_t)vd_world_random(world, self->whole->calm ? 15000 : 150000);
    if (!self->whole->calm && vd_world_chance(world, 20))
        wait_us += 4000000;
    vd_effects_timer(effects, TIMER_CONSUME, now.mono_us + wait_us);
}

/* ---- the mode ---- */

static bool is_way(vd_stream_mode_t from, vd_stream_mode_t to)
{
    switch (from) {
    case VD_MODE_LIVE_ONLY:
        return to == VD_MODE_COMMITS_ONLY || to == VD_MODE_PAUSED;
    case VD_MODE_COMMITS_ONLY:
        return to == VD_MODE_OVERLAP || to == VD_MODE_PAUSED;
    case VD_MODE_OVERLAP:
        return to != VD_MODE_OVERLAP;
    case VD_MODE_PAUSED:
        break;
    }
    return to == VD_MODE_LIVE_ONLY || to == VD_MODE_COMMITS_ONLY;
}

/* A stop by an operator and the way out of it cost nothing and come as often as he likes. */
static void check_pace(stream_t *self, int64_t now_us, vd_stream_mode_t mode)
{
    int64_t dwell_us = (int64_t)self->wanted.knobs.dwell_ms * 1000;
    bool back = mode == VD_MODE_OVERLAP || mode == VD_MODE_LIVE_ONLY;
    if (back && self->changes > 0 && now_us - self->changed_us < dwell_us - 1000)
        vd_whole_fail(self->whole, "[dwell] %s goes back to %s %.3f s after it came to %s",
                      self->name, vd_mode_name(mode), (double)(now_us - self->changed_us) / 1000000,
                      vd_mode_name(self->mode));
    uint64_t most = 5 + 2 * self->holds + (uint64_t)((now_us - self->begun_us) / dwell_us);
    if (++self->changes > most)
        vd_whole_fail(self->whole, "[dwell] %s has changed its mode %" PRIu64 " times in %.3f s",
                      self->name, self->changes, (double)(now_us - self->begun_us) / 1000000);
}

static void on_mode(void *arg, vd_now_t now, vd_stream_mode_t mode, bool reading,
                    vd_effects_t *effects)
{
    stream_t *self = arg;
    (void)effects;
    vd_world_note(self->whole->world, "%-12s is %s%s", self->name, vd_mode_name(mode),
                  reading ? ", and reads without a stream" : "");
    if (self->mode != 0 && mode != self->mode) {
        if (!is_way(self->mode, mode))
            vd_whole_fail(self->whole, "[modes] %s goes from %s to %s", self->name,
                          vd_mode_name(self->mode), vd_mode_name(mode));
        check_pace(self, now.mono_us, mode);
        self->changed_us = now.mono_us;
    }
    if (self->mode == VD_MODE_LIVE_ONLY)
        self->live_us = now.mono_us;
    self->mode = mode;
}

/* ---- beginning ---- */

static void begin(stream_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->wanted.position = self->saved;
    self->wanted.seed = vd_process_inc(self->process);
    self->mode = 0;
    self->begun_us = self->changed_us = now.mono_us;
    self->changes = self->holds = 0;
    self->queue_count = 0; /* what was handed on before is not waited for */
    vd_reception_start(self->reception, now, &self->wanted, effects);
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    stream_t *self = arg;
    (void)first;
    (void)head;
    if (status == VD_KICKED && self->whole->kicks > 0) {
        self->saved = *vd_reception_position(self->reception);
        self->saved_witness = self->witness;
    } else {
        vd_witness_stopped(&self->witness, status, text);
        self->saved = (vd_position_t){.index = 0};
    }
    begin(self, now, effects);
}

static const vd_subscriber_handler_t handler = {
    .event = on_event, .absent = on_absent, .stopped = on_stopped, .mode = on_mode};

/* ---- its position ---- */

static void save(stream_t *self, vd_effects_t *effects)
{
    const vd_position_t *position = vd_reception_position(self->reception);
    vd_peer_t ingestor = vd_peer_named("ingestor");
    if (position->store[0] == 0 || self->loading)
        return;
    self->saved = *position;
    self->saved_witness = self->witness;
    if (!self->durable)
        return;
    vd_message_t message = {.id = VD_MESSAGE_SAVE_POSITION, .correlation = ++self->kept_count};
    message.save_position.name = vd_str(self->name);
    message.save_position.store = vd_str(position->store);
    message.save_position.index = position->index;
    message.save_position.offset = position->offset;
    message.save_position.chain = position->chain;
    self->kept[self->kept_count % KEPT_MAX] =
        (kept_t){.position = *position, .witness = self->witness};
    vd_effects_send(effects, PORT_READ, &ingestor, &message);
}

static void load(stream_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_peer_t ingestor = vd_peer_named("ingestor");
    vd_message_t message = {.id = VD_MESSAGE_LOAD_POSITION, .correlation = ++self->kept_count};
    message.load_position.name = vd_str(self->name);
    self->kept[self->kept_count % KEPT_MAX] = (kept_t){.done = false};
    vd_effects_send(effects, PORT_READ, &ingestor, &message);
    vd_effects_timer(effects, TIMER_LOAD, now.mono_us + 500000);
}

static bool is_same(const vd_position_t *a, const vd_position_t *b)
{
    return strcmp(a->store, b->store) == 0 && a->index == b->index && a->offset == b->offset &&
           a->chain == b->chain;
}

/* The answer is one of the positions that were to be kept. */
static void take_position(stream_t *self, const vd_position_body_t *body)
{
    vd_position_t position = {
        .index = body->index, .offset = body->offset, .chain = (uint32_t)body->chain};
    vd_str_copy(position.store, sizeof position.store, body->store);
    for (uint64_t back = 0; back < KEPT_MAX; back++) {
        const kept_t *kept = &self->kept[(self->kept_count - back) % KEPT_MAX];
        if (!is_same(&kept->position, &position))
            continue;
        self->saved = position;
        self->witness = kept->witness;
        return;
    }
    vd_whole_fail(self->whole,
                  "[kept position] %s is told position %" PRIu64 ".%" PRIu64
                  ", which it never had kept",
                  self->name, position.index, position.offset);
}

/* What was answered with DONE is found in the same life of the ingestor. */
static void take_nothing(stream_t *self)
{
    for (uint32_t i = 0; i < KEPT_MAX; i++)
        if (self->kept[i].done &&
            self->kept[i].ingestor == vd_node_life(self->whole->ingestor.node))
            vd_whole_fail(self->whole, "[kept position] the position of %s was kept and is gone",
                          self->name);
    self->saved = (vd_position_t){.index = 0};
    vd_witness_begin(&self->witness);
}

static void take_answer(stream_t *self, vd_now_t now, const vd_message_t *message,
                        vd_effects_t *effects)
{
    kept_t *kept = &self->kept[message->correlation % KEPT_MAX];
    if (message->id == VD_MESSAGE_DONE && kept->position.store[0] != 0) {
        kept->done = true;
        kept->ingestor = vd_node_life(self->whole->ingestor.node);
    }
    /* What it was handed is in the store, unless that went back meanwhile. */
    if (message->id == VD_MESSAGE_ERROR && kept->position.store[0] != 0 &&
        vd_status_of_name(message->error.status) == VD_WENT_BACK &&
        kept->witness.ledger == self->whole->ledger)
        vd_whole_fail(self->whole,
                      "[kept position] position %" PRIu64 ".%" PRIu64 " of %s is refused",
                      kept->position.index, kept->position.offset, self->name);
    bool unknown =
        message->id == VD_MESSAGE_ERROR && vd_status_of_name(message->error.status) == VD_NOT_FOUND;
    if (!self->loading || (message->id != VD_MESSAGE_POSITION && !unknown))
        return;
    if (unknown)
        take_nothing(self);
    else
        take_position(self, &message->position);
    self->loading = false;
    vd_effects_timer_clear(effects, TIMER_LOAD);
    begin(self, now, effects);
}

/* ---- life ---- */

static const char *endpoint_of(const stream_t *self)
{
    return self->relayed ? "relay-1.read" : "ingestor.read";
}

/* To the relay, or away from it; in the calm it stays where it is. */
static void move(stream_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_world_t *world = self->whole->world;
    if (self->whole->calm)
        return;
    vd_effects_timer(effects, TIMER_MOVE,
                     now.mono_us + 500000 + (int64_t)vd_world_random(world, 6000000));
    self->relayed = !self->relayed;
    vd_world_note(world, "%-12s moves to %s", self->name, endpoint_of(self));
    vd_reception_connect(self->reception, now, endpoint_of(self), effects);
}

static void turn(stream_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t wait_us = vd_witness_turn_us(&self->witness);
    if (wait_us < 0)
        return;
    vd_effects_timer(effects, TIMER_TURN, now.mono_us + wait_us);
    if (self->mark.position.store[0] == 0 || self->loading)
        return;
    self->saved = self->mark.position;
    self->saved_witness = self->witness = self->mark.witness;
    self->mark.position.store[0] = 0;
    vd_world_note(self->whole->world, "%-12s begins anew behind %" PRIu64 ".%" PRIu64, self->name,
                  self->saved.index, self->saved.offset);
    begin(self, now, effects);
}

static void start(stream_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_reception_connect(self->reception, now, endpoint_of(self), effects);
    if (self->moves)
        vd_effects_timer(effects, TIMER_MOVE, now.mono_us + 3000000);
    if (self->turns)
        vd_effects_timer(effects, TIMER_TURN, now.mono_us + 1000000);
    vd_effects_timer(effects, TIMER_SAVE, now.mono_us + 100000);
    if (self->slow)
        vd_effects_timer(effects, TIMER_CONSUME, now.mono_us + 1000);
    self->loading = self->durable;
    if (self->loading)
        load(self, now, effects);
    else
        begin(self, now, effects);
}

static void take_timer(stream_t *self, vd_now_t now, uint32_t timer, vd_effects_t *effects)
{
    if (timer == TIMER_CONSUME) {
        consume(self, now, effects);
    } else if (timer == TIMER_LOAD) {
        load(self, now, effects);
    } else if (timer == TIMER_MOVE) {
        move(self, now, effects);
    } else if (timer == TIMER_TURN) {
        turn(self, now, effects);
    } else {
        save(self, effects);
        vd_effects_timer(effects, TIMER_SAVE,
                         now.mono_us + 50000 +
                             (int64_t)vd_world_random(self->whole->world, 2000000));
    }
}

static void step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    stream_t *self = state;
    if (input->kind == VD_INPUT_START)
        start(self, now, effects);
    else if (vd_reception_step(self->reception, now, input, effects))
        return;
    else if (input->kind == VD_INPUT_TIMER)
        take_timer(self, now, input->id, effects);
    else if (input->kind == VD_INPUT_MESSAGE)
        take_answer(self, now, input->message, effects);
}

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    stream_t *self = arg;
    vd_peer_t peer = vd_peer_named("ingestor");
    (void)world;
    (void)node;
    self->reception = vd_reception_new(PORT_READ, &peer, TIMER_STREAM, &handler, self);
    assert(self->reception != NULL);
    self->queue_count = 0;
    self->live = self->commit = (lane_t){0};
    self->single_us = vd_world_now(world).mono_us;
    if (self->saved.store[0] != 0)
        self->witness = self->saved_witness;
    else
        vd_witness_begin(&self->witness);
    return self;
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    stream_t *self = arg;
    (void)world;
    (void)node;
    (void)state;
    vd_reception_destroy(&self->reception);
}

static stream_t *stream_of(vd_whole_t *whole, const vd_node_t *node)
{
    for (uint32_t i = 0; whole->streams != NULL && i < WHOLE_STREAMS; i++)
        if (whole->streams->streams[i].node == node)
            return &whole->streams->streams[i];
    return NULL;
}

void vd_stream_part_heard(vd_whole_t *whole, const vd_node_t *node, bool arrives,
                          const vd_message_t *message)
{
    stream_t *self = stream_of(whole, node);
    if (self != NULL && arrives)
        vd_stream_taken(self, message);
    else if (self != NULL)
        vd_stream_sent(self, message);
}

/* In the calm, whoever is live is handed what is stored at once. */
static void check_delay(const stream_t *self)
{
    vd_whole_t *whole = self->whole;
    const vd_witness_t *witness = &self->witness;
    int64_t now_us = vd_whole_now_us(whole), awake_us = vd_process_awake_us(self->process);
    if (!whole->calm || now_us - whole->calm_us < CALMED_US || self->mode != VD_MODE_LIVE_ONLY ||
        now_us - self->changed_us < LIVE_FOR_US || now_us - awake_us < LIVE_FOR_US ||
        witness->ledger != whole->ledger || witness->at >= vd_ledger_count(whole->ledger))
        return;
    const vd_ledger_entry_t *next = vd_ledger_at(whole->ledger, witness->at);
    int64_t since_us = next->seen_us > awake_us ? next->seen_us : awake_us;
    if (!next->damaged && now_us - since_us > AT_ONCE_US &&
        !vd_oracle_was_pruned(whole->oracle,
                              vd_str(vd_ledger_session(whole->ledger, next->session))))
        vd_whole_fail(whole, "[at once] %s is live and was not handed %s:%" PRIu64 " for %.3f s",
                      self->name, vd_ledger_session(whole->ledger, next->session), next->seq,
                      (double)(now_us - since_us) / 1000000);
}

void vd_stream_part_stepped(vd_whole_t *whole, vd_node_t *node)
{
    stream_t *self = stream_of(whole, node);
    vd_reception_view_t view;
    if (self == NULL || !vd_node_is_up(node) || self->loading)
        return;
    vd_reception_look(self->reception, &view);
    if (!self->slow && !self->witness.ticks && !self->relayed)
        check_delay(self);
    bool may = view.mode == VD_MODE_OVERLAP || view.mode == VD_MODE_LIVE_ONLY || view.held;
    int64_t now_us = vd_whole_now_us(whole);
    if (!self->live.on || !self->commit.on || may)
        self->single_us = now_us;
    if (now_us - self->single_us > BOTH_US)
        vd_whole_fail(whole, "[one stream] %s is %s and takes both streams", self->name,
                      vd_mode_name(view.mode));
}

/* ---- all of them ---- */

static void set_knobs(stream_t *self)
{
    vd_world_t *world = self->whole->world;
    vd_mode_knobs_t *knobs = &self->wanted.knobs;
    char error[256];
    knobs->start_commit_sync_lag = 2 + vd_world_random(world, 30);
    knobs->resume_live_lag = vd_world_random(world, knobs->start_commit_sync_lag);
    knobs->stop_commit_sync_lag = vd_world_random(world, knobs->resume_live_lag + 1);
    knobs->pause_live_queue = 5 + vd_world_random(world, 100);
    knobs->resume_live_queue = vd_world_random(world, knobs->pause_live_queue);
    knobs->dwell_ms = 200 + vd_world_random(world, 2000);
    vd_status_t status = vd_modes_check(knobs, error, sizeof error);
    assert(status == VD_OK);
    (void)status;
    self->wanted.credit_items = (self->slow ? 60 : 8) + vd_world_random(world, 200);
    self->wanted.credit_bytes = 2000 + vd_world_random(world, 60000);
    self->wanted.batch = vd_world_chance(world, 300) ? 1 + vd_world_random(world, 8) : 0;
    vd_str_copy(self->wanted.name, sizeof self->wanted.name, vd_str(self->name));
    if (self->witness.ticks)
        snprintf(self->wanted.type, sizeof self->wanted.type, "tick");
}

static void add_stream(vd_whole_t *whole, stream_t *self, uint32_t number)
{
    *self =
        (stream_t){.whole = whole, .number = number, .slow = number == 1, .durable = number == 2};
    self->relayed = number >= 3;
    self->moves = number == 4;
    self->turns = vd_world_chance(whole->world, 300);
    snprintf(self->name, sizeof self->name, "stream-%u", number);
    self->witness = (vd_witness_t){
        .whole = whole, .name = self->name, .ticks = number == 2, .relayed = self->relayed};
    set_knobs(self);
    vd_process_spec_t spec = {.name = self->name, .kind = "stream", .again_us = 1000000};
    self->process = vd_process_new(whole->world, &spec);
    vd_node_spec_t node = {
        .step = step, .wires = wires, .wire_count = 1, .boot = boot, .end = end, .arg = self};
    self->node = vd_process_add(whole->world, self->process, &node);
    vd_node_tap(self->node);
    vd_process_boot(whole->world, self->process, "", false);
}

void vd_stream_part_add(vd_whole_t *self)
{
    if (self->options.without_actors & WITHOUT_STREAMS)
        return;
    self->streams = calloc(1, sizeof *self->streams);
    assert(self->streams != NULL);
    for (uint32_t i = 0; i < WHOLE_STREAMS; i++)
        add_stream(self, &self->streams->streams[i], i);
}

void vd_stream_part_free(vd_whole_t *self)
{
    for (uint32_t i = 0; self->streams != NULL && i < WHOLE_STREAMS; i++)
        vd_process_destroy(&self->streams->streams[i].process);
    free(self->streams);
    self->streams = NULL;
}

vd_process_t *vd_stream_part_process(vd_whole_t *self, uint32_t die)
{
    return self->streams != NULL ? self->streams->streams[die % WHOLE_STREAMS].process : NULL;
}

void vd_stream_part_steer(vd_whole_t *self, const char *verb, uint32_t die)
{
    vd_message_t message = {.id = VD_MESSAGE_STEER, .correlation = 98};
    if (self->streams == NULL)
        return;
    stream_t *stream = &self->streams->streams[die % WHOLE_STREAMS];
    self->kicks += strcmp(verb, "kick") == 0;
    message.steer.verb = vd_str(verb);
    message.steer.name = vd_str(stream->name);
    if (strcmp(verb, "resume") == 0) /* the word of it may be lost */
        stream->live.held = stream->commit.held = false;
    vd_world_inject(self->world, VD_MODEL_STRANGER, "ingestor.streams", &message);
}

bool vd_stream_part_rests(const vd_whole_t *self)
{
    for (uint32_t i = 0; self->streams != NULL && i < WHOLE_STREAMS; i++)
        if (self->streams->streams[i].mode == VD_MODE_PAUSED)
            return false;
    return true;
}

void vd_stream_part_finish(vd_whole_t *self)
{
    for (uint32_t i = 0; self->streams != NULL && i < WHOLE_STREAMS; i++) {
        stream_t *stream = &self->streams->streams[i];
        int64_t now_us = vd_whole_now_us(self);
        vd_witness_finish(&stream->witness);
        int64_t since_us = stream->live_us > stream->gap_us ? stream->live_us : stream->gap_us;
        bool live = stream->mode == VD_MODE_LIVE_ONLY || now_us - since_us < LIVE_AGAIN_US;
        if (!live && !stream->slow)
            vd_whole_fail(self, "[comes to rest] %s is %s and was not live for %.3f s",
                          stream->name, vd_mode_name(stream->mode),
                          (double)(now_us - since_us) / 1000000);
    }
}
