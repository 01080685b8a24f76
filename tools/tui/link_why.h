/* link_why.h: has the story of an event told, by whoever has a client.
 *
 * 1. It blocks: for a few seconds at most with everything it asks.
 */
#ifndef TUI_LINK_WHY_H
#define TUI_LINK_WHY_H

#include "tui/why.h"

#include "client/vedette.h"

/* Tells the story of event `seq` of `session` (NULL: the newest active one, else the newest); `live`
 * as in tui_why_new. VD_OK, with the story as one value appended to `out`; else why there is none, with
 * the text in `error` (VD_TEXT_BYTES_MAX + 1 bytes). */
vd_status_t tui_link_why(vd_client_t *client, const char *session, uint64_t seq, bool live,
                         vd_buffer_t *out, char *error);

#endif
