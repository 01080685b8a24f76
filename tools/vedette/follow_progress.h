/* follow_progress.h: the progress of a workflow on stdout: a block that is kept current, or lines.
 *
 * 1. On a terminal it is one block that is drawn over itself, ten times a second at most and only when
 *    it has changed, or a second of what runs is over; its last state stays in the scrollback. Otherwise, or where TERM is dumb, it is
 *    a line for each change that matters.
 * 2. Colours go with NO_COLOR, characters beyond ASCII with --ascii or a locale without them.
 */
#ifndef VD_FOLLOW_PROGRESS_H
#define VD_FOLLOW_PROGRESS_H

#include "cli.h"

typedef struct cli_progress cli_progress_t;

/* NULL without memory. */
cli_progress_t *cli_progress_new(const cli_t *cli);
void cli_progress_destroy(cli_progress_t **self);
void cli_progress_take(cli_progress_t *self, const vd_follow_event_t *event);
/* Nothing more is at hand: shows what has changed. Returns in how many ms it wants to be called again,
 * at most `most_ms`. */
int cli_progress_idle(cli_progress_t *self, int most_ms);
/* Shows everything; what is written next stands below it. */
void cli_progress_leave(cli_progress_t *self);
/* 1 when the session, or its newest generation, has failed; else 0. */
int cli_progress_code(const cli_progress_t *self);

#endif
