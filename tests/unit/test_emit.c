/* test_emit.c: the producer's end of emit, answer by answer. */
#include "emit/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PORT = 3, TIMER = 7, LIFE = 77, SENT_MAX = 4096, RING = 2 * VD_EMIT_BYTES_MAX };

typedef struct sent {
    uint16_t id;
    uint64_t correlation, epoch, life, first, count, answered;
    char session[VD_NAME_BYTES_MAX + 1];
    char record[VD_NAME_BYTES_MAX + 1];
    uint32_t sum; /* of the payload */
} sent_t;

typedef struct bench {
    vd_emit_t *emit;
    vd_effects_t *effects;
    vd_now_t now;
    int64_t due_us; /* of the timer; below 0: not set */
    sent_t sent[SENT_MAX];
    uint32_t sent_count;
    uint32_t connections;
    vd_outcome_t outcomes[2048];
    uint32_t outcome_count;
} bench_t;

static void on_outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    (void)now;
    (void)effects;
    bench_t *b = arg;
    b->outcomes[b->outcome_count++] = *outcome;
}

static void carry_out(bench_t *b)
{
    assert_false(b->effects->overflow);
    for (uint32_t i = 0; i < b->effects->count; i++) {
        const vd_effect_t *effect = &b->effects->list[i];
        if (effect->kind == VD_EFFECT_TIMER)
            b->due_us = effect->at_us;
        if (effect->kind == VD_EFFECT_CONNECT) {
            assert_string_equal(vd_effect_text(b->effects, effect), "ipc://x");
            b->connections++;
        }
        if (effect->kind != VD_EFFECT_SEND)
            continue;
        vd_message_t m;
        assert_int_equal(effect->port, PORT);
        assert_int_equal(vd_message_decode(vd_effect_header(b->effects, effect),
                                           vd_effect_body(b->effects, effect),
                                           vd_effect_payload(b->effects, effect), &m),
                         VD_OK);
        assert_true(b->sent_count < SENT_MAX);
        sent_t *s = &b->sent[b->sent_count++];
        *s = (sent_t){.id = m.id, .correlation = m.correlation};
        if (m.id == VD_MESSAGE_OPEN) {
            s->epoch = m.open.epoch;
            s->life = m.open.life;
        } else {
            assert_int_equal(m.id, VD_MESSAGE_EMIT);
            s->epoch = m.emit.epoch;
            s->first = m.emit.first;
            s->count = m.emit.count;
            s->answered = m.emit.answered;
            s->sum = vd_crc32c(0, m.payload);
            vd_str_copy(s->session, sizeof s->session, m.emit.session);
            vd_str_copy(s->record, sizeof s->record, m.emit.record);
        }
    }
    vd_effects_clear(b->effects);
}

static int set_up(void **state)
{
    bench_t *b = calloc(1, sizeof *b);
    vd_peer_t peer = vd_peer_named("ingestor");
    b->now = (vd_now_t){5000000, 1767225600000};
    b->due_us = -1;
    b->effects = vd_effects_new();
    b->emit = vd_emit_new("p", LIFE, PORT, &peer, TIMER, RING, on_outcome, b);
    assert_non_null(b->emit);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *b = *state;
    vd_emit_destroy(&b->emit);
    vd_effects_destroy(&b->effects);
    free(b);
    return 0;
}

static void begin(bench_t *b)
{
    vd_emit_open(b->emit, b->now, "ipc://x", b->effects);
    carry_out(b);
}

static vd_status_t offer(bench_t *b, uint64_t token, uint32_t count)
{
    uint8_t bytes[64] = {0};
    memcpy(bytes, &token, sizeof token);
    vd_status_t status = vd_emit_offer(b->emit, b->now, vd_str("s"), vd_bytes(bytes, sizeof bytes),
                                       count, token, b->effects);
    carry_out(b);
    return status;
}

static void hear(bench_t *b, const vd_message_t *message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = PORT,
                        .peer = vd_peer_named("ingestor"),
                        .message = message};
    assert_true(vd_emit_step(b->emit, b->now, &input, b->effects));
    carry_out(b);
}

static void pass(bench_t *b, int64_t us)
{
    int64_t until = b->now.mono_us + us;
    while (b->due_us >= 0 && b->due_us <= until) {
        if (b->due_us > b->now.mono_us)
            b->now.mono_us = b->due_us;
        b->due_us = -1;
        assert_true(vd_emit_step(b->emit, b->now,
                                 &(vd_input_t){.kind = VD_INPUT_TIMER, .id = TIMER}, b->effects));
        carry_out(b);
    }
    b->now.mono_us = until;
}

static void opened(bench_t *b, uint64_t epoch, uint64_t mark)
{
    uint64_t correlation = 0;
    for (uint32_t i = 0; i < b->sent_count; i++)
        if (b->sent[i].id == VD_MESSAGE_OPEN)
            correlation = b->sent[i].correlation;
    vd_message_t message = {.id = VD_MESSAGE_OPENED, .correlation = correlation};
    message.opened.epoch = epoch;
    message.opened.mark = mark;
    message.opened.store = vd_str("0123456789abcdef");
    message.opened.window = VD_EMIT_WINDOW_EVENTS_MAX;
    b->sent_count = 0;
    hear(b, &message);
}

/* COMMITTED with one rejected range, if `count` is above 0. */
static void committed(bench_t *b, uint64_t epoch, uint64_t mark, uint64_t first, uint64_t count)
{
    vd_message_t message = {.id = VD_MESSAGE_COMMITTED};
    message.committed.epoch = epoch;
    message.committed.mark = mark;
    message.committed.store = vd_str("0123456789abcdef");
    message.committed.index = 100 + mark;
    message.committed.session = vd_str("s");
    message.committed.seq = 1000 + mark;
    vd_buffer_t rows;
    vd_buffer_init(&rows, 1024);
    if (count > 0) {
        vd_reject_record_t row = {
            .first = first, .count = count, .status = vd_str("unknown_session")};
        vd_write_array(&rows, 1);
        assert_int_equal(vd_record_encode(VD_RECORD_reject, &row, &rows), VD_OK);
        message.committed.rejects = vd_buffer_view(&rows);
    }
    hear(b, &message);
    vd_buffer_free(&rows);
}

static void rejected(bench_t *b, uint64_t epoch, uint64_t first, uint64_t count, const char *status)
{
    vd_message_t message = {.id = VD_MESSAGE_REJECTED};
    message.rejected.epoch = epoch;
    message.rejected.first = first;
    message.rejected.count = count;
    message.rejected.status = vd_str(status);
    message.rejected.text = vd_str("because of it");
    hear(b, &message);
}

static void not_now(bench_t *b, uint64_t epoch, uint64_t from, const char *status,
                    uint64_t retry_ms)
{
    vd_message_t message = {.id = VD_MESSAGE_NOT_NOW};
    message.not_now.epoch = epoch;
    message.not_now.from = from;
    message.not_now.status = vd_str(status);
    message.not_now.retry_ms = retry_ms;
    hear(b, &message);
}

static void expect_outcomes(bench_t *b, const char *expected)
{
    char got[512] = "";
    for (uint32_t i = 0; i < b->outcome_count; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%s%d:%s", i > 0 ? " " : "", (int)b->outcomes[i].token,
                 vd_status_name(b->outcomes[i].status));
    }
    assert_string_equal(got, expected);
    b->outcome_count = 0;
}

/* The first numbers of the EMITs sent since the last look. */
static void expect_sent(bench_t *b, const char *expected)
{
    char got[512] = "";
    for (uint32_t i = 0; i < b->sent_count; i++) {
        size_t at = strlen(got);
        if (b->sent[i].id == VD_MESSAGE_OPEN)
            snprintf(got + at, sizeof got - at, "%sOPEN", i > 0 ? " " : "");
        else
            snprintf(got + at, sizeof got - at, "%s%d", i > 0 ? " " : "", (int)b->sent[i].first);
    }
    assert_string_equal(got, expected);
    b->sent_count = 0;
}

static void test_opening(void **state)
{
    bench_t *b = *state;
    assert_int_equal(vd_emit_state(b->emit), VD_EMIT_CLOSED);
    assert_int_equal(offer(b, 1, 2), VD_OK);
    begin(b);
    assert_int_equal(offer(b, 2, 1), VD_OK);
    assert_int_equal(b->sent_count, 1);
    assert_int_equal(b->sent[0].life, LIFE);
    assert_int_equal(b->sent[0].epoch, 0);
    /* OPEN is repeated, the same, until it is answered. */
    pass(b, 3000000);
    assert_true(b->sent_count >= 3 && b->sent_count < 10);
    for (uint32_t i = 1; i < b->sent_count; i++)
        assert_memory_equal(&b->sent[i], &b->sent[0], sizeof b->sent[0]);
    opened(b, 9, 41);
    assert_int_equal(b->sent[0].epoch, 9);
    assert_int_equal(b->sent[0].answered, 41);
    expect_sent(b, "42 44");
    assert_int_equal(vd_emit_pending(b->emit), 3);
    committed(b, 9, 44, 0, 0);
    assert_int_equal(b->outcomes[0].seq, 0); /* only that of the mark is known */
    assert_int_equal(b->outcomes[1].seq, 1044);
    assert_string_equal(b->outcomes[1].session, "s");
    assert_int_equal(b->outcomes[1].position.index, 144);
    expect_outcomes(b, "1:ok 2:ok");
    assert_int_equal(vd_emit_pending(b->emit), 0);
}

static void test_answers(void **state)
{
    bench_t *b = *state;
    begin(b);
    opened(b, 9, 0);
    for (uint64_t token = 1; token <= 6; token++)
        assert_int_equal(offer(b, token, 1), VD_OK);
    expect_sent(b, "1 2 3 4 5 6");
    /* Of another epoch, never sent, or old: nothing. */
    committed(b, 8, 3, 0, 0);
    committed(b, 9, 7, 0, 0);
    rejected(b, 8, 1, 1, "unknown_session");
    rejected(b, 9, 70, 1, "unknown_session");
    not_now(b, 8, 1, "out_of_order", 0);
    not_now(b, 9, 70, "out_of_order", 0);
    expect_outcomes(b, "");
    expect_sent(b, "");
    /* Outcomes keep the order of numbers; COMMITTED names what was rejected and lost. */
    rejected(b, 9, 2, 1, "session_closed");
    expect_outcomes(b, "");
    committed(b, 9, 4, 3, 1);
    assert_string_equal(b->outcomes[1].text, "because of it");
    expect_outcomes(b, "1:ok 2:session_closed 3:unknown_session 4:ok");
    committed(b, 9, 2, 0, 0);
    expect_outcomes(b, "");
    rejected(b, 9, 5, 1, "bad_event");
    expect_outcomes(b, "5:bad_event");
    assert_int_equal(offer(b, 7, 1), VD_OK);
    assert_int_equal(b->sent[0].answered, 5);
    committed(b, 9, 7, 5, 1);
    expect_outcomes(b, "6:ok 7:ok");
}

static void test_sends_again(void **state)
{
    bench_t *b = *state;
    begin(b);
    opened(b, 9, 0);
    for (uint64_t token = 1; token <= 4; token++)
        offer(b, token, 2);
    sent_t once = b->sent[0];
    expect_sent(b, "1 3 5 7");
    /* After silence the first one, the same bytes under the same number, less and less often. */
    pass(b, 10000000);
    assert_true(b->sent_count >= 8 && b->sent_count <= 20);
    for (uint32_t i = 0; i < b->sent_count; i++)
        if (b->sent[i].id == VD_MESSAGE_EMIT)
            assert_memory_equal(&b->sent[i], &once, sizeof once);
    b->sent_count = 0;
    committed(b, 9, 2, 0, 0);
    expect_sent(b, "3 5");
    committed(b, 9, 4, 0, 0);
    expect_sent(b, "7");
    not_now(b, 9, 5, "out_of_order", 0);
    expect_sent(b, "5 7");
    not_now(b, 9, 5, "out_of_order", 0);
    expect_sent(b, ""); /* about what was sent before */
    committed(b, 9, 6, 0, 0);
    expect_sent(b, "");
    /* Told to wait, it waits. */
    not_now(b, 9, 7, "overloaded", 500);
    assert_int_equal(vd_emit_state(b->emit), VD_EMIT_WAITING);
    offer(b, 5, 1);
    pass(b, 499000);
    expect_sent(b, "");
    pass(b, 2000);
    expect_sent(b, "7");
    /* Moving to another endpoint keeps epoch and numbers. */
    begin(b);
    expect_sent(b, "7");
    committed(b, 9, 9, 0, 0);
    expect_outcomes(b, "1:ok 2:ok 3:ok 4:ok 5:ok");
}

static void test_bounds(void **state)
{
    bench_t *b = *state;
    begin(b);
    opened(b, 9, 0);
    /* The window: 4096 events; more wait. */
    for (uint64_t token = 1; token <= 5; token++)
        assert_int_equal(offer(b, token, 1000), VD_OK);
    expect_sent(b, "1 1001 2001 3001");
    committed(b, 9, 1000, 0, 0);
    expect_sent(b, "4001");
    /* The ring: what does not fit is not taken. */
    uint64_t token = 6;
    while (offer(b, token, 1) == VD_OK)
        token++;
    assert_int_equal(token - 2, VD_EMIT_FRAMES_MAX);
    uint64_t pending = vd_emit_pending(b->emit);
    assert_int_equal(offer(b, token, 1), VD_OVERLOADED);
    assert_int_equal(vd_emit_pending(b->emit), pending);
    static uint8_t large[VD_EMIT_BYTES_MAX + 1];
    assert_int_equal(vd_emit_offer(b->emit, b->now, vd_str("s"), vd_bytes(large, sizeof large), 1,
                                   1, b->effects),
                     VD_TOO_LARGE);
    assert_int_equal(offer(b, 1, VD_EMIT_EVENTS_MAX + 1), VD_TOO_LARGE);
    /* What the window held back goes out, in several steps when the effects do not hold it. */
    assert_int_equal(b->sent_count, VD_EMIT_WINDOW_EVENTS_MAX - 4000);
    committed(b, 9, 5000, 0, 0);
    pass(b, 10);
    assert_int_equal(b->sent_count, VD_EMIT_FRAMES_MAX - 4);
}

static void test_large_frames(void **state)
{
    bench_t *b = *state;
    static uint8_t large[VD_EMIT_BYTES_MAX];
    vd_bytes_t run = vd_bytes(large, sizeof large);
    begin(b);
    opened(b, 9, 0);
    b->sent_count = 0;
    for (uint64_t mark = 1; mark < 20; mark++) {
        assert_int_equal(vd_emit_offer(b->emit, b->now, vd_str("s"), run, 1, mark, b->effects),
                         VD_OK);
        carry_out(b);
        pass(b, 1);
        assert_int_equal(vd_emit_offer(b->emit, b->now, vd_str("s"), run, 1, mark, b->effects),
                         VD_OVERLOADED); /* the names of the sessions take the last bytes */
        assert_int_equal(offer(b, 1000 + mark, 1), VD_OK);
        committed(b, 9, 2 * mark, 0, 0);
    }
    assert_int_equal(b->outcome_count, 38);
}

static void test_fenced(void **state)
{
    bench_t *b = *state;
    begin(b);
    opened(b, 9, 0);
    offer(b, 1, 1);
    offer(b, 2, 1);
    rejected(b, 9, 1, 0, "fenced");
    expect_outcomes(b, "1:fenced 2:fenced");
    assert_int_equal(vd_emit_state(b->emit), VD_EMIT_FENCED);
    assert_int_equal(offer(b, 3, 1), VD_FENCED);
    b->sent_count = 0;
    committed(b, 9, 2, 0, 0);
    pass(b, 60000000);
    expect_sent(b, "");
    expect_outcomes(b, "");
}

static void test_opens_anew(void **state)
{
    bench_t *b = *state;
    begin(b);
    opened(b, 9, 10);
    for (uint64_t token = 1; token <= 4; token++)
        offer(b, token, 1);
    committed(b, 9, 11, 0, 0);
    b->sent_count = 0;
    /* The store has lost what it had answered: the rest is numbered anew, under a new epoch. */
    not_now(b, 9, 0, "went_back", 0);
    assert_int_equal(vd_emit_state(b->emit), VD_EMIT_OPENING);
    assert_int_not_equal(b->sent[0].life, LIFE);
    committed(b, 9, 14, 0, 0);
    opened(b, 12, 5);
    expect_sent(b, "6 7 8");
    assert_int_equal(vd_emit_epoch(b->emit), 12);
    /* A frame is refused without consuming its number: it ends, the others follow under a new
     * epoch. */
    rejected(b, 12, 7, 0, "number_reused");
    expect_outcomes(b, "1:ok");
    expect_sent(b, "OPEN");
    begin(b);
    opened(b, 13, 6);
    expect_outcomes(b, "2:ok 3:number_reused");
    expect_sent(b, "7");
    committed(b, 13, 7, 0, 0);
    expect_outcomes(b, "4:ok");
}

/* A row of rejects, as COMMITTED and OPENED have it. */
static void committed_existing(bench_t *b, uint64_t epoch, uint64_t mark, uint64_t first,
                               uint64_t seq)
{
    vd_message_t message = {.id = VD_MESSAGE_COMMITTED};
    message.committed.epoch = epoch;
    message.committed.mark = mark;
    message.committed.store = vd_str("0123456789abcdef");
    message.committed.index = 100 + mark;
    vd_buffer_t rows;
    vd_buffer_init(&rows, 1024);
    vd_reject_record_t row = {.first = first, .count = 1, .status = vd_str("exists"), .seq = seq};
    vd_write_array(&rows, 1);
    assert_int_equal(vd_record_encode(VD_RECORD_reject, &row, &rows), VD_OK);
    message.committed.rejects = vd_buffer_view(&rows);
    hear(b, &message);
    vd_buffer_free(&rows);
}

static void test_records(void **state)
{
    bench_t *b = *state;
    static const uint8_t bytes[300] = {7};
    begin(b);
    opened(b, 9, 0);
    for (uint64_t token = 1; token <= 3; token++) {
        assert_int_equal(vd_emit_offer_record(b->emit, b->now, vd_str("some-session"),
                                              vd_str(token < 3 ? "order#7" : ""),
                                              vd_bytes(bytes, sizeof bytes), 1, token, b->effects),
                         VD_OK);
        carry_out(b);
    }
    assert_string_equal(b->sent[0].record, "order#7");
    assert_string_equal(b->sent[1].record, "order#7");
    assert_string_equal(b->sent[2].record, "");
    assert_int_equal(b->sent[0].sum, vd_crc32c(0, vd_bytes(bytes, sizeof bytes)));
    /* Told by REJECTED, while an older one is open; then by a row alone. */
    vd_message_t message = {.id = VD_MESSAGE_REJECTED};
    message.rejected.epoch = 9;
    message.rejected.first = 2;
    message.rejected.count = 1;
    message.rejected.status = vd_str("exists");
    message.rejected.seq = 41;
    message.rejected.text = vd_str("as some-session:41");
    hear(b, &message);
    assert_int_equal(b->outcome_count, 0);
    b->sent_count = 0;
    pass(b, 3000000); /* sent again: the record goes with it */
    assert_string_equal(b->sent[0].record, "order#7");
    committed_existing(b, 9, 3, 1, 40);
    expect_outcomes(b, "1:exists 2:exists 3:ok");
    assert_int_equal(b->outcomes[0].seq, 40);
    assert_string_equal(b->outcomes[0].session, "some-session");
    assert_int_equal(b->outcomes[1].seq, 41);
    assert_string_equal(b->outcomes[1].session, "some-session");
    assert_string_equal(b->outcomes[1].text, "as some-session:41");
}

static void test_signs_of_life(void **state)
{
    bench_t *b = *state;
    begin(b);
    opened(b, 9, 0);
    for (unsigned i = 0; i < 6; i++) {
        pass(b, 10LL * 1000000);
        expect_sent(b, "OPEN");
        opened(b, 9, 0);
    }
    pass(b, 10LL * 1000000);
    assert_int_equal(b->sent[0].epoch, 9);
    assert_int_equal(b->sent[0].life, LIFE);
    /* Fenced by the answer to one. */
    vd_message_t message = {.id = VD_MESSAGE_REJECTED, .correlation = b->sent[0].correlation};
    message.rejected.status = vd_str("fenced");
    hear(b, &message);
    assert_int_equal(vd_emit_state(b->emit), VD_EMIT_FENCED);
}

/* A connection whose other end is gone without a word is left after 3 s without an answer, whether
 * something waits or not; one on which answers come is kept. */
static void test_renews(void **state)
{
    bench_t *b = *state;
    begin(b);
    opened(b, 9, 0);
    assert_int_equal(b->connections, 1);
    pass(b, 9LL * 1000000);
    assert_int_equal(b->connections, 1); /* nothing was asked */
    assert_int_equal(offer(b, 1, 1), VD_OK);
    pass(b, 2900000);
    assert_int_equal(b->connections, 1);
    pass(b, 200000);
    assert_int_equal(b->connections, 2);
    committed(b, 9, 1, 0, 0);
    expect_outcomes(b, "1:ok");
    b->sent_count = 0;
    pass(b, 14LL * 1000000); /* with its sign of life alone */
    assert_int_equal(b->connections, 3);
    expect_sent(b, "OPEN OPEN");
    opened(b, 9, 1);
    pass(b, 9LL * 1000000);
    assert_int_equal(b->connections, 3);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_opening),       CASE(test_answers),      CASE(test_sends_again),
        CASE(test_bounds),        CASE(test_large_frames), CASE(test_fenced),
        CASE(test_opens_anew),    CASE(test_records),      CASE(test_opens_anew),
        CASE(test_signs_of_life), CASE(test_renews),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
