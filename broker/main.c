/* main.c: the broker's process: the membership core and the kit that connects it. */
#include "kit/actor.h"
#include "membership.h"

#include <unistd.h>

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    vd_metric(list, "actors", vd_membership_actors(state));
    vd_metric(list, "sources", vd_membership_sources(state));
    vd_metric(list, "complete", vd_membership_complete(state));
}

static int run(vd_actor_t *actor, vd_membership_t *membership)
{
    static const vd_port_t ports[] = {
        {VD_MEMBERSHIP_CONTROL, VD_PORT_ROUTER, "control"},
        {VD_MEMBERSHIP_PUB, VD_PORT_PUB, "membership"},
    };
    vd_core_spec_t core = {.name = "membership",
                           .step = vd_membership_step,
                           .state = membership,
                           .ports = ports,
                           .port_count = 2,
                           .metrics = tell_metrics};
    if (vd_actor_add_core(actor, &core) < 0)
        return vd_status_exit_code(VD_FAILED);
    return vd_actor_run(actor);
}

int main(int argc, char **argv)
{
    /* It is in its own membership without a lease at itself. */
    static const vd_actor_spec_t spec = {.kind = "broker", .default_name = "broker"};
    int exit_code = 0;
    vd_actor_t *actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (actor == NULL)
        return exit_code;
    char control[VD_ENDPOINT_BYTES_MAX + 1], feed[VD_ENDPOINT_BYTES_MAX + 1];
    vd_paths_endpoint(vd_actor_paths(actor), vd_actor_name(actor), "control", control);
    vd_paths_endpoint(vd_actor_paths(actor), vd_actor_name(actor), "membership", feed);
    vd_membership_config_t config = {.name = vd_actor_name(actor),
                                     .inc = vd_actor_inc(actor),
                                     .pid = (uint64_t)getpid(),
                                     .control_endpoint = control,
                                     .membership_endpoint = feed,
                                     .seed = vd_actor_inc(actor),
                                     .first = vd_actor_first(actor)};
    vd_membership_t *membership = vd_membership_new(&config);
    exit_code = membership == NULL ? vd_status_exit_code(VD_NO_MEMORY) : run(actor, membership);
    vd_actor_destroy(&actor);
    vd_membership_destroy(&membership);
    return exit_code;
}
