/* producer_node.c: the workload of a producer: sessions begun, written, ended, and every kind of
 * bad frame. */
#include "producer_node.h"

#include <assert.h>
#include <inttypes.h>

enum { PORT_EMIT = 1, TIMER_EMIT = 1, TIMER_WORK = 2, RING_BYTES = 2 * VD_EMIT_BYTES_MAX };

static const char SHARED[] = "shared";
static const vd_wire_t wires[] = {{PORT_EMIT, VD_WIRE_DEALER, "emit"}};

/* What a piece of work looks like. */
typedef struct work {
    const char *session;
    const char *first, *last; /* types; NULL: "tick" */
    uint32_t count;
    vd_fate_t fate;
    vd_status_t status;
    uint32_t record; /* 0: none */
    bool broken;     /* one byte of an event is changed behind its checksum */
} work_t;

static void on_outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    (void)now;
    (void)effects;
    vd_model_producer_t *self = arg;
    vd_world_note(self->world, "%-12s frame %" PRIu64 ": %s %s", self->name, outcome->token,
                  vd_status_name(outcome->status), outcome->text);
    vd_oracle_outcome(self->oracle, outcome, self->ingestor->store);
    if (self->fresh_first == 0 && self->fresh_frame != 0 && outcome->token >= self->fresh_frame)
        self->fresh_first = outcome->first;
    if (outcome->first > 0)
        self->answered = outcome->first + outcome->count - 1;
    if (outcome->token == self->shared_frame && outcome->status != VD_FENCED)
        self->shared_known = true;
}

static bool offer(vd_model_producer_t *self, vd_now_t now, const work_t *work,
                  vd_effects_t *effects)
{
    vd_buffer_t run;
    vd_buffer_init(&run, VD_EMIT_BYTES_MAX);
    uint64_t frame = vd_oracle_frame(self->oracle, self->life, work->session, work->count,
                                     work->fate, work->status);
    for (uint32_t i = 0; i < work->count; i++) {
        const char *type = "tick";
        if (i == 0 && work->first != NULL)
            type = work->first;
        if (i + 1 == work->count && work->last != NULL)
            type = work->last;
        vd_oracle_event(&run, frame, i, type, now.wall_ms, vd_world_random(self->world, 300));
    }
    if (work->broken)
        run.data[run.size - 1] ^= 1;
    if (self->fresh_frame == 0 || self->fresh_life != vd_node_life(self->ingestor->node)) {
        self->fresh_life = vd_node_life(self->ingestor->node);
        self->fresh_frame = frame;
        self->fresh_first = 0;
    }
    char record[16] = "";
    if (work->record > 0) {
        vd_oracle_record(self->oracle, frame, work->record);
        snprintf(record, sizeof record, "r#%" PRIu32, work->record);
    }
    vd_status_t status =
        vd_emit_offer_record(self->emit, now, vd_str(work->session), vd_str(record),
                             vd_buffer_view(&run), work->count, frame, effects);
    vd_buffer_free(&run);
    if (status == VD_OK) {
        vd_world_note(self->world, "%-12s offers frame %" PRIu64 ", %" PRIu32 " events for %s",
                      self->name, frame, work->count, work->session);
        return true;
    }
    vd_outcome_t outcome = {.token = frame, .status = VD_FENCED};
    if (status == VD_FENCED)
        vd_oracle_outcome(self->oracle, &outcome, NULL);
    else if (status == VD_OVERLOADED)
        vd_oracle_withdraw(self->oracle, frame);
    else
        vd_oracle_fail(self->oracle, "%s cannot offer: %s", self->name, vd_status_name(status));
    return false;
}

static uint32_t some(vd_model_producer_t *self)
{
    return 1 + (uint32_t)vd_world_random(self->world, self->events_max);
}

/* Some frames have a record, and few records are taken often. */
static uint32_t some_record(vd_model_producer_t *self)
{
    if (!vd_world_chance(self->world, 300))
        return 0;
    return 1 + (uint32_t)vd_world_random(self->world, vd_world_chance(self->world, 500) ? 4 : 30);
}

static void begin_session(vd_model_producer_t *self, vd_now_t now, vd_effects_t *effects)
{
    char id[2 * VD_NAME_BYTES_MAX];
    snprintf(id, sizeof id, "%s.%" PRIu32 ".%" PRIu64, self->name, self->life, ++self->made);
    vd_str_copy(self->session, sizeof self->session, vd_str(id));
    work_t work = {.session = self->session,
                   .first = "session_started",
                   .count = some(self),
                   .fate = VD_FATE_STORED};
    self->session_open = offer(self, now, &work, effects);
}

static void work_bad(vd_model_producer_t *self, vd_now_t now, vd_effects_t *effects)
{
    work_t work = {.session = self->session, .count = some(self), .fate = VD_FATE_REJECTED};
    switch (vd_world_random(self->world, 5)) {
    case 0:
        work.broken = true;
        work.status = VD_BAD_CRC;
        break;
    case 1:
        work.first = "session_started";
        work.status = VD_SESSION_EXISTS;
        break;
    case 2:
        work.session = "nowhere";
        work.status = VD_UNKNOWN_SESSION;
        break;
    case 3:
        work.count = 2;
        work.first = "session_ended";
        work.status = VD_SESSION_CLOSED;
        break;
    default:
        work.count = 2;
        work.last = "session_started";
        work.status = VD_BAD_EVENT;
        break;
    }
    offer(self, now, &work, effects);
}

static void work_shared(vd_model_producer_t *self, vd_now_t now, vd_effects_t *effects)
{
    work_t work = {.session = SHARED, .count = some(self), .fate = VD_FATE_STORED};
    if (!self->shared_known && self->shared_frame != 0)
        return;
    if (self->shared_known) {
        work.record = some_record(self);
        offer(self, now, &work, effects);
        return;
    }
    work.first = "session_started";
    work.fate = VD_FATE_EITHER;
    vd_oracle_sums_t sums = vd_oracle_sums(self->oracle);
    if (offer(self, now, &work, effects))
        self->shared_frame = sums.frames + 1;
}

static void work_end(vd_model_producer_t *self, vd_now_t now, vd_effects_t *effects)
{
    work_t work = {.session = self->session,
                   .last = "session_ended",
                   .count = some(self),
                   .fate = VD_FATE_STORED};
    if (!offer(self, now, &work, effects))
        return;
    self->session_open = false;
    work_t late = {.session = self->session,
                   .count = 1,
                   .fate = VD_FATE_REJECTED,
                   .status = VD_SESSION_CLOSED};
    if (vd_world_chance(self->world, 500))
        offer(self, now, &late, effects);
}

static void work_once(vd_model_producer_t *self, vd_now_t now, vd_effects_t *effects)
{
    uint64_t die = vd_world_random(self->world, 100);
    if (!self->session_open) {
        begin_session(self, now, effects);
    } else if (die < 8) {
        work_bad(self, now, effects);
    } else if (die < 30) {
        work_shared(self, now, effects);
    } else if (die < 34) {
        work_end(self, now, effects);
    } else {
        work_t work = {.session = self->session,
                       .count = some(self),
                       .fate = VD_FATE_STORED,
                       .record = some_record(self)};
        offer(self, now, &work, effects);
    }
}

static void work_timer(vd_model_producer_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!self->offers || vd_emit_state(self->emit) == VD_EMIT_FENCED)
        return;
    uint64_t burst = vd_world_chance(self->world, 100) ? 1 + vd_world_random(self->world, 20) : 1;
    for (uint64_t i = 0; i < burst && vd_emit_pending(self->emit) < 300; i++)
        work_once(self, now, effects);
    vd_effects_timer(effects, TIMER_WORK,
                     now.mono_us + 1 +
                         (int64_t)vd_world_random(self->world, (uint64_t)self->pause_us_max));
}

static void step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_model_producer_t *self = state;
    if (input->kind == VD_INPUT_START) {
        vd_emit_open(self->emit, now, VD_MODEL_EMIT, effects);
        vd_effects_timer(effects, TIMER_WORK, now.mono_us + 1);
    } else if (!vd_emit_step(self->emit, now, input, effects)) {
        work_timer(self, now, effects);
    }
    if (!self->opened && vd_emit_state(self->emit) == VD_EMIT_READY) {
        self->opened = true;
        vd_oracle_opened(self->oracle, self->life, vd_emit_epoch(self->emit));
    }
    if (vd_emit_state(self->emit) == VD_EMIT_FENCED)
        vd_effects_exit(effects, VD_FENCED, "fenced");
}

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    (void)node;
    vd_model_producer_t *self = arg;
    vd_peer_t peer = vd_peer_named("ingestor");
    self->life = vd_oracle_life(self->oracle, self->producer);
    self->emit = vd_emit_new(self->producer, vd_world_random(world, UINT64_MAX - 1) + 1, PORT_EMIT,
                             &peer, TIMER_EMIT, RING_BYTES, on_outcome, self);
    assert(self->emit != NULL);
    self->opened = self->session_open = self->shared_known = false;
    self->shared_frame = self->made = self->answered = 0;
    self->fresh_frame = self->fresh_first = 0;
    return self;
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    (void)world;
    (void)node;
    (void)state;
    vd_model_producer_t *self = arg;
    vd_oracle_life_over(self->oracle, self->life);
    vd_emit_destroy(&self->emit);
}

static void boot_again(vd_world_t *world, void *arg, uint64_t number)
{
    (void)number;
    vd_model_producer_t *self = arg;
    if (!vd_node_is_up(self->node) && self->restarts)
        vd_node_boot(world, self->node);
}

static void ended(vd_world_t *world, vd_node_t *node, vd_status_t status, void *arg)
{
    (void)node;
    (void)status;
    vd_world_later(world, 1000 + (int64_t)vd_world_random(world, 500000), NULL, boot_again, arg, 0);
}

void vd_model_producer_add(vd_model_producer_t *self, vd_world_t *world)
{
    self->world = world;
    assert(self->events_max > 0 && self->pause_us_max > 0 && self->oracle != NULL);
    vd_node_spec_t spec = {.name = self->name,
                           .step = step,
                           .wires = wires,
                           .wire_count = 1,
                           .boot = boot,
                           .end = end,
                           .ended = ended,
                           .arg = self};
    self->node = vd_world_add(world, &spec);
    vd_node_may_tear(self->node);
}

void vd_model_producer_forge(vd_model_producer_t *self)
{
    if (!vd_node_is_up(self->node) || !self->opened || self->answered == 0)
        return;
    vd_buffer_t run;
    vd_buffer_init(&run, VD_EMIT_BYTES_MAX);
    uint64_t frame =
        vd_oracle_frame(self->oracle, self->life, self->session, 1, VD_FATE_NEVER, VD_OK);
    vd_oracle_event(&run, frame, 0, "tick", vd_world_now(self->world).wall_ms, 10);
    vd_message_t message = {.id = VD_MESSAGE_EMIT, .correlation = 1};
    message.emit.producer = vd_str(self->producer);
    message.emit.epoch = vd_emit_epoch(self->emit);
    message.emit.first =
        self->answered - vd_world_random(self->world, self->answered < 20 ? self->answered : 20);
    message.emit.count = 1;
    message.emit.session = vd_str(self->session);
    message.payload = vd_buffer_view(&run);
    bool remembered = self->fresh_first != 0 && message.emit.first >= self->fresh_first &&
                      self->fresh_life == vd_node_life(self->ingestor->node);
    message.correlation = vd_node_life(self->ingestor->node);
    vd_world_inject(self->world, remembered ? VD_MODEL_FORGER : VD_MODEL_STRANGER, VD_MODEL_EMIT,
                    &message);
    vd_buffer_free(&run);
}
