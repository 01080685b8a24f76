/* fuzz_host.c: an observer host between a broker, an ingestor and pollers that say anything. */
#include "host/host.h"
#include "stage.h"

#include "model/tally.h"
#include "wire/value.h"

static void perform(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    (void)stage;
    FUZZ_HOLDS(effect->id == VD_HOST_READY);
}

/* A snapshot is one value; and what is emitted is a run of events. */
static void sent(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    uint64_t bad = 0;
    (void)stage;
    (void)effect;
    if (message->id == VD_MESSAGE_SNAPSHOT ||
        (message->id == VD_MESSAGE_ITEM && message->payload.size > 0) ||
        message->id == VD_MESSAGE_VALUE)
        FUZZ_HOLDS(vd_scan_exact(message->payload, VD_DEPTH_MAX) == VD_OK);
    if (message->id == VD_MESSAGE_EMIT)
        FUZZ_HOLDS(vd_run_check(message->payload, message->emit.count, &bad) == VD_OK);
}

/* load(save(state)) is the state. */
static void same_again(const vd_host_t *host)
{
    vd_buffer_t saved, again;
    void *copy = NULL;
    vd_buffer_init(&saved, 65536);
    vd_buffer_init(&again, 65536);
    vd_tally_observer.save(vd_host_state(host), &saved);
    FUZZ_HOLDS(vd_tally_observer.init(&copy, NULL, NULL, 0) == VD_OK);
    FUZZ_HOLDS(vd_tally_observer.load(copy, vd_buffer_view(&saved)) == VD_OK);
    vd_tally_observer.save(copy, &again);
    FUZZ_HOLDS(vd_bytes_equal(vd_buffer_view(&saved), vd_buffer_view(&again)));
    vd_tally_observer.destroy(&copy);
    vd_buffer_free(&saved);
    vd_buffer_free(&again);
}

void fuzz_one(vd_bytes_t input)
{
    fuzz_stage_t stage;
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_host_options_t options = {.observer = &vd_tally_observer,
                                 .name = "alpha",
                                 .session = "s",
                                 .inc = 7,
                                 .interval_ms = 1000,
                                 .history = 16,
                                 .history_bytes = VD_HISTORY_BYTES_MIN,
                                 .snapshot_events = 4,
                                 .snapshot_interval_ms = 1000,
                                 .snapshots_keep = 2,
                                 .broker_control = "ipc://control",
                                 .broker_membership = "ipc://membership",
                                 .ingestor_emit = "ipc://emit",
                                 .ingestor_read = "ipc://read"};
    bool past_only = (fuzz_byte(&input) & 1) != 0;
    vd_host_t *host = vd_host_new(&options, error, sizeof error);
    fuzz_stage_open(&stage, past_only ? vd_host_step_past_only : vd_host_step, host);
    fuzz_stage_port(&stage, VD_HOST_PORT_EMIT, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_HOST_PORT_READ, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_HOST_PORT_BROKER, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_HOST_PORT_POLLER, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_HOST_PORT_SAMPLES, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_HOST_PORT_REQUESTS, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_HOST_PORT_MEMBERSHIP, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_HOST_PORT_CHANGES, FUZZ_PUB);
    stage.perform = perform;
    stage.sent = sent;
    fuzz_stage_run(&stage, &input);
    same_again(host);
    fuzz_stage_close(&stage);
    vd_host_destroy(&host);
}
