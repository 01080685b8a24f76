/* main.c: the relay's process: the core, and the kit that connects it. */
#include "kit/actor.h"
#include "kit/endpoint.h"
#include "kit/log.h"
#include "kit/streams.h"
#include "relay.h"
#include "wire/run.h"

#include <assert.h>

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    (void)arg;
    assert(effect->id == VD_RELAY_TELL_TROUBLE);
    vd_actor_set_trouble(actor, effect->object);
}

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    const vd_relay_t *relay = state;
    const vd_relay_totals_t *totals = vd_relay_totals(relay);
    const vd_publisher_totals_t *streams = vd_relay_publisher_totals(relay);
    vd_metric(list, "head", vd_relay_head(relay));
    vd_metric(list, "upstream_head", vd_relay_upstream_head(relay));
    vd_metric(list, "subscribers", vd_relay_subscribers(relay));
    vd_metric(list, "commits", totals->commits);
    vd_metric(list, "recent_bytes", vd_relay_recent_bytes(relay));
    vd_metric(list, "windows_bytes", vd_relay_windows_bytes(relay));
    vd_metric(list, "windows_asked", totals->windows);
    vd_metric(list, "forwarded", totals->forwards);
    vd_metric(list, "unanswered", totals->unknown);
    vd_metric(list, "resets", totals->resets);
    vd_metric(list, "stream_frames", streams->frames);
    vd_metric(list, "stream_events", streams->events);
    vd_metric(list, "stream_event_bytes", streams->event_bytes);
    vd_metric(list, "stream_frames_encoded", streams->encoded);
    vd_metric(list, "stream_gaps", streams->gaps);
    vd_metric(list, "stream_modes", streams->modes);
    vd_metric(list, "dropped_silent", streams->dropped_silent);
    vd_metric(list, "dropped_too_slow", streams->dropped_too_slow);
    vd_metric(list, "dropped_kicked", streams->dropped_kicked);
}

/* Is it an endpoint, and no name? */
static bool is_endpoint(const char *upstream)
{
    return strstr(upstream, "://") != NULL;
}

/* Is the endpoint bound by the relay itself? */
static bool is_own(const vd_config_t *config, const char *name, const char *endpoint)
{
    char row[VD_NAME_BYTES_MAX + VD_ENDPOINT_BYTES_MAX + 16];
    snprintf(row, sizeof row, "%s.read=%s", name, endpoint);
    for (size_t at = 0; at < vd_config_list_count(config, "network", "bind"); at++)
        if (strcmp(vd_config_list_at(config, "network", "bind", at), row) == 0)
            return true;
    return false;
}

static vd_status_t check(const vd_config_t *config, char *error, size_t error_size)
{
    const char *upstream = vd_config_str(config, "relay", "upstream");
    char text[VD_TEXT_BYTES_MAX];
    bool good = is_endpoint(upstream)
                    ? vd_endpoint_check(upstream, false, text, sizeof text) == VD_OK
                    : vd_name_valid(vd_str(upstream));
    if (good)
        return vd_streams_check(config, error, error_size);
    if (is_endpoint(upstream))
        snprintf(error, error_size, "relay.upstream: %s", text);
    else
        snprintf(error, error_size,
                 "relay.upstream \"%.80s\" is neither the name of an actor nor an endpoint such as "
                 "tcp://127.0.0.1:7000",
                 upstream);
    return VD_CONFIG;
}

/* Whom a relay reads from: an actor of this runtime, or whoever listens at an endpoint. The relay
 * that the others read from has somebody to read from, too. */
static void choose_upstream(const vd_actor_t *actor, vd_relay_options_t *options,
                            char endpoint[VD_ENDPOINT_BYTES_MAX + 1])
{
    const vd_config_t *config = vd_actor_config(actor);
    const char *name = vd_actor_name(actor);
    options->upstream = vd_config_str(config, "relay", "upstream");
    options->endpoint = endpoint;
    if (is_endpoint(options->upstream) && !is_own(config, name, options->upstream)) {
        vd_str_copy(endpoint, VD_ENDPOINT_BYTES_MAX + 1, vd_str(options->upstream));
        options->upstream = "the publisher above";
        return;
    }
    if (is_endpoint(options->upstream) || strcmp(options->upstream, name) == 0)
        options->upstream = "ingestor";
    vd_paths_endpoint(vd_actor_paths(actor), options->upstream, "read", endpoint);
}

static vd_relay_t *make_relay(vd_actor_t *actor)
{
    const vd_config_t *config = vd_actor_config(actor);
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_publisher_knobs_t knobs;
    vd_streams_knobs(config, &knobs);
    vd_relay_options_t options = {
        .name = vd_actor_name(actor),
        .recent_bytes = (size_t)vd_config_int(config, "relay", "recent_bytes"),
        .windows_bytes = (size_t)vd_config_int(config, "relay", "windows_bytes"),
        .knobs = &knobs,
        .seed = vd_actor_inc(actor)};
    choose_upstream(actor, &options, endpoint);
    return vd_relay_new(&options);
}

static int run(vd_actor_t *actor, vd_relay_t *relay)
{
    static const vd_port_t ports[] = {{VD_RELAY_READ, VD_PORT_ROUTER, "read"},
                                      {VD_RELAY_STREAMS, VD_PORT_ROUTER, "streams"},
                                      {VD_RELAY_UPSTREAM, VD_PORT_DEALER, "upstream"}};
    vd_core_spec_t core = {.name = "relay",
                           .step = vd_relay_step,
                           .state = relay,
                           .ports = ports,
                           .port_count = 3,
                           .perform = perform,
                           .metrics = tell_metrics};
    if (vd_actor_add_core(actor, &core) < 0)
        return vd_status_exit_code(VD_FAILED);
    return vd_actor_run(actor);
}

int main(int argc, char **argv)
{
    const vd_config_table_t tables[] = {vd_relay_table, vd_streams_table};
    const vd_actor_spec_t spec = {.kind = "relay",
                                  .default_name = "relay-1",
                                  .registers = true,
                                  .config = tables,
                                  .config_count = 2,
                                  .check = check};
    int exit_code = 0;
    vd_actor_t *actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (actor == NULL)
        return exit_code;
    vd_relay_t *relay = make_relay(actor);
    if (relay == NULL)
        vd_log(VD_ERROR, "there is no memory for a relay");
    exit_code = relay == NULL ? vd_status_exit_code(VD_NO_MEMORY) : run(actor, relay);
    vd_actor_destroy(&actor);
    vd_relay_destroy(&relay);
    return exit_code;
}
