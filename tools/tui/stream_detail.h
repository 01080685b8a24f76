/* stream_detail.h: a pane with all that is known of one event: the event, its cause, what it changed; or
 * why it is.
 *
 * 1. It says what it would have asked, one thing at a time: the snapshots of the event's observer before
 *    and after it. What was asked of an event that is shown no more is not waited for.
 */
#ifndef TUI_STREAM_DETAIL_H
#define TUI_STREAM_DETAIL_H

#include "tui/ask.h"
#include "tui/canvas.h"

typedef struct tui_detail tui_detail_t;

tui_detail_t *tui_detail_new(void);
void tui_detail_destroy(tui_detail_t **self);
/* Shows an event. Nothing changes when it is shown already. */
void tui_detail_show(tui_detail_t *self, const char *session, uint64_t seq, vd_bytes_t raw);
/* What it lacks. False: nothing, or it is asked for already. */
bool tui_detail_wants(tui_detail_t *self, tui_ask_t *ask);
/* It was asked for under this number; 0: it was not. */
void tui_detail_asked(tui_detail_t *self, uint64_t number);
/* Shows the story of the event, which is asked for under this number. */
void tui_detail_tell_why(tui_detail_t *self, uint64_t number);
/* Takes an answer. False: it is none of its own. */
bool tui_detail_answer(tui_detail_t *self, const tui_input_t *answer);
/* False for a key that it does not take. */
bool tui_detail_key(tui_detail_t *self, int key, bool focused);
void tui_detail_draw(tui_detail_t *self, tui_canvas_t *canvas, tui_box_t box, bool focused);
void tui_detail_text(tui_detail_t *self, vd_buffer_t *out);

#endif
