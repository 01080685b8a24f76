/* faults_executable.c: an executable that is not there when it is needed. */
#include "chaos/faults.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The stand-in that the process was started by: its first argument. */
static bool find_stand_in(chaos_fault_t *fault, const char *place, char *path, size_t size)
{
    char words[PATH_MAX], bin[PATH_MAX];
    ssize_t got = chaos_process_read(&fault->process, "cmdline", words, sizeof words - 1);
    words[got > 0 ? got : 0] = 0;
    snprintf(bin, sizeof bin, "%.3000s/bin/", place);
    if (strncmp(words, bin, strlen(bin)) == 0 && strlen(words) < size) {
        memcpy(path, words, strlen(words) + 1);
        return true;
    }
    chaos_fault_see(fault, "%s is run from %.200s, which is not one of the runtime's own",
                    fault->step.target, words);
    return false;
}

static chaos_answer_t inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    char place[600], away[720];
    if (!chaos_fault_aim(ground, fault) ||
        !chaos_fault_prepared(fault, "VD_CHAOS_PLACE", place, sizeof place) ||
        !find_stand_in(fault, place, fault->path, sizeof fault->path))
        return CHAOS_NO;
    const char *name = strrchr(fault->path, '/') + 1;
    snprintf(away, sizeof away, "%s/bin/.%.60s.%d", place, name, (int)getpid());
    uint64_t record = chaos_undo_executable(&ground->undo, away, fault->path,
                                            ground->world.paths.dir, fault->step.target);
    if (!chaos_fault_recorded(ground, fault, record))
        return CHAOS_NO;
    if (access(fault->path, F_OK) != 0) {
        chaos_fault_see(fault, "%.300s is not there already; put it back", fault->path);
        chaos_undo_drop(&ground->undo, record);
        fault->record = 0;
        return CHAOS_NO;
    }
    if (rename(fault->path, away) != 0) {
        chaos_fault_see(fault, "%.300s cannot be moved away: %s", fault->path, strerror(errno));
        return CHAOS_NO;
    }
    return chaos_fault_kill(fault, &fault->process) ? CHAOS_YES : CHAOS_NO;
}

/* The supervisor has tried, and could not. */
static chaos_answer_t prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    (void)chaos_fault_detect(ground, fault);
    const chaos_actor_t *actor = chaos_world_actor(&ground->world, fault->step.target);
    if (actor != NULL && actor->pid == 0 && strstr(actor->reason, "cannot be executed") != NULL)
        return CHAOS_YES;
    chaos_fault_see(fault, "%s is %s%s%.200s", fault->step.target,
                    actor != NULL ? actor->state : "not managed", actor != NULL ? ": " : "",
                    actor != NULL ? actor->reason : "");
    return CHAOS_NOT_YET;
}

static chaos_answer_t undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    int error = chaos_undo_now(&ground->undo, fault->record);
    if (error == 0 && access(fault->path, X_OK) == 0)
        return CHAOS_YES;
    chaos_fault_see(fault, "%.300s: %s", fault->path, strerror(error != 0 ? error : errno));
    return CHAOS_NOT_YET;
}

const chaos_method_t chaos_missing_executable = {
    .inject = inject,
    .prove = prove,
    .undo = undo,
    .recover = chaos_fault_answers,
    .proof = "the supervisor says that it cannot be executed",
    .undone = "the executable is there",
    .recovery = "it is ready as another process",
    .held = true,
};
