/* source.c: opening a damaged store, or a copy of it that LevelDB has repaired. */
#include "repair/source.h"

#include "store/leveldb_copy.h"
#include "store/leveldb_dir.h"
#include "store/leveldb_log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_options(vd_source_t *self, vd_leveldb_layer_t layer)
{
    self->env = vd_leveldb_env_new(layer);
    self->options = leveldb_options_create();
    leveldb_options_set_paranoid_checks(self->options, 0);
    if (self->env != NULL)
        leveldb_options_set_env(self->options, vd_leveldb_env_handle(self->env));
    if (self->read == NULL) {
        self->read = leveldb_readoptions_create();
        leveldb_readoptions_set_verify_checksums(self->read, 1);
        leveldb_readoptions_set_fill_cache(self->read, 0);
    }
}

static bool open_layer(vd_source_t *self, vd_leveldb_layer_t layer, const char *dir)
{
    char *trouble = NULL;
    make_options(self, layer);
    if (self->env != NULL)
        self->db = leveldb_open(self->options, dir, &trouble);
    leveldb_free(trouble);
    if (self->db != NULL)
        return true;
    leveldb_options_destroy(self->options);
    vd_leveldb_env_destroy(&self->env);
    return false;
}

/* LevelDB's repair reads logs without their checksums: only what is good is left in them. */
static bool clean_logs(const char *dir)
{
    bool good = true;
    DIR *listing = opendir(dir);
    for (struct dirent *entry; listing != NULL && good && (entry = readdir(listing)) != NULL;) {
        char path[900];
        size_t size = strlen(entry->d_name);
        if (size < 4 || strcmp(entry->d_name + size - 4, ".log") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        good = vd_leveldb_log_clean(path);
    }
    if (listing != NULL)
        closedir(listing);
    return listing != NULL && good;
}

/* Has LevelDB make what it can of a copy. */
static vd_status_t repair_copy(vd_source_t *self, const char *from, const char *copy, char *error,
                               size_t error_size)
{
    char *trouble = NULL;
    if (mkdir(copy, 0700) != 0) {
        snprintf(error, error_size, "%s: %s", copy, strerror(errno));
        return vd_status_of_errno(errno);
    }
    snprintf(self->copy, sizeof self->copy, "%s", copy);
    vd_status_t status = vd_leveldb_copy_files(from, copy, error, error_size);
    if (status != VD_OK)
        return status;
    if (!clean_logs(copy)) {
        snprintf(error, error_size, "%s: %s", copy, strerror(errno));
        return vd_status_of_errno(errno);
    }
    make_options(self, VD_LEVELDB_DIRECT);
    /* So that tables are not believed without their checksums. */
    leveldb_options_set_paranoid_checks(self->options, 1);
    leveldb_repair_db(self->options, copy, &trouble);
    leveldb_options_destroy(self->options);
    vd_leveldb_env_destroy(&self->env);
    if (trouble == NULL && open_layer(self, VD_LEVELDB_OVERLAY_LENIENT, copy))
        return VD_OK;
    snprintf(error, error_size, "nothing in %s can be read: %s", from,
             trouble != NULL ? trouble : "what LevelDB has repaired cannot be opened");
    leveldb_free(trouble);
    return VD_CORRUPT;
}

vd_status_t vd_source_open(vd_source_t *self, const char *from, const char *copy, char *error,
                           size_t error_size)
{
    *self = (vd_source_t){0};
    vd_status_t status = vd_leveldb_dir_look(from, error, error_size);
    if (status == VD_OK && open_layer(self, VD_LEVELDB_OVERLAY_LENIENT, from))
        return VD_OK;
    if (status == VD_OK) /* is it in use? */
        status = vd_leveldb_dir_blame(from, error, error_size);
    if (status != VD_OK && status != VD_CORRUPT)
        return status;
    return repair_copy(self, from, copy, error, error_size);
}

void vd_source_close(vd_source_t *self)
{
    if (self->env != NULL)
        vd_leveldb_env_release(self->env);
    if (self->db != NULL) {
        leveldb_close(self->db);
        leveldb_options_destroy(self->options);
    }
    if (self->read != NULL)
        leveldb_readoptions_destroy(self->read);
    vd_leveldb_env_destroy(&self->env);
    if (self->copy[0] != 0)
        vd_leveldb_copy_remove(self->copy);
    *self = (vd_source_t){0};
}

vd_status_t vd_source_get(vd_source_t *self, const vd_key_t *key, vd_buffer_t *out)
{
    char *trouble = NULL;
    size_t size = 0;
    char *value = leveldb_get(self->db, self->read, key->bytes, key->size, &size, &trouble);
    vd_status_t status = trouble != NULL ? VD_CORRUPT : value == NULL ? VD_NOT_FOUND : VD_OK;
    if (status == VD_OK && !vd_buffer_add(out, value, size))
        status = VD_CORRUPT;
    leveldb_free(trouble);
    leveldb_free(value);
    return status;
}

vd_status_t vd_source_walk(vd_source_t *self, const char *prefix,
                           vd_status_t (*each)(void *arg, vd_str_t name, vd_bytes_t value),
                           void *arg)
{
    vd_status_t status = VD_OK;
    size_t skip = strlen(prefix);
    leveldb_iterator_t *iterator = leveldb_create_iterator(self->db, self->read);
    leveldb_iter_seek(iterator, prefix, skip);
    for (; status == VD_OK && leveldb_iter_valid(iterator); leveldb_iter_next(iterator)) {
        size_t size = 0, value_size = 0;
        const char *bytes = leveldb_iter_key(iterator, &size);
        if (!vd_key_begins(vd_bytes(bytes, size), prefix))
            break;
        const char *value = leveldb_iter_value(iterator, &value_size);
        status = each(arg, vd_bytes(bytes + skip, size - skip), vd_bytes(value, value_size));
    }
    leveldb_iter_destroy(iterator);
    return status;
}
