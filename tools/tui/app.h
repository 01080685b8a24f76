/* app.h: the core of the terminal screen: keys, events and answers in; cells and asks out.
 *
 * 1. step takes one input and draws nothing; draw changes nothing that is known.
 * 2. A step takes what it is given in one go: whoever runs it gives events in slices.
 * 3. Every key has an effect within its step; what has to be asked is shown when it is answered.
 */
#ifndef TUI_APP_H
#define TUI_APP_H

#include "tui/screen.h"

typedef struct tui_app_options {
    bool readonly;
    bool offline;       /* a store without a runtime: there is no now */
    bool newest;        /* the newest active session is meant, whichever that is */
    const char *screen; /* the name of the first one; NULL: overview */
    const char *at;     /* the moment to begin with, as `t` takes it; NULL: live */
} tui_app_options_t;

/* The screens in the order of their keys 1 to 8, ended by NULL. */
extern const tui_screen_t *const tui_screens[];

/* NULL without memory, or for a screen that there is none of. */
tui_app_t *tui_app_new(const tui_app_options_t *options);
void tui_app_destroy(tui_app_t **self);
/* `now_ms` is the wall clock. */
void tui_app_step(tui_app_t *self, int64_t now_ms, const tui_input_t *input);
/* Goes to a moment as people write it: "14:02:11", "2026-11-22T14:02:11Z", "-5m", "123" for an event.
 * False, with that said, when it is none. */
bool tui_app_at(tui_app_t *self, const char *text);
/* In how many ms a TICK is wanted; below 0: none. */
int tui_app_wait_ms(const tui_app_t *self);
/* Takes the oldest ask; its bytes are then the caller's. */
bool tui_app_next_ask(tui_app_t *self, tui_ask_t *ask);
/* Draws everything on a blank canvas. */
void tui_app_draw(tui_app_t *self, tui_canvas_t *canvas);
/* The screen in view. */
const tui_screen_t *tui_app_screen(const tui_app_t *self);

#endif
