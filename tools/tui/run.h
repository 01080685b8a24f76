/* run.h: the screen on a terminal: the loop between the keyboard, the runtime and the core.
 *
 * 1. At most 30 frames a second are drawn; after a pause the next one at once. Keys come before data.
 */
#ifndef TUI_RUN_H
#define TUI_RUN_H

#include "tui/app.h"

typedef struct tui_run_options {
    tui_app_options_t app;
    const char *dir;     /* of the runtime, as the client library takes it */
    const char *session; /* NULL: the newest active one */
    bool ascii;
} tui_run_options_t;

/* Draws until it is quit. Returns an exit code; `error` is told after the terminal was given back. */
int tui_run(const tui_run_options_t *options, char *error, size_t error_size);

#endif
