#include "supervisor_world.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/run.h"

#define NEVER INT64_MAX

static vd_now_t now_of(const world_t *self)
{
    return (vd_now_t){.mono_us = self->us, .wall_ms = 1767225600000 + self->us / 1000};
}

void world_note(world_t *self, const char *what, const char *name)
{
    assert(self->trace_count < WORLD_EVENTS_MAX);
    (void)snprintf(self->trace[self->trace_count++], sizeof self->trace[0], "%s%s%s", what,
                   name[0] ? " " : "", name);
}

static world_input_t *enqueue(world_t *self, vd_input_kind_t kind)
{
    assert(self->queue_count < WORLD_QUEUE_MAX);
    world_input_t *one = calloc(1, sizeof *one);
    assert(one);
    one->input.kind = kind;
    vd_buffer_init(&one->bytes, VD_FRAME_BYTES_MAX);
    self->queue[(self->queue_first + self->queue_count++) % WORLD_QUEUE_MAX] = one;
    return one;
}

static world_input_t *enqueue_done(world_t *self, uint32_t id, uint64_t life)
{
    world_input_t *one = enqueue(self, VD_INPUT_DONE);
    one->input.id = id;
    one->input.token = life;
    return one;
}

/* Encodes a message and has it delivered: as over a socket, nothing is shared. */
static void enqueue_message(world_t *self, uint16_t port, const char *peer,
                            const vd_message_t *message)
{
    world_input_t *one = enqueue(self, VD_INPUT_MESSAGE);
    size_t header_size = 0;
    vd_status_t status = vd_message_encode(message, &one->bytes, &header_size);
    assert(status == VD_OK);
    size_t body_size = one->bytes.size - header_size;
    (void)vd_buffer_add(&one->bytes, message->payload.data, message->payload.size);
    const uint8_t *data = one->bytes.data;
    status = vd_message_decode(vd_bytes(data, header_size), vd_bytes(data + header_size, body_size),
                               vd_bytes(data + header_size + body_size, message->payload.size),
                               &one->message);
    assert(status == VD_OK);
    one->input.port = port;
    one->input.peer = vd_peer_named(peer);
    one->input.message = &one->message;
}

static void message_of(const vd_effects_t *effects, const vd_effect_t *effect,
                       vd_message_t *message)
{
    vd_status_t status =
        vd_message_decode(vd_effect_header(effects, effect), vd_effect_body(effects, effect),
                          vd_effect_payload(effects, effect), message);
    assert(status == VD_OK);
}

/* ---- processes ---- */

world_behaviour_t *world_behaviour(world_t *self, const char *name)
{
    for (size_t i = 0; i < self->behaviour_count; i++)
        if (strcmp(self->behaviours[i].name, name) == 0)
            return &self->behaviours[i];
    assert(self->behaviour_count < 16);
    world_behaviour_t *one = &self->behaviours[self->behaviour_count++];
    *one = (world_behaviour_t){.ready_after_us = 10000, .dies_after_us = NEVER};
    (void)snprintf(one->name, sizeof one->name, "%s", name);
    return one;
}

static const world_behaviour_t *behaviour_of(const world_t *self, const char *name)
{
    static const world_behaviour_t usual = {.ready_after_us = 10000, .dies_after_us = NEVER};
    for (size_t i = 0; i < self->behaviour_count; i++)
        if (strcmp(self->behaviours[i].name, name) == 0)
            return &self->behaviours[i];
    return &usual;
}

world_process_t *world_process(world_t *self, const char *name)
{
    for (size_t i = 0; i < self->process_count; i++)
        if (self->processes[i].alive && strcmp(self->processes[i].name, name) == 0)
            return &self->processes[i];
    return NULL;
}

size_t world_alive(const world_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->process_count; i++)
        count += self->processes[i].alive;
    return count;
}

static void die(world_t *self, world_process_t *process, vd_death_t death)
{
    assert(process->alive);
    process->alive = false;
    world_note(self, "dead", process->name);
    world_input_t *one = enqueue_done(self, VD_DONE_DIED, process->life);
    one->death = death;
    one->input.result = &one->death;
}

static void spawn(world_t *self, const vd_effect_t *effect)
{
    const vd_child_t *child = effect->object;
    const world_behaviour_t *behaviour = behaviour_of(self, child->name);
    assert(self->process_count < WORLD_PROCESSES_MAX && !world_process(self, child->name));
    world_note(self, "spawn", child->name);
    world_process_t *process = &self->processes[self->process_count++];
    *process = (world_process_t){
        .life = effect->token,
        .pid = 1000 + self->process_count,
        .alive = true,
        .ready_at_us =
            behaviour->ready_after_us == NEVER ? NEVER : self->us + behaviour->ready_after_us,
        .dies_at_us =
            behaviour->dies_after_us == NEVER ? NEVER : self->us + behaviour->dies_after_us,
        .alive_at_us = NEVER,
        .death = behaviour->death,
    };
    (void)snprintf(process->name, sizeof process->name, "%s", child->name);
    world_input_t *one = enqueue_done(self, VD_DONE_SPAWN, effect->token);
    one->pid = process->pid;
    one->input.result = &one->pid;
}

static void take_operation(world_t *self, const vd_effect_t *effect)
{
    if (effect->id == VD_DO_SPAWN) {
        spawn(self, effect);
        return;
    }
    if (effect->id == VD_DO_TELL_READY) {
        self->told_ready = true;
        world_note(self, "told ready", "");
        return;
    }
    for (size_t i = 0; i < self->process_count; i++) {
        world_process_t *process = &self->processes[i];
        if (process->life != effect->token || !process->alive)
            continue;
        if (effect->id == VD_DO_TERMINATE)
            world_note(self, "term", process->name);
        if (effect->id == VD_DO_TERMINATE && !behaviour_of(self, process->name)->ignores_term)
            die(self, process, (vd_death_t){.how = VD_DEATH_EXITED});
        else if (effect->id == VD_DO_KILL)
            die(self, process, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
        else if (effect->id == VD_DO_FREEZE || effect->id == VD_DO_THAW)
            process->frozen = effect->id == VD_DO_FREEZE;
    }
}

/* ---- ingestor and broker ---- */

static void answer_frame(world_t *self, const vd_message_t *message, vd_status_t status)
{
    if (self->mute)
        return;
    vd_message_t reply = {.id = VD_MESSAGE_COMMITTED, .correlation = message->correlation};
    reply.committed = (vd_committed_body_t){.epoch = 1,
                                            .mark = self->mark,
                                            .store = vd_str("0123456789abcdef"),
                                            .index = self->mark,
                                            .chain = 1,
                                            .session = message->emit.session,
                                            .seq = self->mark};
    if (status != VD_OK) {
        reply.id = VD_MESSAGE_REJECTED;
        reply.rejected = (vd_rejected_body_t){.epoch = 1,
                                              .first = message->emit.first,
                                              .count = message->emit.count,
                                              .status = vd_str(vd_status_name(status)),
                                              .text = vd_str("as the test wants")};
    }
    enqueue_message(self, VD_SUPERVISOR_INGESTOR, "ingestor", &reply);
}

static void commit(world_t *self, const vd_message_t *message)
{
    answer_frame(self, message, world_store(self, message));
}

/* The rows of SESSIONS. */
static void answer_sessions(world_t *self, const vd_message_t *message)
{
    const world_process_t *ingestor = world_process(self, "ingestor");
    if (!ingestor || !ingestor->ready || ingestor->frozen)
        return;
    assert(message->id == VD_MESSAGE_SESSIONS);
    const world_session_t *session = world_session_named(self, message->sessions.session);
    vd_buffer_t rows;
    vd_buffer_init(&rows, 4096);
    vd_write_array(&rows, session ? 1 : 0);
    if (session) {
        vd_session_record_t row = {.session = vd_str(session->id),
                                   .state = vd_str(session->state),
                                   .last_seq = session->events};
        vd_status_t status = vd_record_encode(VD_RECORD_session, &row, &rows);
        assert(status == VD_OK);
    }
    vd_message_t reply = {.id = VD_MESSAGE_SESSION_ROWS,
                          .correlation = message->correlation,
                          .payload = vd_buffer_view(&rows)};
    reply.session_rows.count = session ? 1 : 0;
    enqueue_message(self, VD_SUPERVISOR_READ, "ingestor", &reply);
    vd_buffer_free(&rows);
}

static void take_emit(world_t *self, const vd_message_t *message)
{
    world_process_t *ingestor = world_process(self, "ingestor");
    if (!ingestor || !ingestor->ready || ingestor->frozen)
        return;
    if (message->id == VD_MESSAGE_EMIT) {
        bool dies = message->emit.first > self->mark && ++self->frames == self->dies_at_frame;
        if (!dies || !self->early)
            commit(self, message);
        if (dies)
            die(self, ingestor, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
        return;
    }
    assert(message->id == VD_MESSAGE_OPEN && vd_str_is(message->open.producer, "supervisor"));
    vd_message_t reply = {.id = VD_MESSAGE_OPENED, .correlation = message->correlation};
    reply.opened = (vd_opened_body_t){
        .epoch = 1, .mark = self->mark, .store = vd_str("0123456789abcdef"), .window = 4096};
    enqueue_message(self, VD_SUPERVISOR_INGESTOR, "ingestor", &reply);
}

static void write_membership(void *arg, vd_buffer_t *out)
{
    const world_t *self = arg;
    vd_write_map(out, 2);
    vd_write_text(out, "actors");
    vd_write_array(out, 0);
    vd_write_text(out, "sources");
    vd_write_array(out, (uint32_t)self->source_count);
    for (size_t i = 0; i < self->source_count; i++) {
        vd_source_record_t record = {.name = vd_str(self->sources[i]), .adapter = vd_str("file")};
        vd_status_t status = vd_record_encode(VD_RECORD_source, &record, out);
        assert(status == VD_OK);
    }
}

/* Passes on what the publisher of the membership has said. */
static void pass_on(world_t *self)
{
    for (uint32_t i = 0; i < self->broker_effects->count; i++) {
        const vd_effect_t *effect = &self->broker_effects->list[i];
        assert(effect->kind == VD_EFFECT_SEND);
        vd_message_t message;
        message_of(self->broker_effects, effect, &message);
        bool published = effect->port == self->membership.pub_port;
        enqueue_message(self, published ? VD_SUPERVISOR_MEMBERSHIP : VD_SUPERVISOR_BROKER,
                        published ? "" : "broker", &message);
    }
    vd_effects_clear(self->broker_effects);
}

static void take_broker(world_t *self, const vd_message_t *message)
{
    const world_process_t *broker = world_process(self, "broker");
    if (!broker || !broker->ready || broker->frozen)
        return;
    if (message->id == VD_MESSAGE_DIED) {
        self->died_told++;
        return;
    }
    vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = 1, .message = message};
    input.peer = vd_peer_named("supervisor");
    vd_effects_clear(self->broker_effects);
    bool taken = vd_feed_answer(&self->membership, &input, self->broker_effects, write_membership,
                                self, &self->scratch);
    assert(taken);
    pass_on(self);
}

static void publish_source(world_t *self, const char *op, const char *name)
{
    vd_buffer_clear(&self->scratch);
    vd_write_map(&self->scratch, 2);
    vd_write_pair_text(&self->scratch, "op", op);
    vd_write_text(&self->scratch, strcmp(op, "source") == 0 ? "source" : "name");
    vd_source_record_t record = {.name = vd_str(name), .adapter = vd_str("file")};
    if (strcmp(op, "source") == 0)
        (void)vd_record_encode(VD_RECORD_source, &record, &self->scratch);
    else
        vd_write_text(&self->scratch, name);
    vd_effects_clear(self->broker_effects);
    (void)vd_feed_publish(&self->membership, self->broker_effects, vd_buffer_view(&self->scratch));
    pass_on(self);
}

void world_add_source(world_t *self, const char *name)
{
    assert(self->source_count < WORLD_SOURCES_MAX);
    (void)snprintf(self->sources[self->source_count++], sizeof self->sources[0], "%s", name);
    publish_source(self, "source", name);
}

void world_remove_source(world_t *self, const char *name)
{
    for (size_t i = 0; i < self->source_count; i++)
        if (strcmp(self->sources[i], name) == 0) {
            memmove(self->sources[i], self->sources[self->source_count - 1],
                    sizeof self->sources[0]);
            self->source_count--;
            break;
        }
    publish_source(self, "source_gone", name);
}

/* ---- the loop ---- */

static void take_send(world_t *self, const vd_effect_t *effect)
{
    vd_message_t message;
    if (effect->port == VD_SUPERVISOR_LIFECYCLE)
        return;
    if (effect->port == VD_SUPERVISOR_CONTROL) {
        vd_bytes_t header = vd_effect_header(self->effects, effect);
        vd_bytes_t body = vd_effect_body(self->effects, effect);
        vd_bytes_t payload = vd_effect_payload(self->effects, effect);
        vd_buffer_clear(&self->answer_bytes);
        (void)vd_buffer_add(&self->answer_bytes, header.data, header.size);
        (void)vd_buffer_add(&self->answer_bytes, body.data, body.size);
        (void)vd_buffer_add(&self->answer_bytes, payload.data, payload.size);
        const uint8_t *data = self->answer_bytes.data;
        vd_status_t status = vd_message_decode(
            vd_bytes(data, header.size), vd_bytes(data + header.size, body.size),
            vd_bytes(data + header.size + body.size, payload.size), &self->answer);
        assert(status == VD_OK);
        return;
    }
    message_of(self->effects, effect, &message);
    if (effect->port == VD_SUPERVISOR_INGESTOR)
        take_emit(self, &message);
    else if (effect->port == VD_SUPERVISOR_READ)
        answer_sessions(self, &message);
    else
        take_broker(self, &message);
}

static void deliver(world_t *self, const vd_input_t *input)
{
    vd_effects_clear(self->effects);
    vd_supervisor_step(self->core, now_of(self), input, self->effects);
    assert(!self->effects->overflow && !self->exited);
    for (uint32_t i = 0; i < self->effects->count; i++) {
        const vd_effect_t *effect = &self->effects->list[i];
        if (effect->kind == VD_EFFECT_SEND)
            take_send(self, effect);
        else if (effect->kind == VD_EFFECT_TIMER)
            self->timers[effect->id] = effect->at_us < 0 ? NEVER : effect->at_us;
        else if (effect->kind == VD_EFFECT_DO)
            take_operation(self, effect);
        else if (effect->kind == VD_EFFECT_EXIT) {
            self->exited = true;
            self->exit_status = effect->status;
        } else if (effect->kind == VD_EFFECT_LOG && getenv("VD_TEST_LOG"))
            (void)fprintf(stderr, "%8lld ms %s\n", (long long)(self->us / 1000),
                          vd_effect_text(self->effects, effect));
    }
}

static void drain(world_t *self)
{
    while (self->queue_count > 0) {
        world_input_t *one = self->queue[self->queue_first];
        self->queue_first = (self->queue_first + 1) % WORLD_QUEUE_MAX;
        self->queue_count--;
        if (!self->exited)
            deliver(self, &one->input);
        vd_buffer_free(&one->bytes);
        free(one);
    }
}

static void advance_process(world_t *self, world_process_t *process)
{
    if (process->dies_at_us <= self->us) {
        die(self, process, process->death);
        return;
    }
    if (process->frozen)
        return;
    if (!process->ready && process->ready_at_us <= self->us) {
        process->ready = true;
        process->alive_at_us = self->us + 1000000;
        (void)enqueue_done(self, VD_DONE_IS_READY, process->life);
    }
    if (process->ready && process->alive_at_us <= self->us) {
        process->alive_at_us = self->us + 1000000;
        if (!behaviour_of(self, process->name)->silent)
            (void)enqueue_done(self, VD_DONE_ALIVE, process->life);
    }
}

/* The next moment at which something happens by itself. */
static int64_t next_moment(const world_t *self)
{
    int64_t next = NEVER;
    for (size_t i = 0; i < WORLD_TIMERS; i++)
        next = self->timers[i] < next ? self->timers[i] : next;
    for (size_t i = 0; i < self->process_count; i++) {
        const world_process_t *process = &self->processes[i];
        if (!process->alive)
            continue;
        next = process->dies_at_us < next ? process->dies_at_us : next;
        if (process->frozen)
            continue;
        if (!process->ready)
            next = process->ready_at_us < next ? process->ready_at_us : next;
        next = process->alive_at_us < next ? process->alive_at_us : next;
    }
    return next;
}

static void advance(world_t *self)
{
    for (size_t i = 0; i < self->process_count; i++)
        if (self->processes[i].alive)
            advance_process(self, &self->processes[i]);
    drain(self);
    for (uint32_t id = 0; id < WORLD_TIMERS; id++) {
        if (self->timers[id] > self->us || self->exited)
            continue;
        self->timers[id] = NEVER;
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = id};
        deliver(self, &input);
    }
    drain(self);
}

bool world_run_until(world_t *self, int64_t us, bool (*done)(const world_t *self))
{
    int64_t end = self->us + us;
    drain(self);
    for (uint64_t rounds = 0; !self->exited && rounds < 1000000; rounds++) {
        if (done && done(self))
            return true;
        int64_t next = next_moment(self);
        if (next > end)
            break;
        if (next > self->us)
            self->us = next;
        advance(self);
    }
    if (!self->exited && self->us < end)
        self->us = end;
    return done && done(self);
}

void world_run(world_t *self, int64_t us)
{
    (void)world_run_until(self, us, NULL);
}

void world_kill(world_t *self, const char *name)
{
    world_process_t *process = world_process(self, name);
    assert(process);
    die(self, process, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
    drain(self);
}

void world_stop(world_t *self)
{
    (void)enqueue(self, VD_INPUT_STOP);
    drain(self);
}

static void ask(world_t *self, vd_message_t *message)
{
    self->answer.id = 0;
    message->correlation = 77;
    enqueue_message(self, VD_SUPERVISOR_CONTROL, "tool", message);
    drain(self);
    assert(self->answer.id != 0 && self->answer.correlation == 77);
}

void world_control(world_t *self, const char *verb, const char *actor)
{
    vd_message_t message = {.id = VD_MESSAGE_CONTROL};
    message.control = (vd_control_body_t){.verb = vd_str(verb), .actor = vd_str(actor)};
    ask(self, &message);
}

void world_ask(world_t *self, vd_message_id_t id)
{
    vd_message_t message = {.id = (uint16_t)id};
    if (id == VD_MESSAGE_GET)
        message.get.feed = vd_str("lifecycle");
    ask(self, &message);
}

int world_find(const world_t *self, const char *what, int from)
{
    for (size_t i = from < 0 ? 0 : (size_t)from; i < self->trace_count; i++)
        if (strcmp(self->trace[i], what) == 0)
            return (int)i;
    return -1;
}

vd_supervisor_setup_t world_setup(void)
{
    vd_supervisor_setup_t setup = {
        .session = "20260101T000000000Z-00000001",
        .session_name = "test",
        .command = "vedette up",
        .host = "here",
        .data = "/var/store",
        .broker_control = "ipc:///run/broker.control",
        .broker_membership = "ipc:///run/broker.membership",
        .ingestor_emit = "ipc:///run/ingestor.emit",
        .ingestor_read = "ipc:///run/ingestor.read",
        .session_ids = {.last_ms = 1767225600000, .last = 1},
        .session_roll_us = 86400000000,
        .session_roll_events = 10000000,
        .inc = 1,
        .pid = 1,
        .pollers_max = 4,
        .policy = vd_child_policy_default(),
        .fixed_count = 5,
        .fixed = {{"broker", "broker", "vedette-broker", VD_RANK_BROKER},
                  {"ingestor", "ingestor", "vedette-ingestor", VD_RANK_INGESTOR},
                  {"static", "provider", "vedette-provider", VD_RANK_PROVIDER},
                  {"host", "observer", "vedette-observer-host", VD_RANK_OBSERVER},
                  {"services", "observer", "vedette-observer-services", VD_RANK_OBSERVER}},
    };
    return setup;
}

void world_begin(world_t *self, const vd_supervisor_setup_t *setup)
{
    memset(self, 0, sizeof *self);
    self->us = 1000000000;
    for (size_t i = 0; i < WORLD_TIMERS; i++)
        self->timers[i] = NEVER;
    vd_buffer_init(&self->scratch, VD_SNAPSHOT_BYTES_MAX);
    vd_buffer_init(&self->answer_bytes, VD_FRAME_BYTES_MAX);
    self->core = vd_supervisor_new(setup);
    self->effects = vd_effects_new();
    self->broker_effects = vd_effects_new();
    assert(self->core && self->effects && self->broker_effects);
    bool made = vd_feed_publisher_init(&self->membership, "membership", 9, 2, 256, 65536);
    assert(made);
    (void)enqueue(self, VD_INPUT_START);
    drain(self);
}

void world_end(world_t *self)
{
    self->exited = true;
    drain(self);
    vd_supervisor_destroy(&self->core);
    vd_effects_destroy(&self->effects);
    vd_effects_destroy(&self->broker_effects);
    vd_feed_publisher_free(&self->membership);
    vd_buffer_free(&self->scratch);
    vd_buffer_free(&self->answer_bytes);
}
