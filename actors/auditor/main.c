/* main.c: the auditor's process: the core, and the kit that connects it. */
#include "auditor.h"
#include "kit/actor.h"
#include "kit/log.h"

#include <assert.h>
#include <stdio.h>

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    (void)arg;
    assert(effect->id == VD_AUDITOR_TELL_TROUBLE);
    vd_actor_set_trouble(actor, effect->object);
}

static void tell_invariants(const vd_book_t *book, vd_metric_list_t *list)
{
    for (uint32_t i = 0; i < VD_INVARIANTS; i++) {
        char name[VD_NAME_BYTES_MAX + 1];
        const char *invariant = vd_invariant_name(i);
        snprintf(name, sizeof name, "checked_%s", invariant);
        vd_metric(list, name, book->checked[i]);
        snprintf(name, sizeof name, "violated_%s", invariant);
        vd_metric(list, name, book->violated[i]);
        snprintf(name, sizeof name, "unknown_%s", invariant);
        vd_metric(list, name, book->unknown[i]);
    }
}

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    const vd_auditor_t *auditor = state;
    vd_auditor_view_t view;
    vd_auditor_look(auditor, &view);
    vd_metric(list, "checked_from", view.from);
    vd_metric(list, "position", view.position);
    vd_metric(list, "head", view.head);
    vd_metric(list, "commits", view.commits);
    vd_metric(list, "events", view.events);
    vd_metric(list, "sessions", view.sessions);
    vd_metric(list, "sessions_forgotten", view.sessions_forgotten);
    vd_metric(list, "unanswered", view.unanswered);
    vd_metric(list, "begun_again", view.restarts);
    vd_metric(list, "left_out", view.left_out);
    vd_metric(list, "violations", vd_book_violations(vd_auditor_book(auditor)));
    tell_invariants(vd_auditor_book(auditor), list);
}

static vd_auditor_t *make_auditor(vd_actor_t *actor)
{
    static const struct {
        const char *actor, *port;
    } ports[] = {{"ingestor", "read"},       {"ingestor", "emit"},     {"ingestor", "events"},
                 {"broker", "control"},      {"broker", "membership"}, {"supervisor", "control"},
                 {"supervisor", "lifecycle"}};
    enum { PORTS = sizeof ports / sizeof ports[0] };
    char endpoints[PORTS][VD_ENDPOINT_BYTES_MAX + 1];
    const vd_config_t *config = vd_actor_config(actor);
    for (size_t i = 0; i < PORTS; i++)
        vd_paths_endpoint(vd_actor_paths(actor), ports[i].actor, ports[i].port, endpoints[i]);
    vd_auditor_options_t options = {.name = vd_actor_name(actor),
                                    .inc = vd_actor_inc(actor),
                                    .session = vd_actor_session(actor),
                                    .read = endpoints[0],
                                    .emit = endpoints[1],
                                    .events = endpoints[2],
                                    .control = endpoints[3],
                                    .membership = endpoints[4],
                                    .supervisor = endpoints[5],
                                    .lifecycle = endpoints[6],
                                    .from_start = vd_config_bool(config, "auditor", "from_start"),
                                    .canary_us =
                                        vd_config_duration_ms(config, "auditor", "canary") * 1000};
    return vd_auditor_new(&options);
}

static int run(vd_actor_t *actor, vd_auditor_t *auditor)
{
    static const vd_port_t ports[] = {{VD_AUDITOR_REQUESTS, VD_PORT_ROUTER, "requests"},
                                      {VD_AUDITOR_ASK, VD_PORT_DEALER, "ask"},
                                      {VD_AUDITOR_EVENTS, VD_PORT_SUB, "events"},
                                      {VD_AUDITOR_MEMBERSHIP, VD_PORT_SUB, "membership"},
                                      {VD_AUDITOR_LIFECYCLE, VD_PORT_SUB, "lifecycle"}};
    vd_core_spec_t core = {.name = "auditor",
                           .step = vd_auditor_step,
                           .state = auditor,
                           .ports = ports,
                           .port_count = sizeof ports / sizeof ports[0],
                           .perform = perform,
                           .metrics = tell_metrics};
    if (vd_actor_add_core(actor, &core) < 0)
        return vd_status_exit_code(VD_FAILED);
    return vd_actor_run(actor);
}

int main(int argc, char **argv)
{
    const vd_actor_spec_t spec = {.kind = "auditor",
                                  .default_name = "auditor",
                                  .registers = true,
                                  .config = &vd_auditor_table,
                                  .config_count = 1};
    int exit_code = 0;
    vd_actor_t *actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (actor == NULL)
        return exit_code;
    vd_auditor_t *auditor = make_auditor(actor);
    if (auditor == NULL)
        vd_log(VD_ERROR, "there is no memory for an auditor");
    exit_code = auditor == NULL ? vd_status_exit_code(VD_NO_MEMORY) : run(actor, auditor);
    vd_actor_destroy(&actor);
    vd_auditor_destroy(&auditor);
    return exit_code;
}
