/* link_past.h: observers that run for us alone, to tell what they knew, where there is a store and no
 * runtime.
 *
 * 1. One is started when it is asked for first, from beside this program, and ends with us, whatever ends
 *    us: it notices that nobody reads its notifications any more.
 */
#ifndef TUI_LINK_PAST_H
#define TUI_LINK_PAST_H

#include "wire/limits.h"
#include "wire/status.h"

#include <sys/types.h>

enum { TUI_LINK_OBSERVERS = 16 };

typedef struct tui_past_observer {
    char name[VD_NAME_BYTES_MAX + 1];
    pid_t pid;
    int notify;
} tui_past_observer_t;

typedef struct tui_past_observers {
    tui_past_observer_t list[TUI_LINK_OBSERVERS];
    size_t count, oldest;
} tui_past_observers_t;

/* Sees to it that the observer answers in the directory `dir`. VD_OK, or why not in `error`. */
vd_status_t tui_past_observer_start(tui_past_observers_t *self, const char *dir, const char *name,
                                    char error[VD_TEXT_BYTES_MAX + 1]);
void tui_past_observers_end(tui_past_observers_t *self);

#endif
