/* terminal.h: the terminal: what a canvas holds is shown on it, what is typed is read from it.
 *
 * 1. What is shown already is not written again: a canvas that is as the one before writes no byte.
 * 2. The mouse is left alone, so that text can be selected.
 * 3. tui_guard keeps a process beside the one that draws: whatever ends that one, the terminal is as it
 *    was before.
 */
#ifndef TUI_TERMINAL_H
#define TUI_TERMINAL_H

#include "tui/canvas.h"

typedef struct tui_terminal tui_terminal_t;

/* Is there one? False with `error` told: the thing and the remedy. */
bool tui_terminal_usable(char *error, size_t size);
/* Does it show more than ASCII, as far as the locale says? */
bool tui_terminal_utf8(void);
/* Takes the terminal. NULL with `error` told. */
tui_terminal_t *tui_terminal_open(char *error, size_t size);
/* Gives it back as it was. */
void tui_terminal_close(tui_terminal_t **self);
void tui_terminal_size(tui_terminal_t *self, int *width, int *height);
/* The next key that is at hand, as keys.h has them; below 0: none. */
int tui_terminal_key(tui_terminal_t *self);
void tui_terminal_show(tui_terminal_t *self, const tui_canvas_t *canvas);
/* Everything is written anew with the next canvas. */
void tui_terminal_redraw(tui_terminal_t *self);
/* Offers text to the clipboard (OSC 52): the whole of it. False: it could not be written. */
bool tui_terminal_copy(tui_terminal_t *self, vd_str_t text);
/* Gives the terminal back, stops this process, and takes it again when it goes on. */
void tui_terminal_suspend(tui_terminal_t *self);

/* Runs `work` in a child process and returns its exit code; 128 + N when signal N ended it. SIGTERM,
 * SIGHUP and SIGINT are passed on. When this process dies, the child is told with SIGTERM. */
int tui_guard(int (*work)(void *context), void *context);

#endif
