/* fuzz_auditor.c: an auditor among ingestor, relays, broker, supervisor, pollers and observers that say anything. */
#include "auditor/auditor.h"
#include "stage.h"

#include "wire/run.h"
#include "wire/value.h"

static void perform(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    (void)stage;
    FUZZ_HOLDS(effect->id == VD_AUDITOR_TELL_TROUBLE && effect->object != NULL);
}

/* What is emitted is a run of events, and what is answered is a value. */
static void sent(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    uint64_t bad = 0;
    (void)stage;
    (void)effect;
    if (message->id == VD_MESSAGE_EMIT)
        FUZZ_HOLDS(vd_run_check(message->payload, message->emit.count, &bad) == VD_OK);
    if (message->id == VD_MESSAGE_SNAPSHOT)
        FUZZ_HOLDS(vd_scan_exact(message->payload, VD_DEPTH_MAX) == VD_OK);
}

/* Nothing is told that was not found, and what was found has its words. */
static void after(fuzz_stage_t *stage)
{
    const vd_book_t *book = vd_auditor_book(stage->state);
    const vd_violation_t *waiting = vd_book_waiting(book);
    FUZZ_HOLDS(waiting == NULL || vd_book_violations(book) > 0);
    FUZZ_HOLDS(waiting == NULL || (waiting->invariant < VD_INVARIANTS && waiting->text[0] != 0 &&
                                   book->violated[waiting->invariant] > 0));
    FUZZ_HOLDS(book->waiting_count <= VD_BOOK_WAITING_MAX);
}

void fuzz_one(vd_bytes_t input)
{
    fuzz_stage_t stage;
    vd_auditor_options_t options = {.name = "auditor",
                                    .inc = 7,
                                    .session = "s",
                                    .read = "ipc://read",
                                    .emit = "ipc://emit",
                                    .events = "ipc://events",
                                    .control = "ipc://control",
                                    .membership = "ipc://membership",
                                    .supervisor = "ipc://supervisor",
                                    .lifecycle = "ipc://lifecycle",
                                    .from_start = (fuzz_byte(&input) & 1) != 0,
                                    .canary_us = 1000000};
    vd_auditor_t *auditor = vd_auditor_new(&options);
    fuzz_stage_open(&stage, vd_auditor_step, auditor);
    fuzz_stage_port(&stage, VD_AUDITOR_REQUESTS, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_AUDITOR_ASK, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_AUDITOR_EVENTS, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_AUDITOR_MEMBERSHIP, FUZZ_CONNECTS);
    fuzz_stage_port(&stage, VD_AUDITOR_LIFECYCLE, FUZZ_CONNECTS);
    stage.perform = perform;
    stage.sent = sent;
    stage.after = after;
    fuzz_stage_run(&stage, &input);
    vd_message_t get = {
        .id = VD_MESSAGE_GET, .correlation = 9, .get = {.feed = vd_str(VD_AUDIT_FEED)}};
    fuzz_stage_tell(&stage, VD_AUDITOR_REQUESTS, &get);
    fuzz_stage_close(&stage);
    vd_auditor_destroy(&auditor);
}
