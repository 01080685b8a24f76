/* fuzz_relay.c: a relay between a publisher that sends anything and subscribers that ask for anything. */
#include "relay/relay.h"
#include "stage.h"

#include "wire/value.h"

enum { RECENT_BYTES = 65536, WINDOWS_BYTES = 1048576 };

static void perform(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    (void)stage;
    FUZZ_HOLDS(effect->id == VD_RELAY_TELL_TROUBLE && effect->object != NULL);
}

/* What is handed on as commits are commits. */
static void sent(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    enum { RUNS_MAX = 256 };
    static vd_commit_run_t runs[RUNS_MAX];
    vd_commit_t commit;
    (void)stage;
    if (message->id != VD_MESSAGE_COMMITS || effect->port == VD_RELAY_UPSTREAM)
        return;
    FUZZ_HOLDS(message->commits.index <= message->commits.head);
    vd_bytes_t rest = message->payload;
    while (rest.size > 0)
        FUZZ_HOLDS(vd_commit_next(&rest, &commit, runs, RUNS_MAX) == VD_OK);
}

static void after(fuzz_stage_t *stage)
{
    const vd_relay_t *relay = stage->state;
    FUZZ_HOLDS(vd_relay_recent_bytes(relay) <= RECENT_BYTES);
    FUZZ_HOLDS(vd_relay_windows_bytes(relay) <= WINDOWS_BYTES);
}

void fuzz_one(vd_bytes_t input)
{
    fuzz_stage_t stage;
    vd_relay_options_t options = {.name = "relay-1",
                                  .upstream = "ingestor",
                                  .endpoint = "ipc://read",
                                  .recent_bytes = RECENT_BYTES,
                                  .windows_bytes = WINDOWS_BYTES,
                                  .seed = 1};
    vd_relay_t *relay = vd_relay_new(&options);
    fuzz_stage_open(&stage, vd_relay_step, relay);
    fuzz_stage_port(&stage, VD_RELAY_READ, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_RELAY_STREAMS, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_RELAY_UPSTREAM, FUZZ_CONNECTS);
    stage.perform = perform;
    stage.sent = sent;
    stage.after = after;
    stage.shares = true;
    fuzz_stage_run(&stage, &input);
    fuzz_stage_close(&stage);
    vd_relay_destroy(&relay);
}
