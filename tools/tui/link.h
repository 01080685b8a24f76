/* link.h: the threads between the runtime and the screen; each has a client of its own.
 *
 * 1. One follows the session at its head, one reads the past, one asks what else screens want to
 *    know, one keeps asking how the runtime is. What they hear goes into one queue.
 * 2. A runtime that goes and comes back is waited for; nothing has to be opened again.
 * 3. Until another session that is wished for is there, the one before is followed; when it cannot be
 *    opened, that goes on.
 */
#ifndef TUI_LINK_H
#define TUI_LINK_H

#include "tui/link_queue.h"

typedef struct tui_link tui_link_t;

/* `dir` as vd_client_new takes it; `session` "" or NULL: the newest active one. `offline`: nobody but
 * the ingestor is there. NULL without memory or threads. */
tui_link_t *tui_link_new(const char *dir, const char *session, bool offline);
/* Ends the threads; takes up to a second. */
void tui_link_destroy(tui_link_t **self);
tui_queue_t *tui_link_queue(tui_link_t *self);
/* Takes an ask of a kind up to WHY, and its bytes; the answer comes through the queue. */
void tui_link_ask(tui_link_t *self, tui_ask_t *ask);

#endif
