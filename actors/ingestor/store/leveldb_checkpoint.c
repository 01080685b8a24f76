/* leveldb_checkpoint.c: a copy of a store that goes on being written. */
#include "store/leveldb_copy.h"
#include "store/leveldb_dir.h"
#include "store/leveldb_store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A compaction may take a file away while files are linked: so often it is tried again. */
#define TRIES 8

/* Links and copies while nothing is appended; compactions go on. */
static vd_status_t copy_now(vd_leveldb_t *self, const char *into, vd_store_tail_t *tail,
                            char *error, size_t error_size)
{
    if (mkdir(into, 0700) != 0) {
        vd_status_t status = vd_status_of_errno(errno);
        snprintf(error, error_size, "%s cannot be made: %s", into, strerror(errno));
        return status == VD_NOT_FOUND ? VD_IO : status;
    }
    vd_leveldb_tail(&self->base, tail);
    pthread_mutex_lock(&self->write_lock);
    vd_status_t status = vd_leveldb_copy_files(self->dir, into, error, error_size);
    pthread_mutex_unlock(&self->write_lock);
    return status == VD_OK ? vd_leveldb_copy_sync(into, error, error_size) : status;
}

/* Opens the copy and compares: it has to hold all that could be read before it was made. */
static vd_status_t check_copy(const char *into, const vd_store_tail_t *tail, char *error,
                              size_t error_size)
{
    static const vd_store_options_t options = {.mode = VD_STORE_READ};
    vd_store_t *copy = NULL;
    uint32_t chain = 0;
    vd_status_t status = vd_store_leveldb_ops.open(into, &options, &copy, error, error_size);
    if (status != VD_OK)
        return status;
    vd_store_tail_t found;
    copy->ops->tail(copy, &found);
    if (tail->index > 0)
        status = copy->ops->chain(copy, tail->index, &chain);
    if (status != VD_OK || chain != (tail->index > 0 ? tail->chain : 0) ||
        strcmp(found.id, tail->id) != 0) {
        snprintf(error, error_size, "the copy in %s ends at commit %" PRIu64 ", not at %" PRIu64,
                 into, found.index, tail->index);
        status = VD_CORRUPT;
    }
    copy->ops->close(copy);
    return status;
}

vd_status_t vd_leveldb_checkpoint(vd_store_t *store, const char *dir, char *error,
                                  size_t error_size)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    char part[600];
    vd_store_tail_t tail;
    vd_status_t status = VD_OK;
    struct stat info;
    if ((size_t)snprintf(part, sizeof part, "%s.part", dir) >= sizeof part) {
        snprintf(error, error_size, "%s: the path is too long", dir);
        return VD_USAGE;
    }
    if (lstat(dir, &info) == 0 || errno != ENOENT) {
        snprintf(error, error_size, "%s is there already; name a directory that is not", dir);
        return VD_EXISTS;
    }
    if (vd_leveldb_dir_holds(self->dir, dir)) {
        snprintf(error, error_size, "%s is in the store itself; name a directory beside it", dir);
        return VD_USAGE;
    }
    for (int i = 0; i < TRIES; i++) {
        error[0] = 0;
        status = copy_now(self, part, &tail, error, error_size);
        if (status == VD_OK)
            status = check_copy(part, &tail, error, error_size);
        if (status == VD_OK)
            break;
        if (status != VD_EXISTS)
            vd_leveldb_copy_remove(part);
        if (status != VD_CORRUPT && status != VD_NOT_FOUND)
            break;
    }
    if (status == VD_OK && rename(part, dir) != 0) {
        status = vd_status_of_errno(errno);
        snprintf(error, error_size, "%s cannot be renamed to %s: %s", part, dir, strerror(errno));
        vd_leveldb_copy_remove(part);
    }
    return status;
}
