/* checkpoint.h: a thread that copies the store while the others go on.
 *
 * 1. One copy at a time. It may take long: syncing and comparing are done by this thread, appends
 *    wait for the linking of files alone.
 */
#ifndef VD_CHECKPOINT_H
#define VD_CHECKPOINT_H

#include "store/store.h"

typedef struct vd_checkpoint vd_checkpoint_t;

/* NULL without memory or descriptors. */
vd_checkpoint_t *vd_checkpoint_new(void);
/* Lets a copy that is under way end. */
void vd_checkpoint_destroy(vd_checkpoint_t **self);
/* Begins a copy of `store` in `dir`. False when there is no thread for it. Not while one is under
 * way. */
bool vd_checkpoint_start(vd_checkpoint_t *self, vd_store_t *store, const char *dir);
/* Readable when a copy has ended. */
int vd_checkpoint_fd(const vd_checkpoint_t *self);
/* Takes the outcome of the copy that has ended; the text lives until the next one. False: none
 * has. */
bool vd_checkpoint_take(vd_checkpoint_t *self, vd_status_t *status, const char **text);

#endif
