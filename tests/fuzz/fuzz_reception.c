/* fuzz_reception.c: what a publisher, or who stands in for one, may send to a subscriber, in any order. */
#include "fuzz.h"
#include "stream/reception.h"

enum { PORT = 1, TIMER = 2, STEPS_MAX = 64 };

typedef struct heard {
    uint64_t events, bytes;
} heard_t;

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    heard_t *heard = arg;
    (void)now;
    (void)commit;
    (void)position;
    (void)effects;
    FUZZ_HOLDS(event->seq > 0 && event->type.size > 0);
    heard->events++;
    heard->bytes += event->raw.size;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    (void)arg;
    (void)now;
    (void)first;
    (void)head;
    (void)effects;
    FUZZ_HOLDS(status != VD_OK && text != NULL);
}

/* A frame of the input as the message of a step; the correlation is what was last sent, unless the
 * first byte says otherwise. */
static bool message_of(vd_bytes_t *input, uint64_t correlation, vd_message_t *message)
{
    uint8_t own = fuzz_byte(input);
    vd_bytes_t header = fuzz_part(input), body = fuzz_part(input), payload = fuzz_part(input);
    if (vd_message_decode(header, body, payload, message) != VD_OK)
        return false;
    if ((own & 1) == 0)
        message->correlation = correlation;
    return true;
}

static uint64_t sent_correlation(const vd_effects_t *effects, uint64_t before)
{
    for (uint32_t i = 0; i < effects->count; i++) {
        vd_message_t sent;
        const vd_effect_t *effect = &effects->list[i];
        if (effect->kind == VD_EFFECT_SEND &&
            vd_message_decode(vd_effect_header(effects, effect), vd_effect_body(effects, effect),
                              vd_effect_payload(effects, effect), &sent) == VD_OK &&
            sent.correlation != 0)
            before = sent.correlation;
    }
    return before;
}

void fuzz_one(vd_bytes_t input)
{
    static const vd_subscriber_handler_t handler = {.event = on_event, .stopped = on_stopped};
    heard_t heard = {0, 0};
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_effects_t *effects = vd_effects_new();
    vd_reception_t *reception = vd_reception_new(PORT, &peer, TIMER, &handler, &heard);
    FUZZ_HOLDS(effects != NULL && reception != NULL);
    vd_subscription_t subscription = {.name = "fuzz", .seed = 1, .session = "s"};
    uint8_t how = fuzz_byte(&input);
    subscription.streams = how & 1   ? VD_STREAMS_LIVE
                           : how & 2 ? VD_STREAMS_COMMIT
                                     : VD_STREAMS_BOTH;
    subscription.head = (how & 4) != 0;
    vd_now_t now = {.mono_us = 1000000, .wall_ms = 1700000000000};
    vd_reception_connect(reception, now, "ipc://fuzz", effects);
    vd_reception_start(reception, now, &subscription, effects);
    uint64_t correlation = sent_correlation(effects, 0);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        vd_message_t message;
        vd_input_t step = {.kind = VD_INPUT_TIMER, .id = TIMER, .peer = peer, .port = PORT};
        if (message_of(&input, correlation, &message)) {
            step.kind = VD_INPUT_MESSAGE;
            step.message = &message;
        }
        now.mono_us += 50000;
        vd_effects_clear(effects);
        heard_t before = heard;
        vd_reception_step(reception, now, &step, effects);
        vd_reception_consumed(reception, now, heard.events - before.events,
                              heard.bytes - before.bytes, effects);
        FUZZ_HOLDS(!effects->overflow);
        correlation = sent_correlation(effects, correlation);
    }
    vd_reception_destroy(&reception);
    vd_effects_destroy(&effects);
}
