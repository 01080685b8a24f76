/* faults_disk.c: a disk that is full, fails or is slow, through the library that the actor was started with
 * (fault/fault.h). */
#include "chaos/faults.h"

#include "wire/message.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRACE_BYTES = 1 << 16 };

static bool rules_of(const chaos_step_t *step, char *out, size_t size)
{
    switch (step->kind) {
    case CHAOS_DISK_FULL:
        return snprintf(out, size, "trace on;fail write any 1+ ENOSPC;fail sync any 1+ ENOSPC") > 0;
    case CHAOS_DISK_ERROR:
        return snprintf(out, size, "trace on;fail write any 1+ EIO;fail sync any 1+ EIO") > 0;
    default:
        return snprintf(out, size, "trace on;slow any %" PRIu64, step->number) > 0;
    }
}

static void trace_path(const chaos_fault_t *fault, char *out, size_t size)
{
    snprintf(out, size, "%.*s/trace", (int)(strrchr(fault->path, '/') - fault->path), fault->path);
}

/* Has the process obeyed the rules? Only then is it told that they hold: that event is written under them. */
static chaos_answer_t is_obeyed(chaos_fault_t *fault)
{
    if (access(fault->path, F_OK) != 0)
        return CHAOS_YES;
    bool gone = chaos_fault_is_gone(fault, &fault->process);
    chaos_fault_see(fault, "process %d has %s", (int)fault->process.pid,
                    gone ? "ended" : "not obeyed the rules yet");
    return gone ? CHAOS_NO : CHAOS_NOT_YET;
}

static chaos_answer_t inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    char rules[128], trace[720];
    if (fault->record != 0)
        return is_obeyed(fault);
    if (!chaos_fault_aim(ground, fault) ||
        !chaos_fault_prepared(fault, "VD_FAULT_CONTROL", fault->path, sizeof fault->path))
        return CHAOS_NO;
    uint64_t record = chaos_undo_disk(&ground->undo, &fault->process, fault->path);
    if (!chaos_fault_recorded(ground, fault, record))
        return CHAOS_NO;
    trace_path(fault, trace, sizeof trace);
    (void)truncate(trace, 0);
    fault->injected_ms = chaos_now_ms();
    rules_of(&fault->step, rules, sizeof rules);
    if (chaos_write_file(fault->path, rules))
        return is_obeyed(fault);
    chaos_fault_see(fault, "%.300s: %s", fault->path, strerror(errno));
    return CHAOS_NO;
}

/* Does a line of the trace, CALL CLASS BEGIN_NS END_NS RESULT NAME, show the fault? */
static bool shows(const chaos_step_t *step, const char *line)
{
    char call[32], class[16];
    int64_t begin_ns, end_ns, result;
    if (sscanf(line, "%31s %15s %" SCNd64 " %" SCNd64 " %" SCNd64, call, class, &begin_ns, &end_ns,
               &result) != 5)
        return false;
    if (step->kind == CHAOS_DISK_SLOW)
        return end_ns - begin_ns >= (int64_t)step->number * 1000000;
    return result == (step->kind == CHAOS_DISK_FULL ? -ENOSPC : -EIO);
}

static chaos_answer_t prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    static char text[TRACE_BYTES];
    char trace[720], *rest = text;
    size_t lines = 0;
    (void)ground;
    trace_path(fault, trace, sizeof trace);
    int fd = open(trace, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL; lines++)
        if (shows(&fault->step, line))
            return CHAOS_YES;
    if (chaos_fault_is_gone(fault, &fault->process)) {
        chaos_fault_see(fault, "process %d has ended", (int)fault->process.pid);
        return CHAOS_NO;
    }
    chaos_fault_see(fault, "%zu calls, none of which did", lines);
    return CHAOS_NOT_YET;
}

static chaos_answer_t undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    char trace[720];
    if (!fault->told) {
        int error = chaos_undo_now(&ground->undo, fault->record);
        if (error != 0) {
            chaos_fault_see(fault, "%.300s: %s", fault->path, strerror(error));
            return CHAOS_NOT_YET;
        }
        fault->told = true;
    }
    if (!chaos_fault_is_gone(fault, &fault->process) && access(fault->path, F_OK) == 0) {
        chaos_fault_see(fault, "nobody has read %.300s", fault->path);
        return CHAOS_NOT_YET;
    }
    trace_path(fault, trace, sizeof trace);
    (void)truncate(trace, 0);
    return CHAOS_YES;
}

/* It writes again. */
static chaos_answer_t recover(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (chaos_fault_answers(ground, fault) != CHAOS_YES)
        return CHAOS_NOT_YET;
    chaos_world_trouble(&ground->world, fault->step.target, fault->seen, sizeof fault->seen);
    return fault->seen[0] == 0 ? CHAOS_YES : CHAOS_NOT_YET;
}

#define DISK(name, what)                                                                           \
    const chaos_method_t name = {                                                                  \
        .inject = inject,                                                                          \
        .prove = prove,                                                                            \
        .undo = undo,                                                                              \
        .recover = recover,                                                                        \
        .proof = what,                                                                             \
        .undone = "its disk is as it was",                                                         \
        .recovery = "it writes again",                                                             \
        .held = true,                                                                              \
    }

DISK(chaos_disk_full, "a write to the store has failed with ENOSPC");
DISK(chaos_disk_error, "a write to the store, or a sync, has failed with EIO");
DISK(chaos_disk_slow, "a sync of the store has taken so long");
