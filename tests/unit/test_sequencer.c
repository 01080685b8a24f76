/* test_sequencer.c: the sequencer step by step, on a store in memory. */
#include "sequencer.h"
#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ANSWERS_MAX = 4096 };

typedef struct answer {
    uint16_t id;
    char peer[VD_PEER_BYTES_MAX + 1];
    uint64_t epoch, mark; /* mark: also first, from */
    uint64_t count, index, seq, rejects, retry_ms;
    vd_status_t status;
} answer_t;

/* A sequencer with its store; operations are carried out at once unless held. */
typedef struct bench {
    vd_memory_image_t *image;
    vd_store_t *store;
    vd_sequencer_t *sequencer;
    vd_effects_t *effects;
    vd_now_t now;
    answer_t answers[ANSWERS_MAX];
    uint32_t count;
    bool hold, answers_timer, exited;
    vd_status_t exit_status;
    uint32_t operation; /* that waits; 0: none */
    uint64_t token;
    const vd_store_batch_t *batch;
    uint32_t visible; /* commits shown */
} bench_t;

static void note_answer(bench_t *b, const vd_effect_t *effect)
{
    vd_message_t m;
    assert_int_equal(vd_message_decode(vd_effect_header(b->effects, effect),
                                       vd_effect_body(b->effects, effect),
                                       vd_effect_payload(b->effects, effect), &m),
                     VD_OK);
    assert_true(b->count < ANSWERS_MAX);
    answer_t *a = &b->answers[b->count++];
    *a = (answer_t){.id = m.id};
    memcpy(a->peer, effect->peer.bytes, effect->peer.size);
    if (m.id == VD_MESSAGE_OPENED) {
        a->epoch = m.opened.epoch;
        a->mark = m.opened.mark;
        a->rejects = vd_rows_count(m.opened.rejects);
    } else if (m.id == VD_MESSAGE_COMMITTED) {
        a->epoch = m.committed.epoch;
        a->mark = m.committed.mark;
        a->index = m.committed.index;
        a->seq = m.committed.seq;
        a->rejects = vd_rows_count(m.committed.rejects);
    } else if (m.id == VD_MESSAGE_REJECTED) {
        a->epoch = m.rejected.epoch;
        a->mark = m.rejected.first;
        a->count = m.rejected.count;
        a->status = vd_status_of_name(m.rejected.status);
    } else if (m.id == VD_MESSAGE_NOT_NOW) {
        a->epoch = m.not_now.epoch;
        a->mark = m.not_now.from;
        a->retry_ms = m.not_now.retry_ms;
        a->status = vd_status_of_name(m.not_now.status);
    } else {
        assert_int_equal(m.id, VD_MESSAGE_ERROR);
        a->status = vd_status_of_name(m.error.status);
    }
}

static void step(bench_t *b, const vd_input_t *input);

static void carry_out(bench_t *b)
{
    assert_false(b->effects->overflow);
    for (uint32_t i = 0; i < b->effects->count; i++) {
        const vd_effect_t *effect = &b->effects->list[i];
        if (effect->kind == VD_EFFECT_SEND) {
            note_answer(b, effect);
        } else if (effect->kind == VD_EFFECT_EXIT) {
            b->exited = true;
            b->exit_status = effect->status;
        } else if (effect->kind == VD_EFFECT_TIMER && effect->id == VD_SEQ_TIMER_ANSWERS) {
            b->answers_timer = true;
        } else if (effect->kind == VD_EFFECT_DO && effect->id == VD_SEQ_VISIBLE) {
            b->visible++;
        } else if (effect->kind == VD_EFFECT_DO) {
            assert_int_equal(b->operation, 0);
            b->operation = effect->id;
            b->token = effect->token;
            b->batch = effect->object;
        }
    }
}

/* Carries out the operation that waits. */
static void perform(bench_t *b)
{
    static char error[256];
    static vd_store_tail_t tail;
    vd_input_t done = {.kind = VD_INPUT_DONE, .id = b->operation, .token = b->token};
    if (b->operation == VD_SEQ_APPEND) {
        done.status = vd_store_append(b->store, b->batch, error, sizeof error);
        done.result = error;
    } else {
        done.status = vd_store_reopen(b->store, &tail, error, sizeof error);
        done.result = done.status == VD_OK ? (const void *)&tail : error;
    }
    b->operation = 0;
    step(b, &done);
}

static void step(bench_t *b, const vd_input_t *input)
{
    vd_effects_clear(b->effects);
    vd_sequencer_step(b->sequencer, b->now, input, b->effects);
    carry_out(b);
    while (b->operation != 0 && !b->hold)
        perform(b);
}

static bool restore_producer(void *arg, const vd_store_producer_t *record)
{
    return vd_sequencer_restore_producer(arg, record);
}

static bool restore_session(void *arg, const vd_store_session_t *record)
{
    return vd_sequencer_restore_session(arg, record);
}

static void boot(bench_t *b)
{
    vd_store_tail_t tail;
    assert_int_equal(vd_memory_image_open(b->image, &b->store), VD_OK);
    vd_store_tail(b->store, &tail);
    b->sequencer = vd_sequencer_new(&tail);
    assert_non_null(b->sequencer);
    vd_store_producers(b->store, restore_producer, b->sequencer);
    vd_store_sessions(b->store, restore_session, b->sequencer);
    b->operation = 0;
    b->exited = false;
    step(b, &(vd_input_t){.kind = VD_INPUT_START});
}

static void shut(bench_t *b)
{
    vd_sequencer_destroy(&b->sequencer);
    vd_store_close(&b->store);
}

static int set_up(void **state)
{
    bench_t *b = calloc(1, sizeof *b);
    b->image = vd_memory_image_new(7);
    b->effects = vd_effects_new();
    b->now = (vd_now_t){1000000, 1767225600000};
    boot(b);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *b = *state;
    shut(b);
    vd_memory_image_destroy(&b->image);
    vd_effects_destroy(&b->effects);
    free(b);
    return 0;
}

static void say(bench_t *b, const char *peer, const vd_message_t *message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = VD_SEQ_PORT_EMIT,
                        .peer = vd_peer_named(peer),
                        .message = message};
    step(b, &input);
}

static void open_with(bench_t *b, const char *producer, uint64_t life, uint64_t epoch)
{
    vd_message_t message = {.id = VD_MESSAGE_OPEN, .correlation = life};
    message.open.producer = vd_str(producer);
    message.open.life = life;
    message.open.epoch = epoch;
    say(b, producer, &message);
}

/* Events as types with blanks between; "!" at the end breaks the checksum of the last one. */
static uint32_t run_of(vd_buffer_t *run, const char *types, vd_bytes_t data)
{
    uint32_t count = 0;
    char text[1024];
    snprintf(text, sizeof text, "%s", types);
    vd_buffer_init(run, VD_EMIT_BYTES_MAX);
    for (char *rest = NULL, *type = strtok_r(text, " ", &rest); type != NULL;
         type = strtok_r(NULL, " ", &rest)) {
        if (strcmp(type, "!") == 0) {
            run->data[run->size - 1] ^= 1;
            break;
        }
        vd_buffer_t event;
        vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
        vd_event_write(&event, 1767225600000, vd_str(type), data, vd_bytes(NULL, 0));
        assert_true(vd_run_add(run, vd_buffer_view(&event)));
        vd_buffer_free(&event);
        count++;
    }
    return count;
}

static void emit_full(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                      const char *session, const char *types, vd_bytes_t data, uint64_t answered)
{
    vd_buffer_t run;
    vd_message_t message = {.id = VD_MESSAGE_EMIT, .correlation = first};
    message.emit.count = run_of(&run, types, data);
    message.emit.producer = vd_str(producer);
    message.emit.epoch = epoch;
    message.emit.first = first;
    message.emit.session = vd_str(session);
    message.emit.answered = answered;
    message.payload = vd_buffer_view(&run);
    say(b, producer, &message);
    vd_buffer_free(&run);
}

static const uint8_t EMPTY_MAP[] = {0x80};
static const uint8_t OWNER_MAP[] = {0x81, 0xa5, 'o', 'w', 'n', 'e', 'r', 0xc3};

static void emit(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                 const char *session, const char *types)
{
    emit_full(b, producer, epoch, first, session, types, vd_bytes(EMPTY_MAP, 1), 0);
}

/* The only answer since the last look. */
static answer_t answer(bench_t *b, uint16_t id)
{
    assert_int_equal(b->count, 1);
    assert_int_equal(b->answers[0].id, id);
    b->count = 0;
    return b->answers[0];
}

static void silence(bench_t *b)
{
    assert_int_equal(b->count, 0);
}

/* Opens a producer and begins session s with one event; returns the epoch. */
static uint64_t begin(bench_t *b, const char *producer)
{
    open_with(b, producer, 1, 0);
    uint64_t epoch = answer(b, VD_MESSAGE_OPENED).epoch;
    emit(b, producer, epoch, 1, "s", "session_started");
    assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).mark, 1);
    return epoch;
}

static void test_lives(void **state)
{
    bench_t *b = *state;
    open_with(b, "p", 11, 0);
    answer_t first = answer(b, VD_MESSAGE_OPENED);
    open_with(b, "p", 11, 0);
    assert_int_equal(answer(b, VD_MESSAGE_OPENED).epoch, first.epoch);
    open_with(b, "p", 11, first.epoch);
    assert_int_equal(answer(b, VD_MESSAGE_OPENED).epoch, first.epoch);
    open_with(b, "p", 22, 0);
    answer_t second = answer(b, VD_MESSAGE_OPENED);
    assert_true(second.epoch > first.epoch);
    /* The life before is fenced in all it says, and an OPEN of its that comes late fences nobody. */
    open_with(b, "p", 11, 0);
    assert_int_equal(answer(b, VD_MESSAGE_REJECTED).status, VD_FENCED);
    open_with(b, "p", 11, first.epoch);
    assert_int_equal(answer(b, VD_MESSAGE_REJECTED).status, VD_FENCED);
    emit(b, "p", first.epoch, 1, "s", "session_started");
    answer_t refused = answer(b, VD_MESSAGE_REJECTED);
    assert_int_equal(refused.status, VD_FENCED);
    assert_int_equal(refused.count, 0);
    emit(b, "p", second.epoch, 1, "s", "session_started");
    assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).epoch, second.epoch);
    /* Who is not known has to open. */
    emit(b, "q", 1, 1, "s", "a");
    assert_int_equal(answer(b, VD_MESSAGE_NOT_NOW).status, VD_WENT_BACK);
    open_with(b, "q", 1, 5);
    assert_int_equal(answer(b, VD_MESSAGE_NOT_NOW).status, VD_WENT_BACK);
    open_with(b, "no name", 1, 0);
    assert_int_equal(answer(b, VD_MESSAGE_ERROR).status, VD_MALFORMED);
    open_with(b, "q", 0, 0);
    assert_int_equal(answer(b, VD_MESSAGE_ERROR).status, VD_MALFORMED);
    /* A restart keeps who is fenced. */
    shut(b);
    boot(b);
    open_with(b, "p", 11, 0);
    assert_int_equal(answer(b, VD_MESSAGE_REJECTED).status, VD_FENCED);
}

static void test_rejections(void **state)
{
    static const struct {
        const char *session, *types;
        vd_status_t status; /* VD_OK: accepted */
    } rows[] = {
        {"s", "a", VD_OK},
        {"nowhere", "a", VD_UNKNOWN_SESSION},
        {"s", "session_started", VD_SESSION_EXISTS},
        {"s", "a session_started", VD_BAD_EVENT},
        {"t", "a session_started", VD_BAD_EVENT},
        {"t", "session_started session_started", VD_BAD_EVENT},
        {"t", "session_started a session_ended", VD_OK},
        {"t", "a", VD_SESSION_CLOSED},
        {"t", "session_started", VD_SESSION_EXISTS},
        {"s", "session_ended a", VD_SESSION_CLOSED},
        {"s", "a a !", VD_BAD_CRC},
        {"s", "session_", VD_OK},
        {"a b", "a", VD_BAD_EVENT},
        {"s", "session_ended", VD_OK},
        {"s", "a", VD_SESSION_CLOSED},
        {"s", "session_ended", VD_SESSION_CLOSED},
    };
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p"), next = 2;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        vd_buffer_t run;
        uint32_t count = run_of(&run, rows[i].types, vd_bytes(EMPTY_MAP, 1));
        vd_buffer_free(&run);
        emit_full(b, "p", epoch, next, rows[i].session, rows[i].types, vd_bytes(EMPTY_MAP, 1),
                  next - 1);
        if (rows[i].status != VD_OK) {
            /* The numbers are consumed: REJECTED first, and COMMITTED names them. */
            assert_int_equal(b->count, 2);
            assert_int_equal(b->answers[0].id, VD_MESSAGE_REJECTED);
            assert_int_equal(b->answers[0].status, rows[i].status);
            assert_int_equal(b->answers[0].mark, next);
            assert_int_equal(b->answers[0].count, count);
            assert_int_equal(b->answers[1].rejects, 1);
            b->answers[0] = b->answers[1];
            b->count = 1;
        }
        answer_t committed = answer(b, VD_MESSAGE_COMMITTED);
        assert_int_equal(committed.mark, next + count - 1);
        assert_int_equal(committed.rejects, rows[i].status != VD_OK);
        next += count;
    }
}

static void test_numbers(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p");
    emit(b, "p", epoch, 4, "s", "a");
    answer_t late = answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(late.status, VD_OUT_OF_ORDER);
    assert_int_equal(late.mark, 2);
    b->hold = true;
    emit(b, "p", epoch, 2, "s", "a b");
    emit(b, "p", epoch, 2, "s", "a b");
    silence(b); /* nothing is said before it is on disk */
    emit(b, "p", epoch, 2, "s", "a c");
    assert_int_equal(answer(b, VD_MESSAGE_REJECTED).status, VD_NUMBER_REUSED);
    b->hold = false;
    perform(b);
    answer_t committed = answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(committed.mark, 3);
    assert_int_equal(committed.seq, 3);
    /* On disk: the same again is confirmed, other bytes or other borders are refused. */
    emit(b, "p", epoch, 2, "s", "a b");
    assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).mark, 3);
    static const struct {
        uint64_t first;
        const char *session, *types;
    } reused[] = {{2, "s", "a c"},   {2, "s", "a"},   {3, "s", "b"}, {2, "t", "a b"},
                  {2, "s", "a b c"}, {3, "s", "b c"}, {1, "s", "a"}};
    for (size_t i = 0; i < sizeof reused / sizeof *reused; i++) {
        emit(b, "p", epoch, reused[i].first, reused[i].session, reused[i].types);
        answer_t refused = answer(b, VD_MESSAGE_REJECTED);
        assert_int_equal(refused.status, VD_NUMBER_REUSED);
        assert_int_equal(refused.count, 0);
    }
    /* A producer that was answered more than the store has written is told so. */
    emit_full(b, "p", epoch, 9, "s", "a", vd_bytes(EMPTY_MAP, 1), 8);
    assert_int_equal(answer(b, VD_MESSAGE_NOT_NOW).status, VD_WENT_BACK);
    emit(b, "p", epoch, 0, "s", "a");
    assert_int_equal(answer(b, VD_MESSAGE_REJECTED).status, VD_MALFORMED);
}

static void test_group_commit(void **state)
{
    bench_t *b = *state;
    uint64_t p = begin(b, "p");
    open_with(b, "q", 9, 0);
    uint64_t q = answer(b, VD_MESSAGE_OPENED).epoch;
    b->hold = true;
    emit(b, "p", p, 2, "s", "a");
    uint64_t index = b->token;
    uint32_t visible = b->visible;
    emit(b, "p", p, 3, "s", "b");
    emit(b, "q", q, 1, "t", "session_started");
    emit(b, "p", p, 4, "s", "c");
    emit(b, "q", q, 2, "nowhere", "a");
    emit(b, "q", q, 3, "t", "d");
    assert_int_equal(b->token, index);
    silence(b);
    perform(b);
    assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    assert_int_equal(b->visible, visible + 1);
    /* All that came meanwhile is one commit: a run for each session, in order of arrival. */
    assert_int_equal(b->operation, VD_SEQ_APPEND);
    assert_int_equal(b->token, index + 1);
    assert_int_equal(b->batch->commit.run_count, 2);
    assert_true(vd_str_is(b->batch->commit.runs[0].session, "s"));
    assert_int_equal(b->batch->commit.runs[0].count, 2);
    assert_int_equal(b->batch->commit.runs[1].first_seq, 1);
    assert_int_equal(b->batch->commit.runs[1].at, 2);
    uint64_t bad;
    for (int i = 0; i < 2; i++)
        assert_int_equal(vd_run_check(b->batch->commit.runs[i].run, 2, &bad), VD_OK);
    perform(b);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->answers[0].id, VD_MESSAGE_REJECTED);
    assert_int_equal(b->answers[0].mark, 2);
    assert_int_equal(b->answers[1].mark, 4);
    assert_int_equal(b->answers[2].mark, 3);
    assert_int_equal(b->answers[2].rejects, 1);
}

static void test_time_never_goes_back(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p");
    b->hold = true;
    emit(b, "p", epoch, 2, "s", "a");
    int64_t time_ms = b->batch->commit.time_ms;
    perform(b);
    b->now.wall_ms -= 3600000;
    emit(b, "p", epoch, 3, "s", "a");
    assert_int_equal(b->batch->commit.time_ms, time_ms);
    perform(b);
}

static void fail_append(bench_t *b, bool there)
{
    uint64_t p = begin(b, "p");
    b->hold = true;
    emit(b, "p", p, 2, "s", "a");
    emit(b, "p", p, 3, "s", "b");
    vd_memory_fail(b->image, VD_NO_SPACE, there, 1);
    perform(b);
    silence(b);
    assert_true(vd_sequencer_in_trouble(b->sequencer));
    emit(b, "p", p, 4, "s", "c");
    answer_t wait = answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(wait.status, VD_STORE_TROUBLE);
    assert_int_equal(wait.mark, 2);
    assert_true(wait.retry_ms > 0);
    open_with(b, "q", 5, 0);
    assert_int_equal(answer(b, VD_MESSAGE_NOT_NOW).status, VD_STORE_TROUBLE);
    assert_int_equal(b->operation, VD_SEQ_REOPEN);
    perform(b); /* fails once */
    assert_int_equal(b->operation, 0);
    step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
    b->hold = false;
    perform(b);
    assert_false(vd_sequencer_in_trouble(b->sequencer));
    if (there)
        assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    silence(b);
    emit(b, "p", p, 2, "s", "a");
    assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    emit(b, "p", p, 3, "s", "other bytes");
    answer_t last = answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(last.mark, 4);
    assert_int_equal(last.seq, 4);
}

static void test_failed_append_there(void **state)
{
    fail_append(*state, true);
}

static void test_failed_append_not_there(void **state)
{
    fail_append(*state, false);
}

static void test_restart(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p");
    emit(b, "p", epoch, 2, "nowhere", "a");
    b->count = 0;
    shut(b);
    boot(b);
    /* The epoch lives on, the rejection is still named, and the session goes on. */
    emit(b, "p", epoch, 2, "nowhere", "a");
    answer_t again = answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(again.mark, 2);
    assert_int_equal(again.rejects, 1);
    emit_full(b, "p", epoch, 3, "s", "a", vd_bytes(EMPTY_MAP, 1), 2);
    answer_t next = answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(next.seq, 2);
    assert_int_equal(next.rejects, 0);
    open_with(b, "q", 3, 0);
    assert_true(answer(b, VD_MESSAGE_OPENED).epoch > epoch + 1);
}

static vd_session_state_t state_of(bench_t *b, const char *session)
{
    vd_store_session_t record;
    assert_int_equal(vd_store_session(b->store, session, &record), VD_OK);
    return record.state;
}

static void wait_s(bench_t *b, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        b->now.mono_us += 1000000;
        step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_OWNERS});
    }
}

static void test_owners(void **state)
{
    bench_t *b = *state;
    open_with(b, "p", 1, 0);
    uint64_t epoch = answer(b, VD_MESSAGE_OPENED).epoch;
    emit_full(b, "p", epoch, 1, "owned", "session_started", vd_bytes(OWNER_MAP, sizeof OWNER_MAP),
              0);
    emit(b, "p", epoch, 2, "free", "session_started");
    wait_s(b, 29);
    assert_int_equal(state_of(b, "owned"), VD_SESSION_ACTIVE);
    wait_s(b, 1);
    assert_int_equal(state_of(b, "owned"), VD_SESSION_INTERRUPTED);
    assert_int_equal(state_of(b, "free"), VD_SESSION_ACTIVE);
    /* A sign of life under the epoch resumes it; a restart does not; another life does only by writing. */
    open_with(b, "p", 1, epoch);
    wait_s(b, 1);
    assert_int_equal(state_of(b, "owned"), VD_SESSION_ACTIVE);
    shut(b);
    boot(b);
    wait_s(b, 29);
    assert_int_equal(state_of(b, "owned"), VD_SESSION_ACTIVE);
    wait_s(b, 1);
    assert_int_equal(state_of(b, "owned"), VD_SESSION_INTERRUPTED);
    b->count = 0;
    open_with(b, "p", 2, 0);
    epoch = answer(b, VD_MESSAGE_OPENED).epoch;
    wait_s(b, 2);
    assert_int_equal(state_of(b, "owned"), VD_SESSION_INTERRUPTED);
    emit(b, "p", epoch, 3, "owned", "a");
    assert_int_equal(state_of(b, "owned"), VD_SESSION_ACTIVE);
    /* Time in which the process stood still is nobody's silence. */
    wait_s(b, 20);
    b->now.mono_us += 3600LL * 1000000;
    wait_s(b, 1);
    assert_int_equal(state_of(b, "owned"), VD_SESSION_ACTIVE);
}

static void test_rejects_are_bounded(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p"), next = 2;
    /* Different reasons in turn, so that ranges do not merge. */
    for (int i = 0; i < VD_REJECTS_PER_PRODUCER_MAX; i++)
        emit(b, "p", epoch, next++, i % 2 == 0 ? "nowhere" : "s",
             i % 2 == 0 ? "a" : "session_started");
    assert_int_equal(b->answers[b->count - 1].rejects, VD_REJECTS_PER_PRODUCER_MAX);
    b->count = 0;
    emit(b, "p", epoch, next, "nowhere", "a");
    answer_t wait = answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(wait.status, VD_OVERLOADED);
    assert_int_equal(wait.mark, next);
    emit_full(b, "p", epoch, next, "nowhere", "a", vd_bytes(EMPTY_MAP, 1), next - 1);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->answers[1].rejects, 1);
}

static void test_queue_is_bounded(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p"), next = 2;
    static uint8_t data[200005] = {0xc6, 0, 3, 0x0d, 0x40}; /* bin of 200,000 bytes */
    b->hold = true;
    uint64_t taken = 0;
    for (int i = 0; i < 100; i++) {
        emit_full(b, "p", epoch, next, "s", "a", vd_bytes(data, sizeof data), 0);
        if (b->count > 0)
            break;
        next++;
        taken += sizeof data;
    }
    answer_t wait = answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(wait.status, VD_OVERLOADED);
    assert_int_equal(wait.mark, next);
    assert_true(taken > VD_INGEST_QUEUE_BYTES_MAX / 2 && taken <= VD_INGEST_QUEUE_BYTES_MAX);
    b->hold = false;
    perform(b);
    assert_int_equal(b->answers[b->count - 1].mark, next - 1);
    b->count = 0;
    emit(b, "p", epoch, next, "s", "a");
    assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).mark, next);
}

static void test_more_answers_than_effects(void **state)
{
    bench_t *b = *state;
    enum { PRODUCERS = 2500 };
    begin(b, "first");
    b->hold = true;
    char name[32];
    for (int i = 0; i < PRODUCERS; i++) {
        snprintf(name, sizeof name, "p%d", i);
        open_with(b, name, 1, 0);
    }
    silence(b);
    b->hold = false;
    perform(b);
    while (b->answers_timer) {
        b->answers_timer = false;
        step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_ANSWERS});
    }
    assert_int_equal(b->count, PRODUCERS);
    assert_string_equal(b->answers[PRODUCERS - 1].peer, name);
}

static void test_stop(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p");
    b->hold = true;
    emit(b, "p", epoch, 2, "s", "a");
    step(b, &(vd_input_t){.kind = VD_INPUT_STOP});
    assert_false(b->exited);
    emit(b, "p", epoch, 3, "s", "a");
    silence(b);
    perform(b);
    assert_int_equal(answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    assert_true(b->exited);
    assert_int_equal(b->exit_status, VD_OK);
}

static void test_store_went_back(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = begin(b, "p");
    b->hold = true;
    emit(b, "p", epoch, 2, "s", "a");
    vd_memory_fail(b->image, VD_IO, false, 0);
    perform(b);
    vd_store_close(&b->store);
    vd_memory_cut(b->image, 1);
    assert_int_equal(vd_memory_image_open(b->image, &b->store), VD_OK);
    perform(b);
    assert_true(b->exited);
    assert_int_equal(b->exit_status, VD_WENT_BACK);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_lives),
        CASE(test_rejections),
        CASE(test_numbers),
        CASE(test_group_commit),
        CASE(test_time_never_goes_back),
        CASE(test_failed_append_there),
        CASE(test_failed_append_not_there),
        CASE(test_restart),
        CASE(test_owners),
        CASE(test_rejects_are_bounded),
        CASE(test_queue_is_bounded),
        CASE(test_more_answers_than_effects),
        CASE(test_stop),
        CASE(test_store_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
