/* watch_impl.h: a watch of a soft feed with places and reasons, for those parts of the client library
 * that stand on it. */
#ifndef VD_WATCH_IMPL_H
#define VD_WATCH_IMPL_H

#include "client/vedette.h"

#include <stdbool.h>

/* Where a watch begins, and where it ends. */
typedef struct vd_watch_place {
    bool
        by_item; /* behind item `n` of incarnation `inc` (0: with the first that is held); what waits
                     to be taken is then never thrown away. Else with a snapshot */
    bool until_head; /* it ends with the newest item that the first answer tells of */
    uint64_t inc, n;
} vd_watch_place_t;

/* What a watch has come upon. */
typedef struct vd_watched {
    vd_blob_t value;
    int snapshot; /* as vd_watch_next tells it */
    uint64_t inc, n;
    vd_status_t why; /* of a snapshot: why it came instead of items; VD_OK: it was asked for */
} vd_watched_t;

/* vd_watch_new with a place. */
vd_status_t vd_watch_open(vd_watch_t **self, vd_client_t *client, const char *actor,
                          const char *request_port, const char *pub_port, const char *feed,
                          const vd_watch_place_t *place);
/* As vd_watch_next; VD_NOT_FOUND at the end. */
vd_status_t vd_watch_take(vd_watch_t *self, int timeout_ms, vd_watched_t *news);
/* Is something at hand, the end included? */
bool vd_watch_ready(const vd_watch_t *self);
/* Does anybody accept questions there? VD_OK, VD_NOT_READY or VD_UNREACHABLE, with its text. */
vd_status_t vd_watch_probe(vd_watch_t *self);

#endif
