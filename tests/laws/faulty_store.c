/* faulty_store.c: a store on a disk that fails. */
#include "tests/laws/faulty_store.h"

#include "core/core.h"
#include "store/backend.h"
#include "tests/laws/store_fixture.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX 4096

typedef enum fault {
    FAULT_NONE,
    FAULT_WRITE, /* nothing is written */
    FAULT_TORN,  /* a part is written */
    FAULT_SYNC,
    FAULT_CUT_WRITE, /* power goes before a write */
    FAULT_CUT_SYNC,  /* power goes before a sync */
    FAULT_CUT_AFTER, /* power goes when all was done */
} fault_t;

/* What of a file outlives the loss of power for certain. */
typedef struct synced {
    ino_t inode;
    off_t size;
} synced_t;

typedef struct faulty_cursor faulty_cursor_t;

struct vd_faulty {
    pthread_mutex_t lock; /* LevelDB writes from two threads */
    char dir[200];
    unsigned generation; /* losses of power: each has its own directory */
    uint64_t seed;
    fault_t fault; /* that is to happen */
    unsigned countdown;
    bool dead;  /* without power */
    bool stuck; /* the next reopening fails */
    unsigned faults, cuts;
    synced_t synced[FILES_MAX];
    size_t synced_count;
    faulty_cursor_t *cursors;
};

typedef struct faulty_store {
    vd_store_t base;
    vd_faulty_t *disk;
    vd_store_t *inner;
} faulty_store_t;

struct faulty_cursor {
    vd_store_cursor_t base;
    faulty_store_t *store;
    faulty_cursor_t *following;
    vd_store_cursor_t *inner;
    bool filtered;
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t next, end;
};

static vd_faulty_t *disk_in_use; /* the hooks have no argument */

static unsigned draw(vd_faulty_t *self, unsigned below)
{
    return (unsigned)(vd_random_next(&self->seed) % below);
}

/* ---- the disk ---- */

static bool strikes(vd_faulty_t *self, fault_t fault)
{
    if (self->fault != fault || self->countdown-- > 0)
        return false;
    self->fault = FAULT_NONE;
    self->faults++;
    return true;
}

static void cut_power(vd_faulty_t *self)
{
    self->dead = true;
    self->cuts++;
}

/* 0: write it all; an errno, with *size of it written before. */
static int on_write(size_t *size)
{
    vd_faulty_t *self = disk_in_use;
    int number = 0;
    size_t all = *size;
    *size = 0;
    pthread_mutex_lock(&self->lock);
    if (!self->dead && strikes(self, FAULT_CUT_WRITE))
        cut_power(self);
    if (self->dead)
        number = EIO;
    else if (strikes(self, FAULT_WRITE))
        number = ENOSPC;
    else if (strikes(self, FAULT_TORN)) {
        number = EIO;
        *size = all > 1 ? 1 + draw(self, (unsigned)all - 1) : 0;
    }
    pthread_mutex_unlock(&self->lock);
    return number;
}

static void note_synced(vd_faulty_t *self, int file)
{
    struct stat found;
    size_t at = 0;
    if (fstat(file, &found) != 0)
        return;
    while (at < self->synced_count && self->synced[at].inode != found.st_ino)
        at++;
    assert(at < FILES_MAX);
    self->synced_count += at == self->synced_count;
    self->synced[at] = (synced_t){found.st_ino, found.st_size};
}

static int on_sync(int file)
{
    vd_faulty_t *self = disk_in_use;
    int number = 0;
    pthread_mutex_lock(&self->lock);
    if (!self->dead && strikes(self, FAULT_CUT_SYNC))
        cut_power(self);
    if (self->dead || strikes(self, FAULT_SYNC))
        number = EIO;
    else
        note_synced(self, file);
    pthread_mutex_unlock(&self->lock);
    return number;
}

static void path_of(const vd_faulty_t *self, unsigned generation, char out[256])
{
    snprintf(out, 256, "%s/%u", self->dir, generation);
}

static off_t synced_size(const vd_faulty_t *self, const struct stat *file)
{
    for (size_t i = 0; i < self->synced_count; i++)
        if (self->synced[i].inode == file->st_ino)
            return self->synced[i].size < file->st_size ? self->synced[i].size : file->st_size;
    return 0;
}

static void copy_file(const char *from, const char *to, size_t size)
{
    char buffer[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert(in >= 0 && out >= 0);
    for (size_t done = 0; done < size;) {
        size_t part = size - done < sizeof buffer ? size - done : sizeof buffer;
        ssize_t got = read(in, buffer, part);
        assert(got > 0 && syscall(SYS_write, out, buffer, (size_t)got) == got);
        done += (size_t)got;
    }
    struct stat made;
    assert(fstat(out, &made) == 0);
    close(in);
    close(out);
}

/* Lays out the next directory as the loss of power has left this one. */
static void survive(vd_faulty_t *self)
{
    char from[256], to[256], old[600], new[600];
    path_of(self, self->generation, from);
    path_of(self, ++self->generation, to);
    int made = mkdir(to, 0700);
    assert(made == 0);
    (void)made;
    DIR *listing = opendir(from);
    assert(listing != NULL);
    synced_t *kept = calloc(FILES_MAX, sizeof *kept);
    size_t kept_count = 0;
    assert(kept != NULL);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        struct stat file;
        if (strcmp(entry->d_name, "LOCK") == 0 || strncmp(entry->d_name, "LOG", 3) == 0 ||
            fstatat(dirfd(listing), entry->d_name, &file, 0) != 0 || !S_ISREG(file.st_mode))
            continue;
        off_t size = synced_size(self, &file);
        if (file.st_size > size)
            size += draw(self, (unsigned)(file.st_size - size) + 1);
        snprintf(old, sizeof old, "%s/%s", from, entry->d_name);
        snprintf(new, sizeof new, "%s/%s", to, entry->d_name);
        copy_file(old, new, (size_t)size);
        struct stat copy;
        int known = stat(new, &copy);
        assert(known == 0 && kept_count < FILES_MAX);
        (void)known;
        kept[kept_count++] = (synced_t){copy.st_ino, copy.st_size};
    }
    closedir(listing);
    memcpy(self->synced, kept, kept_count * sizeof *kept);
    self->synced_count = kept_count;
    free(kept);
    self->dead = false;
}

/* Draws what goes wrong with what is done next. */
static void plan(vd_faulty_t *self)
{
    static const fault_t faults[] = {FAULT_WRITE,     FAULT_TORN,     FAULT_SYNC,
                                     FAULT_CUT_WRITE, FAULT_CUT_SYNC, FAULT_CUT_AFTER};
    pthread_mutex_lock(&self->lock);
    bool any = !self->dead && draw(self, 7) == 0;
    self->fault = any ? faults[draw(self, sizeof faults / sizeof *faults)] : FAULT_NONE;
    self->countdown = draw(self, 8) == 0 ? draw(self, 3) : 0;
    pthread_mutex_unlock(&self->lock);
}

static void settle(vd_faulty_t *self)
{
    pthread_mutex_lock(&self->lock);
    if (self->fault == FAULT_CUT_AFTER) {
        self->faults++;
        cut_power(self);
    }
    self->fault = FAULT_NONE;
    self->stuck = draw(self, 4) == 0;
    pthread_mutex_unlock(&self->lock);
}

static void remove_all(const char *dir)
{
    DIR *listing = opendir(dir);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
    rmdir(dir);
}

vd_faulty_t *vd_faulty_new(const char *dir, uint64_t seed)
{
    vd_faulty_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    assert(disk_in_use == NULL && strlen(dir) < sizeof self->dir);
    pthread_mutex_init(&self->lock, NULL);
    snprintf(self->dir, sizeof self->dir, "%s", dir);
    self->seed = seed;
    disk_in_use = self;
    fixture_hook_disk(on_write, on_sync);
    return self;
}

void vd_faulty_destroy(vd_faulty_t **disk)
{
    vd_faulty_t *self = *disk;
    *disk = NULL;
    if (self == NULL)
        return;
    assert(self->cursors == NULL);
    fixture_hook_disk(NULL, NULL);
    disk_in_use = NULL;
    for (unsigned i = 0; i <= self->generation; i++) {
        char path[256];
        path_of(self, i, path);
        remove_all(path);
    }
    pthread_mutex_destroy(&self->lock);
    free(self);
}

unsigned vd_faulty_faults(const vd_faulty_t *self)
{
    return self->faults;
}

unsigned vd_faulty_cuts(const vd_faulty_t *self)
{
    return self->cuts;
}

/* ---- the store ---- */

static faulty_store_t *own(vd_store_t *store)
{
    return (faulty_store_t *)store;
}

static vd_status_t open_inner(faulty_store_t *self, char *error, size_t error_size)
{
    char path[256];
    if (self->disk->dead)
        survive(self->disk);
    path_of(self->disk, self->disk->generation, path);
    return vd_store_open("leveldb", path, NULL, &self->inner, error, error_size);
}

static void faulty_close(vd_store_t *store)
{
    vd_store_close(&own(store)->inner);
    free(store);
}

static void faulty_tail(vd_store_t *store, vd_store_tail_t *tail)
{
    vd_store_tail(own(store)->inner, tail);
}

static void faulty_info(vd_store_t *store, vd_store_info_t *info)
{
    vd_store_info(own(store)->inner, info);
}

static bool without_power(faulty_store_t *self, char *error, size_t error_size)
{
    if (self->disk->dead)
        snprintf(error, error_size, "there is no power");
    return self->disk->dead;
}

static vd_status_t faulty_append(vd_store_t *store, const vd_store_batch_t *batch, char *error,
                                 size_t error_size)
{
    faulty_store_t *self = own(store);
    if (without_power(self, error, error_size))
        return VD_STORE_TROUBLE;
    plan(self->disk);
    vd_status_t status = vd_store_append(self->inner, batch, error, error_size);
    settle(self->disk);
    return status;
}

static vd_status_t faulty_mark(vd_store_t *store, const char *const *sessions, uint32_t count,
                               char *error, size_t error_size)
{
    faulty_store_t *self = own(store);
    if (without_power(self, error, error_size))
        return VD_STORE_TROUBLE;
    plan(self->disk);
    vd_status_t status = vd_store_prune_mark(self->inner, sessions, count, error, error_size);
    settle(self->disk);
    return status;
}

static vd_status_t faulty_step(vd_store_t *store, bool *more, char *error, size_t error_size)
{
    faulty_store_t *self = own(store);
    if (without_power(self, error, error_size))
        return VD_STORE_TROUBLE;
    plan(self->disk);
    vd_status_t status = vd_store_prune_step(self->inner, more, error, error_size);
    settle(self->disk);
    return status;
}

static vd_status_t faulty_save_position(vd_store_t *store, const vd_store_position_t *position,
                                        char *error, size_t error_size)
{
    faulty_store_t *self = own(store);
    if (without_power(self, error, error_size))
        return VD_STORE_TROUBLE;
    plan(self->disk);
    vd_status_t status = vd_store_save_position(self->inner, position, error, error_size);
    settle(self->disk);
    return status;
}

static vd_status_t faulty_forget_position(vd_store_t *store, const char *name, char *error,
                                          size_t error_size)
{
    faulty_store_t *self = own(store);
    if (without_power(self, error, error_size))
        return VD_STORE_TROUBLE;
    plan(self->disk);
    vd_status_t status = vd_store_forget_position(self->inner, name, error, error_size);
    settle(self->disk);
    return status;
}

static vd_status_t faulty_save_snapshot(vd_store_t *store, const vd_store_snapshot_t *snapshot,
                                        vd_bytes_t state, uint32_t keep, char *error,
                                        size_t error_size)
{
    faulty_store_t *self = own(store);
    if (without_power(self, error, error_size))
        return VD_STORE_TROUBLE;
    plan(self->disk);
    vd_status_t status =
        vd_store_save_snapshot(self->inner, snapshot, state, keep, error, error_size);
    settle(self->disk);
    return status;
}

/* Cursors go on, on the store as it was found again. */
static vd_status_t revive(faulty_store_t *self, char *error, size_t error_size)
{
    for (faulty_cursor_t *one = self->disk->cursors; one != NULL; one = one->following)
        vd_store_cursor_destroy(&one->inner);
    vd_store_close(&self->inner);
    vd_status_t status = open_inner(self, error, error_size);
    assert(status == VD_OK);
    for (faulty_cursor_t *one = self->disk->cursors; one != NULL; one = one->following) {
        vd_store_cursor_new(self->inner, &one->inner);
        vd_store_cursor_seek(one->inner, one->next, one->filtered ? one->session : NULL);
    }
    return status;
}

static vd_status_t faulty_reopen(vd_store_t *store, vd_store_tail_t *tail, char *error,
                                 size_t error_size)
{
    faulty_store_t *self = own(store);
    if (self->disk->stuck) {
        self->disk->stuck = false;
        snprintf(error, error_size, "the disk is still failing");
        return VD_IO;
    }
    if (!self->disk->dead)
        return vd_store_reopen(self->inner, tail, error, error_size);
    vd_status_t status = revive(self, error, error_size);
    vd_store_tail(self->inner, tail);
    return status;
}

static vd_status_t faulty_producers(vd_store_t *store,
                                    bool (*each)(void *, const vd_store_producer_t *), void *arg)
{
    return vd_store_producers(own(store)->inner, each, arg);
}

static vd_status_t faulty_sessions(vd_store_t *store,
                                   bool (*each)(void *, const vd_store_session_t *), void *arg)
{
    return vd_store_sessions(own(store)->inner, each, arg);
}

static vd_status_t faulty_sessions_before(vd_store_t *store, const char *before,
                                          bool (*each)(void *, const vd_store_session_t *),
                                          void *arg)
{
    return vd_store_sessions_before(own(store)->inner, before, each, arg);
}

static vd_status_t faulty_tombstones(vd_store_t *store, bool (*each)(void *, const char *),
                                     void *arg)
{
    return vd_store_tombstones(own(store)->inner, each, arg);
}

static vd_status_t faulty_session(vd_store_t *store, const char *session, vd_store_session_t *out)
{
    return vd_store_session(own(store)->inner, session, out);
}

static vd_status_t faulty_record(vd_store_t *store, const char *session, const char *record,
                                 uint64_t *seq)
{
    return vd_store_record(own(store)->inner, session, record, seq);
}

static vd_status_t faulty_position(vd_store_t *store, const char *name, vd_store_position_t *out)
{
    return vd_store_position(own(store)->inner, name, out);
}

static vd_status_t faulty_positions(vd_store_t *store,
                                    bool (*each)(void *, const vd_store_position_t *), void *arg)
{
    return vd_store_positions(own(store)->inner, each, arg);
}

static vd_status_t faulty_load_snapshot(vd_store_t *store, const vd_store_snapshot_ask_t *ask,
                                        vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                        size_t error_size)
{
    return vd_store_load_snapshot(own(store)->inner, ask, out, state, error, error_size);
}

static vd_status_t faulty_snapshots(vd_store_t *store,
                                    bool (*each)(void *, const vd_store_snapshot_t *), void *arg)
{
    return vd_store_snapshots(own(store)->inner, each, arg);
}

static vd_status_t faulty_find(vd_store_t *store, const char *session, uint64_t seq,
                               uint64_t *index, uint64_t *at)
{
    return vd_store_find(own(store)->inner, session, seq, index, at);
}

static vd_status_t faulty_chain(vd_store_t *store, uint64_t index, uint32_t *chain)
{
    return vd_store_chain(own(store)->inner, index, chain);
}

static vd_status_t faulty_cursor_new(vd_store_t *store, vd_store_cursor_t **cursor)
{
    faulty_cursor_t *made = calloc(1, sizeof *made);
    assert(made != NULL);
    made->base.ops = store->ops;
    made->store = own(store);
    made->next = 1;
    made->following = own(store)->disk->cursors;
    own(store)->disk->cursors = made;
    *cursor = &made->base;
    return vd_store_cursor_new(own(store)->inner, &made->inner);
}

static void faulty_cursor_destroy(vd_store_cursor_t *cursor)
{
    faulty_cursor_t *self = (faulty_cursor_t *)cursor;
    faulty_cursor_t **link = &self->store->disk->cursors;
    while (*link != self)
        link = &(*link)->following;
    *link = self->following;
    vd_store_cursor_destroy(&self->inner);
    free(self);
}

static vd_status_t faulty_cursor_seek(vd_store_cursor_t *cursor, uint64_t index,
                                      const char *session)
{
    faulty_cursor_t *self = (faulty_cursor_t *)cursor;
    vd_store_tail_t tail;
    vd_store_tail(self->store->inner, &tail);
    self->next = index;
    self->end = tail.index;
    self->filtered = session != NULL;
    snprintf(self->session, sizeof self->session, "%s", session != NULL ? session : "");
    return vd_store_cursor_seek(self->inner, index, session);
}

static vd_status_t faulty_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                      size_t error_size)
{
    faulty_cursor_t *self = (faulty_cursor_t *)cursor;
    if (self->next > self->end)
        return VD_NOT_FOUND;
    vd_status_t status = vd_store_cursor_next(self->inner, commit, error, error_size);
    if (status == VD_OK && commit->index > self->end)
        status = VD_NOT_FOUND;
    self->next = status == VD_OK ? commit->index + 1 : self->end + 1;
    return status;
}

static const vd_store_ops_t faulty_ops = {
    .name = "faulty",
    .close = faulty_close,
    .tail = faulty_tail,
    .info = faulty_info,
    .append = faulty_append,
    .reopen = faulty_reopen,
    .producers = faulty_producers,
    .sessions = faulty_sessions,
    .sessions_before = faulty_sessions_before,
    .tombstones = faulty_tombstones,
    .session = faulty_session,
    .record = faulty_record,
    .find = faulty_find,
    .chain = faulty_chain,
    .cursor_new = faulty_cursor_new,
    .cursor_destroy = faulty_cursor_destroy,
    .cursor_seek = faulty_cursor_seek,
    .cursor_next = faulty_cursor_next,
    .save_position = faulty_save_position,
    .forget_position = faulty_forget_position,
    .position = faulty_position,
    .positions = faulty_positions,
    .save_snapshot = faulty_save_snapshot,
    .load_snapshot = faulty_load_snapshot,
    .snapshots = faulty_snapshots,
    .prune_mark = faulty_mark,
    .prune_step = faulty_step,
};

vd_status_t vd_faulty_open(vd_faulty_t *self, vd_store_t **store, char *error, size_t error_size)
{
    faulty_store_t *made = calloc(1, sizeof *made);
    assert(made != NULL);
    made->base.ops = &faulty_ops;
    made->disk = self;
    vd_status_t status = open_inner(made, error, error_size);
    if (status == VD_OK)
        *store = &made->base;
    else
        free(made);
    return status;
}
