/* notices.h: what subscribers go through, on its way from the reading thread to the loop.
 *
 * 1. At most NOTICES_MAX wait; what comes beyond is counted and not told.
 */
#ifndef VD_NOTICES_H
#define VD_NOTICES_H

#include "sequencer.h"
#include "stream/publisher.h"

typedef struct vd_notices vd_notices_t;

/* NULL without memory or descriptors. */
vd_notices_t *vd_notices_new(void);
void vd_notices_destroy(vd_notices_t **self);
/* By the reading thread: what the publisher tells. A mode that is the first one, or
 * none of the four, is no change. */
void vd_notices_put(vd_notices_t *self, const vd_publisher_news_t *news);
/* Readable when there are some. */
int vd_notices_fd(const vd_notices_t *self);
/* Silences the descriptor: before they are taken. */
void vd_notices_hush(vd_notices_t *self);
/* By the loop. False when there is none. */
bool vd_notices_take(vd_notices_t *self, vd_seq_notice_t *notice);
/* Not told since the beginning. */
uint64_t vd_notices_lost(vd_notices_t *self);

#endif
