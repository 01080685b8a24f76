/* mode.h: for what a store can be opened, and what is said of it where that is not for writing.
 *
 * 1. Writing is tried first. A damaged store is opened in quarantine, where what is readable is
 *    served and nothing of it is ever changed; where not even that goes it stays closed.
 * 2. What may get better by itself (no room, no permission, a disk that does not answer) leaves it
 *    closed and `waits`: open it again some time later.
 * 3. With `read_only` the store is opened for reading, or in quarantine; it has to be there.
 * 4. A store that another process has is not a state to stay in: VD_BUSY.
 */
#ifndef VD_MODE_H
#define VD_MODE_H

#include "store/store.h"

#include <stdbool.h>

typedef struct vd_mode {
    const char *name;             /* as in STORE_IS: writing, reading, quarantine, closed */
    vd_store_t *store;            /* NULL when closed */
    bool waits;                   /* law 2 */
    char text[VD_TEXT_BYTES_MAX]; /* what it cannot do and why; empty when writing */
} vd_mode_t;

/* Opens the store in `dir`. VD_OK with any mode; or VD_BUSY, VD_NOT_FOUND, VD_UNSUPPORTED,
 * VD_NO_MEMORY, VD_USAGE and the text in `mode`. */
vd_status_t vd_mode_open(const char *dir, const vd_store_options_t *options, bool read_only,
                         vd_mode_t *mode);
/* The store turned out to be damaged, as `why` says: closes it and opens it in quarantine. */
void vd_mode_quarantine(const char *dir, const char *why, vd_mode_t *mode);

#endif
