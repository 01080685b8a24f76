/* link_queue.h: inputs on their way from threads to the loop.
 *
 * 1. Any thread puts, one takes. Who would fill it over its bytes waits until there is room, or until
 *    it is closed.
 * 2. Its descriptor is readable while something is in it.
 */
#ifndef TUI_LINK_QUEUE_H
#define TUI_LINK_QUEUE_H

#include "tui/ask.h"

typedef struct tui_queue tui_queue_t;

typedef struct tui_parcel {
    struct tui_parcel *next;
    size_t size;
    int64_t at_ms; /* when it was put, wall clock */
    tui_input_t input;
} tui_parcel_t;

tui_queue_t *tui_queue_new(size_t bytes_max);
void tui_queue_destroy(tui_queue_t **self);
int tui_queue_fd(const tui_queue_t *self);
/* Copies the input. False when the queue is closed or there is no memory. */
bool tui_queue_put(tui_queue_t *self, const tui_input_t *input);
/* The oldest; the caller frees it with free. NULL: none. */
tui_parcel_t *tui_queue_take(tui_queue_t *self);
/* Nobody waits any longer. */
void tui_queue_close(tui_queue_t *self);

#endif
