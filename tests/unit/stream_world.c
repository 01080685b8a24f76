/* stream_world.c: time, network and source of the stream tests. */
#include "stream_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned world_draw(world_t *w, unsigned below)
{
    return (unsigned)(vd_random_next(&w->seed) % below);
}

/* ---- what the reader tells ---- */

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    world_t *w = arg;
    vd_event_t wanted = {0};
    uint64_t index = 0, at = 0;
    vd_status_t absent = VD_OK;
    assert_true(world_next_expected(w, &wanted, &index, &at, &absent));
    assert_int_equal(absent, VD_OK);
    assert_true(vd_bytes_equal(event->session, wanted.session));
    assert_int_equal(event->seq, wanted.seq);
    assert_true(vd_bytes_equal(event->raw, wanted.raw));
    assert_int_equal(commit->index, index);
    assert_string_equal(position->store, w->store);
    assert_int_equal(position->index, index - 1);
    assert_int_equal(position->offset, at + 1);
    assert_int_equal(position->chain, w->commits[index - 1]->commit.chain);
    w->expected++;
    w->handed++;
    w->position = *position;
    w->waiting_events++;
    w->waiting_bytes += event->raw.size;
    if (!w->consume)
        return;
    vd_subscriber_consumed(w->subscriber, now, w->waiting_events, w->waiting_bytes, effects);
    w->waiting_events = w->waiting_bytes = 0;
}

/* Nothing can be read of a commit: what it held is not expected any more. */
static void on_lost(world_t *w, const vd_position_t *position)
{
    vd_event_t event;
    uint64_t index, at;
    vd_status_t absent;
    assert_int_equal(position->index, w->corrupt);
    assert_int_equal(position->offset, 0);
    assert_int_equal(position->chain, 0);
    while (world_next_expected(w, &event, &index, &at, &absent) && index == w->corrupt)
        w->expected++;
    w->lost++;
}

static void on_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                      vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    world_t *w = arg;
    (void)now;
    (void)effects;
    if (count == 0)
        on_lost(w, position);
    for (uint32_t i = 0; i < count; i++, w->expected++, w->missing++) {
        vd_event_t wanted = {0};
        uint64_t index = 0, at = 0;
        vd_status_t absent = VD_OK;
        assert_true(world_next_expected(w, &wanted, &index, &at, &absent));
        assert_int_equal(absent, status);
        assert_true(vd_bytes_equal(session, wanted.session));
        assert_int_equal(first + i, wanted.seq);
        assert_int_equal(position->index, index - 1);
        assert_true(position->offset >= at + 1);
        assert_int_equal(position->chain, w->commits[index - 1]->commit.chain);
    }
    w->position = *position;
}

static void on_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                        vd_effects_t *effects)
{
    world_t *w = arg;
    (void)now;
    (void)effects;
    assert_true(position->index <= head && head <= w->commit_count);
    w->position = *position;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    world_t *w = arg;
    (void)now;
    (void)first;
    (void)head;
    (void)effects;
    assert_non_null(text);
    w->stops++;
    w->stop_status = status;
}

static void on_mode(void *arg, vd_now_t now, vd_stream_mode_t mode, bool reading,
                    vd_effects_t *effects)
{
    world_t *w = arg;
    (void)now;
    (void)effects;
    size_t used = strlen(w->modes);
    snprintf(w->modes + used, sizeof w->modes - used, "%s%s ", vd_mode_name(mode),
             reading ? "(reading)" : "");
    w->mode = mode;
    w->reading = reading;
}

static void on_gap(void *arg, vd_now_t now, uint64_t first, uint64_t last,
                   const vd_position_t *position, vd_effects_t *effects)
{
    world_t *w = arg;
    vd_event_t event;
    uint64_t index, at;
    vd_status_t absent;
    (void)now;
    (void)effects;
    assert_true(first <= last && last == position->index && position->offset == 0);
    while (world_next_expected(w, &event, &index, &at, &absent) && index <= last)
        w->expected++;
    w->gap_commits += last - first + 1;
    w->position = *position;
}

/* ---- network and time ---- */

static void trace(world_t *w, const char *what, const char *of)
{
    size_t used = strlen(w->trace);
    snprintf(w->trace + used, sizeof w->trace - used, "%s%s ", what, of);
}

/* Notes which streams the reader has asked for, and holds it to the law: live is stopped before
 * commits begin, and live begins beside commits near the head alone. */
static void watch_reader(world_t *w, const vd_message_t *message)
{
    static const char *const names[2] = {"live", "commit"};
    if (message->id == VD_MESSAGE_FETCH) {
        w->fetch = message->correlation;
        trace(w, "fetch", "");
    }
    if (message->id == VD_MESSAGE_CREDIT)
        w->told_done = message->credit.done;
    if (message->id == VD_MESSAGE_START) {
        unsigned s = vd_str_is(message->start.stream, "live") ? 0 : 1;
        bool idle = s == 1 && vd_str_is(message->start.mode, "paused");
        vd_reception_view_t view;
        vd_reception_look(w->subscriber, &view);
        bool wrong = s == 0 ? view.lag >= 50 && view.mode == VD_MODE_OVERLAP
                            : view.mode == VD_MODE_COMMITS_ONLY;
        if (w->streams[1 - s] != 0 && wrong)
            fail_msg("both streams at a lag of %llu: %s: %s", (unsigned long long)view.lag,
                     w->modes, w->trace);
        trace(w, "+", idle ? "idle" : names[s]);
        w->streams[s] = message->correlation;
    }
    for (unsigned s = 0; s < 2; s++)
        if (message->id == VD_MESSAGE_STOP && message->correlation == w->streams[s]) {
            trace(w, "-", names[s]);
            w->streams[s] = 0;
        }
}

static uint64_t decode(world_t *w, bool to_publisher, vd_bytes_t header, vd_bytes_t body,
                       vd_bytes_t payload, bool *swallowed)
{
    vd_message_t message;
    assert_int_equal(vd_message_decode(header, body, payload, &message), VD_OK);
    *swallowed = w->swallow && !to_publisher && message.id == VD_MESSAGE_COMMITS &&
                 message.correlation != w->fetch;
    if (to_publisher)
        watch_reader(w, &message);
    return message.correlation;
}

/* A frame of one stream may come before the last one of the other: one connection keeps the order
 * of what is sent, and a publisher may send in any. */
static void overtake(world_t *w)
{
    if (w->frame_tail - w->frame_head < 2 || world_draw(w, 100) >= w->swap_percent)
        return;
    world_frame_t *last = &w->frames[(w->frame_tail - 1) % WORLD_FRAMES_MAX];
    world_frame_t *before = &w->frames[(w->frame_tail - 2) % WORLD_FRAMES_MAX];
    if (last->to_publisher || before->to_publisher || last->correlation == before->correlation ||
        last->connection != before->connection)
        return;
    world_frame_t kept = *before;
    *before = *last;
    *last = kept;
}

static void carry(world_t *w, bool to_publisher, vd_bytes_t header, vd_bytes_t body,
                  vd_bytes_t payload)
{
    bool swallowed;
    uint64_t correlation = decode(w, to_publisher, header, body, payload, &swallowed);
    if (world_draw(w, 100) < w->loss_percent || swallowed)
        return;
    assert_true(w->frame_tail - w->frame_head < WORLD_FRAMES_MAX);
    world_frame_t *frame = &w->frames[w->frame_tail++ % WORLD_FRAMES_MAX];
    int64_t delay_us = w->delay_us_max > 0 ? world_draw(w, (unsigned)w->delay_us_max) : 0;
    *frame = (world_frame_t){.to_publisher = to_publisher,
                             .connection = w->connection,
                             .correlation = correlation,
                             .due_us = w->now.mono_us + delay_us,
                             .bytes = malloc(header.size + body.size + payload.size + 1),
                             .header_size = header.size,
                             .body_size = body.size,
                             .payload_size = payload.size};
    assert_non_null(frame->bytes);
    memcpy(frame->bytes, header.data, header.size);
    memcpy(frame->bytes + header.size, body.data, body.size);
    if (payload.size > 0)
        memcpy(frame->bytes + header.size + body.size, payload.data, payload.size);
    if (w->swap_percent > 0)
        overtake(w);
}

static vd_peer_t identity(uint32_t connection)
{
    char name[32];
    snprintf(name, sizeof name, "client#%u", connection);
    return vd_peer_named(name);
}

static void carry_out(world_t *w, bool by_publisher)
{
    int64_t *due_us = by_publisher ? w->publisher_due_us : w->subscriber_due_us;
    assert_false(w->effects->overflow);
    for (uint32_t i = 0; i < w->effects->count; i++) {
        const vd_effect_t *effect = &w->effects->list[i];
        vd_peer_t now_here = identity(w->connection);
        switch (effect->kind) {
        case VD_EFFECT_SEND:
            w->sent_bytes += by_publisher ? vd_effect_payload(w->effects, effect).size : 0;
            /* To an identity that is gone, a ROUTER drops. */
            if (!by_publisher || vd_peer_equal(&effect->peer, &now_here))
                carry(w, !by_publisher, vd_effect_header(w->effects, effect),
                      vd_effect_body(w->effects, effect), vd_effect_payload(w->effects, effect));
            break;
        case VD_EFFECT_CONNECT:
        case VD_EFFECT_DISCONNECT:
            w->connection++;
            break;
        case VD_EFFECT_TIMER:
            due_us[effect->id] = effect->at_us < 0 ? INT64_MAX : effect->at_us;
            break;
        case VD_EFFECT_LOG:
            break;
        default:
            fail_msg("effect %d of a stream core", effect->kind);
        }
    }
}

static void publisher_step(world_t *w, const vd_input_t *input)
{
    vd_effects_clear(w->effects);
    assert_true(vd_publisher_step(w->publisher, w->now, input, w->effects));
    carry_out(w, true);
}

static void deliver(world_t *w, const world_frame_t *frame)
{
    vd_message_t message;
    vd_bytes_t header = vd_bytes(frame->bytes, frame->header_size);
    vd_bytes_t body = vd_bytes(frame->bytes + frame->header_size, frame->body_size);
    vd_bytes_t payload =
        vd_bytes(frame->bytes + frame->header_size + frame->body_size, frame->payload_size);
    assert_int_equal(vd_message_decode(header, body, payload, &message), VD_OK);
    if (frame->to_publisher) {
        vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                            .port = PORT_READ,
                            .peer = identity(frame->connection),
                            .message = &message};
        publisher_step(w, &input);
        return;
    }
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = PORT_CLIENT,
                        .peer = vd_peer_named("ingestor"),
                        .message = &message};
    if (message.id == VD_MESSAGE_USE_COMMITS && message.correlation == w->streams[0])
        w->streams[0] = 0;
    w->commits_frames += message.id == VD_MESSAGE_COMMITS;
    if (message.id == VD_MESSAGE_COMMITS)
        assert_true(message.commits.index <= message.commits.head);
    if (message.id == VD_MESSAGE_COMMITS)
        assert_true(payload.size <= VD_ITEMS_BYTES_MAX + VD_EVENT_BYTES_MAX + 4096);
    vd_effects_clear(w->effects);
    vd_subscriber_step(w->subscriber, w->now, &input, w->effects);
    carry_out(w, false);
}

void world_send(world_t *w, const vd_message_t *message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = PORT_READ,
                        .peer = identity(w->connection),
                        .message = message};
    publisher_step(w, &input);
}

static int64_t earliest(const world_t *w)
{
    int64_t due_us = w->frame_head < w->frame_tail
                         ? w->frames[w->frame_head % WORLD_FRAMES_MAX].due_us
                         : INT64_MAX;
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++) {
        due_us = w->publisher_due_us[id] < due_us ? w->publisher_due_us[id] : due_us;
        due_us = w->subscriber_due_us[id] < due_us ? w->subscriber_due_us[id] : due_us;
    }
    return due_us;
}

/* Carries out what is due now: the next frame, or a timer. */
static void happen(world_t *w)
{
    if (w->frame_head < w->frame_tail &&
        w->frames[w->frame_head % WORLD_FRAMES_MAX].due_us <= w->now.mono_us) {
        world_frame_t frame = w->frames[w->frame_head++ % WORLD_FRAMES_MAX];
        /* What is under way on a connection that was given up is lost. */
        if (frame.connection == w->connection)
            deliver(w, &frame);
        free(frame.bytes);
        return;
    }
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++) {
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = id};
        if (w->publisher_due_us[id] <= w->now.mono_us) {
            w->publisher_due_us[id] = INT64_MAX;
            publisher_step(w, &input);
        }
        if (w->subscriber_due_us[id] <= w->now.mono_us) {
            w->subscriber_due_us[id] = INT64_MAX;
            vd_effects_clear(w->effects);
            assert_true(vd_subscriber_step(w->subscriber, w->now, &input, w->effects));
            carry_out(w, false);
        }
    }
}

void world_run(world_t *w, int64_t us)
{
    vd_input_t grown = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
    int64_t end_us = w->now.mono_us + us;
    publisher_step(w, &grown);
    for (;;) {
        int64_t due_us = earliest(w);
        if (due_us > end_us)
            break;
        if (due_us > w->now.mono_us) {
            w->now.wall_ms += (due_us - w->now.mono_us) / 1000;
            w->now.mono_us = due_us;
        }
        happen(w);
    }
    w->now.mono_us = end_us;
}

void world_settle(world_t *w, int64_t us)
{
    int64_t end_us = w->now.mono_us + us;
    vd_event_t event;
    uint64_t index, at;
    vd_status_t absent;
    while (world_next_expected(w, &event, &index, &at, &absent) ||
           w->position.index < w->commit_count) {
        if (w->now.mono_us > end_us)
            fail_msg("handed on %llu events, then nothing; position %llu of %llu",
                     (unsigned long long)w->handed, (unsigned long long)w->position.index,
                     (unsigned long long)w->commit_count);
        world_run(w, 10000);
    }
}

/* ---- the world ---- */

void world_restart_publisher(world_t *w)
{
    vd_publisher_destroy(&w->publisher);
    vd_publisher_options_t options = {.port = PORT_READ,
                                      .timer = 1,
                                      .source = &world_source,
                                      .source_arg = w,
                                      .recent = w->recent};
    /* It remembers nothing of what was before it. */
    if (w->recent != NULL)
        vd_recent_begin(w->recent, w->store, w->commit_count,
                        w->commit_count > 0 ? w->commits[w->commit_count - 1]->commit.chain : 0);
    w->publisher = vd_publisher_new(&options);
    assert_non_null(w->publisher);
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
        w->publisher_due_us[id] = INT64_MAX;
}

void world_live(world_t *w, size_t bytes_max)
{
    assert_null(w->recent);
    w->recent = vd_recent_new(bytes_max);
    assert_non_null(w->recent);
    w->both = true;
    world_restart_publisher(w);
}

void world_consume(world_t *w, uint64_t events, uint64_t bytes)
{
    assert_true(events <= w->waiting_events && bytes <= w->waiting_bytes);
    w->waiting_events -= events;
    w->waiting_bytes -= bytes;
    vd_effects_clear(w->effects);
    vd_reception_consumed(w->subscriber, w->now, events, bytes, w->effects);
    carry_out(w, false);
}

void world_tell(world_t *w, vd_message_t *message)
{
    message->correlation = w->streams[0] > w->streams[1] ? w->streams[0] : w->streams[1];
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = PORT_CLIENT,
                        .peer = vd_peer_named("ingestor"),
                        .message = message};
    vd_effects_clear(w->effects);
    assert_true(vd_reception_step(w->subscriber, w->now, &input, w->effects));
    carry_out(w, false);
}

void world_subscribe(world_t *w, const vd_subscription_t *subscription)
{
    static const vd_subscriber_handler_t handler = {.event = on_event,
                                                    .absent = on_absent,
                                                    .progress = on_progress,
                                                    .stopped = on_stopped,
                                                    .mode = on_mode,
                                                    .gap = on_gap};
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_subscriber_destroy(&w->subscriber);
    w->subscriber = vd_subscriber_new(PORT_CLIENT, &peer, 3, &handler, w);
    assert_non_null(w->subscriber);
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
        w->subscriber_due_us[id] = INT64_MAX;
    w->wanted = *subscription;
    w->stops = 0;
    w->waiting_events = w->waiting_bytes = 0;
    w->streams[0] = w->streams[1] = 0;
    w->trace[0] = w->modes[0] = 0;
    w->position = subscription->position;
    vd_effects_clear(w->effects);
    vd_subscriber_connect(w->subscriber, w->now, "ipc:///nowhere", w->effects);
    if (w->both)
        vd_reception_start(w->subscriber, w->now, subscription, w->effects);
    else
        vd_subscriber_start(w->subscriber, w->now, subscription, w->effects);
    carry_out(w, false);
}

world_t *world_new(uint64_t seed)
{
    world_t *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->seed = seed;
    w->first = 1;
    w->consume = true;
    w->now = (vd_now_t){.mono_us = 1000000, .wall_ms = 1700000000000};
    memcpy(w->store, "0123456789abcdef", VD_STORE_ID_SIZE);
    w->effects = vd_effects_new();
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
        w->subscriber_due_us[id] = INT64_MAX;
    world_restart_publisher(w);
    return w;
}

void world_free(world_t *w)
{
    vd_publisher_destroy(&w->publisher);
    vd_subscriber_destroy(&w->subscriber);
    vd_recent_destroy(&w->recent);
    vd_effects_destroy(&w->effects);
    for (uint64_t i = w->frame_head; i < w->frame_tail; i++)
        free(w->frames[i % WORLD_FRAMES_MAX].bytes);
    for (uint64_t c = 0; c < w->commit_count; c++) {
        for (unsigned r = 0; r < w->commits[c]->commit.run_count; r++)
            vd_buffer_free(&w->commits[c]->bytes[r]);
        free(w->commits[c]);
    }
    free(w);
}
