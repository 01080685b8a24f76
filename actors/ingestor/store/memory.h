/* memory.h: what tests can do to the backend "memory": keep its image over crashes, and make it
 * fail.
 *
 * 1. An image is the disk: it outlives the stores that are opened on it, one at a time.
 *    vd_store_open ("memory") makes a store with an image of its own.
 * 2. What was appended is synced before append returns, unless vd_memory_sync_off was called: then
 *    a crash loses it.
 * 3. All of it may be used from several threads, but an image is destroyed when no store is open on
 *    it.
 */
#ifndef VD_STORE_MEMORY_H
#define VD_STORE_MEMORY_H

#include "store/store.h"

typedef struct vd_memory_image vd_memory_image_t;

/* Makes an empty image whose store id is made of `id`. NULL without memory. */
vd_memory_image_t *vd_memory_image_new(uint64_t id);
void vd_memory_image_destroy(vd_memory_image_t **self);
/* Opens a store on the image, which stays the caller's. VD_OK, or VD_BUSY while one is open. */
vd_status_t vd_memory_image_open(vd_memory_image_t *self, vd_store_t **store);

/* The machine stops: of the commits that were never synced the first `kept` survive. No store may
 * be open. */
void vd_memory_crash(vd_memory_image_t *self, uint64_t kept);
/* And of the states of observers, which are never synced, those are lost whose bit in `which` is set, by
 * their place modulo 64. */
void vd_memory_lose_states(vd_memory_image_t *self, uint64_t which);
/* Lets appends answer VD_OK without a sync: what a broken disk, or a broken store, would do. */
void vd_memory_sync_off(vd_memory_image_t *self);
/* Lets the next append fail with `status`; its batch is `there` after reopening or not. The
 * `reopens` first attempts to reopen fail likewise. */
void vd_memory_fail(vd_memory_image_t *self, vd_status_t status, bool there, unsigned reopens);
/* Removes the commits behind `index`, as restoring an old backup would. No store may be open. */
void vd_memory_cut(vd_memory_image_t *self, uint64_t index);
/* Damages run `run` of commit `index`: from now on it is absent, VD_CORRUPT. A run that is absent
 * already stays as it is. */
void vd_memory_damage(vd_memory_image_t *self, uint64_t index, uint32_t run);

#endif
