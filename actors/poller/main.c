/* main.c: the poller's process: the core, the adapters, and the kit that connects them. */
#include "adapter.h"
#include "kit/actor.h"
#include "poller.h"

#include <assert.h>
#include <malloc.h>

typedef struct vd_process {
    vd_actor_t *actor;
    int core;
    void *adapters[VD_ADAPTERS_MAX];
} vd_process_t;

static void done(void *arg, uint64_t token, const vd_read_result_t *result)
{
    vd_process_t *self = arg;
    vd_actor_complete(self->actor, self->core, VD_POLLER_READ, token, result->status, result);
}

/* A cancel names no adapter: tokens are unique over all of them. */
static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    vd_process_t *self = arg;
    assert(actor == self->actor);
    if (effect->id == VD_POLLER_READ) {
        const vd_poller_job_t *job = effect->object;
        vd_adapters[job->adapter]->start(self->adapters[job->adapter], &job->request);
        return;
    }
    assert(effect->id == VD_POLLER_CANCEL);
    for (int i = 0; vd_adapters[i] != NULL; i++)
        vd_adapters[i]->cancel(self->adapters[i], effect->token);
}

static bool open_adapters(vd_process_t *self)
{
    vd_adapter_host_t host = {.loop = vd_actor_loop(self->actor), .done = done, .arg = self};
    host.ca_file = vd_config_str(vd_actor_config(self->actor), "pollers", "ca_file");
    for (int i = 0; vd_adapters[i] != NULL; i++) {
        assert(i < VD_ADAPTERS_MAX);
        self->adapters[i] = vd_adapters[i]->open(&host);
        if (self->adapters[i] == NULL)
            return false;
    }
    return true;
}

static void close_adapters(vd_process_t *self)
{
    for (int i = 0; vd_adapters[i] != NULL; i++)
        vd_adapters[i]->close(&self->adapters[i]);
}

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    vd_metric(list, "reads", vd_poller_reads(state));
    vd_metric(list, "read_failures", vd_poller_failures(state));
    vd_metric(list, "reads_standing", vd_poller_standing(state));
    vd_metric(list, "reads_out", vd_poller_out(state));
}

static int run(vd_process_t *self, vd_poller_t *poller)
{
    static const vd_port_t ports[] = {
        {VD_POLLER_REQUESTS, VD_PORT_ROUTER, "requests"},
        {VD_POLLER_SAMPLES, VD_PORT_PUB, "samples"},
    };
    vd_core_spec_t core = {.name = "poller",
                           .step = vd_poller_step,
                           .state = poller,
                           .ports = ports,
                           .port_count = 2,
                           .perform = perform,
                           .perform_arg = self,
                           .metrics = tell_metrics};
    self->core = vd_actor_add_core(self->actor, &core);
    if (self->core < 0 || !open_adapters(self))
        return vd_status_exit_code(VD_FAILED);
    return vd_actor_run(self->actor);
}

int main(int argc, char **argv)
{
    /* Large contents go back to the system at once, and threads share two arenas: the process stays
     * small. */
    mallopt(M_MMAP_THRESHOLD, 131072);
    mallopt(M_ARENA_MAX, 2);
    static const vd_actor_spec_t spec = {.kind = "poller",
                                         .default_name = "poller-1",
                                         .registers = true,
                                         .config = &vd_pollers_table,
                                         .config_count = 1};
    vd_process_t self = {0};
    int exit_code = 0;
    self.actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (self.actor == NULL)
        return exit_code;
    vd_poller_config_t config = {.inc = vd_actor_inc(self.actor),
                                 .adapters = vd_adapters,
                                 .reads_max = VD_READS_MAX,
                                 .samples_bytes_max = VD_POLLER_SAMPLES_BYTES_MAX};
    vd_poller_t *poller = vd_poller_new(&config);
    exit_code = poller == NULL ? vd_status_exit_code(VD_NO_MEMORY) : run(&self, poller);
    close_adapters(&self);
    vd_actor_destroy(&self.actor);
    vd_poller_destroy(&poller);
    return exit_code;
}
