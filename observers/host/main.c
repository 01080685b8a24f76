/* main.c: the process of an observer: options, configuration, sockets around the host core. */
#include "host.h"
#include "kit/actor.h"
#include "kit/failpoint.h"
#include "kit/options.h"
#include "settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    (void)arg;
#ifdef VD_FAILPOINTS
    if (effect->id == VD_HOST_PLACE) {
        vd_failpoint_sent(effect->object);
        return;
    }
#endif
    assert(effect->kind == VD_EFFECT_DO && effect->id == VD_HOST_READY);
    vd_actor_ready(actor);
}

#define PAST_HELP                                                                                  \
    "  --past               observe nothing, and only tell what was known at moments of stored\n"  \
    "                       sessions: it needs an ingestor alone\n"

/* Takes --past out of the arguments. */
static bool take_past(int *argc, char **argv)
{
    int kept = 1;
    for (int at = 1; at < *argc; at++)
        if (strcmp(argv[at], "--past") != 0)
            argv[kept++] = argv[at];
    bool past = kept < *argc;
    argv[kept] = NULL;
    *argc = kept;
    return past;
}

/* Readiness is told by the host, when it has its state. */
static int run_core(vd_actor_t *actor, const vd_core_spec_t *core)
{
    vd_actor_hold_ready(actor);
    if (vd_actor_add_core(actor, core) < 0)
        return vd_status_exit_code(VD_FAILED);
    return vd_actor_run(actor);
}

static int run_past(vd_actor_t *actor, vd_host_t *host)
{
    static const vd_port_t ports[] = {{VD_HOST_PORT_READ, VD_PORT_DEALER, "read"},
                                      {VD_HOST_PORT_REQUESTS, VD_PORT_ROUTER, "requests"}};
    vd_core_spec_t core = {.name = "observer",
                           .step = vd_host_step_past_only,
                           .state = host,
                           .ports = ports,
                           .port_count = sizeof ports / sizeof *ports,
                           .frame_bytes_max = VD_STATE_BYTES_MAX + VD_BODY_BYTES_MAX,
                           .perform = perform};
    return run_core(actor, &core);
}

static int run(vd_actor_t *actor, vd_host_t *host, bool collects)
{
    static const vd_port_t ports[] = {
        {VD_HOST_PORT_BROKER, VD_PORT_DEALER, "broker"},
        {VD_HOST_PORT_MEMBERSHIP, VD_PORT_SUB, "membership"},
        {VD_HOST_PORT_EMIT, VD_PORT_DEALER, "emit"},
        {VD_HOST_PORT_READ, VD_PORT_DEALER, "read"},
        {VD_HOST_PORT_POLLER, VD_PORT_DEALER, "poller"},
        {VD_HOST_PORT_SAMPLES, VD_PORT_SUB, "samples"},
        {VD_HOST_PORT_REQUESTS, VD_PORT_ROUTER, "requests"},
        {VD_HOST_PORT_CHANGES, VD_PORT_PUB, "changes"},
        {VD_HOST_PORT_INPUT, VD_PORT_DEALER, "input"},
        {VD_HOST_PORT_ORIGIN, VD_PORT_DEALER, "origin"},
    };
    enum { COLLECTORS_PORTS = 2 };
    vd_core_spec_t core = {.name = "observer",
                           .step = vd_host_step,
                           .state = host,
                           .ports = ports,
                           .port_count =
                               sizeof ports / sizeof ports[0] - (collects ? 0 : COLLECTORS_PORTS),
                           .frame_bytes_max = VD_STATE_BYTES_MAX + VD_BODY_BYTES_MAX,
                           .perform = perform};
    return run_core(actor, &core);
}

static vd_host_t *make_host(vd_actor_t *actor, const vd_observer_t *observer, const char *table,
                            char *error, size_t error_size)
{
    char endpoints[5][VD_ENDPOINT_BYTES_MAX + 1] = {""};
    const vd_paths_t *paths = vd_actor_paths(actor);
    const vd_config_t *config = vd_actor_config(actor);
    const char *reads = observer->collects ? vd_config_str(config, table, "reads") : NULL;
    if (reads && (!vd_name_valid(vd_str(reads)) || strcmp(reads, vd_actor_name(actor)) == 0)) {
        snprintf(error, error_size, "[%s] reads \"%.80s\" cannot be the name of another observer",
                 table, reads);
        return NULL;
    }
    if (reads)
        vd_paths_endpoint(paths, reads, "requests", endpoints[4]);
    vd_paths_endpoint(paths, "broker", "control", endpoints[0]);
    vd_paths_endpoint(paths, "broker", "membership", endpoints[1]);
    vd_paths_endpoint(paths, "ingestor", "emit", endpoints[2]);
    vd_paths_endpoint(paths, "ingestor", "read", endpoints[3]);
    vd_host_options_t options = {
        .observer = observer,
        .config = config,
        .name = vd_actor_name(actor),
        .session = vd_actor_session(actor),
        .inc = vd_actor_inc(actor),
        .interval_ms = vd_config_duration_ms(config, table, "interval"),
        .history = (uint32_t)vd_config_int(config, table, "history"),
        .history_bytes = (uint32_t)vd_config_int(config, table, "history_bytes"),
        .history_age_ms = vd_config_duration_ms(config, table, "history_age"),
        .snapshot_events = (uint64_t)vd_config_int(config, table, "snapshot_events"),
        .snapshot_interval_ms = vd_config_duration_ms(config, table, "snapshot_interval"),
        .snapshots_keep = (uint32_t)vd_config_int(config, table, "snapshots_keep"),
        .broker_control = endpoints[0],
        .broker_membership = endpoints[1],
        .ingestor_emit = endpoints[2],
        .ingestor_read = endpoints[3],
        .reads = reads,
        .origin_requests = endpoints[4],
    };
    return vd_host_new(&options, error, error_size);
}

int vd_observer_main(int argc, char **argv, const vd_observer_t *observer)
{
    assert(observer && observer->name && observer->init && observer->turn && observer->apply);
    static vd_observer_settings_t settings;
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    int exit_code = 0;
    vd_options_t options;
    bool past = take_past(&argc, argv);
    vd_status_t status = vd_options_parse(argc, argv, &options);
    if (status != VD_OK)
        return vd_status_exit_code(status);
    if (options.check_config && !options.name)
        vd_observer_settings_of_file(&settings, observer, options.config);
    else
        vd_observer_settings_of(&settings, observer, options.config, options.name);
    vd_actor_spec_t spec = {.kind = "observer",
                            .default_name = observer->name,
                            .help = PAST_HELP,
                            .registers = !past,
                            .config = settings.tables,
                            .config_count = settings.count};
    vd_actor_t *actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (!actor)
        return exit_code;
    if (vd_actor_session(actor)[0] == 0 && !past) {
        fprintf(stderr, "vedette-observer-%s: no session to write to: give --session ID\n",
                observer->name);
        vd_actor_destroy(&actor);
        return vd_status_exit_code(VD_USAGE);
    }
    vd_host_t *host = make_host(actor, observer, settings.path, error, sizeof error);
    if (host) {
        exit_code = past ? run_past(actor, host) : run(actor, host, observer->collects);
    } else {
        fprintf(stderr, "vedette-observer-%s: cannot begin: %s\n", observer->name, error);
        exit_code = vd_status_exit_code(VD_CONFIG);
    }
    vd_actor_destroy(&actor);
    vd_host_destroy(&host);
    return exit_code;
}
