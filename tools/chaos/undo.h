/* undo.h: what is to be undone, on disk before it is done.
 *
 * 1. A record is a file in PLACE/undo, named after the process that broke something, with one field a
 *    line: what undoes it. It is written before the fault is made, and goes when that is undone.
 * 2. Undoing twice does no harm, and what is gone in the meantime (a process, a file) needs nothing. What cannot be
 *    undone keeps its record, so that it can be tried again.
 * 3. Who breaks things has a keeper: a process in a session of its own that undoes its records
 *    when it dies, however it does. What fails is tried again, with pauses that grow; what could not be undone by then
 *    stands in chaos.log, a line for each record, as `vedette logs` shows it.
 * 4. Two runners do not change the same thing: each would undo the other, or keep what the other made as what was before.
 *    The records of all are locked while one is looked for and written.
 */
#ifndef CHAOS_UNDO_H
#define CHAOS_UNDO_H

#include "chaos/process.h"
#include "wire/status.h"

typedef struct chaos_undo {
    char place[600];
    char log[620]; /* chaos.log */
    uint64_t next;
    chaos_process_t self; /* who breaks */
    int keeper;           /* the pipe whose end tells the keeper of ours; -1: none */
    char held
        [700]; /* why the last record was not written, when another runner has the thing; empty: else */
} chaos_undo_t;

/* Makes the directories and starts the keeper; `logs` is the folder of chaos.log. VD_OK, or VD_IO with the reason in
 * `error`. */
vd_status_t chaos_undo_open(chaos_undo_t *self, const char *place, const char *logs, char *error);
/* Lets the keeper go: it undoes what is still recorded. */
void chaos_undo_close(chaos_undo_t *self);

/* Records; each returns the number of its record, 0 when it could not be written (errno): then the
 * fault must not be made. EBUSY: another runner has made a fault to the same thing; EAGAIN: one that is dead has, and it is
 * not undone yet; `held` says so. */
uint64_t chaos_undo_cont(chaos_undo_t *self, const chaos_process_t *process);
/* Starts it again; `logs`: see launch.h. */
uint64_t chaos_undo_supervisor(chaos_undo_t *self, const chaos_process_t *process,
                               const char *logs);
/* Tells the disk of the process to heal, through the file `control`. */
uint64_t chaos_undo_disk(chaos_undo_t *self, const chaos_process_t *process, const char *control);
/* Sets the clock in the file right. */
uint64_t chaos_undo_clock(chaos_undo_t *self, const char *file);
/* Moves an executable back from `away`; left behind, the actor of the runtime in `dir` is started, too, if
 * its supervisor gave it up. */
uint64_t chaos_undo_executable(chaos_undo_t *self, const char *away, const char *path,
                               const char *dir, const char *actor);
/* Left behind, the actor of the runtime in `dir` is started if its supervisor gave it up. */
uint64_t chaos_undo_start(chaos_undo_t *self, const char *dir, const char *actor);
/* Sets a limit of the process to what it is now, `before`. */
uint64_t chaos_undo_limit(chaos_undo_t *self, const chaos_process_t *process, int resource,
                          uint64_t *before);
/* Writes a file as a whole in the place of what is there. False with errno. */
bool chaos_write_file(const char *path, const char *text);
/* It is undone. */
void chaos_undo_drop(chaos_undo_t *self, uint64_t record);
/* Undoes one of ours now; the record stays until it is dropped. 0, or the errno. */
int chaos_undo_now(chaos_undo_t *self, uint64_t record);

/* What was left behind. */
typedef struct chaos_left {
    size_t done, failed;
    size_t again;   /* of the failed, those that may be undone when they are tried again */
    int error;      /* with which the first failed; EBADMSG: its record cannot be read */
    char path[900]; /* of its record */
} chaos_left_t;

/* Undoes what runners left behind that are dead, or that of process `runner` alone (NULL: all of
 * the dead). */
chaos_left_t chaos_undo_left(const char *place, const chaos_process_t *runner);
/* Says of a record why it is not undone, and the remedy. */
void chaos_undo_say(const char *path, int error, char *out, size_t size);
/* Undoes what `runner` left behind, as its keeper does: tries again for `all_ms`, and writes to the file `log` what could
 * not be undone. */
void chaos_undo_keep(const char *place, const char *log, const chaos_process_t *runner, int all_ms);

#endif
