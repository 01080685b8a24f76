/* memory.c: the backend "memory": commits in a list, and all other records as what a replay of the
 * list gives. */
#include "store/memory_image.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct memory_store {
    vd_store_t base;
    vd_memory_image_t *image;
    bool owned;
} memory_store_t;

typedef struct memory_cursor {
    vd_store_cursor_t base;
    vd_memory_image_t *image;
    uint64_t next, end;
    char session[VD_NAME_BYTES_MAX + 1];
    vd_commit_run_t run;
} memory_cursor_t;

static void *allocated(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL)
        abort(); /* a backend for tests: there is nothing to go on with */
    return memory;
}

vd_memory_image_t *vd_memory_image_of(vd_store_t *store)
{
    return ((memory_store_t *)store)->image;
}

static void entry_destroy(vd_memory_entry_t *entry)
{
    for (uint32_t i = 0; i < entry->commit.run_count; i++) {
        free((void *)entry->commit.runs[i].session.data);
        free((void *)entry->commit.runs[i].run.data);
    }
    free((void *)entry->commit.runs);
    free(entry->producers);
    free(entry->sessions);
    free(entry->forgotten);
    for (uint32_t i = 0; i < entry->record_count; i++) {
        free((void *)entry->records[i].session.data);
        free((void *)entry->records[i].record.data);
    }
    free(entry->records);
    free(entry);
}

static vd_bytes_t copied(vd_bytes_t bytes)
{
    uint8_t *copy = allocated(bytes.size, 1);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return vd_bytes(copy, bytes.size);
}

static vd_memory_entry_t *entry_new(const vd_store_batch_t *batch)
{
    vd_memory_entry_t *entry = allocated(1, sizeof *entry);
    entry->commit = batch->commit;
    entry->epoch_counter = batch->epoch_counter;
    vd_commit_run_t *runs = allocated(batch->commit.run_count, sizeof *runs);
    for (uint32_t i = 0; i < batch->commit.run_count; i++) {
        runs[i] = batch->commit.runs[i];
        runs[i].session = copied(runs[i].session);
        runs[i].run = copied(runs[i].run);
    }
    entry->commit.runs = runs;
    entry->producers = allocated(batch->producer_count, sizeof *entry->producers);
    entry->producer_count = batch->producer_count;
    for (uint32_t i = 0; i < batch->producer_count; i++)
        entry->producers[i] = *batch->producers[i];
    entry->sessions = allocated(batch->session_count, sizeof *entry->sessions);
    entry->session_count = batch->session_count;
    for (uint32_t i = 0; i < batch->session_count; i++)
        entry->sessions[i] = *batch->sessions[i];
    entry->forgotten = allocated(batch->forgotten_count, sizeof *entry->forgotten);
    entry->forgotten_count = batch->forgotten_count;
    for (uint32_t i = 0; i < batch->forgotten_count; i++)
        snprintf(entry->forgotten[i], sizeof *entry->forgotten, "%s", batch->forgotten[i]);
    entry->records = allocated(batch->record_count, sizeof *entry->records);
    entry->record_count = batch->record_count;
    for (uint32_t i = 0; i < batch->record_count; i++)
        entry->records[i] = (vd_store_record_t){.session = copied(batch->records[i].session),
                                                .record = copied(batch->records[i].record),
                                                .seq = batch->records[i].seq};
    return entry;
}

vd_store_session_t *vd_memory_session(vd_memory_image_t *self, const char *name)
{
    for (uint32_t i = 0; i < self->session_count; i++)
        if (strcmp(self->sessions[i].session, name) == 0)
            return &self->sessions[i];
    return NULL;
}

static void producer_put(vd_memory_image_t *self, const vd_store_producer_t *producer)
{
    uint32_t at = 0;
    while (at < self->producer_count && strcmp(self->producers[at].name, producer->name) != 0)
        at++;
    if (at == self->producer_room) {
        self->producer_room = self->producer_room * 2 + 8;
        self->producers = realloc(self->producers, self->producer_room * sizeof *self->producers);
        assert(self->producers != NULL);
    }
    if (at == self->producer_count)
        self->producer_count++;
    self->producers[at] = *producer;
}

static void producer_forget(vd_memory_image_t *self, const char *name)
{
    for (uint32_t i = 0; i < self->producer_count; i++)
        if (strcmp(self->producers[i].name, name) == 0)
            self->producers[i--] = self->producers[--self->producer_count];
}

vd_memory_tombstone_t *vd_memory_tombstone(vd_memory_image_t *self, const char *name)
{
    for (uint32_t i = 0; i < self->tombstone_count; i++)
        if (strcmp(self->tombstones[i].session, name) == 0)
            return &self->tombstones[i];
    return NULL;
}

static void session_put(vd_memory_image_t *self, const vd_store_session_t *session)
{
    vd_store_session_t *place = vd_memory_session(self, session->session);
    if (place != NULL) {
        *place = *session;
        return;
    }
    if (self->session_count == self->session_room) {
        self->session_room = self->session_room * 2 + 8;
        self->sessions = realloc(self->sessions, self->session_room * sizeof *self->sessions);
        assert(self->sessions != NULL);
    }
    uint32_t at = self->session_count++;
    for (; at > 0 && strcmp(self->sessions[at - 1].session, session->session) > 0; at--)
        self->sessions[at] = self->sessions[at - 1];
    self->sessions[at] = *session;
}

static void apply(vd_memory_image_t *self, const vd_memory_entry_t *entry)
{
    for (uint32_t i = 0; i < entry->forgotten_count; i++)
        producer_forget(self, entry->forgotten[i]);
    for (uint32_t i = 0; i < entry->producer_count; i++)
        producer_put(self, &entry->producers[i]);
    for (uint32_t i = 0; i < entry->session_count; i++)
        if (vd_memory_tombstone(self, entry->sessions[i].session) == NULL)
            session_put(self, &entry->sessions[i]);
}

static void add(vd_memory_image_t *self, const vd_store_batch_t *batch)
{
    assert(batch->commit.index == self->count + 1);
    if (self->count == self->room) {
        self->room = self->room * 2 + 64;
        self->entries = realloc(self->entries, self->room * sizeof(vd_memory_entry_t *));
        assert(self->entries != NULL);
    }
    self->entries[self->count] = entry_new(batch);
    apply(self, self->entries[self->count++]);
}

static void cut(vd_memory_image_t *self, uint64_t count)
{
    assert(count <= self->count);
    while (self->count > count)
        entry_destroy(self->entries[--self->count]);
    self->producer_count = self->session_count = 0;
    for (uint64_t i = 0; i < self->count; i++)
        apply(self, self->entries[i]);
    vd_memory_cut_positions(self);
    vd_memory_cut_states(self);
    if (self->synced > count)
        self->synced = count;
    if (self->anchor >= count)
        self->anchor = count > 0 ? count - 1 : 0;
}

/* Reads of a store that failed see what was known to be on disk. */
static uint64_t visible(const vd_memory_image_t *self)
{
    return self->failed ? self->synced : self->count;
}

static void tail_of(const vd_memory_image_t *self, vd_store_tail_t *tail)
{
    uint64_t count = visible(self);
    *tail = (vd_store_tail_t){0};
    memcpy(tail->id, self->id, sizeof tail->id);
    if (count == 0)
        return;
    const vd_memory_entry_t *last = self->entries[count - 1];
    tail->first_index = self->anchor + 1;
    tail->index = count;
    tail->time_ms = last->commit.time_ms;
    tail->chain = last->commit.chain;
    tail->epoch_counter = last->epoch_counter;
}

vd_memory_image_t *vd_memory_image_new(uint64_t id)
{
    vd_memory_image_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    snprintf(self->id, sizeof self->id, "%016" PRIx64, id);
    return self;
}

void vd_memory_image_destroy(vd_memory_image_t **image)
{
    assert(image != NULL);
    vd_memory_image_t *self = *image;
    *image = NULL;
    if (self == NULL)
        return;
    assert(!self->busy);
    for (uint64_t i = 0; i < self->count; i++)
        entry_destroy(self->entries[i]);
    free(self->entries);
    free(self->producers);
    free(self->sessions);
    free(self->tombstones);
    free(self->positions);
    vd_memory_free_states(self, NULL);
    free(self->states);
    for (size_t i = 0; i < self->freed_count; i++)
        free(self->freed[i]);
    free(self->freed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

vd_status_t vd_memory_image_open(vd_memory_image_t *self, vd_store_t **store)
{
    assert(self != NULL && store != NULL);
    *store = NULL;
    if (self->busy)
        return VD_BUSY;
    memory_store_t *opened = allocated(1, sizeof *opened);
    opened->base.ops = &vd_store_memory_ops;
    opened->image = self;
    self->busy = true;
    self->failed = false;
    *store = &opened->base;
    return VD_OK;
}

void vd_memory_crash(vd_memory_image_t *self, uint64_t kept)
{
    assert(self != NULL && !self->busy);
    uint64_t left = self->count - self->synced < kept ? self->count : self->synced + kept;
    cut(self, left);
    self->synced = left;
    self->fail_status = VD_OK;
    self->fail_reopens = 0;
}

void vd_memory_cut(vd_memory_image_t *self, uint64_t index)
{
    assert(self != NULL && !self->busy);
    cut(self, index);
}

void vd_memory_sync_off(vd_memory_image_t *self)
{
    assert(self != NULL);
    self->sync_off = true;
}

void vd_memory_fail(vd_memory_image_t *self, vd_status_t status, bool there, unsigned reopens)
{
    assert(self != NULL && status != VD_OK);
    self->fail_status = status;
    self->fail_there = there;
    self->fail_reopens = reopens;
}

/* ---- the table ---- */

static vd_status_t memory_open(const char *dir, const vd_store_options_t *options,
                               vd_store_t **self, char *error, size_t error_size)
{
    (void)options;
    (void)dir;
    vd_memory_image_t *image = vd_memory_image_new(1);
    if (image == NULL || vd_memory_image_open(image, self) != VD_OK) {
        vd_memory_image_destroy(&image);
        snprintf(error, error_size, "no memory for a store");
        return VD_NO_MEMORY;
    }
    ((memory_store_t *)*self)->owned = true;
    (*self)->options = *options;
    return VD_OK;
}

static void memory_close(vd_store_t *store)
{
    memory_store_t *self = (memory_store_t *)store;
    self->image->busy = false;
    if (self->owned)
        vd_memory_image_destroy(&self->image);
    free(self);
}

static void memory_tail(vd_store_t *store, vd_store_tail_t *tail)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    tail_of(self, tail);
    pthread_mutex_unlock(&self->lock);
}

static void memory_info(vd_store_t *store, vd_store_info_t *info)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->tombstone_count; i++)
        info->pruning += self->tombstones[i].freed ? 0 : 1;
    pthread_mutex_unlock(&self->lock);
}

static vd_status_t memory_append(vd_store_t *store, const vd_store_batch_t *batch, char *error,
                                 size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    vd_status_t status = VD_OK;
    pthread_mutex_lock(&self->lock);
    if (self->failed) {
        status = VD_STORE_TROUBLE;
        snprintf(error, error_size, "an append has failed before: reopen the store");
    } else if (self->fail_status != VD_OK) {
        status = self->fail_status;
        snprintf(error, error_size, "append of commit %" PRIu64 " was made to fail",
                 batch->commit.index);
        self->failed = true;
        if (self->fail_there)
            add(self, batch);
        self->fail_status = VD_OK;
    } else {
        add(self, batch);
        if (!self->sync_off)
            self->synced = self->count;
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static vd_status_t memory_reopen(vd_store_t *store, vd_store_tail_t *tail, char *error,
                                 size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    vd_status_t status = VD_OK;
    pthread_mutex_lock(&self->lock);
    if (self->fail_reopens > 0) {
        self->fail_reopens--;
        status = VD_NO_SPACE;
        snprintf(error, error_size, "reopening was made to fail");
    } else {
        self->failed = false;
        if (!self->sync_off)
            self->synced = self->count;
        tail_of(self, tail);
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static vd_status_t memory_producers(vd_store_t *store,
                                    bool (*each)(void *, const vd_store_producer_t *), void *arg)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->producer_count && each(arg, &self->producers[i]); i++)
        ;
    pthread_mutex_unlock(&self->lock);
    return VD_OK;
}

static vd_status_t memory_sessions(vd_store_t *store,
                                   bool (*each)(void *, const vd_store_session_t *), void *arg)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->session_count && each(arg, &self->sessions[i]); i++)
        ;
    pthread_mutex_unlock(&self->lock);
    return VD_OK;
}

static vd_status_t memory_sessions_before(vd_store_t *store, const char *before,
                                          bool (*each)(void *, const vd_store_session_t *),
                                          void *arg)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    bool goes_on = true;
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = self->session_count; i > 0 && goes_on; i--)
        if (before[0] == 0 || strcmp(self->sessions[i - 1].session, before) < 0)
            goes_on = each(arg, &self->sessions[i - 1]);
    pthread_mutex_unlock(&self->lock);
    return VD_OK;
}

static vd_status_t memory_session(vd_store_t *store, const char *session, vd_store_session_t *out)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    const vd_store_session_t *found = vd_memory_session(self, session);
    if (found != NULL)
        *out = *found;
    bool pruned = vd_memory_tombstone(self, session) != NULL;
    pthread_mutex_unlock(&self->lock);
    return found != NULL ? VD_OK : pruned ? VD_PRUNED : VD_NOT_FOUND;
}

static vd_status_t memory_tombstones(vd_store_t *store, bool (*each)(void *, const char *),
                                     void *arg)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->tombstone_count && each(arg, self->tombstones[i].session); i++)
        ;
    pthread_mutex_unlock(&self->lock);
    return VD_OK;
}

static vd_status_t memory_record(vd_store_t *store, const char *session, const char *record,
                                 uint64_t *seq)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    vd_status_t status = VD_NOT_FOUND;
    pthread_mutex_lock(&self->lock);
    uint64_t count = visible(self);
    for (uint64_t i = 0; i < count && status != VD_OK; i++)
        for (uint32_t r = 0; r < self->entries[i]->record_count && status != VD_OK; r++) {
            const vd_store_record_t *found = &self->entries[i]->records[r];
            if (!vd_str_is(found->session, session) || !vd_str_is(found->record, record))
                continue;
            *seq = found->seq;
            status = VD_OK;
        }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static vd_status_t memory_find(vd_store_t *store, const char *session, uint64_t seq,
                               uint64_t *index, uint64_t *at)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    vd_status_t status = VD_NOT_FOUND;
    pthread_mutex_lock(&self->lock);
    uint64_t count = visible(self);
    if (vd_memory_tombstone(self, session) != NULL)
        status = VD_PRUNED;
    if (vd_memory_session(self, session) == NULL)
        count = 0;
    for (uint64_t i = 0; i < count && status == VD_NOT_FOUND; i++) {
        const vd_commit_t *commit = &self->entries[i]->commit;
        for (uint32_t r = 0; r < commit->run_count; r++) {
            const vd_commit_run_t *run = &commit->runs[r];
            if (!vd_str_is(run->session, session) || seq < run->first_seq ||
                seq - run->first_seq >= run->count)
                continue;
            *index = commit->index;
            *at = run->at + (seq - run->first_seq);
            status = VD_OK;
        }
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static vd_status_t memory_chain(vd_store_t *store, uint64_t index, uint32_t *chain)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    bool was = index > 0 && index <= visible(self);
    bool held = was && index >= self->anchor;
    if (held)
        *chain = self->entries[index - 1]->commit.chain;
    pthread_mutex_unlock(&self->lock);
    return held ? VD_OK : was ? VD_PRUNED : VD_NOT_FOUND;
}

static vd_status_t memory_cursor_new(vd_store_t *store, vd_store_cursor_t **cursor)
{
    memory_cursor_t *self = allocated(1, sizeof *self);
    self->base.ops = &vd_store_memory_ops;
    self->image = vd_memory_image_of(store);
    *cursor = &self->base;
    return VD_OK;
}

static void memory_cursor_destroy(vd_store_cursor_t *cursor)
{
    free(cursor);
}

static vd_status_t memory_cursor_seek(vd_store_cursor_t *cursor, uint64_t index,
                                      const char *session)
{
    memory_cursor_t *self = (memory_cursor_t *)cursor;
    snprintf(self->session, sizeof self->session, "%s", session != NULL ? session : "");
    pthread_mutex_lock(&self->image->lock);
    self->next = index > self->image->anchor ? index : self->image->anchor + 1;
    self->end = visible(self->image);
    pthread_mutex_unlock(&self->image->lock);
    return VD_OK;
}

static vd_status_t memory_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                      size_t error_size)
{
    memory_cursor_t *self = (memory_cursor_t *)cursor;
    vd_status_t status = VD_NOT_FOUND;
    pthread_mutex_lock(&self->image->lock);
    if (self->next <= self->image->anchor)
        self->next = self->image->anchor + 1;
    if (self->session[0] != 0 && vd_memory_tombstone(self->image, self->session) != NULL) {
        snprintf(error, error_size, "session %s was pruned", self->session);
        status = VD_PRUNED;
    }
    while (status == VD_NOT_FOUND && self->next <= self->end) {
        assert(self->end <= self->image->count);
        *commit = self->image->entries[self->next++ - 1]->commit;
        if (self->session[0] == 0)
            status = VD_OK;
        for (uint32_t r = 0; r < commit->run_count && status != VD_OK; r++) {
            if (!vd_str_is(commit->runs[r].session, self->session))
                continue;
            self->run = commit->runs[r];
            commit->runs = &self->run;
            commit->run_count = 1;
            status = VD_OK;
        }
    }
    pthread_mutex_unlock(&self->image->lock);
    return status;
}

const vd_store_ops_t vd_store_memory_ops = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .tail = memory_tail,
    .info = memory_info,
    .append = memory_append,
    .reopen = memory_reopen,
    .producers = memory_producers,
    .sessions = memory_sessions,
    .sessions_before = memory_sessions_before,
    .tombstones = memory_tombstones,
    .session = memory_session,
    .record = memory_record,
    .find = memory_find,
    .chain = memory_chain,
    .cursor_new = memory_cursor_new,
    .cursor_destroy = memory_cursor_destroy,
    .cursor_seek = memory_cursor_seek,
    .cursor_next = memory_cursor_next,
    .save_position = vd_memory_save_position,
    .forget_position = vd_memory_forget_position,
    .position = vd_memory_position,
    .positions = vd_memory_positions,
    .save_snapshot = vd_memory_save_snapshot,
    .load_snapshot = vd_memory_load_snapshot,
    .snapshots = vd_memory_snapshots,
    .prune_mark = vd_memory_prune_mark,
    .prune_step = vd_memory_prune_step,
};
