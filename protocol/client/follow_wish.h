/* follow_wish.h: what the options of a follow ask for, checked.
 *
 * 1. The session is named, or the newest active one, which takes asking the ingestor.
 * 2. A position may name the session that it is in; that counts when no session was given.
 */
#ifndef VD_FOLLOW_WISH_H
#define VD_FOLLOW_WISH_H

#include "client/client_impl.h"
#include "stream/stream.h"

typedef struct vd_follow_wish {
    vd_subscription_t wanted; /* but for credit and seed */
    bool until_head;
    bool rolls; /* no session was given: those that go on from it count, too */
} vd_follow_wish_t;

/* VD_OK; VD_USAGE for options that cannot be; or what asking for the session gave. */
vd_status_t vd_follow_wish(vd_client_t *client, const vd_follow_options_t *options, int timeout_ms,
                           vd_follow_wish_t *wish);

#endif
