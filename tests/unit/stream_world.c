/* stream_world.c: time, network and source of the stream tests. */
#include "stream_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const world_sessions[3] = {"red", "green", "blue"};
static const char *const types[3] = {"count.odd", "count.even", "other"};

static unsigned draw(world_t *w, unsigned below)
{
    return (unsigned)(vd_random_next(&w->seed) % below);
}

/* ---- source ---- */

static void source_tail(void *arg, vd_stream_tail_t *tail)
{
    world_t *w = arg;
    uint64_t head = w->commit_count - w->unseen;
    *tail = (vd_stream_tail_t){.first = head > 0 ? w->first : 0, .head = head};
    memcpy(tail->store, w->store, sizeof tail->store);
    if (head > 0)
        tail->chain = w->commits[head - 1]->commit.chain;
}

static vd_status_t source_chain(void *arg, uint64_t index, uint32_t *chain)
{
    world_t *w = arg;
    if (index == 0 || index > w->commit_count)
        return VD_NOT_FOUND;
    if (index + w->anchored < w->first)
        return VD_PRUNED;
    if (index == w->corrupt)
        return VD_CORRUPT;
    *chain = w->commits[index - 1]->commit.chain;
    return VD_OK;
}

static vd_status_t source_session(void *arg, const char *session, uint64_t *last_seq)
{
    world_t *w = arg;
    if (strcmp(session, w->pruned) == 0)
        return VD_PRUNED;
    for (unsigned s = 0; s < 3; s++)
        if (strcmp(session, world_sessions[s]) == 0 && w->seqs[s] > 0) {
            *last_seq = w->seqs[s];
            return VD_OK;
        }
    return VD_NOT_FOUND;
}

static const vd_commit_run_t *run_of(const world_commit_t *commit, const char *session)
{
    for (uint32_t r = 0; r < commit->commit.run_count; r++)
        if (vd_str_is(commit->runs[r].session, session))
            return &commit->runs[r];
    return NULL;
}

static vd_status_t source_find(void *arg, const char *session, uint64_t seq, uint64_t *index,
                               uint64_t *at)
{
    world_t *w = arg;
    for (uint64_t c = 0; c < w->commit_count; c++) {
        const vd_commit_run_t *run = run_of(w->commits[c], session);
        if (run == NULL || seq < run->first_seq || seq >= run->first_seq + run->count)
            continue;
        if (c + 1 < w->first)
            return VD_PRUNED;
        *index = c + 1;
        *at = run->at + (seq - run->first_seq);
        return VD_OK;
    }
    return VD_NOT_FOUND;
}

static vd_status_t source_read(void *arg, uint64_t index, const char *session, vd_commit_t *commit,
                               char *error, size_t error_size)
{
    world_t *w = arg;
    if (session[0] != 0 && strcmp(session, w->pruned) == 0)
        return VD_PRUNED;
    for (uint64_t c = index < w->first ? w->first - 1 : index - 1; c < w->commit_count; c++) {
        if (c + 1 == w->corrupt) {
            commit->index = c + 1;
            snprintf(error, error_size, "commit %llu is damaged", (unsigned long long)c + 1);
            return w->how != VD_OK ? w->how : VD_CORRUPT;
        }
        *commit = w->commits[c]->commit;
        commit->runs = w->commits[c]->runs;
        if (session[0] == 0)
            return VD_OK;
        const vd_commit_run_t *run = run_of(w->commits[c], session);
        if (run == NULL)
            continue;
        w->filtered = *run;
        commit->runs = &w->filtered;
        commit->run_count = 1;
        return VD_OK;
    }
    return VD_NOT_FOUND;
}

static const vd_stream_source_t source = {source_tail, source_chain, source_session,
                                          source_find, source_read,  NULL};

void world_commit(world_t *w, unsigned events_max, size_t size)
{
    assert_true(w->commit_count < WORLD_COMMITS_MAX);
    world_commit_t *made = calloc(1, sizeof *made);
    static uint8_t filling[VD_EVENT_BYTES_MAX];
    assert_non_null(made);
    unsigned runs = draw(w, 4), first = draw(w, 3);
    uint64_t at = 0;
    vd_buffer_t event, data;
    vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    for (unsigned r = 0; r < runs && r < 3; r++) {
        unsigned s = (first + r) % 3, count = 1 + draw(w, events_max);
        vd_buffer_init(&made->bytes[r], 1 << 24);
        for (unsigned i = 0; i < count; i++) {
            vd_buffer_clear(&event);
            vd_buffer_clear(&data);
            vd_write_bin(&data, vd_bytes(filling, 1 + draw(w, (unsigned)size)));
            vd_event_write(&event, w->now.wall_ms, vd_str(types[draw(w, 3)]), vd_buffer_view(&data),
                           vd_str(""));
            assert_true(vd_run_add(&made->bytes[r], vd_buffer_view(&event)));
        }
        made->runs[r] = (vd_commit_run_t){.session = vd_str(world_sessions[s]),
                                          .at = at,
                                          .first_seq = w->seqs[s] + 1,
                                          .count = count,
                                          .run = vd_buffer_view(&made->bytes[r])};
        w->seqs[s] += count;
        at += count;
        made->commit.run_count = r + 1;
    }
    vd_buffer_free(&event);
    vd_buffer_free(&data);
    uint32_t before = w->commit_count > 0 ? w->commits[w->commit_count - 1]->commit.chain : 0;
    made->commit.index = w->commit_count + 1;
    made->commit.time_ms = w->now.wall_ms;
    made->commit.epoch = 1;
    made->commit.runs = made->runs;
    made->commit.chain = vd_commit_chain(before, &made->commit);
    w->commits[w->commit_count++] = made;
}

void world_lose(world_t *w, uint64_t index, uint32_t r, vd_status_t why)
{
    vd_commit_run_t *run = &w->commits[index - 1]->runs[r];
    assert_true(r < w->commits[index - 1]->commit.run_count && run->absent == VD_OK);
    run->absent = why;
    run->digest = why == VD_PRUNED ? vd_run_digest(0, run->run) : 0;
    run->run = vd_bytes(NULL, 0);
}

/* ---- what is expected ---- */

/* The event with number `place` (from 0) in the list of all, if it exists, and whether it is
 * absent. */
static bool event_at(const world_t *w, uint64_t place, vd_event_t *event, uint64_t *index,
                     uint64_t *at, vd_status_t *absent)
{
    for (uint64_t c = 0; c < w->commit_count; c++)
        for (uint32_t r = 0; r < w->commits[c]->commit.run_count; r++) {
            const vd_commit_run_t *run = &w->commits[c]->runs[r];
            if (place >= run->count) {
                place -= run->count;
                continue;
            }
            vd_bytes_t rest = vd_buffer_view(&w->commits[c]->bytes[r]);
            vd_entry_t entry;
            for (uint64_t i = 0; i <= place; i++)
                vd_run_next(&rest, &entry);
            assert_int_equal(vd_event_read(entry.event, event), VD_OK);
            event->session = run->session;
            event->seq = run->first_seq + place;
            *index = c + 1;
            *at = run->at + place;
            *absent = run->absent;
            return true;
        }
    return false;
}

/* Moves w->expected to the next event that the subscription wants, or that must be told to be
 * absent. */
static bool next_expected(world_t *w, vd_event_t *event, uint64_t *index, uint64_t *at,
                          vd_status_t *absent)
{
    for (; event_at(w, w->expected, event, index, at, absent); w->expected++) {
        const vd_subscription_t *wanted = &w->wanted;
        if ((wanted->session[0] == 0 || vd_str_is(event->session, wanted->session)) &&
            (wanted->type[0] == 0 || *absent != VD_OK ||
             vd_glob_match(vd_str(wanted->type), event->type)) &&
            (wanted->seq == 0 || event->seq >= wanted->seq))
            return true;
    }
    return false;
}

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    world_t *w = arg;
    vd_event_t wanted = {0};
    uint64_t index = 0, at = 0;
    vd_status_t absent = VD_OK;
    assert_true(next_expected(w, &wanted, &index, &at, &absent));
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
    if (w->consume)
        vd_subscriber_consumed(w->subscriber, now, 1, event->raw.size, effects);
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
    while (next_expected(w, &event, &index, &at, &absent) && index == w->corrupt)
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
        assert_true(next_expected(w, &wanted, &index, &at, &absent));
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

/* ---- network and time ---- */

static void carry(world_t *w, bool to_publisher, vd_bytes_t header, vd_bytes_t body,
                  vd_bytes_t payload)
{
    if (draw(w, 100) < w->loss_percent)
        return;
    assert_true(w->frame_tail - w->frame_head < WORLD_FRAMES_MAX);
    world_frame_t *frame = &w->frames[w->frame_tail++ % WORLD_FRAMES_MAX];
    int64_t delay_us = w->delay_us_max > 0 ? draw(w, (unsigned)w->delay_us_max) : 0;
    *frame = (world_frame_t){.to_publisher = to_publisher,
                             .connection = w->connection,
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
    while (next_expected(w, &event, &index, &at, &absent) || w->position.index < w->commit_count) {
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
    vd_publisher_options_t options = {
        .port = PORT_READ, .timer = 1, .source = &source, .source_arg = w};
    w->publisher = vd_publisher_new(&options);
    assert_non_null(w->publisher);
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
        w->publisher_due_us[id] = INT64_MAX;
}

void world_subscribe(world_t *w, const vd_subscription_t *subscription)
{
    static const vd_subscriber_handler_t handler = {
        .event = on_event, .absent = on_absent, .progress = on_progress, .stopped = on_stopped};
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_subscriber_destroy(&w->subscriber);
    w->subscriber = vd_subscriber_new(PORT_CLIENT, &peer, 3, &handler, w);
    assert_non_null(w->subscriber);
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
        w->subscriber_due_us[id] = INT64_MAX;
    w->wanted = *subscription;
    w->stops = 0;
    w->position = subscription->position;
    vd_effects_clear(w->effects);
    vd_subscriber_connect(w->subscriber, w->now, "ipc:///nowhere", w->effects);
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
