/* backend.h: what a backend of the store provides, and the table of backends.
 *
 * 1. A backend is one file with a table vd_store_<name>_ops, and one row in backends.def.
 * 2. Its store and cursor structures begin with vd_store_t and vd_store_cursor_t; `open` and
 *    `cursor_new` set `ops` (and `options`) there. store.c checks arguments, refuses what a store
 *    that is open for reading does not do, and dispatches; the contract of each function is that of
 *    store.h.
 */
#ifndef VD_STORE_BACKEND_H
#define VD_STORE_BACKEND_H

#include "store/store.h"

typedef struct vd_store_ops {
    const char *name;
    vd_status_t (*open)(const char *dir, const vd_store_options_t *options, vd_store_t **self,
                        char *error, size_t error_size);
    void (*close)(vd_store_t *self); /* frees self */
    void (*tail)(vd_store_t *self, vd_store_tail_t *tail);
    void (*info)(vd_store_t *self, vd_store_info_t *info);
    vd_status_t (*append)(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                          size_t error_size);
    vd_status_t (*reopen)(vd_store_t *self, vd_store_tail_t *tail, char *error, size_t error_size);
    vd_status_t (*producers)(vd_store_t *self, bool (*each)(void *arg, const vd_store_producer_t *),
                             void *arg);
    vd_status_t (*sessions)(vd_store_t *self, bool (*each)(void *arg, const vd_store_session_t *),
                            void *arg);
    vd_status_t (*sessions_before)(vd_store_t *self, const char *before,
                                   bool (*each)(void *arg, const vd_store_session_t *), void *arg);
    vd_status_t (*tombstones)(vd_store_t *self, bool (*each)(void *arg, const char *session),
                              void *arg);
    vd_status_t (*session)(vd_store_t *self, const char *session, vd_store_session_t *out);
    vd_status_t (*record)(vd_store_t *self, const char *session, const char *record, uint64_t *seq);
    vd_status_t (*find)(vd_store_t *self, const char *session, uint64_t seq, uint64_t *index,
                        uint64_t *at);
    vd_status_t (*chain)(vd_store_t *self, uint64_t index, uint32_t *chain);
    vd_status_t (*cursor_new)(vd_store_t *self, vd_store_cursor_t **cursor);
    void (*cursor_destroy)(vd_store_cursor_t *cursor); /* frees cursor */
    vd_status_t (*cursor_seek)(vd_store_cursor_t *cursor, uint64_t index, const char *session);
    vd_status_t (*cursor_next)(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                               size_t error_size);
    vd_status_t (*save_position)(vd_store_t *self, const vd_store_position_t *position, char *error,
                                 size_t error_size);
    vd_status_t (*forget_position)(vd_store_t *self, const char *name, char *error,
                                   size_t error_size);
    vd_status_t (*position)(vd_store_t *self, const char *name, vd_store_position_t *out);
    vd_status_t (*positions)(vd_store_t *self, bool (*each)(void *arg, const vd_store_position_t *),
                             void *arg);
    /* store.c has checked session, position and size. */
    vd_status_t (*save_snapshot)(vd_store_t *self, const vd_store_snapshot_t *snapshot,
                                 vd_bytes_t state, uint32_t keep, char *error, size_t error_size);
    /* Whatever the session and the position are: store.c looks at them. */
    vd_status_t (*load_snapshot)(vd_store_t *self, const vd_store_snapshot_ask_t *ask,
                                 vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                 size_t error_size);
    vd_status_t (*snapshots)(vd_store_t *self, bool (*each)(void *arg, const vd_store_snapshot_t *),
                             void *arg);
    vd_status_t (*checkpoint)(vd_store_t *self, const char *dir, char *error, size_t error_size);
    vd_status_t (*prune_mark)(vd_store_t *self, const char *const *sessions, uint32_t count,
                              char *error, size_t error_size);
    vd_status_t (*prune_step)(vd_store_t *self, bool *more, char *error, size_t error_size);
} vd_store_ops_t;

struct vd_store {
    const vd_store_ops_t *ops;
    vd_store_options_t options;
};

struct vd_store_cursor {
    const vd_store_ops_t *ops;
};

#define VD_STORE_BACKEND(name) extern const vd_store_ops_t vd_store_##name##_ops;
#include "store/backends.def"
#undef VD_STORE_BACKEND

#endif
