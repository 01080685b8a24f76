/* run_stream.h: one pipe from the command: what comes is passed on as it is, and cut into lines.
 *
 * 1. A block that was read is passed on and recorded whole before the next one is read: the command
 *    is held back by whichever is slower, and memory is one block and one line.
 * 2. Nothing of it blocks: what the other side does not take waits for POLLOUT.
 * 3. When nobody reads what is passed on any more, the pipe is closed behind the block: the command
 *    learns it as it would without us.
 */
#ifndef VD_RUN_STREAM_H
#define VD_RUN_STREAM_H

#include "run_record.h"

#include <poll.h>

enum { RUN_BLOCK_BYTES = 65536 };

typedef struct run_stream {
    const char *name; /* "stdout", "stderr", "events" */
    int in;           /* -1: at its end */
    int out;          /* where it is passed on to; -1: nowhere */
    bool out_shut;    /* nobody reads there any more */
    run_lines_t lines;
    run_line_t line; /* the one that waits for room, if `held` */
    bool held;
    bool ended;      /* its last line was recorded */
    uint64_t read;   /* bytes so far */
    uint64_t owed;   /* read at least as many before giving up */
    size_t size;     /* bytes in the block */
    size_t passed;   /* of them */
    size_t recorded; /* of them */
    uint8_t block[RUN_BLOCK_BYTES];
} run_stream_t;

/* Takes the descriptor `in`. False without memory. */
bool run_stream_init(run_stream_t *self, const char *name, int in, int out, size_t line_max);
void run_stream_free(run_stream_t *self);
/* Adds what it waits for: at most two entries. Returns how many. */
int run_stream_poll(const run_stream_t *self, struct pollfd *entries);
/* Passes on, records and reads as far as that goes without waiting. Returns whether it moved. */
bool run_stream_go(run_stream_t *self, run_record_t *record);
/* Is everything passed on and recorded, its last line too? */
bool run_stream_done(const run_stream_t *self);
/* The command is dead: what stands in the pipe now is to be read in any case. */
void run_stream_note_death(run_stream_t *self);
/* Gives up waiting for the end of a pipe that others hold open, once all that the command wrote was
 * taken. Returns whether it did. */
bool run_stream_give_up(run_stream_t *self);

#endif
