/* leveldb.c: the backend "leveldb": open, append in one synced batch, and what to do after a failed
 * one. */
#include "store/leveldb_store.h"

#include "kit/failpoint.h"
#include "store/leveldb_dir.h"
#include "wire/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define BLOCK_CACHE_BYTES (2u * 1024 * 1024)
#define OPEN_FILES_MAX    100
/* Keys that are not there are asked for with every frame that has a record: this tells 99 of 100
 * without a read. */
#define FILTER_BITS_PER_KEY 10
#define TABLE_BYTES         (4u * 1024 * 1024)
#define VALUE_BYTES_CAP     (64u * 1024 * 1024)
/* A write that fails within so many commits of a reopening is one more of the same trouble; after so
 * many in a row the store is read through for damage. */
#define SOON_COMMITS 64u
#define FAILURES_MAX 2u

static void destroy(vd_leveldb_t *self)
{
    assert(self->cursors == NULL);
    vd_leveldb_prune_destroy(&self->prune);
    if (self->env != NULL)
        vd_leveldb_env_release(self->env);
    if (self->db != NULL)
        leveldb_close(self->db);
    if (self->env != NULL && !self->kept)
        vd_leveldb_env_end_opening(self->env, false);
    if (self->batch != NULL)
        leveldb_writebatch_destroy(self->batch);
    if (self->write != NULL)
        leveldb_writeoptions_destroy(self->write);
    if (self->write_unsynced != NULL)
        leveldb_writeoptions_destroy(self->write_unsynced);
    if (self->read != NULL)
        leveldb_readoptions_destroy(self->read);
    if (self->read_through != NULL)
        leveldb_readoptions_destroy(self->read_through);
    if (self->options != NULL)
        leveldb_options_destroy(self->options);
    if (self->cache != NULL)
        leveldb_cache_destroy(self->cache);
    vd_leveldb_env_destroy(&self->env);
    if (self->filter != NULL)
        leveldb_filterpolicy_destroy(self->filter);
    vd_buffer_free(&self->value);
    pthread_mutex_destroy(&self->tail_lock);
    pthread_mutex_destroy(&self->write_lock);
    pthread_rwlock_destroy(&self->lock);
    free(self);
}

static bool make_options(vd_leveldb_t *self)
{
    static const vd_leveldb_layer_t layers[] = {
        [VD_STORE_WRITE] = VD_LEVELDB_DIRECT,
        [VD_STORE_READ] = VD_LEVELDB_OVERLAY,
        [VD_STORE_QUARANTINE] = VD_LEVELDB_OVERLAY_LENIENT,
    };
    self->env = vd_leveldb_env_new(layers[self->mode]);
    self->cache = leveldb_cache_create_lru(BLOCK_CACHE_BYTES);
    self->filter = leveldb_filterpolicy_create_bloom(FILTER_BITS_PER_KEY);
    self->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(self->options, self->mode == VD_STORE_WRITE);
    /* A damaged log must be seen, not skipped: what it held was acknowledged. */
    leveldb_options_set_paranoid_checks(self->options, self->mode != VD_STORE_QUARANTINE);
    /* A damaged filter would hide what is there. */
    if (self->mode != VD_STORE_QUARANTINE)
        leveldb_options_set_filter_policy(self->options, self->filter);
    if (self->env != NULL)
        leveldb_options_set_env(self->options, vd_leveldb_env_handle(self->env));
    leveldb_options_set_write_buffer_size(self->options, VD_LEVELDB_WRITE_BUFFER);
    leveldb_options_set_max_open_files(self->options, OPEN_FILES_MAX);
    leveldb_options_set_max_file_size(self->options, TABLE_BYTES);
    leveldb_options_set_cache(self->options, self->cache);
    /* Compressing and expanding would cost more than all the rest of a commit and of a replay. */
    leveldb_options_set_compression(self->options, leveldb_no_compression);
    /* The environment checks what it reads; tables in an overlay's memory it does not see. */
    bool verify = self->mode != VD_STORE_WRITE;
    self->read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(self->read, verify);
    self->read_through = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(self->read_through, verify);
    leveldb_readoptions_set_fill_cache(self->read_through, 0);
    self->write = leveldb_writeoptions_create();
    self->write_unsynced = leveldb_writeoptions_create();
    self->batch = leveldb_writebatch_create();
    return self->env != NULL;
}

/* ---- opening ---- */

static vd_status_t open_db(vd_leveldb_t *self, char *error, size_t error_size)
{
    char *trouble = NULL;
    assert(self->db == NULL);
    vd_leveldb_env_begin_opening(self->env);
    self->db = leveldb_open(self->options, self->dir, &trouble);
    self->kept = false;
    if (self->db != NULL)
        return VD_OK;
    vd_leveldb_env_end_opening(self->env, false);
    vd_status_t status = vd_leveldb_dir_blame(self->dir, error, error_size);
    if (status == VD_OK) {
        status = VD_CORRUPT;
        snprintf(error, error_size,
                 "store %s cannot be opened: %s; make a new one of what is left: vedette store "
                 "repair --copy DIR",
                 self->dir, trouble != NULL ? trouble : "unknown error");
    }
    leveldb_free(trouble);
    return status;
}

static vd_status_t tell_failed(const vd_leveldb_t *self, char *error, size_t error_size)
{
    snprintf(error, error_size, "store %s: a write has failed before; it must be reopened",
             self->dir);
    return VD_STORE_TROUBLE;
}

static vd_status_t write_with(vd_leveldb_t *self, const leveldb_writeoptions_t *options,
                              leveldb_writebatch_t *batch, char *error, size_t error_size)
{
    char *trouble = NULL;
    pthread_mutex_lock(&self->write_lock);
    /* Behind a failed write nothing may be written, by whomever. */
    if (atomic_load(&self->failed)) {
        pthread_mutex_unlock(&self->write_lock);
        return tell_failed(self, error, error_size);
    }
    if (!self->kept)
        vd_leveldb_env_end_opening(self->env, true);
    self->kept = true;
    leveldb_write(self->db, options, batch, &trouble);
    atomic_store(&self->failed, trouble != NULL);
    pthread_mutex_unlock(&self->write_lock);
    if (trouble == NULL)
        return VD_OK;
    snprintf(error, error_size, "store %s: %s", self->dir, trouble);
    leveldb_free(trouble);
    return vd_leveldb_dir_room(self->dir) < 2 * (uint64_t)VD_LEVELDB_WRITE_BUFFER ? VD_NO_SPACE
                                                                                  : VD_IO;
}

vd_status_t vd_leveldb_write_batch(vd_leveldb_t *self, leveldb_writebatch_t *batch, char *error,
                                   size_t error_size)
{
    return write_with(self, self->write, batch, error, error_size);
}

vd_status_t vd_leveldb_write(vd_leveldb_t *self, char *error, size_t error_size)
{
    return write_with(self, self->write, self->batch, error, error_size);
}

vd_status_t vd_leveldb_write_unsynced(vd_leveldb_t *self, char *error, size_t error_size)
{
    return write_with(self, self->write_unsynced, self->batch, error, error_size);
}

static bool is_empty(vd_leveldb_t *self)
{
    leveldb_iterator_t *iterator = leveldb_create_iterator(self->db, self->read);
    leveldb_iter_seek_to_first(iterator);
    bool empty = !leveldb_iter_valid(iterator);
    leveldb_iter_destroy(iterator);
    return empty;
}

void vd_leveldb_put(vd_leveldb_t *self, const vd_key_t *key)
{
    assert(!self->value.full);
    leveldb_writebatch_put(self->batch, key->bytes, key->size, (const char *)self->value.data,
                           self->value.size);
    vd_buffer_clear(&self->value);
}

void vd_leveldb_put_head(vd_leveldb_t *self)
{
    vd_key_t key;
    vd_key_name(&key, VD_KEY_STORE, vd_str(""));
    vd_record_store_write(&self->value, &self->head);
    vd_leveldb_put(self, &key);
}

static vd_status_t create(vd_leveldb_t *self, char *error, size_t error_size)
{
    uint64_t id = 0;
    struct timespec now;
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) {
        snprintf(error, error_size, "store %s: the system gives no random bytes", self->dir);
        return VD_IO;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(self->head.id, sizeof self->head.id, "%016" PRIx64, id);
    self->head.created_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    leveldb_writebatch_clear(self->batch);
    vd_leveldb_put_head(self);
    atomic_store(&self->failed, false); /* while reopening: nothing was ever written */
    return vd_leveldb_write(self, error, error_size);
}

static vd_status_t read_store_head(vd_leveldb_t *self, char *error, size_t error_size)
{
    vd_key_t key;
    vd_key_name(&key, VD_KEY_STORE, vd_str(""));
    vd_buffer_clear(&self->value);
    vd_status_t status = vd_leveldb_get(self, &key, &self->value, error, error_size);
    if (self->mode == VD_STORE_QUARANTINE && status != VD_IO) {
        if (status != VD_OK ||
            vd_record_store_read(vd_buffer_view(&self->value), &self->head) != VD_OK)
            vd_str_copy(self->head.id, sizeof self->head.id, vd_str(VD_LEVELDB_UNKNOWN_ID));
        vd_buffer_clear(&self->value);
        return VD_OK;
    }
    if (status == VD_NOT_FOUND && self->mode == VD_STORE_WRITE && is_empty(self)) {
        vd_buffer_clear(&self->value);
        return create(self, error, error_size);
    }
    if (status == VD_NOT_FOUND) {
        snprintf(error, error_size,
                 "directory %s holds a database that is not a Vedette store; choose another one",
                 self->dir);
        return VD_CORRUPT;
    }
    if (status == VD_OK)
        status = vd_record_store_read(vd_buffer_view(&self->value), &self->head);
    vd_buffer_clear(&self->value);
    if (status == VD_UNSUPPORTED)
        snprintf(error, error_size,
                 "store %s was written by a newer version; use that version, or another directory",
                 self->dir);
    else if (status == VD_CORRUPT && error[0] == 0)
        snprintf(error, error_size,
                 "store %s: record %s is damaged; make a new store of what is left: vedette store "
                 "repair --copy DIR",
                 self->dir, key.bytes);
    return status;
}

static void show_tail(vd_leveldb_t *self, const vd_store_tail_t *tail)
{
    pthread_mutex_lock(&self->tail_lock);
    self->tail = *tail;
    self->tail_created_ms = self->head.created_ms;
    self->anchor = self->head.anchor;
    self->anchor_chain = self->head.anchor_chain;
    pthread_mutex_unlock(&self->tail_lock);
}

static vd_status_t open_all(vd_leveldb_t *self, char *error, size_t error_size)
{
    vd_store_tail_t tail;
    bool writes = self->mode == VD_STORE_WRITE;
    vd_status_t status = writes ? vd_leveldb_dir_prepare(self->dir, error, error_size)
                                : vd_leveldb_dir_look(self->dir, error, error_size);
    if (status == VD_OK && writes)
        status = vd_leveldb_dir_probe(self->dir, 2 * (uint64_t)VD_LEVELDB_WRITE_BUFFER, error,
                                      error_size);
    if (status == VD_OK)
        status = open_db(self, error, error_size);
    vd_failpoint("ingestor.open");
    if (status == VD_OK)
        status = read_store_head(self, error, error_size);
    vd_failpoint("ingestor.open");
    if (status == VD_OK)
        status = vd_leveldb_check_tail(self, &tail, error, error_size);
    if (status == VD_OK)
        status = vd_leveldb_prune_load(self, error, error_size);
    if (status != VD_OK)
        return status;
    show_tail(self, &tail);
    vd_leveldb_prune_resume(self);
    return VD_OK;
}

static vd_status_t leveldb_store_open(const char *dir, const vd_store_options_t *options,
                                      vd_store_t **store, char *error, size_t error_size)
{
    vd_leveldb_t *self = calloc(1, sizeof *self);
    if (self == NULL || strlen(dir) >= sizeof self->dir) {
        free(self);
        snprintf(error, error_size, "store %s: %s", dir,
                 self == NULL ? "out of memory" : "the path is too long");
        return self == NULL ? VD_NO_MEMORY : VD_USAGE;
    }
    self->base.ops = &vd_store_leveldb_ops;
    self->base.options = *options;
    memcpy(self->dir, dir, strlen(dir) + 1);
    pthread_rwlock_init(&self->lock, NULL);
    pthread_mutex_init(&self->tail_lock, NULL);
    pthread_mutex_init(&self->write_lock, NULL);
    vd_buffer_init(&self->value, VALUE_BYTES_CAP);
    self->mode = options->mode;
    bool made = make_options(self);
    self->prune = vd_leveldb_prune_new(self);
    leveldb_writeoptions_set_sync(self->write, options->durability == VD_DURABILITY_POWER);
    if (!made)
        snprintf(error, error_size, "store %s: this is not the LevelDB that Vedette was built for",
                 dir);
    vd_status_t status = !made                 ? VD_UNSUPPORTED
                         : self->prune == NULL ? VD_NO_MEMORY
                                               : open_all(self, error, error_size);
    if (status != VD_OK)
        destroy(self);
    else
        *store = &self->base;
    return status;
}

static void leveldb_store_close(vd_store_t *store)
{
    destroy((vd_leveldb_t *)store);
}

/* ---- appending ---- */

static void put_commit(vd_leveldb_t *self, const vd_commit_t *commit)
{
    vd_key_t key;
    for (uint32_t i = 0; i < commit->run_count; i++) {
        const vd_commit_run_t *run = &commit->runs[i];
        vd_key_event(&key, run->session, run->first_seq);
        vd_record_run_write(&self->value, commit->index, run);
        vd_leveldb_put(self, &key);
    }
    vd_key_number(&key, VD_KEY_COMMITS, commit->index);
    vd_record_commit_write(&self->value, commit);
    vd_leveldb_put(self, &key);
}

static void put_batch(vd_leveldb_t *self, const vd_store_batch_t *batch)
{
    vd_key_t key;
    leveldb_writebatch_clear(self->batch);
    vd_buffer_clear(&self->value);
    put_commit(self, &batch->commit);
    for (uint32_t i = 0; i < batch->session_count; i++) {
        const vd_store_session_t *session = batch->sessions[i];
        vd_key_name(&key, VD_KEY_SESSION_META, vd_str(session->session));
        vd_record_session_write(&self->value, session);
        vd_leveldb_put(self, &key);
        /* It says when the session began, and never anything else. */
        if (session->started_ms != batch->commit.time_ms)
            continue;
        vd_key_name(&key, VD_KEY_SESSIONS, vd_str(session->session));
        vd_record_session_index_write(&self->value, session);
        vd_leveldb_put(self, &key);
    }
    for (uint32_t i = 0; i < batch->forgotten_count; i++) {
        vd_key_name(&key, VD_KEY_PRODUCERS, vd_str(batch->forgotten[i]));
        leveldb_writebatch_delete(self->batch, key.bytes, key.size);
    }
    for (uint32_t i = 0; i < batch->producer_count; i++) {
        vd_key_name(&key, VD_KEY_PRODUCERS, vd_str(batch->producers[i]->name));
        vd_record_producer_write(&self->value, batch->producers[i]);
        vd_leveldb_put(self, &key);
    }
    for (uint32_t i = 0; i < batch->record_count; i++) {
        vd_key_record(&key, batch->records[i].session, batch->records[i].record);
        vd_record_seq_write(&self->value, batch->records[i].seq);
        vd_leveldb_put(self, &key);
    }
    if (batch->epoch_counter != self->head.epoch_counter) {
        self->head.epoch_counter = batch->epoch_counter;
        vd_leveldb_put_head(self);
    }
}

static vd_status_t leveldb_store_append(vd_store_t *store, const vd_store_batch_t *batch,
                                        char *error, size_t error_size)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    const vd_commit_t *commit = &batch->commit;
    assert(self->mode == VD_STORE_WRITE);
    if (atomic_load(&self->failed))
        return tell_failed(self, error, error_size);
    assert(self->db != NULL && commit->index == self->tail.index + 1);
    assert(batch->epoch_counter >= self->head.epoch_counter);
    put_batch(self, batch);
    vd_status_t status = vd_leveldb_write(self, error, error_size);
    if (status != VD_OK)
        return status;
    pthread_mutex_lock(&self->tail_lock);
    self->tail.index = commit->index;
    self->tail.first_index = self->tail.first_index > 0 ? self->tail.first_index : commit->index;
    self->tail.time_ms = commit->time_ms;
    self->tail.chain = commit->chain;
    self->tail.epoch_counter = batch->epoch_counter;
    pthread_mutex_unlock(&self->tail_lock);
    return VD_OK;
}

/* ---- after a failed append ---- */

/* Ends every iterator and closes the database. The failed handle is given up only now: it could
 * still read. */
static vd_status_t exchange_db(vd_leveldb_t *self, char *error, size_t error_size)
{
    pthread_rwlock_wrlock(&self->lock);
    for (vd_leveldb_cursor_t *cursor = self->cursors; cursor != NULL; cursor = cursor->following) {
        vd_leveldb_cursor_rest(cursor);
        cursor->chained = false;
        cursor->seq = 0;
    }
    vd_leveldb_env_release(self->env);
    if (self->db != NULL)
        leveldb_close(self->db);
    self->db = NULL;
    vd_status_t status = open_db(self, error, error_size);
    pthread_rwlock_unlock(&self->lock);
    return status;
}

/* What was acknowledged must still be there. */
static vd_status_t check_kept(vd_leveldb_t *self, const vd_store_tail_t *before, char *error,
                              size_t error_size)
{
    uint32_t chain = 0;
    vd_status_t status = VD_OK;
    if (before->index > 0)
        status = vd_leveldb_chain(&self->base, before->index, &chain);
    if (status == VD_OK && chain == before->chain && strcmp(before->id, self->head.id) == 0)
        return VD_OK;
    snprintf(error, error_size,
             "store %s has lost commit %" PRIu64 " after a failed write; nothing more is written "
             "to it: save a copy of the directory",
             self->dir, before->index);
    return VD_CORRUPT;
}

static vd_status_t tell_damaged(const vd_leveldb_t *self, char *error, size_t error_size)
{
    snprintf(
        error, error_size,
        "store %s: a table is damaged, so that nothing can be written any more; what is "
        "readable is served; make a new store of what is left: vedette store repair --copy DIR",
        self->dir);
    return VD_CORRUPT;
}

/* Writes fail again and again: is it because a table that is to be merged cannot be read? Reads
 * everything once. */
static vd_status_t look_for_damage(vd_leveldb_t *self, char *error, size_t error_size)
{
    char *trouble = NULL;
    leveldb_iterator_t *all = leveldb_create_iterator(self->db, self->read_through);
    for (leveldb_iter_seek_to_first(all); leveldb_iter_valid(all); leveldb_iter_next(all))
        continue;
    leveldb_iter_get_error(all, &trouble);
    leveldb_iter_destroy(all);
    self->damaged = trouble != NULL;
    leveldb_free(trouble);
    return self->damaged ? tell_damaged(self, error, error_size) : VD_OK;
}

static vd_status_t leveldb_store_reopen(vd_store_t *store, vd_store_tail_t *tail, char *error,
                                        size_t error_size)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_store_tail_t before;
    vd_leveldb_tail(store, &before);
    self->failures = before.index < self->reopened_index + SOON_COMMITS ? self->failures + 1 : 1;
    if (self->damaged)
        return tell_damaged(self, error, error_size);
    vd_status_t status =
        vd_leveldb_dir_probe(self->dir, 2 * (uint64_t)VD_LEVELDB_WRITE_BUFFER, error, error_size);
    if (status == VD_OK)
        status = exchange_db(self, error, error_size);
    if (status == VD_OK)
        status = read_store_head(self, error, error_size);
    if (status == VD_OK)
        status = vd_leveldb_check_tail(self, tail, error, error_size);
    if (status == VD_OK)
        status = check_kept(self, &before, error, error_size);
    if (status == VD_OK)
        status = vd_leveldb_prune_load(self, error, error_size);
    if (status == VD_OK && self->failures % FAILURES_MAX == 0)
        status = look_for_damage(self, error, error_size);
    atomic_store(&self->failed, status != VD_OK);
    if (status != VD_OK)
        return status;
    self->reopened_index = tail->index;
    show_tail(self, tail);
    vd_leveldb_prune_resume(self);
    return VD_OK;
}

static void leveldb_store_info(vd_store_t *store, vd_store_info_t *info)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    memcpy(info->dir, self->dir, sizeof info->dir);
    pthread_mutex_lock(&self->tail_lock);
    info->created_ms = self->tail_created_ms;
    pthread_mutex_unlock(&self->tail_lock);
    info->pruning = vd_leveldb_prune_pending(self);
    vd_leveldb_dir_size(self->dir, &info->files, &info->disk_bytes);
    info->free_bytes = vd_leveldb_dir_room(self->dir);
}

const vd_store_ops_t vd_store_leveldb_ops = {
    .name = "leveldb",
    .open = leveldb_store_open,
    .close = leveldb_store_close,
    .tail = vd_leveldb_tail,
    .info = leveldb_store_info,
    .append = leveldb_store_append,
    .reopen = leveldb_store_reopen,
    .producers = vd_leveldb_producers,
    .sessions = vd_leveldb_sessions,
    .sessions_before = vd_leveldb_sessions_before,
    .tombstones = vd_leveldb_tombstones,
    .session = vd_leveldb_session,
    .record = vd_leveldb_record,
    .find = vd_leveldb_find,
    .chain = vd_leveldb_chain,
    .cursor_new = vd_leveldb_cursor_new,
    .cursor_destroy = vd_leveldb_cursor_destroy,
    .cursor_seek = vd_leveldb_cursor_seek,
    .cursor_next = vd_leveldb_cursor_next,
    .save_position = vd_leveldb_save_position,
    .forget_position = vd_leveldb_forget_position,
    .position = vd_leveldb_position,
    .positions = vd_leveldb_positions,
    .save_snapshot = vd_leveldb_save_snapshot,
    .load_snapshot = vd_leveldb_load_snapshot,
    .snapshots = vd_leveldb_snapshots,
    .checkpoint = vd_leveldb_checkpoint,
    .prune_mark = vd_leveldb_prune_mark,
    .prune_step = vd_leveldb_prune_step,
};
