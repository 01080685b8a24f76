/* store.c: finds the backend of a store and passes each call on to it. */
#include "store/backend.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const vd_store_ops_t *const backends[] = {
#define VD_STORE_BACKEND(name) &vd_store_##name##_ops,
#include "store/backends.def"
#undef VD_STORE_BACKEND
};

vd_status_t vd_store_open(const char *backend, const char *dir, const vd_store_options_t *options,
                          vd_store_t **self, char *error, size_t error_size)
{
    static const vd_store_options_t defaults = {0};
    assert(backend != NULL && self != NULL && error != NULL && error_size > 0);
    *self = NULL;
    error[0] = 0;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        if (strcmp(backends[i]->name, backend) != 0)
            continue;
        vd_status_t status =
            backends[i]->open(dir, options != NULL ? options : &defaults, self, error, error_size);
        assert((status == VD_OK) == (*self != NULL));
        assert(*self == NULL || (*self)->ops == backends[i]);
        return status;
    }
    snprintf(error, error_size, "store backend '%s' is not one of this build's:", backend);
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        size_t at = strlen(error);
        snprintf(error + at, error_size - at, " %s", backends[i]->name);
    }
    return VD_CONFIG;
}

void vd_store_close(vd_store_t **self)
{
    assert(self != NULL);
    if (*self != NULL)
        (*self)->ops->close(*self);
    *self = NULL;
}

void vd_store_tail(vd_store_t *self, vd_store_tail_t *tail)
{
    assert(self != NULL && tail != NULL);
    self->ops->tail(self, tail);
}

void vd_store_info(vd_store_t *self, vd_store_info_t *info)
{
    assert(self != NULL && info != NULL);
    *info = (vd_store_info_t){.mode = self->options.mode,
                              .durability = self->options.durability,
                              .format = VD_STORE_FORMAT};
    self->ops->info(self, info);
}

/* Writing to a store that is open for reading is not a failed write. */
static vd_status_t check_writable(const vd_store_t *self, char *error, size_t error_size)
{
    assert(error != NULL && error_size > 0);
    error[0] = 0;
    if (self->options.mode == VD_STORE_WRITE)
        return VD_OK;
    snprintf(error, error_size, "the store was opened for reading alone");
    return VD_DENIED;
}

vd_status_t vd_store_append(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                            size_t error_size)
{
    assert(self != NULL && batch != NULL && batch->commit.index > 0);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->append(self, batch, error, error_size) : status;
}

vd_status_t vd_store_reopen(vd_store_t *self, vd_store_tail_t *tail, char *error, size_t error_size)
{
    assert(self != NULL && tail != NULL);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->reopen(self, tail, error, error_size) : status;
}

vd_status_t vd_store_producers(vd_store_t *self, bool (*each)(void *, const vd_store_producer_t *),
                               void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->producers(self, each, arg);
}

vd_status_t vd_store_sessions(vd_store_t *self, bool (*each)(void *, const vd_store_session_t *),
                              void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->sessions(self, each, arg);
}

vd_status_t vd_store_sessions_before(vd_store_t *self, const char *before,
                                     bool (*each)(void *, const vd_store_session_t *), void *arg)
{
    assert(self != NULL && before != NULL && each != NULL);
    return self->ops->sessions_before(self, before, each, arg);
}

vd_status_t vd_store_tombstones(vd_store_t *self, bool (*each)(void *, const char *), void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->tombstones(self, each, arg);
}

vd_status_t vd_store_session(vd_store_t *self, const char *session, vd_store_session_t *out)
{
    assert(self != NULL && session != NULL && out != NULL);
    return self->ops->session(self, session, out);
}

vd_status_t vd_store_record(vd_store_t *self, const char *session, const char *record,
                            uint64_t *seq)
{
    assert(self != NULL && session != NULL && record != NULL && seq != NULL);
    *seq = 0;
    return self->ops->record(self, session, record, seq);
}

vd_status_t vd_store_find(vd_store_t *self, const char *session, uint64_t seq, uint64_t *index,
                          uint64_t *at)
{
    assert(self != NULL && session != NULL && index != NULL && at != NULL);
    return self->ops->find(self, session, seq, index, at);
}

vd_status_t vd_store_chain(vd_store_t *self, uint64_t index, uint32_t *chain)
{
    assert(self != NULL && chain != NULL);
    *chain = 0;
    if (index == 0)
        return VD_OK;
    return self->ops->chain(self, index, chain);
}

vd_status_t vd_store_cursor_new(vd_store_t *self, vd_store_cursor_t **cursor)
{
    assert(self != NULL && cursor != NULL);
    *cursor = NULL;
    vd_status_t status = self->ops->cursor_new(self, cursor);
    assert((status == VD_OK) == (*cursor != NULL));
    return status;
}

void vd_store_cursor_destroy(vd_store_cursor_t **cursor)
{
    assert(cursor != NULL);
    if (*cursor != NULL)
        (*cursor)->ops->cursor_destroy(*cursor);
    *cursor = NULL;
}

vd_status_t vd_store_cursor_seek(vd_store_cursor_t *cursor, uint64_t index, const char *session)
{
    assert(cursor != NULL);
    return cursor->ops->cursor_seek(cursor, index, session);
}

vd_status_t vd_store_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                 size_t error_size)
{
    assert(cursor != NULL && commit != NULL && error != NULL && error_size > 0);
    error[0] = 0;
    return cursor->ops->cursor_next(cursor, commit, error, error_size);
}

vd_status_t vd_store_save_position(vd_store_t *self, const vd_store_position_t *position,
                                   char *error, size_t error_size)
{
    assert(self != NULL && position != NULL && position->name[0] != 0);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->save_position(self, position, error, error_size) : status;
}

vd_status_t vd_store_forget_position(vd_store_t *self, const char *name, char *error,
                                     size_t error_size)
{
    assert(self != NULL && name != NULL && name[0] != 0);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->forget_position(self, name, error, error_size) : status;
}

vd_status_t vd_store_position(vd_store_t *self, const char *name, vd_store_position_t *out)
{
    assert(self != NULL && name != NULL && out != NULL);
    return self->ops->position(self, name, out);
}

vd_status_t vd_store_positions(vd_store_t *self, bool (*each)(void *, const vd_store_position_t *),
                               void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->positions(self, each, arg);
}

vd_status_t vd_store_checkpoint(vd_store_t *self, const char *dir, char *error, size_t error_size)
{
    assert(self != NULL && dir != NULL && error != NULL && error_size > 0);
    error[0] = 0;
    if (self->ops->checkpoint != NULL)
        return self->ops->checkpoint(self, dir, error, error_size);
    snprintf(error, error_size, "this store is not in a directory");
    return VD_UNSUPPORTED;
}

vd_status_t vd_store_prune_mark(vd_store_t *self, const char *const *sessions, uint32_t count,
                                char *error, size_t error_size)
{
    assert(self != NULL && (sessions != NULL || count == 0));
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->prune_mark(self, sessions, count, error, error_size)
                           : status;
}

vd_status_t vd_store_prune_step(vd_store_t *self, bool *more, char *error, size_t error_size)
{
    assert(self != NULL && more != NULL);
    *more = false;
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->prune_step(self, more, error, error_size) : status;
}
