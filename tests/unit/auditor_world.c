/* auditor_world.c: the ingestor and the relay of an auditor, and time. */
#include "auditor_world.h"

#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>

#define COMMIT_US (SECOND / 10)
#define STEP_US   (SECOND / 20)

static void step(auditor_world_t *self, const vd_input_t *input);

void auditor_world_give(auditor_world_t *self, uint16_t port, const vd_peer_t *peer,
                        const vd_message_t *message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = port, .peer = *peer, .message = message};
    step(self, &input);
}

void auditor_world_answer(auditor_world_t *self, const vd_peer_t *peer,
                          const vd_message_t *question, vd_message_t *message)
{
    message->correlation = question->correlation;
    auditor_world_give(self, VD_AUDITOR_ASK, peer, message);
}

/* ---- the ingestor ---- */

static void start(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question,
                  uint32_t chain, uint64_t ahead)
{
    vd_message_t message = {.id = VD_MESSAGE_STARTED};
    message.started =
        (vd_started_body_t){.store = vd_str(self->store->id),
                            .index = self->store->count,
                            .chain = audited_chain(self->store, self->store->count) ^ chain,
                            .head = self->store->count + ahead};
    if (self->lies.chain_of_nothing > 0) {
        message.started.index = 0;
        message.started.chain = self->lies.chain_of_nothing;
    }
    auditor_world_answer(self, peer, question, &message);
}

/* A stream brings what comes next; here it is the last commit once more, changed or, unless NULL,
 * replaced by `other`. */
static void bring(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question,
                  const char *other)
{
    vd_message_t message = {.id = VD_MESSAGE_STARTED};
    vd_buffer_t payload;
    uint64_t last = self->store->count;
    message.started = (vd_started_body_t){.store = vd_str(self->store->id),
                                          .index = last - 1,
                                          .chain = audited_chain(self->store, last - 1),
                                          .head = last};
    auditor_world_answer(self, peer, question, &message);
    vd_buffer_init(&payload, 1 << 20);
    message = (vd_message_t){.id = VD_MESSAGE_COMMITS};
    vd_commit_t commit = self->store->commits[last - 1].commit;
    commit.time_ms++;
    if (other != NULL)
        vd_buffer_add(&payload, other, strlen(other));
    else
        vd_commit_write(&payload, &commit);
    message.commits = (vd_commits_body_t){.store = vd_str(self->store->id),
                                          .after = last - 1,
                                          .index = last,
                                          .chain = commit.chain,
                                          .events = 1,
                                          .head = last};
    message.payload = vd_buffer_view(&payload);
    auditor_world_answer(self, peer, question, &message);
    vd_buffer_free(&payload);
}

static void reset(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question,
                  const char *status, const char *text)
{
    vd_message_t message = {.id = VD_MESSAGE_STREAM_RESET};
    message.stream_reset = (vd_stream_reset_body_t){.store = vd_str(self->store->id),
                                                    .status = vd_str(status),
                                                    .first = 1,
                                                    .head = self->store->count,
                                                    .text = vd_str(text)};
    self->resets++;
    auditor_world_answer(self, peer, question, &message);
}

/* Where is an event? */
static bool find(const audited_store_t *store, vd_str_t session, uint64_t seq, uint64_t *after,
                 uint64_t *offset)
{
    for (uint64_t i = 0; i < store->count; i++)
        for (uint32_t at = 0; at < store->commits[i].commit.run_count; at++) {
            const vd_commit_run_t *run = &store->commits[i].runs[at];
            if (!vd_bytes_equal(run->session, session) || seq < run->first_seq ||
                seq >= run->first_seq + run->count)
                continue;
            *after = i;
            *offset = run->at + seq - run->first_seq;
            return true;
        }
    return false;
}

/* What the ingestor says of a FETCH from a position when it has no history to tell. Whether it has
 * said something. */
static bool refuse(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question)
{
    vd_message_t message = {.id = VD_MESSAGE_ERROR};
    const vd_fetch_body_t *body = &question->fetch;
    if (self->lies.error != NULL) {
        message.error =
            (vd_error_body_t){.status = vd_str("store_trouble"), .text = vd_str(self->lies.error)};
        auditor_world_answer(self, peer, question, &message);
    } else if (self->lies.holds_fetch && self->held.correlation == 0) {
        self->held.correlation = question->correlation;
        self->held.index = body->index;
        self->held.offset = body->offset;
    } else if (self->lies.stuck) {
        message.id = VD_MESSAGE_COMMITS;
        message.commits = (vd_commits_body_t){.store = body->store,
                                              .after = body->index,
                                              .after_offset = body->offset,
                                              .index = body->index,
                                              .offset = body->offset,
                                              .chain = body->chain,
                                              .head = self->store->count};
        auditor_world_answer(self, peer, question, &message);
    } else {
        return false;
    }
    return true;
}

void auditor_world_answer_held(auditor_world_t *self)
{
    vd_message_t message = {.id = VD_MESSAGE_COMMITS, .correlation = self->held.correlation};
    vd_peer_t peer = vd_peer_named("read");
    vd_buffer_t payload;
    assert_true(self->held.correlation > 0);
    vd_buffer_init(&payload, 1 << 20);
    audited_fetch(self->store, self->held.index, self->held.offset, 20, &message.commits, &payload);
    message.payload = vd_buffer_view(&payload);
    self->held.correlation = 0;
    auditor_world_give(self, VD_AUDITOR_ASK, &peer, &message);
    vd_buffer_free(&payload);
}

static void fetch(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question)
{
    const vd_fetch_body_t *body = &question->fetch;
    vd_message_t message = {.id = VD_MESSAGE_COMMITS};
    uint64_t after = body->index, offset = body->offset;
    vd_buffer_t payload;
    if (body->store.size > 0 && refuse(self, peer, question))
        return;
    if (body->store.size > 0 && self->lies.reset != NULL) {
        const char *status = self->lies.reset;
        self->lies.reset = NULL;
        reset(self, peer, question, status, "as the test says");
        return;
    }
    if (body->store.size > 0 &&
        (!vd_str_is(body->store, self->store->id) || after > self->store->count ||
         audited_chain(self->store, after + (offset > 0)) != body->chain)) {
        reset(self, peer, question, "went_back", "this is not where you were");
        return;
    }
    if (body->session.size > 0 && !find(self->store, body->session, body->seq, &after, &offset)) {
        reset(self, peer, question, "went_back", "the session ends before");
        return;
    }
    vd_buffer_init(&payload, 1 << 20);
    audited_fetch(self->store, after, offset, body->items_max > 0 ? body->items_max : 20,
                  &message.commits, &payload);
    message.commits.head -= self->lies.head_back;
    if (self->lies.unreadable)
        vd_buffer_add(&payload, "\xc1", 1);
    message.payload = vd_buffer_view(&payload);
    auditor_world_answer(self, peer, question, &message);
    vd_buffer_free(&payload);
}

static void positions(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question)
{
    vd_message_t message = {.id = VD_MESSAGE_SNAPSHOT};
    vd_buffer_t rows;
    vd_buffer_init(&rows, 4096);
    vd_write_array(&rows, 1);
    vd_write_map(&rows, 2);
    vd_write_pair_text(&rows, "name", "somebody");
    vd_write_pair_u64(&rows, "index", self->store->count + self->lies.position_ahead);
    message.snapshot =
        (vd_snapshot_body_t){.feed = vd_str("positions"), .inc = 1, .complete = true};
    message.payload = vd_buffer_view(&rows);
    auditor_world_answer(self, peer, question, &message);
    vd_buffer_free(&rows);
}

static void ask_ingestor(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question)
{
    bool live = vd_peer_equal(peer, &(vd_peer_t){.size = 4, .bytes = "live"});
    if (self->lies.silent)
        return;
    if (question->id == VD_MESSAGE_FETCH)
        fetch(self, peer, question);
    else if (question->id == VD_MESSAGE_GET)
        positions(self, peer, question);
    else if (question->id == VD_MESSAGE_START && live && self->lies.live_content)
        bring(self, peer, question, NULL);
    else if (question->id == VD_MESSAGE_START)
        start(self, peer, question, live ? self->lies.live_chain : 0, 0);
}

/* ---- its emit port ---- */

static void note_violation(auditor_world_t *self, vd_bytes_t event_bytes)
{
    vd_event_t event;
    vd_value_t data;
    assert_int_equal(vd_event_read(event_bytes, &event), VD_OK);
    if (!vd_str_is(event.type, "invariant_violated") || self->violated_count == 8)
        return;
    assert_true(vd_value_of(event.data, &data));
    assert_true(vd_value_get_str(&data, "text").size > 0);
    assert_true(vd_value_get_str(&data, "evidence").size > 0);
    vd_str_copy(self->violated[self->violated_count++], VD_NAME_BYTES_MAX + 1,
                vd_value_get_str(&data, "invariant"));
}

static void store_event(auditor_world_t *self, const vd_message_t *question)
{
    vd_bytes_t rest = question->payload;
    vd_entry_t entry;
    assert_int_equal(vd_run_next(&rest, &entry), VD_OK);
    note_violation(self, entry.event);
    if (self->lies.forgets_canary)
        return;
    audited_commit_t *open = audited_open(self->store);
    vd_commit_run_t *run = &open->runs[open->commit.run_count];
    snprintf(open->sessions[open->commit.run_count], VD_NAME_BYTES_MAX + 1, AUDITOR_WORLD_SESSION);
    vd_buffer_t *bytes = &open->bytes[open->commit.run_count];
    vd_buffer_init(bytes, 4096);
    vd_buffer_add(bytes, entry.raw.data, entry.raw.size);
    *run = (vd_commit_run_t){.session = vd_str(open->sessions[open->commit.run_count]),
                             .first_seq = ++*audited_last(self->store, AUDITOR_WORLD_SESSION),
                             .count = 1,
                             .run = vd_buffer_view(bytes)};
    open->commit.run_count++;
    audited_seal(self->store, self->now.wall_ms, 1);
}

static void emit(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question)
{
    vd_message_t message = {.id = VD_MESSAGE_OPENED};
    if (self->lies.fenced) {
        message.id = VD_MESSAGE_REJECTED;
        message.rejected = (vd_rejected_body_t){.epoch = 1, .status = vd_str("fenced")};
        auditor_world_answer(self, peer, question, &message);
        return;
    }
    if (question->id == VD_MESSAGE_OPEN) {
        message.opened = (vd_opened_body_t){
            .epoch = 1, .mark = self->emit_mark, .store = vd_str(self->store->id), .window = 16};
        auditor_world_answer(self, peer, question, &message);
        return;
    }
    if (question->id != VD_MESSAGE_EMIT)
        return;
    uint64_t seq = *audited_last(self->store, AUDITOR_WORLD_SESSION);
    if (question->emit.first > self->emit_mark) {
        store_event(self, question);
        seq = *audited_last(self->store, AUDITOR_WORLD_SESSION);
        if (self->lies.copies_canary)
            store_event(self, question);
        self->emit_mark = question->emit.first;
    }
    message.id = VD_MESSAGE_COMMITTED;
    message.committed =
        (vd_committed_body_t){.epoch = 1,
                              .mark = self->emit_mark,
                              .store = vd_str(self->store->id),
                              .index = self->store->count,
                              .chain = audited_chain(self->store, self->store->count),
                              .session = vd_str(AUDITOR_WORLD_SESSION),
                              .seq = seq};
    auditor_world_answer(self, peer, question, &message);
}

/* ---- who answers ---- */

static bool is_peer(const vd_peer_t *peer, const char *name)
{
    return vd_str_is(vd_bytes(peer->bytes, peer->size), name);
}

static void note_long_name(auditor_world_t *self, const vd_peer_t *peer)
{
    int at = self->long_named[0].size > 0 && !vd_peer_equal(peer, &self->long_named[0]);
    self->long_named[at] = *peer;
}

static void ask(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question)
{
    if (peer->size > 2 && memcmp(peer->bytes, "@00", 3) == 0)
        note_long_name(self, peer);
    if (is_peer(peer, "@relay-1") && question->id == VD_MESSAGE_START)
        self->relay_starts++;
    if (is_peer(peer, "broker") || is_peer(peer, "supervisor"))
        auditor_world_ask_feed(self, peer, question, is_peer(peer, "broker"));
    else if (is_peer(peer, "emit"))
        emit(self, peer, question);
    else if (is_peer(peer, "@relay-1") && question->id == VD_MESSAGE_START &&
             self->lies.relay_brings != NULL)
        bring(self, peer, question, self->lies.relay_brings);
    else if (is_peer(peer, "@relay-1") && question->id == VD_MESSAGE_START)
        start(self, peer, question, self->lies.relay_chain, self->lies.relay_ahead);
    else if (peer->size == 9 && memcmp(peer->bytes, "@poller-", 8) == 0)
        auditor_world_ask_poller(self, peer, question, (uint32_t)(peer->bytes[8] - '0'));
    else if (is_peer(peer, "@host"))
        auditor_world_ask_observer(self, peer, question);
    else if (peer->bytes[0] != '@')
        ask_ingestor(self, peer, question);
}

/* ---- steps ---- */

typedef struct sent {
    vd_peer_t peer;
    vd_buffer_t frame;
    size_t header_size, body_size;
} sent_t;

/* Answers are given after the step that asked: its effects are copied before. */
static void carry_out(auditor_world_t *self)
{
    enum { SENT_MAX = 64 };
    sent_t sent[SENT_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->effects->count; i++) {
        const vd_effect_t *effect = &self->effects->list[i];
        self->connects += effect->kind == VD_EFFECT_CONNECT;
        if (effect->kind == VD_EFFECT_TIMER && effect->id == 1)
            self->tick_us = effect->at_us;
        else if (effect->kind == VD_EFFECT_SUBSCRIBE && effect->port == VD_AUDITOR_EVENTS)
            self->subscribed = true;
        else if (effect->kind == VD_EFFECT_UNSUBSCRIBE && effect->port == VD_AUDITOR_EVENTS)
            self->subscribed = false;
        else if (effect->kind == VD_EFFECT_EXIT)
            self->ended = effect->status;
        else if (effect->kind == VD_EFFECT_DO)
            snprintf(self->trouble, sizeof self->trouble, "%s", (const char *)effect->object);
        if (effect->kind != VD_EFFECT_SEND || effect->port != VD_AUDITOR_ASK)
            continue;
        assert_true(count < SENT_MAX);
        sent_t *one = &sent[count++];
        vd_bytes_t parts[] = {vd_effect_header(self->effects, effect),
                              vd_effect_body(self->effects, effect),
                              vd_effect_payload(self->effects, effect)};
        *one = (sent_t){
            .peer = effect->peer, .header_size = parts[0].size, .body_size = parts[1].size};
        vd_buffer_init(&one->frame, 1 << 20);
        for (int part = 0; part < 3; part++)
            vd_buffer_add(&one->frame, parts[part].data, parts[part].size);
    }
    for (uint32_t i = 0; i < count; i++) {
        vd_message_t question;
        const uint8_t *data = sent[i].frame.data;
        size_t behind = sent[i].header_size + sent[i].body_size;
        assert_int_equal(vd_message_decode(vd_bytes(data, sent[i].header_size),
                                           vd_bytes(data + sent[i].header_size, sent[i].body_size),
                                           vd_bytes(data + behind, sent[i].frame.size - behind),
                                           &question),
                         VD_OK);
        self->now.mono_us++;
        ask(self, &sent[i].peer, &question);
        vd_buffer_free(&sent[i].frame);
    }
}

static void step(auditor_world_t *self, const vd_input_t *input)
{
    vd_effects_clear(self->effects);
    vd_auditor_step(self->auditor, self->now, input, self->effects);
    assert_false(self->effects->overflow);
    carry_out(self);
}

/* ---- time ---- */

static void publish(auditor_world_t *self)
{
    const audited_commit_t *last = &self->store->commits[self->store->count - 1];
    vd_peer_t ingestor = vd_peer_named("ingestor");
    vd_message_t message = {.id = VD_MESSAGE_COMMITTED_RUN, .payload = last->runs[0].run};
    vd_buffer_t other;
    vd_buffer_init(&other, 4096);
    message.committed_run = (vd_committed_run_body_t){.store = vd_str(self->store->id),
                                                      .index = self->store->count,
                                                      .session = last->runs[0].session,
                                                      .first = last->runs[0].first_seq,
                                                      .count = last->runs[0].count};
    if (self->lies.published_content) {
        vd_run_add(&other, vd_bytes("other", 5));
        message.payload = vd_buffer_view(&other);
        message.committed_run.count = 1;
    }
    if (self->lies.published_nowhere)
        message.committed_run.first += 100000;
    if (self->subscribed && !self->lies.silent && !self->frozen)
        auditor_world_give(self, VD_AUDITOR_EVENTS, &ingestor, &message);
    vd_buffer_free(&other);
}

static void commit(auditor_world_t *self)
{
    if (self->store->count + 40 >= AUDITED_COMMITS)
        return;
    if (self->store->count == 0)
        audited_add(self->store, AUDITOR_WORLD_SESSION, "session_started", NULL, NULL);
    else
        audited_add(self->store, AUDITOR_WORLD_SESSION, "tick", "n", "1");
    audited_seal(self->store, self->now.wall_ms, 1);
    publish(self);
}

void auditor_world_tell_start(auditor_world_t *self, const char *actor, uint64_t pid,
                              uint64_t restarts)
{
    vd_buffer_t data, event;
    audited_add(self->store, AUDITOR_WORLD_SESSION, "tick", NULL, NULL);
    audited_commit_t *open = audited_open(self->store);
    vd_buffer_init(&data, 1024);
    vd_buffer_init(&event, 1024);
    vd_write_map(&data, 4);
    vd_write_pair_text(&data, "actor", actor);
    vd_write_pair_text(&data, "kind", "poller");
    vd_write_pair_u64(&data, "pid", pid);
    vd_write_pair_u64(&data, "restarts", restarts);
    vd_event_write(&event, self->now.wall_ms, vd_str("actor_started"), vd_buffer_view(&data),
                   vd_bytes(NULL, 0));
    vd_buffer_clear(&open->bytes[0]);
    vd_run_add(&open->bytes[0], vd_buffer_view(&event));
    open->runs[0].run = vd_buffer_view(&open->bytes[0]);
    audited_seal(self->store, self->now.wall_ms, 1);
    vd_buffer_free(&data);
    vd_buffer_free(&event);
}

void auditor_world_run(auditor_world_t *self, int64_t for_us)
{
    int64_t until_us = self->now.mono_us + for_us;
    while (self->now.mono_us < until_us) {
        int64_t before = self->now.mono_us;
        self->now.mono_us += STEP_US;
        self->now.wall_ms += STEP_US / 1000;
        if (before / COMMIT_US != self->now.mono_us / COMMIT_US && before / SECOND % 3 == 0)
            commit(self);
        if (self->lies.two_of_a_name && before / SECOND != self->now.mono_us / SECOND)
            auditor_world_swap_incarnations(self);
        if (!self->frozen && self->now.mono_us >= self->tick_us) {
            vd_input_t tick = {.kind = VD_INPUT_TIMER, .id = 1};
            step(self, &tick);
        }
    }
}

auditor_world_t *auditor_world_new(bool from_start, int64_t canary_us, const char *session)
{
    auditor_world_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->store = audited_store_new("0123456789abcdef");
    self->effects = vd_effects_new();
    self->now = (vd_now_t){.mono_us = SECOND, .wall_ms = 1700000000000};
    self->poller_inc = 2;
    self->inc_of_feeds = 8;
    self->lies = (auditor_lies_t){.session = AUDITOR_WORLD_SESSION, .interval_ms = 1000};
    vd_auditor_options_t options = {.name = "auditor",
                                    .inc = 5,
                                    .session = session,
                                    .read = "read",
                                    .emit = "emit",
                                    .events = "events",
                                    .control = "control",
                                    .membership = "membership",
                                    .supervisor = "supervisor",
                                    .lifecycle = "lifecycle",
                                    .from_start = from_start,
                                    .canary_us = canary_us};
    self->auditor = vd_auditor_new(&options);
    commit(self);
    vd_input_t begin = {.kind = VD_INPUT_START};
    step(self, &begin);
    auditor_world_run(self, 8 * SECOND);
    auditor_world_tell_start(self, "poller-1", 77, 2);
    return self;
}

void auditor_world_free(auditor_world_t *self)
{
    vd_auditor_destroy(&self->auditor);
    vd_effects_destroy(&self->effects);
    audited_store_free(self->store);
    free(self);
}

const vd_book_t *auditor_world_book(const auditor_world_t *self)
{
    return vd_auditor_book(self->auditor);
}

void auditor_world_ask(auditor_world_t *self, vd_buffer_t *out)
{
    vd_message_t question = {.id = VD_MESSAGE_GET, .correlation = 1};
    question.get.feed = vd_str(VD_AUDIT_FEED);
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = VD_AUDITOR_REQUESTS,
                        .peer = vd_peer_named("somebody"),
                        .message = &question};
    vd_effects_clear(self->effects);
    vd_auditor_step(self->auditor, self->now, &input, self->effects);
    assert_int_equal(self->effects->count, 1);
    vd_bytes_t value = vd_effect_payload(self->effects, &self->effects->list[0]);
    vd_buffer_add(out, value.data, value.size);
}

/* ---- what is to be ---- */

void auditor_world_holds(const auditor_world_t *self)
{
    const vd_book_t *book = auditor_world_book(self);
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        if (book->violated[i] > 0)
            fail_msg("%s: %s (%s)", vd_invariant_name(i), book->last[i].text,
                     book->last[i].evidence);
    assert_int_equal(self->violated_count, 0);
}

void auditor_world_is_violated(auditor_world_t *self, vd_invariant_t invariant,
                               const char *evidence)
{
    const vd_book_t *book = auditor_world_book(self);
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        if ((book->violated[i] > 0) != (i == invariant))
            fail_msg("%s is violated %" PRIu64 " times: %s (%s)", vd_invariant_name(i),
                     book->violated[i], book->last[i].text, book->last[i].evidence);
    assert_non_null(strstr(book->last[invariant].evidence, evidence));
    assert_true(self->violated_count >= 1);
    assert_string_equal(self->violated[0], vd_invariant_name(invariant));
    assert_non_null(strstr(self->trouble, vd_invariant_name(invariant)));
    vd_buffer_t out;
    vd_value_t map, rows, row;
    vd_buffer_init(&out, 1 << 17);
    auditor_world_ask(self, &out);
    assert_true(vd_value_of(vd_buffer_view(&out), &map));
    assert_true(vd_value_get_u64(&map, "violations", 0) >= 1);
    assert_true(vd_value_get(&map, "invariants", &rows));
    assert_int_equal(rows.count, VD_INVARIANTS);
    for (uint32_t i = 0; vd_value_next(&rows.bytes, &row); i++)
        assert_int_equal(vd_value_get_u64(&row, "violated", 0) > 0, i == invariant);
    vd_buffer_free(&out);
}
