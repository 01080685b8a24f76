#include "chaos/engine.h"

#include "chaos/peer.h"
#include "chaos/prepare.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    START_MS = 10000, /* for a target that is just being started */
    INJECT_MS = 60000,
    PROVE_MS = 15000,
    UNDO_MS = 60000,
    RECOVER_MS = 60000,
    STATUS_MS = 50,
};

static const chaos_method_t *method_of(const chaos_fault_t *fault)
{
    if (fault->step.kind == CHAOS_KILL && chaos_is_supervisor(fault))
        return &chaos_kill_supervisor;
    return chaos_method(fault->step.kind);
}

const chaos_method_t *chaos_method(chaos_kind_t kind)
{
    static const chaos_method_t *const methods[CHAOS_KINDS] = {
        [CHAOS_KILL] = &chaos_kill,
        [CHAOS_STOP] = &chaos_stop,
        [CHAOS_CRASH_LOOP] = &chaos_crash_loop,
        [CHAOS_MISSING_EXECUTABLE] = &chaos_missing_executable,
        [CHAOS_DISK_FULL] = &chaos_disk_full,
        [CHAOS_DISK_ERROR] = &chaos_disk_error,
        [CHAOS_DISK_SLOW] = &chaos_disk_slow,
        [CHAOS_CLOCK] = &chaos_clock,
        [CHAOS_DESCRIPTORS] = &chaos_descriptors,
        [CHAOS_MEMORY] = &chaos_memory,
        [CHAOS_GARBAGE] = &chaos_garbage,
        [CHAOS_HOSTILE] = &chaos_hostile,
    };
    assert((unsigned)kind < CHAOS_KINDS && methods[kind] != NULL);
    return methods[kind];
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- telling ---- */

static void tell(chaos_engine_t *self, const chaos_fault_t *fault, chaos_phase_t phase,
                 const char *text)
{
    chaos_note_t note = {
        .phase = phase,
        .number = fault->number,
        .line = fault->line,
        .step = &fault->step,
        .pid = (uint64_t)fault->process.pid,
        .at_ms = wall_ms(),
        .detected_ms = fault->detected_ms,
        .recovered_ms = fault->recovered_ms,
    };
    snprintf(note.text, sizeof note.text, "%s", text);
    chaos_report_take(self->report, &note);
    self->tell(self->arg, &note);
}

static void fail(chaos_engine_t *self, chaos_fault_t *fault, const char *expected,
                 int64_t within_ms)
{
    char text[VD_TEXT_BYTES_MAX];
    if (within_ms > 0)
        snprintf(text, sizeof text, "expected within %" PRId64 " s: %s; seen: %.300s",
                 within_ms / 1000, expected, fault->seen);
    else if (expected != NULL)
        snprintf(text, sizeof text, "expected: %s; seen: %.300s", expected, fault->seen);
    else
        snprintf(text, sizeof text, "%.400s", fault->seen);
    fault->failed = true;
    tell(self, fault, CHAOS_FAILED, text);
}

static void enter(chaos_fault_t *fault, chaos_stage_t stage)
{
    fault->stage = stage;
    fault->stage_ms = chaos_now_ms();
}

/* ---- the runtime ---- */

/* Is a fault just being made to the supervisor, of which it may end? One that is held does not end it. */
static bool is_ours(const chaos_engine_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (chaos_is_supervisor(&self->faults[i]) && !method_of(&self->faults[i])->held &&
            self->faults[i].stage >= CHAOS_PROVE && self->faults[i].stage <= CHAOS_UNDO)
            return true;
    return false;
}

/* Behind a fault to the supervisor: the one that is there now is the runtime, or whichever answers next. */
static void adopt(chaos_engine_t *self, bool well)
{
    chaos_process_t now;
    if (chaos_process_find(self->ground.world.supervisor, &now))
        self->supervisor = now;
    else if (!well)
        self->supervisor.pid = 0;
}

bool chaos_engine_gone(chaos_engine_t *self)
{
    chaos_world_t *world = &self->ground.world;
    int before = (int)self->supervisor.pid;
    if (self->gone[0] != 0 || is_ours(self))
        return self->gone[0] != 0;
    if (before == 0) {
        if (chaos_world_status(world, STATUS_MS))
            adopt(self, true);
        return false;
    }
    if (chaos_process_state(&self->supervisor) != 0)
        return false;
    if (chaos_world_status(world, STATUS_MS) && world->supervisor != (uint64_t)before)
        snprintf(self->gone, sizeof self->gone,
                 "another runtime has come: its supervisor is process %" PRIu64
                 ", that of the one before was process %d, and no fault was to end that",
                 world->supervisor, before);
    else
        snprintf(self->gone, sizeof self->gone,
                 "the runtime is gone: its supervisor (process %d) has ended, and no fault was to "
                 "end it",
                 before);
    return true;
}

/* The same, for who is about to break something: one that ends in order is gone, too. */
static bool is_leaving(chaos_engine_t *self)
{
    chaos_world_t *world = &self->ground.world;
    if (chaos_engine_gone(self))
        return true;
    if (is_ours(self) || !chaos_world_status(world, STATUS_MS) || !world->stopping)
        return false;
    snprintf(self->gone, sizeof self->gone,
             "the runtime is being ended: its supervisor (process %" PRIu64 ") stops in order",
             world->supervisor);
    return true;
}

/* ---- stages ---- */

static void end(chaos_engine_t *self, chaos_fault_t *fault)
{
    chaos_target_t *target = chaos_report_target(self->report, fault->step.target);
    if (target != NULL) {
        target->deaths += fault->deaths;
        target->started_by_hand += fault->by_hand;
    }
    chaos_peer_close(&fault->peer);
    chaos_sweep();
    enter(fault, CHAOS_OVER);
}

/* What was seen last stays told: it may be why it takes so long. */
static void see_interrupt(const chaos_engine_t *self, chaos_fault_t *fault)
{
    char before[sizeof fault->seen];
    if (!self->asked_to_end())
        return;
    snprintf(before, sizeof before, "%s", fault->seen);
    chaos_fault_see(fault, "it was ended before that%s%.400s", before[0] != 0 ? "; " : "", before);
}

/* The runtime is gone: nothing more will be seen of it. What is broken is undone all the same. */
static void give_up(chaos_engine_t *self, chaos_fault_t *fault)
{
    if (!fault->failed) {
        chaos_fault_see(fault, "%s", self->gone);
        fail(self, fault, NULL, 0);
    }
    if (fault->stage == CHAOS_RECOVER || (fault->stage == CHAOS_INJECT && fault->record == 0))
        end(self, fault);
    else
        enter(fault, fault->stage == CHAOS_UNDO ? CHAOS_RECOVER : CHAOS_UNDO);
}

static void inject(chaos_engine_t *self, chaos_fault_t *fault, const chaos_method_t *method)
{
    if (fault->injected_ms == 0 ? is_leaving(self) : chaos_engine_gone(self)) {
        give_up(self, fault);
        return;
    }
    fault->seen[0] = 0;
    chaos_answer_t answer = method->inject(&self->ground, fault);
    double waited_ms = chaos_now_ms() - fault->stage_ms;
    if (answer == CHAOS_NO && fault->waits && waited_ms < START_MS)
        answer = CHAOS_NOT_YET;
    bool late = waited_ms > INJECT_MS;
    if (answer == CHAOS_NOT_YET && !late && !self->asked_to_end())
        return;
    if (answer != CHAOS_YES) {
        if (answer == CHAOS_NOT_YET)
            see_interrupt(self, fault);
        fail(self, fault, answer == CHAOS_NOT_YET && late ? "it can be made" : NULL,
             answer == CHAOS_NOT_YET && late ? INJECT_MS : 0);
        if (fault->record != 0)
            enter(fault, CHAOS_UNDO);
        else
            end(self, fault);
        return;
    }
    tell(self, fault, CHAOS_INJECTED, fault->seen);
    fault->seen[0] = 0;
    enter(fault, CHAOS_PROVE);
}

static void prove(chaos_engine_t *self, chaos_fault_t *fault, const chaos_method_t *method)
{
    if (chaos_engine_gone(self)) {
        give_up(self, fault);
        return;
    }
    chaos_answer_t answer = method->prove(&self->ground, fault);
    bool late = chaos_now_ms() - fault->stage_ms > PROVE_MS;
    bool ending = self->asked_to_end();
    if (answer == CHAOS_YES) {
        fault->seen[0] = 0;
        tell(self, fault, CHAOS_PROVED, fault->proof != NULL ? fault->proof : method->proof);
        enter(fault, CHAOS_HOLD);
    } else if (answer == CHAOS_NO || late || ending) {
        if (answer != CHAOS_NO && !late)
            see_interrupt(self, fault);
        fail(self, fault, method->proof, answer == CHAOS_NO || !late ? 0 : PROVE_MS);
        enter(fault, CHAOS_UNDO);
    }
}

static void undo(chaos_engine_t *self, chaos_fault_t *fault, const chaos_method_t *method)
{
    chaos_answer_t answer = method->undo(&self->ground, fault);
    bool gone = chaos_engine_gone(self);
    if (answer == CHAOS_NOT_YET && !gone && chaos_now_ms() - fault->stage_ms <= UNDO_MS)
        return;
    if (chaos_is_supervisor(fault))
        adopt(self, answer == CHAOS_YES && !fault->failed);
    if (answer == CHAOS_NOT_YET && gone) {
        give_up(self, fault);
        return;
    }
    if (answer != CHAOS_YES)
        fail(self, fault, method->undone, answer == CHAOS_NO ? 0 : UNDO_MS);
    else {
        if (fault->record != 0)
            chaos_undo_drop(&self->ground.undo, fault->record);
        fault->record = 0;
        if (!fault->failed)
            tell(self, fault, CHAOS_UNDONE, fault->ending != NULL ? fault->ending : method->undone);
    }
    enter(fault, CHAOS_RECOVER);
}

static void recover(chaos_engine_t *self, chaos_fault_t *fault, const chaos_method_t *method)
{
    if (chaos_engine_gone(self)) {
        give_up(self, fault);
        return;
    }
    chaos_answer_t answer = method->recover(&self->ground, fault);
    if (answer == CHAOS_NOT_YET && chaos_now_ms() - fault->stage_ms <= RECOVER_MS)
        return;
    double from_ms = method->held ? fault->stage_ms : fault->injected_ms;
    fault->recovered_ms = chaos_now_ms() - from_ms;
    if (answer != CHAOS_YES)
        fail(self, fault, method->recovery, answer == CHAOS_NO ? 0 : RECOVER_MS);
    else if (!fault->failed)
        tell(self, fault, CHAOS_RECOVERED, fault->by_hand > 0 ? "it was started by hand" : "");
    end(self, fault);
}

static void go(chaos_engine_t *self, chaos_fault_t *fault)
{
    const chaos_method_t *method = method_of(fault);
    chaos_stage_t before;
    do {
        before = fault->stage;
        switch (fault->stage) {
        case CHAOS_INJECT:
            inject(self, fault, method);
            break;
        case CHAOS_PROVE:
            prove(self, fault, method);
            break;
        case CHAOS_HOLD:
            if (!method->held || self->asked_to_end() || chaos_engine_gone(self) ||
                chaos_now_ms() - fault->injected_ms >= (double)fault->step.for_ms)
                enter(fault, CHAOS_UNDO);
            break;
        case CHAOS_UNDO:
            undo(self, fault, method);
            break;
        case CHAOS_RECOVER:
            recover(self, fault, method);
            break;
        case CHAOS_OVER:
            break;
        }
    } while (fault->stage != before);
}

/* ---- lines ---- */

bool chaos_engine_knows(chaos_engine_t *self, const chaos_line_t *line, char *error)
{
    for (size_t i = 0; i < line->count; i++) {
        chaos_fault_t fault = {.step = line->steps[i]};
        bool all = fault.step.kind == CHAOS_CLOCK && strcmp(fault.step.target, "all") == 0;
        if (all || chaos_is_supervisor(&fault) ||
            chaos_world_actor(&self->ground.world, fault.step.target) != NULL)
            continue;
        (void)chaos_fault_aim(&self->ground, &fault);
        snprintf(error, CHAOS_ERROR_BYTES, "%.*s", CHAOS_ERROR_BYTES - 1, fault.seen);
        return false;
    }
    return true;
}

void chaos_engine_begin(chaos_engine_t *self, const chaos_line_t *line, uint64_t line_number)
{
    assert(line->count > 0 && line->count <= CHAOS_STEPS_MAX);
    double now_ms = chaos_now_ms();
    double from_ms = self->ended_ms > 0 ? self->ended_ms : now_ms;
    /* A line that comes late begins when it comes: its patience is not over yet. */
    double begin_ms = from_ms + (double)line->after_ms;
    begin_ms = begin_ms > now_ms ? begin_ms : now_ms;
    self->count = line->count;
    for (size_t i = 0; i < line->count; i++)
        self->faults[i] = (chaos_fault_t){
            .step = line->steps[i],
            .number = ++self->number,
            .line = line_number,
            .stage = CHAOS_INJECT,
            .stage_ms = begin_ms,
            .detected_ms = CHAOS_NO_TIME,
            .recovered_ms = CHAOS_NO_TIME,
        };
}

/* Is every fault of the line over? */
static bool is_over(const chaos_engine_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->faults[i].stage != CHAOS_OVER)
            return false;
    return true;
}

bool chaos_engine_go(chaos_engine_t *self, int wait_ms)
{
    double now_ms = chaos_now_ms();
    chaos_fault_t *first = &self->faults[0];
    bool waits = self->count > 0 && first->stage == CHAOS_INJECT && first->stage_ms > now_ms;
    if (waits && (self->asked_to_end() || chaos_engine_gone(self))) {
        self->number -= self->count;
        self->count = 0;
    } else if (waits && first->stage_ms - now_ms < wait_ms)
        wait_ms = (int)(first->stage_ms - now_ms);
    chaos_world_look(&self->ground.world, wait_ms);
    if (waits && first->stage_ms > chaos_now_ms())
        return self->count > 0;
    for (size_t i = 0; i < self->count; i++)
        go(self, &self->faults[i]);
    if (!is_over(self))
        return true;
    self->ended_ms = chaos_now_ms();
    return false;
}

bool chaos_engine_good(const chaos_engine_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->faults[i].failed || self->faults[i].stage != CHAOS_OVER)
            return false;
    return self->count > 0;
}

vd_status_t chaos_engine_open(chaos_engine_t *self, vd_client_t *client, const char *dir,
                              char *error)
{
    self->ground.undo = (chaos_undo_t){.keeper = -1};
    vd_status_t status = chaos_world_open(&self->ground.world, client, dir, error);
    (void)chaos_process_find(self->ground.world.supervisor, &self->supervisor);
    return status == VD_OK ? chaos_undo_open(&self->ground.undo, self->ground.world.place,
                                             self->ground.world.paths.logs, error)
                           : status;
}

void chaos_engine_close(chaos_engine_t *self)
{
    chaos_undo_close(&self->ground.undo);
    chaos_world_close(&self->ground.world);
}
