/* resolve.h: where a START or a FETCH begins: checks its position against what the source holds.
 *
 * 1. A position of another store, ahead of the store, or with another chain is VD_WENT_BACK; one
 *    below what is held, or of a session that was pruned, is VD_PRUNED. None is ever served with
 *    what happens to be there.
 *    The chain of a position right behind a commit of which nothing can be read is 0, behind the
 *    newest one too.
 * 2. A position right before what is held is good: nothing is missing behind it.
 */
#ifndef VD_STREAM_RESOLVE_H
#define VD_STREAM_RESOLVE_H

#include "stream/frame.h"

typedef struct vd_request {
    vd_str_t store;
    uint64_t index, offset, chain;
    vd_str_t session;
    uint64_t seq;
    vd_str_t type;
    bool head;
} vd_request_t;

/* Reads the source's tail into `tail` and finds the place. VD_OK; VD_WENT_BACK, VD_PRUNED,
 * VD_UNKNOWN_SESSION, VD_MALFORMED or the source's own status, with `text`. */
vd_status_t vd_resolve(const vd_stream_source_t *source, void *arg, vd_stream_tail_t *tail,
                       const vd_request_t *request, vd_place_t *place, char *text,
                       size_t text_size);

#endif
