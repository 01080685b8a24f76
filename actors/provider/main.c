/* main.c: the provider's process: the core, its kind, and the kit that connects them. */
#include "kit/actor.h"
#include "provider.h"

#include <assert.h>
#include <stdio.h>

#define KINDS_MAX 16

typedef struct vd_process {
    vd_actor_t *actor;
    int core;
    const vd_provider_kind_t *kind;
    void *lister;
    vd_provider_t provider;
} vd_process_t;

static void done(void *arg, const vd_listing_t *listing)
{
    vd_process_t *self = arg;
    vd_actor_complete(self->actor, self->core, VD_PROVIDER_LIST, 0, listing->status, listing);
}

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    vd_process_t *self = arg;
    assert(actor == self->actor && effect->id == VD_PROVIDER_LIST);
    self->kind->list(self->lister);
}

/* The kind is the one with the actor's name. */
static vd_status_t open_kind(vd_process_t *self)
{
    const char *name = vd_actor_name(self->actor);
    for (int i = 0; vd_provider_kinds[i] != NULL && self->kind == NULL; i++)
        if (strcmp(vd_provider_kinds[i]->name, name) == 0)
            self->kind = vd_provider_kinds[i];
    if (self->kind == NULL) {
        fprintf(stderr,
                "vedette-provider: there is no kind of provider named %s; give --name static\n",
                name);
        return VD_USAGE;
    }
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_provider_host_t host = {.loop = vd_actor_loop(self->actor),
                               .config = vd_actor_config(self->actor),
                               .done = done,
                               .arg = self};
    self->lister = self->kind->open(&host, error, sizeof error);
    if (self->lister != NULL)
        return VD_OK;
    fprintf(stderr, "vedette-provider: %s\n", error);
    return VD_CONFIG;
}

static int run(vd_process_t *self)
{
    static const vd_port_t ports[] = {{VD_PROVIDER_BROKER, VD_PORT_DEALER, "broker"}};
    vd_status_t status = open_kind(self);
    if (status != VD_OK)
        return vd_status_exit_code(status);
    char broker[VD_ENDPOINT_BYTES_MAX + 1];
    vd_paths_endpoint(vd_actor_paths(self->actor), "broker", "control", broker);
    self->provider = (vd_provider_t){.name = vd_actor_name(self->actor),
                                     .inc = vd_actor_inc(self->actor),
                                     .broker = broker,
                                     .refresh_us = self->kind->refresh_ms * 1000};
    vd_buffer_init(&self->provider.sources, VD_SOURCES_MAX * 256);
    vd_buffer_init(&self->provider.part, VD_BODY_BYTES_MAX);
    vd_core_spec_t core = {.name = "provider",
                           .step = vd_provider_step,
                           .state = &self->provider,
                           .ports = ports,
                           .port_count = 1,
                           .perform = perform,
                           .perform_arg = self};
    self->core = vd_actor_add_core(self->actor, &core);
    if (self->core < 0)
        return vd_status_exit_code(VD_FAILED);
    return vd_actor_run(self->actor);
}

int main(int argc, char **argv)
{
    vd_config_table_t tables[KINDS_MAX];
    size_t count = 0;
    for (; vd_provider_kinds[count] != NULL; count++) {
        assert(count < KINDS_MAX);
        tables[count] = *vd_provider_kinds[count]->table;
    }
    vd_actor_spec_t spec = {.kind = "provider",
                            .default_name = "static",
                            .registers = true,
                            .config = tables,
                            .config_count = count};
    vd_process_t self = {0};
    int exit_code = 0;
    self.actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (self.actor == NULL)
        return exit_code;
    exit_code = run(&self);
    if (self.kind != NULL && self.lister != NULL)
        self.kind->close(&self.lister);
    vd_actor_destroy(&self.actor);
    if (self.provider.sources.cap > 0) {
        vd_buffer_free(&self.provider.sources);
        vd_buffer_free(&self.provider.part);
    }
    return exit_code;
}
