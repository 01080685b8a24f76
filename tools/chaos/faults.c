/* faults.c: what the faults share. */
#include "chaos/faults.h"

#include "chaos/prepare.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PING_MS = 50, STATUS_MS = 1000, AGAIN_MS = 1000 };

void chaos_fault_see(chaos_fault_t *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(fault->seen, sizeof fault->seen, format, args);
    va_end(args);
}

bool chaos_is_supervisor(const chaos_fault_t *fault)
{
    return strcmp(fault->step.target, "supervisor") == 0;
}

bool chaos_fault_aim(chaos_ground_t *ground, chaos_fault_t *fault)
{
    chaos_world_t *world = &ground->world;
    uint64_t pid = 0;
    fault->waits = false;
    if (chaos_is_supervisor(fault)) {
        if (!chaos_world_status(world, STATUS_MS)) {
            chaos_fault_see(fault, "the supervisor does not answer; see: vedette status");
            return false;
        }
        pid = world->supervisor;
    } else {
        const chaos_actor_t *actor = chaos_world_actor(world, fault->step.target);
        if (actor == NULL) {
            chaos_world_unknown(world, fault->step.target, fault->seen, sizeof fault->seen);
            return false;
        }
        pid = actor->pid;
        fault->waits = actor->wanted && strcmp(actor->state, "failed") != 0;
        if (pid == 0) {
            chaos_world_ask(world);
            chaos_fault_see(fault, "%s is %s and has no process; see: vedette start %s",
                            actor->name, actor->state, actor->name);
            return false;
        }
    }
    if (chaos_process_find(pid, &fault->process)) {
        fault->waits = false;
        return true;
    }
    chaos_world_ask(world);
    chaos_fault_see(fault, "there is no process %" PRIu64 " on this machine", pid);
    return false;
}

bool chaos_fault_signal(chaos_fault_t *fault, const chaos_process_t *process, int number)
{
    int error = chaos_process_signal(process, number);
    if (error == EPERM)
        chaos_fault_see(fault,
                        "no right to signal process %d; run this as the user who runs the runtime",
                        (int)process->pid);
    else if (error != 0)
        chaos_fault_see(fault, "process %d cannot be sent SIG%s: %s", (int)process->pid,
                        sigabbrev_np(number), strerror(error));
    return error == 0;
}

bool chaos_fault_kill(chaos_fault_t *fault, const chaos_process_t *process)
{
    if (fault->deaths == 0)
        fault->injected_ms = chaos_now_ms();
    if (!chaos_fault_signal(fault, process, SIGKILL))
        return false;
    fault->process = *process;
    fault->deaths++;
    return true;
}

bool chaos_fault_is_gone(chaos_fault_t *fault, const chaos_process_t *process)
{
    char state = chaos_process_state(process);
    if (state == 0)
        return true;
    chaos_fault_see(fault, "process %d is in state %c", (int)process->pid, state);
    return false;
}

bool chaos_fault_detect(chaos_ground_t *ground, chaos_fault_t *fault)
{
    chaos_world_ask(&ground->world);
    const chaos_actor_t *actor = chaos_world_actor(&ground->world, fault->step.target);
    bool gone = actor == NULL || actor->pid != (uint64_t)fault->process.pid;
    if (gone && fault->detected_ms < 0)
        fault->detected_ms = chaos_now_ms() - fault->injected_ms;
    return gone;
}

bool chaos_fault_prepared(chaos_fault_t *fault, const char *variable, char *out, size_t size)
{
    if (chaos_prepared(&fault->process, variable, out, size) && out[0] != 0)
        return true;
    if (chaos_prepared(&fault->process, "VD_CHAOS_PLACE", out, size))
        chaos_fault_see(fault, "%s of %s: %s", chaos_row(fault->step.kind)->name,
                        fault->step.target,
                        strcmp(variable, "VD_FAULT_CONTROL") == 0
                            ? "it writes to no store; the ingestor does"
                            : "libfaketime was not there when the runtime was started; install "
                              "the package faketime, and then: vedette down, vedette chaos up");
    else
        chaos_fault_see(fault,
                        "%s is not prepared for %s; start the runtime with: vedette chaos up",
                        fault->step.target, chaos_row(fault->step.kind)->name);
    return false;
}

bool chaos_fault_recorded(chaos_ground_t *ground, chaos_fault_t *fault, uint64_t record)
{
    fault->record = record;
    if (record == 0 && ground->undo.held[0] != 0) {
        fault->waits = errno == EAGAIN;
        chaos_fault_see(fault, "%s", ground->undo.held);
    } else if (record == 0)
        chaos_fault_see(fault, "what undoes it cannot be recorded in %s: %s", ground->undo.place,
                        strerror(errno));
    return record != 0;
}

/* All that are wanted up are ready. */
static chaos_answer_t all_ready(chaos_ground_t *ground, chaos_fault_t *fault)
{
    chaos_world_t *world = &ground->world;
    if (!chaos_world_status(world, PING_MS)) {
        chaos_fault_see(fault, "the supervisor does not answer");
        return CHAOS_NOT_YET;
    }
    if (!world->ready) {
        chaos_fault_see(fault, "the runtime is not ready");
        for (size_t i = 0; i < world->count; i++)
            if (world->actors[i].wanted && strcmp(world->actors[i].state, "ready") != 0)
                chaos_fault_see(fault, "%s is %s", world->actors[i].name, world->actors[i].state);
        return CHAOS_NOT_YET;
    }
    return CHAOS_YES;
}

chaos_answer_t chaos_fault_ready(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (chaos_is_supervisor(fault))
        return all_ready(ground, fault);
    chaos_world_ask(&ground->world);
    const chaos_actor_t *actor = chaos_world_actor(&ground->world, fault->step.target);
    if (actor == NULL) {
        chaos_fault_see(fault, "%s is no longer managed", fault->step.target);
        return CHAOS_NOT_YET;
    }
    if (strcmp(actor->state, "ready") == 0)
        return CHAOS_YES;
    chaos_fault_see(fault, "%s is %s%s%s", actor->name, actor->state,
                    actor->reason[0] != 0 ? ": " : "", actor->reason);
    bool given_up = strcmp(actor->state, "failed") == 0;
    if (given_up && chaos_now_ms() - fault->try_ms > AGAIN_MS) {
        fault->try_ms = chaos_now_ms();
        if (chaos_world_control(&ground->world, "restart", actor->name) == VD_OK)
            fault->by_hand++;
    }
    return CHAOS_NOT_YET;
}

chaos_answer_t chaos_fault_answers(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (chaos_fault_ready(ground, fault) != CHAOS_YES)
        return CHAOS_NOT_YET;
    if (chaos_world_answers(&ground->world, fault->step.target, PING_MS))
        return CHAOS_YES;
    chaos_fault_see(fault, "%s does not answer", fault->step.target);
    return CHAOS_NOT_YET;
}
