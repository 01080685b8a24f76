/* prompt.h: one line that is typed: a command, a filter, a time, a name as confirmation.
 *
 * 1. It is edited at its end: characters, Backspace, Ctrl-W (a word), Ctrl-U (all).
 */
#ifndef TUI_PROMPT_H
#define TUI_PROMPT_H

#include "tui/canvas.h"
#include "tui/keys.h"

enum { TUI_PROMPT_BYTES = 160 };

typedef enum tui_prompt_end {
    TUI_PROMPT_OPEN = 0, /* goes on */
    TUI_PROMPT_DONE,     /* Enter */
    TUI_PROMPT_LEFT,     /* Esc, or Backspace on nothing */
} tui_prompt_end_t;

typedef struct tui_prompt {
    char title[TUI_PROMPT_BYTES]; /* stands before it */
    char text[TUI_PROMPT_BYTES];
    /* The words that Tab completes, ended by NULL; may be NULL. */
    const char *const *words;
} tui_prompt_t;

void tui_prompt_open(tui_prompt_t *self, const char *title, const char *text,
                     const char *const *words);
tui_prompt_end_t tui_prompt_key(tui_prompt_t *self, int key);
/* Draws it in row `y`, its end in any case. */
void tui_prompt_draw(const tui_prompt_t *self, tui_canvas_t *canvas, tui_box_t box, int y);

#endif
