/* comparison.h: two sessions being compared: reads the events of each, and shows what differs.
 *
 * 1. One session is read after the other, in parts of TUI_COMPARE_PAGE events; what is read is folded and
 *    forgotten. A session that goes on is compared as far as it had come.
 */
#ifndef TUI_COMPARISON_H
#define TUI_COMPARISON_H

#include "tui/ask.h"
#include "tui/compare.h"
#include "tui/table.h"

enum { TUI_COMPARE_PAGE = 4096 };

typedef struct tui_comparison tui_comparison_t;

/* Two sessions, with their last sequences. NULL without memory. */
tui_comparison_t *tui_comparison_new(const char *left, uint64_t left_last, const char *right,
                                     uint64_t right_last);
void tui_comparison_destroy(tui_comparison_t **self);
/* What is to be read next. False: nothing now. */
bool tui_comparison_wants(tui_comparison_t *self, tui_ask_t *ask);
/* It was asked for under this number; 0: it was not. */
void tui_comparison_asked(tui_comparison_t *self, uint64_t number);
/* False: the answer is none of its own. */
bool tui_comparison_answer(tui_comparison_t *self, const tui_input_t *answer);
bool tui_comparison_key(tui_comparison_t *self, int key);
void tui_comparison_draw(tui_comparison_t *self, tui_canvas_t *canvas, tui_box_t box,
                         const char *filter);
void tui_comparison_text(tui_comparison_t *self, bool chosen, vd_buffer_t *out);

#endif
