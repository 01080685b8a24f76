/* fuzz_supervisor.c: control by strangers, a membership and an ingestor that say anything, children that end in any way. */
#include "stage.h"

#include "supervisor/supervisor.h"

enum { LIVES_MAX = 64 };

typedef struct lives {
    uint64_t newest;          /* lives are never used twice */
    uint64_t list[LIVES_MAX]; /* of processes that run or are being started */
    uint32_t count;
    uint32_t started; /* of them so many, from the first, have been answered with a process id */
} lives_t;

static bool lives(const lives_t *self, uint64_t life)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->list[i] == life)
            return true;
    return false;
}

static void perform(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    lives_t *self = stage->arg;
    if (effect->id == VD_DO_TELL_READY)
        return;
    if (effect->id != VD_DO_SPAWN) {
        FUZZ_HOLDS(effect->token != 0 && lives(self, effect->token));
        return;
    }
    const vd_child_t *child = effect->object;
    FUZZ_HOLDS(effect->token > self->newest && child->name[0] != 0 && self->count < LIVES_MAX);
    self->newest = effect->token;
    self->list[self->count++] = effect->token;
}

static void bury(lives_t *self, uint32_t at)
{
    self->started -= at < self->started;
    memmove(self->list + at, self->list + at + 1, (--self->count - at) * sizeof self->list[0]);
}

static void die(fuzz_stage_t *stage, uint32_t at, vd_bytes_t *input)
{
    lives_t *self = stage->arg;
    vd_death_t death = {.how = (vd_death_how_t)(VD_DEATH_EXITED + fuzz_byte(input) % 5),
                        .number = fuzz_byte(input)};
    vd_bytes_t words = fuzz_part(input);
    size_t size = words.size < sizeof death.detail - 1 ? words.size : sizeof death.detail - 1;
    if (size > 0)
        memcpy(death.detail, words.data, size);
    vd_input_t done = {
        .kind = VD_INPUT_DONE, .id = VD_DONE_DIED, .token = self->list[at], .result = &death};
    bury(self, at);
    fuzz_stage_input(stage, &done);
}

static void complete(fuzz_stage_t *stage, uint8_t how, vd_bytes_t *input)
{
    lives_t *self = stage->arg;
    uint64_t pid = 77;
    if ((how & 0x60) == 0x60) {
        vd_input_t stop = {.kind = VD_INPUT_STOP};
        fuzz_stage_input(stage, &stop);
        return;
    }
    if (self->count == 0)
        return;
    if (self->started < self->count) {
        vd_input_t spawned = {.kind = VD_INPUT_DONE,
                              .id = VD_DONE_SPAWN,
                              .token = self->list[self->started++],
                              .result = &pid};
        fuzz_stage_input(stage, &spawned);
    }
    uint32_t at = fuzz_byte(input) % (self->count > 0 ? self->count : 1);
    if (at >= self->count)
        return;
    if ((how >> 3 & 3) == 0) {
        die(stage, at, input);
        return;
    }
    vd_input_t told = {.kind = VD_INPUT_DONE,
                       .id = (how >> 3 & 3) == 1 ? VD_DONE_ALIVE : VD_DONE_IS_READY,
                       .token = self->list[at]};
    fuzz_stage_input(stage, &told);
}

static void set_up(vd_supervisor_setup_t *setup)
{
    static const char *const names[] = {"broker", "ingestor", "static", "host"};
    static const char *const kinds[] = {"broker", "ingestor", "provider", "observer"};
    static const uint8_t ranks[] = {VD_RANK_BROKER, VD_RANK_INGESTOR, VD_RANK_PROVIDER,
                                    VD_RANK_OBSERVER};
    memset(setup, 0, sizeof *setup);
    setup->policy = vd_child_policy_default();
    setup->inc = 7;
    setup->pid = 1;
    setup->pollers_max = 4;
    setup->session_roll_us = INT64_C(20000000);
    setup->session_roll_events = 1000;
    vd_session_id_next(&setup->session_ids, 1700000000000, 1, setup->session);
    strcpy(setup->command, "up");
    strcpy(setup->host, "here");
    strcpy(setup->broker_control, "ipc://control");
    strcpy(setup->broker_membership, "ipc://membership");
    strcpy(setup->ingestor_emit, "ipc://emit");
    strcpy(setup->ingestor_read, "ipc://read");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        vd_fixed_child_t *child = &setup->fixed[setup->fixed_count++];
        strcpy(child->name, names[i]);
        strcpy(child->kind, kinds[i]);
        strcpy(child->program, "vedette-thing");
        child->rank = ranks[i];
    }
}

void fuzz_one(vd_bytes_t input)
{
    static vd_supervisor_setup_t setup;
    lives_t own = {.count = 0};
    fuzz_stage_t stage;
    set_up(&setup);
    vd_supervisor_t *supervisor = vd_supervisor_new(&setup);
    fuzz_stage_open(&stage, vd_supervisor_step, supervisor);
    fuzz_stage_port(&stage, VD_SUPERVISOR_CONTROL, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_SUPERVISOR_BROKER, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_SUPERVISOR_MEMBERSHIP, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_SUPERVISOR_INGESTOR, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_SUPERVISOR_READ, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_SUPERVISOR_LIFECYCLE, FUZZ_PUB);
    stage.perform = perform;
    stage.complete = complete;
    stage.arg = &own;
    fuzz_stage_run(&stage, &input);
    fuzz_stage_close(&stage);
    vd_supervisor_destroy(&supervisor);
}
