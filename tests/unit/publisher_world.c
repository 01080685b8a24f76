/* publisher_world.c: source, clock and peers of the publisher's tests. */
#include "publisher_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sessions[2] = {"red", "blue"};

/* ---- source ---- */

static void source_tail(void *arg, vd_stream_tail_t *tail)
{
    world_t *w = arg;
    *tail =
        (vd_stream_tail_t){.first = w->commit_count > 0 ? w->first : 0, .head = w->commit_count};
    memcpy(tail->store, w->store, sizeof tail->store);
    if (w->commit_count > 0)
        tail->chain = w->commits[w->commit_count - 1]->commit.chain;
}

static vd_status_t source_chain(void *arg, uint64_t index, uint32_t *chain)
{
    world_t *w = arg;
    if (index == 0 || index > w->commit_count)
        return VD_NOT_FOUND;
    if (index < w->first)
        return VD_PRUNED;
    *chain = w->commits[index - 1]->commit.chain;
    return VD_OK;
}

static vd_status_t source_session(void *arg, const char *session, uint64_t *last_seq)
{
    world_t *w = arg;
    for (unsigned s = 0; s < 2; s++)
        if (strcmp(session, sessions[s]) == 0 && w->seqs[s] > 0) {
            *last_seq = w->seqs[s];
            return VD_OK;
        }
    return VD_NOT_FOUND;
}

static vd_status_t source_find(void *arg, const char *session, uint64_t seq, uint64_t *index,
                               uint64_t *at)
{
    world_t *w = arg;
    for (uint64_t c = 0; c < w->commit_count; c++)
        for (uint32_t r = 0; r < w->commits[c]->commit.run_count; r++) {
            const vd_commit_run_t *run = &w->commits[c]->runs[r];
            if (!vd_str_is(run->session, session) || seq < run->first_seq ||
                seq >= run->first_seq + run->count)
                continue;
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
    (void)error;
    (void)error_size;
    for (uint64_t c = index < w->first ? w->first - 1 : index - 1; c < w->commit_count; c++) {
        *commit = w->commits[c]->commit;
        if (session[0] == 0)
            return VD_OK;
        for (uint32_t r = 0; r < commit->run_count; r++)
            if (vd_str_is(commit->runs[r].session, session)) {
                w->filtered = commit->runs[r];
                commit->runs = &w->filtered;
                commit->run_count = 1;
                return VD_OK;
            }
    }
    return VD_NOT_FOUND;
}

static void add_events(world_t *w, made_commit_t *made, unsigned s, unsigned events, size_t size,
                       const char *type)
{
    static uint8_t filling[VD_EVENT_BYTES_MAX];
    vd_buffer_t event, data;
    uint32_t r = made->commit.run_count++;
    vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&made->bytes[r], 1 << 24);
    vd_write_bin(&data, vd_bytes(filling, size));
    vd_event_write(&event, w->now.wall_ms, vd_str(type), vd_buffer_view(&data), vd_str(""));
    for (unsigned i = 0; i < events; i++)
        assert_true(vd_run_add(&made->bytes[r], vd_buffer_view(&event)));
    vd_buffer_free(&event);
    vd_buffer_free(&data);
    made->runs[r] = (vd_commit_run_t){.session = vd_str(sessions[s]),
                                      .at = r == 0 ? 0 : made->runs[0].count,
                                      .first_seq = w->seqs[s] + 1,
                                      .count = events,
                                      .run = vd_buffer_view(&made->bytes[r])};
    w->seqs[s] += events;
}

void world_commit(world_t *w, unsigned events, size_t size)
{
    made_commit_t *made = calloc(1, sizeof *made);
    assert_non_null(made);
    assert_true(w->commit_count < WORLD_COMMITS_MAX);
    add_events(w, made, 0, events, size, "count.up");
    if (w->commit_count % 3 == 2)
        add_events(w, made, 1, 1, size, "other");
    uint32_t before = w->commit_count > 0 ? w->commits[w->commit_count - 1]->commit.chain : 0;
    made->commit.index = w->commit_count + 1;
    made->commit.time_ms = w->now.wall_ms;
    made->commit.epoch = 1;
    made->commit.runs = made->runs;
    made->commit.chain = vd_commit_chain(before, &made->commit);
    w->commits[w->commit_count++] = made;
    if (w->remember)
        vd_recent_add(w->recent, &made->commit);
}

void world_commits(world_t *w, unsigned count, unsigned events, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        world_commit(w, events, size);
}

/* ---- what comes out ---- */

static void keep(world_t *w, const vd_effect_t *effect)
{
    vd_bytes_t header = vd_effect_header(w->effects, effect);
    vd_bytes_t body = vd_effect_body(w->effects, effect);
    vd_bytes_t payload = vd_effect_payload(w->effects, effect);
    assert_true(w->sent_count < WORLD_SENT_MAX);
    sent_t *sent = &w->sent[w->sent_count++];
    *sent = (sent_t){.port = effect->port,
                     .peer = effect->peer,
                     .bytes = malloc(header.size + body.size + payload.size + 1)};
    assert_non_null(sent->bytes);
    memcpy(sent->bytes, header.data, header.size);
    memcpy(sent->bytes + header.size, body.data, body.size);
    if (payload.size > 0)
        memcpy(sent->bytes + header.size + body.size, payload.data, payload.size);
    sent->shared = effect->shared != NULL ? payload.data : NULL;
    assert_int_equal(
        vd_message_decode(
            vd_bytes(sent->bytes, header.size), vd_bytes(sent->bytes + header.size, body.size),
            vd_bytes(sent->bytes + header.size + body.size, payload.size), &sent->message),
        VD_OK);
    w->step_bytes += payload.size;
    if (sent->message.id == VD_MESSAGE_COMMITS)
        assert_true(sent->message.commits.index <= sent->message.commits.head);
}

static bool step(world_t *w, const vd_input_t *input)
{
    vd_effects_clear(w->effects);
    w->step_bytes = 0;
    bool taken = vd_publisher_step(w->publisher, w->now, input, w->effects);
    assert_false(w->effects->overflow);
    for (uint32_t i = 0; i < w->effects->count; i++) {
        const vd_effect_t *effect = &w->effects->list[i];
        if (effect->kind == VD_EFFECT_SEND)
            keep(w, effect);
        else if (effect->kind == VD_EFFECT_TIMER)
            w->due_us[effect->id - TIMER] = effect->at_us;
        else
            assert_int_equal(effect->kind, VD_EFFECT_LOG);
    }
    return taken;
}

void world_pass(world_t *w, int64_t us)
{
    int64_t end_us = w->now.mono_us + us;
    for (;;) {
        unsigned next = w->due_us[1] < w->due_us[0] ? 1 : 0;
        if (w->due_us[next] > end_us)
            break;
        if (w->due_us[next] > w->now.mono_us) {
            w->now.wall_ms += (w->due_us[next] - w->now.mono_us) / 1000;
            w->now.mono_us = w->due_us[next];
        }
        w->due_us[next] = INT64_MAX;
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = TIMER + next};
        assert_true(step(w, &input));
    }
    w->now.wall_ms += (end_us - w->now.mono_us) / 1000;
    w->now.mono_us = end_us;
}

void world_grown(world_t *w)
{
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
    assert_true(step(w, &input));
}

static void on_news(void *arg, vd_now_t now, const vd_publisher_news_t *news, vd_effects_t *effects)
{
    world_t *w = arg;
    (void)now;
    /* Whoever runs a publisher logs drops. */
    if (news->kind == VD_NEWS_DROPPED)
        vd_effects_log(effects, VD_INFO, "%s: %s", news->name, news->text);
    heard_t *heard = &w->heard[w->heard_count++ % 64];
    heard->news = *news;
    vd_str_copy(heard->name, sizeof heard->name, vd_str(news->name));
    vd_str_copy(heard->streams, sizeof heard->streams, vd_str(news->streams));
    vd_str_copy(heard->before, sizeof heard->before, vd_str(news->before));
    vd_str_copy(heard->mode, sizeof heard->mode, vd_str(news->mode));
}

/* ---- what goes in ---- */

void world_send(world_t *w, uint16_t port, const char *name, const vd_message_t *message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = port,
                        .peer = vd_peer_named(name),
                        .unsent = w->unsent,
                        .message = message};
    assert_true(step(w, &input));
}

void world_start(world_t *w, const char *name, uint64_t correlation, const vd_start_body_t *start)
{
    vd_message_t message = {.id = VD_MESSAGE_START, .correlation = correlation, .start = *start};
    world_send(w, PORT_READ, name, &message);
}

void world_live(world_t *w, const char *name, uint64_t correlation)
{
    vd_start_body_t start = {.stream = vd_str("live"),
                             .name = vd_str(name),
                             .head = true,
                             .items = 1000000,
                             .bytes = 1000000000};
    world_start(w, name, correlation, &start);
    world_last(w, name, correlation, VD_MESSAGE_STARTED);
}

void world_replay(world_t *w, const char *name, uint64_t correlation)
{
    vd_start_body_t start = {.name = vd_str(name), .items = 1000000, .bytes = 1000000000};
    world_start(w, name, correlation, &start);
    world_last(w, name, correlation, VD_MESSAGE_STARTED);
}

void world_credit(world_t *w, const char *name, uint64_t correlation, uint64_t items,
                  uint64_t bytes, const char *mode)
{
    vd_message_t message = {.id = VD_MESSAGE_CREDIT, .correlation = correlation};
    message.credit.items = items;
    message.credit.bytes = bytes;
    message.credit.mode = vd_str(mode);
    world_send(w, PORT_READ, name, &message);
}

void world_pass_alive(world_t *w, int64_t us, const char *name, uint64_t first, uint64_t second)
{
    for (int64_t passed_us = 0; passed_us < us; passed_us += 1000000) {
        world_pass(w, 1000000);
        if (first != 0)
            world_credit(w, name, first, 0, 0, "");
        if (second != 0)
            world_credit(w, name, second, 0, 0, "");
    }
}

void world_stop(world_t *w, const char *name, uint64_t correlation)
{
    vd_message_t message = {.id = VD_MESSAGE_STOP, .correlation = correlation};
    world_send(w, PORT_READ, name, &message);
}

void world_steer(world_t *w, const char *verb, const char *name, uint64_t id)
{
    vd_message_t message = {.id = VD_MESSAGE_STEER, .correlation = 77};
    message.steer.verb = vd_str(verb);
    message.steer.name = vd_str(name);
    message.steer.id = id;
    world_send(w, PORT_STREAMS, "operator", &message);
}

void world_position(const world_t *w, uint64_t index, vd_start_body_t *start)
{
    start->store = vd_str(w->store);
    start->index = index;
    start->chain = index > 0 ? w->commits[index - 1]->commit.chain : 0;
}

uint32_t world_rows(world_t *w, const char *name, vd_subscriber_record_t *rows, uint32_t room)
{
    vd_message_t message = {.id = VD_MESSAGE_SUBSCRIBERS, .correlation = 78};
    uint32_t count = 0;
    message.subscribers.name = vd_str(name);
    world_send(w, PORT_STREAMS, "operator", &message);
    const sent_t *answer = world_last(w, "operator", 78, VD_MESSAGE_SUBSCRIBER_ROWS);
    vd_bytes_t rest = answer->message.payload;
    assert_int_equal(answer->port, PORT_STREAMS);
    assert_int_equal(vd_rows_count(rest), answer->message.subscriber_rows.count);
    while (count < room && vd_rows_next(&rest, VD_RECORD_subscriber, &rows[count]) == VD_OK)
        count++;
    assert_int_equal(count, answer->message.subscriber_rows.count);
    return count;
}

/* ---- looking at what came out ---- */

void world_forget(world_t *w)
{
    for (uint32_t i = 0; i < w->sent_count; i++)
        free(w->sent[i].bytes);
    w->sent_count = 0;
}

static bool is_wanted(const sent_t *sent, const char *name, uint64_t correlation, uint16_t id)
{
    vd_peer_t peer = vd_peer_named(name);
    return sent->message.id == id && vd_peer_equal(&sent->peer, &peer) &&
           (correlation == 0 || sent->message.correlation == correlation);
}

uint32_t world_count(const world_t *w, const char *name, uint64_t correlation, uint16_t id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->sent_count; i++)
        count += is_wanted(&w->sent[i], name, correlation, id);
    return count;
}

const sent_t *world_last(const world_t *w, const char *name, uint64_t correlation, uint16_t id)
{
    for (uint32_t i = w->sent_count; i-- > 0;)
        if (is_wanted(&w->sent[i], name, correlation, id))
            return &w->sent[i];
    fail_msg("%s was not sent to %s", vd_message_name(id), name);
    return NULL;
}

uint64_t world_events(const world_t *w, const char *name, uint64_t correlation)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < w->sent_count; i++)
        if (is_wanted(&w->sent[i], name, correlation, VD_MESSAGE_COMMITS))
            events += w->sent[i].message.commits.events;
    return events;
}

uint32_t world_frame_commits(const sent_t *frame)
{
    vd_bytes_t rest = frame->message.payload;
    vd_commit_t commit;
    vd_commit_run_t runs[8];
    uint32_t count = 0;
    while (vd_commit_next(&rest, &commit, runs, 8) == VD_OK)
        count++;
    assert_int_equal(rest.size, 0);
    return count;
}

/* ---- the world ---- */

world_t *world_new(size_t recent_bytes, const vd_publisher_knobs_t *knobs)
{
    static const vd_stream_source_t source = {.tail = source_tail,
                                              .chain = source_chain,
                                              .session = source_session,
                                              .find = source_find,
                                              .read = source_read};
    world_t *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->now = (vd_now_t){.mono_us = 1000000, .wall_ms = 1700000000000};
    w->remember = true;
    w->first = 1;
    w->due_us[0] = w->due_us[1] = INT64_MAX;
    memcpy(w->store, "0123456789abcdef", VD_STORE_ID_SIZE);
    w->recent = vd_recent_new(recent_bytes);
    w->effects = vd_effects_new();
    assert_true(w->recent != NULL && w->effects != NULL);
    vd_recent_begin(w->recent, w->store, 0, 0);
    vd_publisher_options_t options = {.port = PORT_READ,
                                      .admin_port = PORT_STREAMS,
                                      .timer = TIMER,
                                      .source = &source,
                                      .source_arg = w,
                                      .recent = w->recent,
                                      .knobs = knobs,
                                      .news = on_news,
                                      .news_arg = w};
    w->publisher = vd_publisher_new(&options);
    assert_non_null(w->publisher);
    return w;
}

void world_free(world_t *w)
{
    world_forget(w);
    vd_publisher_destroy(&w->publisher);
    vd_effects_destroy(&w->effects);
    vd_recent_destroy(&w->recent);
    for (uint64_t c = 0; c < w->commit_count; c++) {
        for (uint32_t r = 0; r < w->commits[c]->commit.run_count; r++)
            vd_buffer_free(&w->commits[c]->bytes[r]);
        free(w->commits[c]);
    }
    free(w);
}
