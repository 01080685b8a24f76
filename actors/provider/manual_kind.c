/* manual_kind.c: sources that were added by hand: the core's socket, and its list on disk. */
#include "kind.h"
#include "list_file.h"
#include "manual_core.h"

#include "kit/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("manual"),
    {.key = NULL},
};

typedef struct vd_manual_kind_state {
    vd_provider_host_t host;
    const char *path;
    int handle;
    vd_manual_t core;
} vd_manual_lister_t;

static void close_manual(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_manual_lister_t *self = *self_pointer;
    if (self == NULL)
        return;
    vd_manual_free(&self->core);
    free(self);
    *self_pointer = NULL;
}

static void load(vd_manual_lister_t *self)
{
    vd_manual_t *core = &self->core;
    assert(!core->loaded);
    vd_buffer_clear(&core->sources);
    vd_status_t status = vd_list_file_read(self->path, VD_MANUAL_ADAPTER, &core->sources,
                                           core->trouble, sizeof core->trouble);
    if (status == VD_NOT_FOUND)
        vd_write_array(&core->sources, 0); /* nobody has added one yet */
    core->loaded = status == VD_OK || status == VD_NOT_FOUND;
}

static void *open_manual(const vd_provider_host_t *host, char *error, size_t error_size)
{
    assert(host != NULL && host->done != NULL && host->changed != NULL);
    if (strcmp(vd_actor_name(host->actor), vd_manual_kind.name) != 0) {
        snprintf(error, error_size, "[%s]: there is one provider of kind manual, named manual",
                 host->table);
        return NULL;
    }
    vd_manual_lister_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    self->host = *host;
    self->path = vd_actor_paths(host->actor)->sources;
    vd_manual_init(&self->core);
    return self;
}

/* Saving waits for the disk, and so does every later request: a provider may be slow. */
static void save(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    vd_manual_lister_t *self = arg;
    char error[VD_TEXT_BYTES_MAX] = "";
    assert(effect->id == VD_MANUAL_SAVE && effect->object == &self->core);
    vd_status_t status =
        vd_list_file_write(self->path, vd_buffer_view(&self->core.text), error, sizeof error);
    vd_actor_complete(actor, self->handle, VD_MANUAL_SAVE, 0, status, error);
    if (status == VD_OK)
        self->host.changed(self->host.arg);
}

static bool serve(void *arg)
{
    static const vd_port_t ports[] = {{VD_MANUAL_CONTROL, VD_PORT_ROUTER, "control"}};
    vd_manual_lister_t *self = arg;
    vd_core_spec_t core = {.name = "manual",
                           .step = vd_manual_step,
                           .state = &self->core,
                           .ports = ports,
                           .port_count = 1,
                           .perform = save,
                           .perform_arg = self};
    load(self);
    if (!self->core.loaded)
        vd_log(VD_ERROR, "%s; repair or remove it", self->core.trouble);
    self->handle = vd_actor_add_core(self->host.actor, &core);
    return self->handle >= 0;
}

static int64_t refresh_ms(const void *self)
{
    (void)self;
    return 60000;
}

static void list(void *arg)
{
    vd_manual_lister_t *self = arg;
    if (!self->core.loaded)
        load(self);
    vd_listing_t listing = {.status = self->core.loaded ? VD_OK : VD_CORRUPT,
                            .error = vd_str(self->core.trouble)};
    if (self->core.loaded)
        listing.sources = vd_buffer_view(&self->core.sources);
    self->host.done(self->host.arg, &listing);
}

const vd_provider_kind_t vd_manual_kind = {
    .name = "manual",
    .summary = "Sources that were added with: vedette source add.",
    .rows = rows,
    .open = open_manual,
    .serve = serve,
    .refresh_ms = refresh_ms,
    .list = list,
    .close = close_manual,
};
