/* progress_draw.h: the progress of a workflow on a canvas, from a few rows to a whole screen.
 *
 * 1. Pure: what is drawn comes of the model, the box and the time that is given.
 * 2. What matters most is drawn first, and last to go where there is little room: how far it is, what
 *    failed and why, what runs.
 */
#ifndef TUI_PROGRESS_DRAW_H
#define TUI_PROGRESS_DRAW_H

#include "tui/canvas.h"
#include "tui/progress.h"

enum { TUI_PROGRESS_LINE_SIZE = 512 };

/* Draws all of it. `now_ms`: wall clock, for how long what runs has been running; the time of the
 * last event where the past is looked at. */
void tui_progress_draw(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box,
                       int64_t now_ms);
/* Rows that it would fill. */
int tui_progress_rows(const tui_progress_t *self);
/* The same without nodes, in at most so many rows as the box has: bar, counts, why it was given up,
 * levels, queue, providers, scan and watch. Returns how many rows it took. */
int tui_progress_draw_head(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box,
                           int64_t now_ms);
/* All that is known of one node: its figures, its steps, and its error in as many rows as it needs. */
void tui_progress_draw_node(const tui_progress_t *self, const tui_progress_node_t *node,
                            tui_canvas_t *canvas, tui_box_t box, int64_t now_ms);

/* The nodes as they are listed: failed, running, waiting, complete, skipped; in each as they were first
 * heard of, those that are complete by their end, the newest first. Returns how many. */
size_t tui_progress_sorted(const tui_progress_t *self,
                           const tui_progress_node_t *sorted[TUI_PROGRESS_NODES_MAX]);
tui_tone_t tui_progress_tone(tui_progress_state_t state);
/* How far it is, 0 to 100; 100 only when all is gone through. */
unsigned tui_progress_percent(const tui_progress_t *self);
/* How long a node took or has been running; 0: it has not begun. */
int64_t tui_progress_node_ms(const tui_progress_node_t *node, int64_t now_ms);
/* What there is to say of a node in a line: its error, what it does, its size. */
void tui_progress_node_text(const tui_progress_t *self, const tui_progress_node_t *node,
                            char out[TUI_PROGRESS_LINE_SIZE]);
/* A step in words. */
void tui_progress_step_text(const tui_progress_t *self, const tui_progress_node_t *node,
                            const tui_progress_step_t *step, char out[TUI_PROGRESS_LINE_SIZE]);

#endif
