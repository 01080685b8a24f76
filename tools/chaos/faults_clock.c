/* faults_clock.c: clocks that jump, through libfaketime, which the actors were started with. */
#include "chaos/faults.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PING_MS = 100, NEAR_MS = 5000, CLOCKS_MAX = CHAOS_ACTORS_MAX + 1 };

static bool is_all(const chaos_fault_t *fault)
{
    return strcmp(fault->step.target, "all") == 0;
}

static bool set_clock(const char *file, int64_t shift_ms)
{
    char text[48];
    snprintf(text, sizeof text, "%+" PRId64 "\n", shift_ms / 1000);
    return chaos_write_file(file, text);
}

/* How far its clock is from ours. False: it does not tell. */
static bool read_shift(chaos_ground_t *ground, const char *name, int64_t *shift_ms)
{
    uint64_t clock_ms;
    struct timespec now;
    if (!chaos_world_metric(&ground->world, name, "clock_ms", PING_MS, &clock_ms))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    *shift_ms = (int64_t)clock_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    return true;
}

/* Whose clocks are meant, that can be asked. */
static size_t list(chaos_ground_t *ground, const chaos_fault_t *fault,
                   const char *names[CLOCKS_MAX])
{
    chaos_world_t *world = &ground->world;
    size_t count = 0;
    if (!is_all(fault)) {
        names[count++] = fault->step.target;
        return count;
    }
    names[count++] = "supervisor";
    for (size_t i = 0; i < world->count; i++) {
        size_t at = 0;
        const char *port;
        if (strcmp(world->actors[i].state, "ready") == 0 &&
            chaos_world_port(world, world->actors[i].name, &at, &port))
            names[count++] = world->actors[i].name;
    }
    return count;
}

/* Its clock's file, or those of all that are managed now; undoing goes by the record, to all that there are. */
static bool shift_clocks(chaos_ground_t *ground, const chaos_fault_t *fault)
{
    char path[1000];
    int64_t shift_ms = fault->step.shift_ms;
    if (!is_all(fault))
        return set_clock(fault->path, shift_ms);
    snprintf(path, sizeof path, "%s/clock/supervisor", ground->world.place);
    bool whole = set_clock(path, shift_ms);
    for (size_t i = 0; i < ground->world.count; i++) {
        snprintf(path, sizeof path, "%s/clock/%s", ground->world.place,
                 ground->world.actors[i].name);
        if (access(path, F_OK) == 0)
            whole = set_clock(path, shift_ms) && whole;
    }
    return whole;
}

static chaos_answer_t inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    size_t at = 0;
    const char *port;
    assert(llabs(fault->step.shift_ms) > 2 * NEAR_MS);
    char target[sizeof fault->step.target], file[700];
    bool all = is_all(fault);
    memcpy(target, fault->step.target, sizeof target);
    if (all) /* who is prepared shows in the supervisor */
        snprintf(fault->step.target, sizeof fault->step.target, "supervisor");
    bool aimed =
        chaos_fault_aim(ground, fault) &&
        chaos_fault_prepared(fault, "VD_CHAOS_FAKETIME", file, sizeof file) &&
        chaos_fault_prepared(fault, "FAKETIME_TIMESTAMP_FILE", fault->path, sizeof fault->path);
    memcpy(fault->step.target, target, sizeof target);
    if (!aimed)
        return CHAOS_NO;
    if (!all && !chaos_world_port(&ground->world, target, &at, &port)) {
        chaos_fault_see(fault,
                        "%s has no port to ask for its time, so it could not be proved; "
                        "clock all has it jump with the others",
                        target);
        return CHAOS_NO;
    }
    if (all)
        snprintf(fault->path, sizeof fault->path, "%s/clock", ground->world.place);
    uint64_t record = chaos_undo_clock(&ground->undo, fault->path);
    if (!chaos_fault_recorded(ground, fault, record))
        return CHAOS_NO;
    fault->injected_ms = chaos_now_ms();
    if (shift_clocks(ground, fault))
        return CHAOS_YES;
    chaos_fault_see(fault, "%.300s: %s", fault->path, strerror(errno));
    return CHAOS_NO;
}

/* Is each clock so far from ours? */
static chaos_answer_t are_off_by(chaos_ground_t *ground, chaos_fault_t *fault, int64_t wanted_ms)
{
    const char *names[CLOCKS_MAX];
    size_t count = list(ground, fault, names);
    for (size_t i = 0; i < count; i++) {
        int64_t shift_ms;
        if (!read_shift(ground, names[i], &shift_ms)) {
            chaos_fault_see(fault, "%s does not tell its time", names[i]);
            return CHAOS_NOT_YET;
        }
        if (shift_ms < wanted_ms - NEAR_MS || shift_ms > wanted_ms + NEAR_MS) {
            chaos_fault_see(fault, "the clock of %s is %+.1f s off", names[i],
                            (double)shift_ms / 1000);
            return CHAOS_NOT_YET;
        }
    }
    return CHAOS_YES;
}

static chaos_answer_t prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    return are_off_by(ground, fault, fault->step.shift_ms);
}

static chaos_answer_t undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    int error = !fault->told ? chaos_undo_now(&ground->undo, fault->record) : 0;
    if (error != 0) {
        chaos_fault_see(fault, "%.300s: %s", fault->path, strerror(error));
        return CHAOS_NOT_YET;
    }
    fault->told = true;
    return are_off_by(ground, fault, 0);
}

static chaos_answer_t recover(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (!is_all(fault))
        return chaos_fault_answers(ground, fault);
    chaos_fault_t runtime = {.step = {.target = "supervisor"}};
    chaos_answer_t answer = chaos_fault_ready(ground, &runtime);
    memcpy(fault->seen, runtime.seen, sizeof fault->seen);
    return answer;
}

const chaos_method_t chaos_clock = {
    .inject = inject,
    .prove = prove,
    .undo = undo,
    .recover = recover,
    .proof = "each clock is so far off, as its process says itself",
    .undone = "each clock is right, as its process says itself",
    .recovery = "it is ready and answers",
    .held = true,
};
