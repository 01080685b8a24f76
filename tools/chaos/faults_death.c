/* faults_death.c: kill, stop, crash_loop, and the death of the supervisor. */
#include "chaos/faults.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum { STATUS_MS = 50, LAUNCH_AGAIN_MS = 10000 };

/* ---- kill ---- */

/* What is recorded holds for all of its lives: its supervisor may give it up after any of them. */
static chaos_answer_t kill_inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (!chaos_fault_aim(ground, fault))
        return CHAOS_NO;
    uint64_t record = chaos_undo_start(&ground->undo, ground->world.paths.dir, fault->step.target);
    if (!chaos_fault_recorded(ground, fault, record))
        return CHAOS_NO;
    return chaos_fault_kill(fault, &fault->process) ? CHAOS_YES : CHAOS_NO;
}

static chaos_answer_t kill_prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    chaos_fault_detect(ground, fault);
    return chaos_fault_is_gone(fault, &fault->process) ? CHAOS_YES : CHAOS_NOT_YET;
}

/* The supervisor has put another process in its place. */
static chaos_answer_t kill_undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (fault->deaths == 0)
        return CHAOS_YES;
    if (!chaos_fault_detect(ground, fault)) {
        chaos_fault_see(fault, "the supervisor still tells of process %d", (int)fault->process.pid);
        return CHAOS_NOT_YET;
    }
    const chaos_actor_t *actor = chaos_world_actor(&ground->world, fault->step.target);
    if (actor != NULL && actor->pid != 0)
        return CHAOS_YES;
    (void)chaos_fault_ready(ground, fault); /* for its words, and to start one that was given up */
    return CHAOS_NOT_YET;
}

/* ---- crash_loop ---- */

static chaos_answer_t crash_prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    chaos_fault_detect(ground, fault);
    const chaos_actor_t *actor = chaos_world_actor(&ground->world, fault->step.target);
    chaos_process_t next;
    if (!chaos_fault_is_gone(fault, &fault->process))
        return CHAOS_NOT_YET;
    if (fault->deaths >= fault->step.number)
        return CHAOS_YES;
    if (actor == NULL || actor->pid == 0 || actor->pid == (uint64_t)fault->process.pid ||
        !chaos_process_find(actor->pid, &next)) {
        (void)chaos_fault_ready(ground, fault);
        return CHAOS_NOT_YET;
    }
    /* Each life has a time of its own: it comes later behind the one before. */
    if (chaos_fault_kill(fault, &next))
        fault->stage_ms = chaos_now_ms();
    return CHAOS_NOT_YET;
}

#define DEATH(name, ask, what)                                                                     \
    const chaos_method_t name = {                                                                  \
        .inject = kill_inject,                                                                     \
        .prove = ask,                                                                              \
        .undo = kill_undo,                                                                         \
        .recover = chaos_fault_ready,                                                              \
        .proof = what,                                                                             \
        .undone = "another process is started",                                                    \
        .recovery = "it is ready as another process",                                              \
    }

DEATH(chaos_kill, kill_prove, "the process is gone");
DEATH(chaos_crash_loop, crash_prove, "each of its lives is ended");

/* ---- stop ---- */

static chaos_answer_t stop_inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (!chaos_fault_aim(ground, fault))
        return CHAOS_NO;
    uint64_t record = chaos_undo_cont(&ground->undo, &fault->process);
    if (!chaos_fault_recorded(ground, fault, record))
        return CHAOS_NO;
    fault->injected_ms = chaos_now_ms();
    return chaos_fault_signal(fault, &fault->process, SIGSTOP) ? CHAOS_YES : CHAOS_NO;
}

static chaos_answer_t stop_prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    (void)ground;
    char state = chaos_process_state(&fault->process);
    if (state == 'T')
        return CHAOS_YES;
    chaos_fault_see(fault, "process %d is %s%c", (int)fault->process.pid,
                    state != 0 ? "in state " : "gone", state != 0 ? state : ' ');
    return state != 0 ? CHAOS_NOT_YET : CHAOS_NO;
}

/* One that was killed meanwhile, by its supervisor or by another fault, is stopped no more. */
static chaos_answer_t stop_undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    int error = chaos_undo_now(&ground->undo, fault->record);
    char state = chaos_process_state(&fault->process);
    if (state != 'T')
        return CHAOS_YES;
    chaos_fault_see(fault, "process %d is in state T%s%s", (int)fault->process.pid,
                    error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    return CHAOS_NOT_YET;
}

const chaos_method_t chaos_stop = {
    .inject = stop_inject,
    .prove = stop_prove,
    .undo = stop_undo,
    .recover = chaos_fault_answers,
    .proof = "the process is in state T",
    .undone = "the process is in state T no more",
    .recovery = "it is ready and answers",
    .held = true,
};

/* ---- the supervisor ---- */

static chaos_answer_t supervisor_inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    const chaos_world_t *world = &ground->world;
    if (!chaos_fault_aim(ground, fault))
        return CHAOS_NO;
    for (size_t i = 0; i < world->count; i++)
        if (chaos_process_find(world->actors[i].pid, &fault->others[fault->other_count]))
            fault->other_count++;
    uint64_t record = chaos_undo_supervisor(&ground->undo, &fault->process, world->paths.logs);
    if (record == 0 && errno == ENOENT) {
        chaos_fault_see(fault,
                        "the executable of process %d is gone, so it could not be started "
                        "again; put it back, or: vedette down, vedette up",
                        (int)fault->process.pid);
        return CHAOS_NO;
    }
    if (!chaos_fault_recorded(ground, fault, record))
        return CHAOS_NO;
    bool detached = chaos_process_detached(&fault->process);
    if (!chaos_fault_kill(fault, &fault->process))
        return CHAOS_NO;
    if (!detached)
        chaos_fault_see(fault, "it was in the foreground and is started again in the background");
    return CHAOS_YES;
}

static chaos_answer_t supervisor_prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    (void)ground;
    return chaos_fault_is_gone(fault, &fault->process) ? CHAOS_YES : CHAOS_NOT_YET;
}

static chaos_answer_t supervisor_undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    chaos_world_t *world = &ground->world;
    for (size_t i = 0; i < fault->other_count; i++)
        if (!chaos_fault_is_gone(fault, &fault->others[i]))
            return CHAOS_NOT_YET;
    if (fault->detected_ms < 0)
        fault->detected_ms = chaos_now_ms() - fault->injected_ms;
    double now_ms = chaos_now_ms();
    if (fault->try_ms == 0 || now_ms - fault->try_ms > LAUNCH_AGAIN_MS) {
        fault->try_ms = now_ms;
        fault->launch_error = chaos_undo_now(&ground->undo, fault->record);
    }
    if (chaos_world_status(world, STATUS_MS) && world->supervisor != (uint64_t)fault->process.pid)
        return CHAOS_YES;
    if (fault->launch_error != 0)
        chaos_fault_see(fault, "it cannot be started again: %s", strerror(fault->launch_error));
    else
        chaos_fault_see(fault, "no supervisor answers yet; see: vedette logs supervisor");
    return CHAOS_NOT_YET;
}

const chaos_method_t chaos_kill_supervisor = {
    .inject = supervisor_inject,
    .prove = supervisor_prove,
    .undo = supervisor_undo,
    .recover = chaos_fault_ready,
    .proof = "the process is gone",
    .undone = "no process of it is left, and another supervisor answers",
    .recovery = "the runtime is ready",
};
