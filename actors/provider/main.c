/* main.c: the provider's process: the core, its kind, and the kit that connects them. */
#include "kit/actor.h"
#include "kit/options.h"
#include "provider.h"
#include "tables.h"

#include <assert.h>
#include <stdio.h>

typedef struct vd_process {
    vd_actor_t *actor;
    int core;
    const vd_provider_kind_t *kind;
    char table[VD_PROVIDER_PATH_BYTES];
    void *lister;
    vd_provider_t provider;
} vd_process_t;

static void done(void *arg, const vd_listing_t *listing)
{
    vd_process_t *self = arg;
    vd_actor_complete(self->actor, self->core, VD_PROVIDER_LIST, 0, listing->status, listing);
}

static void changed(void *arg)
{
    vd_process_t *self = arg;
    vd_actor_complete(self->actor, self->core, VD_PROVIDER_CHANGED, 0, VD_OK, NULL);
}

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    vd_process_t *self = arg;
    assert(actor == self->actor && effect->id == VD_PROVIDER_LIST);
    self->kind->list(self->lister);
}

static vd_status_t open_kind(vd_process_t *self)
{
    const char *name = vd_actor_name(self->actor);
    self->kind = vd_provider_kind_of(vd_actor_config(self->actor), name);
    if (self->kind == NULL) {
        fprintf(stderr,
                "vedette-provider: what kind of provider is %s? Write [providers.%s] with its kind "
                "into the configuration\n",
                name, name);
        return VD_USAGE;
    }
    snprintf(self->table, sizeof self->table, "providers.%s", name);
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_provider_host_t host = {
        .actor = self->actor, .table = self->table, .done = done, .changed = changed, .arg = self};
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
                                     .refresh_us = self->kind->refresh_ms(self->lister) * 1000};
    vd_buffer_init(&self->provider.sources, VD_SOURCE_LIST_BYTES_MAX);
    vd_buffer_init(&self->provider.part, VD_BODY_BYTES_MAX);
    vd_core_spec_t core = {.name = "provider",
                           .step = vd_provider_step,
                           .state = &self->provider,
                           .ports = ports,
                           .port_count = 1,
                           .perform = perform,
                           .perform_arg = self};
    self->core = vd_actor_add_core(self->actor, &core);
    if (self->core < 0 || (self->kind->serve != NULL && !self->kind->serve(self->lister)))
        return vd_status_exit_code(VD_FAILED);
    return vd_actor_run(self->actor);
}

/* The tables depend on the name and on the file. */
static vd_status_t make_tables(const vd_options_t *options, vd_provider_tables_t *tables)
{
    if (options->print_config) {
        vd_provider_tables_show(tables);
        return VD_OK;
    }
    const char *name = options->name;
    if (name == NULL && !options->check_config)
        name = "static";
    vd_buffer_t errors;
    vd_buffer_init(&errors, 65536);
    bool good = vd_provider_tables_read(tables, options->config, name, &errors);
    if (errors.size > 0)
        fwrite(errors.data, 1, errors.size, stderr);
    vd_buffer_free(&errors);
    return good ? VD_OK : VD_CONFIG;
}

int main(int argc, char **argv)
{
    static vd_provider_tables_t tables;
    vd_options_t options;
    vd_status_t status = vd_options_parse(argc, argv, &options);
    if (status == VD_OK)
        status = make_tables(&options, &tables);
    /* A check goes on, so that everything that is wrong with a file is told at once. */
    if (status != VD_OK && (status == VD_USAGE || !options.check_config))
        return vd_status_exit_code(status);
    vd_actor_spec_t spec = {.kind = "provider",
                            .default_name = "static",
                            .registers = true,
                            .config = tables.tables,
                            .config_count = tables.count};
    vd_process_t self = {0};
    int exit_code = 0;
    self.actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (self.actor == NULL)
        return status != VD_OK ? vd_status_exit_code(status) : exit_code;
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
