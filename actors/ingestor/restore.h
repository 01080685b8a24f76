/* restore.h: makes the sequencer from what a store holds. */
#ifndef VD_RESTORE_H
#define VD_RESTORE_H

#include "sequencer.h"

/* Makes a sequencer on `store`, which stays the caller's and has to outlive it. VD_OK,
 * VD_NO_MEMORY, or why the store's producers and sessions cannot be read. */
vd_status_t vd_restore(vd_store_t *store, const vd_prune_limits_t *limits,
                       vd_sequencer_t **sequencer);

#endif
