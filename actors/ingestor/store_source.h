/* store_source.h: a store as the source of a commit stream (stream/publisher.h).
 *
 * 1. Used by one thread. It keeps a few cursors, so that readers at different places do not disturb
 *    each other, and the commit that a cursor read last, so that those at the same place read it
 *    once.
 */
#ifndef VD_STORE_SOURCE_H
#define VD_STORE_SOURCE_H

#include "store/store.h"
#include "stream/stream.h"

typedef struct vd_store_source vd_store_source_t;

/* NULL without memory. */
vd_store_source_t *vd_store_source_new(vd_store_t *store);
void vd_store_source_destroy(vd_store_source_t **self);
/* The functions; their argument is a vd_store_source_t. */
extern const vd_stream_source_t vd_store_source_calls;

#endif
