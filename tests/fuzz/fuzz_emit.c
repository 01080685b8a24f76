/* fuzz_emit.c: what an ingestor, or who stands in for one, may answer to a producer, in any order. */
#include "emit/emit.h"
#include "fuzz.h"
#include "wire/run.h"

enum { PORT = 1, TIMER = 2, STEPS_MAX = 64, FRAMES = 16 };

typedef struct told {
    uint64_t next; /* token of the outcome that has to come next */
} told_t;

static void on_outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    told_t *told = arg;
    (void)now;
    (void)effects;
    FUZZ_HOLDS(outcome->token == told->next);
    told->next++;
}

static void one_event(vd_buffer_t *run)
{
    vd_buffer_t event;
    vd_buffer_init(&event, 4096);
    vd_event_write(&event, 1700000000000, vd_str("thing"), vd_bytes("\xc0", 1), vd_bytes(NULL, 0));
    FUZZ_HOLDS(vd_run_add(run, vd_buffer_view(&event)));
    vd_buffer_free(&event);
}

void fuzz_one(vd_bytes_t input)
{
    told_t told = {1};
    uint64_t offered = 0;
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_effects_t *effects = vd_effects_new();
    vd_emit_t *emit =
        vd_emit_new("fuzz", 9, PORT, &peer, TIMER, 2 * VD_EMIT_BYTES_MAX, on_outcome, &told);
    vd_buffer_t run;
    vd_buffer_init(&run, 1 << 16);
    FUZZ_HOLDS(effects != NULL && emit != NULL);
    one_event(&run);
    vd_now_t now = {.mono_us = 1000000, .wall_ms = 1700000000000};
    vd_emit_open(emit, now, "ipc://fuzz", effects);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        vd_message_t message;
        uint8_t how = fuzz_byte(&input);
        vd_bytes_t header = fuzz_part(&input), body = fuzz_part(&input), load = fuzz_part(&input);
        vd_input_t step = {.kind = VD_INPUT_TIMER, .id = TIMER, .peer = peer, .port = PORT};
        vd_effects_clear(effects);
        if ((how & 1) != 0 && offered < FRAMES &&
            vd_emit_offer(emit, now, vd_str("s"), vd_buffer_view(&run), 1, offered + 1, effects) ==
                VD_OK)
            offered++;
        if (vd_message_decode(header, body, load, &message) == VD_OK) {
            step.kind = VD_INPUT_MESSAGE;
            step.message = &message;
        }
        now.mono_us += 100000;
        vd_emit_step(emit, now, &step, effects);
        FUZZ_HOLDS(!effects->overflow);
        FUZZ_HOLDS(told.next <= offered + 1);
        FUZZ_HOLDS(vd_emit_pending(emit) == offered + 1 - told.next);
    }
    vd_emit_destroy(&emit);
    vd_effects_destroy(&effects);
    vd_buffer_free(&run);
}
