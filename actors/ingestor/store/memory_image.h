/* memory_image.h: what the files of the backend "memory" share: the image.
 *
 * 1. Everything in it is under `lock`.
 */
#ifndef VD_STORE_MEMORY_IMAGE_H
#define VD_STORE_MEMORY_IMAGE_H

#include "store/backend.h"
#include "store/memory.h"

#include <pthread.h>

/* One batch as it was appended. */
typedef struct vd_memory_entry {
    vd_commit_t commit; /* its bytes are owned */
    uint64_t epoch_counter;
    vd_store_producer_t *producers;
    vd_store_session_t *sessions;
    char (*forgotten)[VD_NAME_BYTES_MAX + 1];
    vd_store_record_t *records; /* their bytes are owned */
    uint32_t producer_count, session_count, forgotten_count, record_count;
} vd_memory_entry_t;

/* A session that was pruned. */
typedef struct vd_memory_tombstone {
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t last_index;
    bool freed;
} vd_memory_tombstone_t;

/* A state of an observer. */
typedef struct vd_memory_state {
    vd_store_snapshot_t head;
    uint8_t *bytes;
} vd_memory_state_t;

struct vd_memory_image {
    pthread_mutex_t lock;
    char id[VD_STORE_ID_SIZE];
    bool busy;
    bool sync_off;
    bool failed;
    vd_status_t fail_status; /* of the next append; VD_OK: none */
    bool fail_there;
    unsigned fail_reopens;
    vd_memory_entry_t **entries; /* entries[i] is commit i + 1 */
    uint64_t count, synced, room;
    vd_store_producer_t *producers;
    uint32_t producer_count, producer_room;
    vd_store_session_t *sessions;
    uint32_t session_count, session_room;
    vd_store_position_t *positions; /* by name */
    uint32_t position_count;
    vd_memory_state_t *states; /* by session, observer and index */
    uint32_t state_count;
    uint64_t anchor; /* entries[i] of commits up to it only keep the chain */
    vd_memory_tombstone_t *tombstones;
    uint32_t tombstone_count;
    void **freed; /* bytes of runs that were pruned: a cursor may still show them */
    size_t freed_count;
};

vd_memory_image_t *vd_memory_image_of(vd_store_t *store);
/* The record of a session; NULL when there is none. */
vd_store_session_t *vd_memory_session(vd_memory_image_t *self, const char *name);
/* The tombstone of a session; NULL when there is none. */
vd_memory_tombstone_t *vd_memory_tombstone(vd_memory_image_t *self, const char *name);

/* May what is no commit be written? Also fails as it was made to. */
vd_status_t vd_memory_check_write(vd_memory_image_t *self, char *error, size_t error_size);

/* ---- memory_positions.c ---- */

vd_status_t vd_memory_save_position(vd_store_t *store, const vd_store_position_t *position,
                                    char *error, size_t error_size);
vd_status_t vd_memory_forget_position(vd_store_t *store, const char *name, char *error,
                                      size_t error_size);
vd_status_t vd_memory_position(vd_store_t *store, const char *name, vd_store_position_t *out);
vd_status_t vd_memory_positions(vd_store_t *store,
                                bool (*each)(void *, const vd_store_position_t *), void *arg);
/* Forgets those that are ahead of the entries: as what was written behind these, they are gone. */
void vd_memory_cut_positions(vd_memory_image_t *self);

/* ---- memory_snapshots.c ---- */

vd_status_t vd_memory_save_snapshot(vd_store_t *store, const vd_store_snapshot_t *snapshot,
                                    vd_bytes_t state, uint32_t keep, char *error,
                                    size_t error_size);
vd_status_t vd_memory_load_snapshot(vd_store_t *store, const vd_store_snapshot_ask_t *ask,
                                    vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                    size_t error_size);
vd_status_t vd_memory_snapshots(vd_store_t *store,
                                bool (*each)(void *, const vd_store_snapshot_t *), void *arg);
/* As vd_memory_cut_positions. */
void vd_memory_cut_states(vd_memory_image_t *self);
/* Those of a session; NULL: all. */
void vd_memory_free_states(vd_memory_image_t *self, const char *session);

/* ---- memory_prune.c ---- */

vd_status_t vd_memory_prune_mark(vd_store_t *store, const char *const *sessions, uint32_t count,
                                 char *error, size_t error_size);
vd_status_t vd_memory_prune_step(vd_store_t *store, bool *more, char *error, size_t error_size);

#endif
