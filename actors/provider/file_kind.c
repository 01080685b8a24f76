/* file_kind.c: sources that stand in a file of their own, which may change at any time. */
#include "file_watch.h"
#include "kind.h"
#include "list_file.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("file"),
    {.key = "path",
     .type = VD_CONFIG_STR,
     .fallback = "\"\"",
     .help = "JSON: [{\"name\", \"address\", \"adapter\", \"auth\", \"labels\", \"spec\"}], or "
             "[{\"targets\": [..], \"labels\"}]; a relative one begins beside this file"},
    {.key = "adapter",
     .type = VD_CONFIG_STR,
     .fallback = "\"http\"",
     .help = "adapter of sources that name none, and of targets"},
    {.key = "refresh",
     .type = VD_CONFIG_DURATION,
     .fallback = "\"30s\"",
     .min = 1000,
     .max = 86400000,
     .help = "it is watched; it is read again after this anyhow"},
    {.key = NULL},
};

typedef struct vd_file {
    vd_provider_host_t host;
    char path[PATH_MAX];
    const char *adapter;
    int64_t refresh_ms;
    vd_file_watch_t *watch;
    vd_buffer_t sources;
} vd_file_t;

/* The path as an absolute one: a relative path begins at the directory of the configuration. */
static bool find_path(vd_file_t *self, char *error, size_t error_size)
{
    const vd_config_t *config = vd_actor_config(self->host.actor);
    const char *path = vd_config_str(config, self->host.table, "path");
    char here[PATH_MAX] = "";
    const char *file = vd_actor_config_file(self->host.actor);
    const char *slash = strrchr(file, '/');
    if (path[0] == 0) {
        snprintf(error, error_size, "[%s] needs the key \"path\": a file with a list of sources",
                 self->host.table);
        return false;
    }
    if (path[0] == '/') {
        snprintf(self->path, sizeof self->path, "%s", path);
        return true;
    }
    if (file[0] != '/' && getcwd(here, sizeof here) == NULL) {
        snprintf(error, error_size, "%s.path: working directory: %s; write an absolute path",
                 self->host.table, strerror(errno));
        return false;
    }
    int size = snprintf(self->path, sizeof self->path, "%s%s%.*s/%s", here,
                        slash != NULL && file[0] != '/' ? "/" : "",
                        slash != NULL ? (int)(slash - file) : 0, file, path);
    if (size > 0 && (size_t)size < sizeof self->path)
        return true;
    snprintf(error, error_size, "%s.path is too long", self->host.table);
    return false;
}

static void changed(void *arg)
{
    vd_file_t *self = arg;
    self->host.changed(self->host.arg);
}

static void close_file(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_file_t *self = *self_pointer;
    if (self == NULL)
        return;
    vd_file_watch_destroy(&self->watch);
    vd_buffer_free(&self->sources);
    free(self);
    *self_pointer = NULL;
}

static void *open_file(const vd_provider_host_t *host, char *error, size_t error_size)
{
    assert(host != NULL && host->done != NULL && host->changed != NULL);
    void *self = calloc(1, sizeof(vd_file_t));
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    vd_file_t *made = self;
    const vd_config_t *config = vd_actor_config(host->actor);
    made->host = *host;
    made->adapter = vd_config_str(config, host->table, "adapter");
    made->refresh_ms = vd_config_duration_ms(config, host->table, "refresh");
    vd_buffer_init(&made->sources, VD_SOURCE_LIST_BYTES_MAX);
    if (!find_path(made, error, error_size)) {
        close_file(&self);
        return NULL;
    }
    made->watch = vd_file_watch_new(vd_actor_loop(host->actor), made->path, changed, made);
    if (made->watch == NULL) {
        snprintf(error, error_size, "%.600s cannot be watched: %s", made->path, strerror(errno));
        close_file(&self);
    }
    return self;
}

static int64_t refresh_ms(const void *arg)
{
    const vd_file_t *self = arg;
    return self->refresh_ms;
}

static void list(void *arg)
{
    vd_file_t *self = arg;
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_file_watch_renew(self->watch); /* before the file is read, so that no change is missed */
    vd_buffer_clear(&self->sources);
    vd_listing_t listing = {0};
    listing.status =
        vd_list_file_read(self->path, self->adapter, &self->sources, error, sizeof error);
    listing.error = vd_str(error);
    if (listing.status == VD_OK)
        listing.sources = vd_buffer_view(&self->sources);
    self->host.done(self->host.arg, &listing);
}

const vd_provider_kind_t vd_file_kind = {
    .name = "file",
    .summary = "Sources that stand in a JSON file. Each such file is a table of its own.",
    .rows = rows,
    .open = open_file,
    .refresh_ms = refresh_ms,
    .list = list,
    .close = close_file,
};
