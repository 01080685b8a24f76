/* run_record.h: what `vedette run` writes into its session.
 *
 * 1. Events are collected in one frame and sent with run_record_push. What cannot be sent yet stays
 *    in the frame; a frame that is full takes nothing: whoever feeds it waits. So memory is bounded
 *    and nothing is lost.
 * 2. With `best_effort` nobody waits longer than RUN_PATIENCE_MS: lines are then counted instead,
 *    and output_lost says how many once events are taken again.
 * 3. When the runtime refuses the session (it was ended by somebody else, the name was taken),
 *    recording is over; that is said once and told at the end.
 */
#ifndef VD_RUN_RECORD_H
#define VD_RUN_RECORD_H

#include "cli.h"
#include "run_lines.h"

enum {
    RUN_LINE_BYTES_MAX = 16384,   /* of a line of output that are recorded */
    RUN_EVENT_BYTES_MAX = 524288, /* of a line that is an event */
    RUN_FRAME_EVENTS_MAX = 1024,
    RUN_FRAME_BYTES_MAX = 524288,
    RUN_LAST_EVENTS = 2,    /* output_lost and session_ended have room in every frame */
    RUN_PATIENCE_MS = 2000, /* before it is said that nothing is taken */
};

typedef struct run_record {
    cli_t *cli;
    vd_producer_t *producer;
    char session[VD_NAME_BYTES_MAX + 1];
    bool strict, best_effort;
    vd_buffer_t frame; /* of each event its type, ended with a zero, and its data */
    size_t ends[RUN_FRAME_EVENTS_MAX];
    size_t count;
    vd_buffer_t data;   /* scratch */
    vd_buffer_t text;   /* scratch */
    int64_t blocked_ms; /* since when nothing is taken; 0: it is */
    bool told;          /* that nothing is taken */
    uint64_t written;   /* events that were sent */
    uint64_t lost;      /* lines since the last output_lost */
    uint64_t refused;   /* lines that were no events */
    bool incomplete;    /* something is not in the record */
    bool begun;         /* session_started is on disk */
    bool over;          /* the runtime refuses the session */
} run_record_t;

/* Takes a producer's name and waits until it has it. */
vd_status_t run_record_open(run_record_t *self, cli_t *cli, int timeout_ms);
void run_record_close(run_record_t *self);
/* Is there no room in the frame? Then nothing may be added. */
bool run_record_full(const run_record_t *self);
/* Adds session_started, session_ended or the like. `data` is one value. */
void run_record_event(run_record_t *self, const char *type, vd_bytes_t data);
/* Adds session_ended, behind the count of the lines that were lost: nothing may follow. There is
 * room for it also in a frame that is full. */
void run_record_end(run_record_t *self, vd_bytes_t data);
/* Adds a line of output. */
void run_record_output(run_record_t *self, const char *stream, const run_line_t *line);
/* Adds the event that a line says, or one that says what is wrong with the line. */
void run_record_typed(run_record_t *self, const run_line_t *line);
/* Sends the frame if it can be sent, and goes on with what is out for at most `wait_ms`. Returns
 * whether the frame is empty now. */
bool run_record_push(run_record_t *self, int wait_ms);

#endif
