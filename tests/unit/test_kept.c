/* test_kept.c: which positions, and which states of observers, are kept. */
#include "sequencer_bench.h"

#include "kept.h"

/* Asks for a position of this store to be kept. VD_OK: it is on its way to the store. */
static vd_status_t save(bench_t *b, uint64_t index, uint64_t offset, uint32_t chain)
{
    vd_effects_t *effects = vd_effects_new();
    vd_message_t message = {.id = VD_MESSAGE_SAVE_POSITION, .correlation = 1}, answer;
    vd_input_t input = {
        .kind = VD_INPUT_MESSAGE, .peer = vd_peer_named("reader"), .message = &message};
    vd_store_tail_t tail;
    vd_kept_t kept;
    vd_status_t status = VD_OK;
    assert_non_null(effects);
    vd_store_tail(b->store, &tail);
    vd_kept_init(&kept, b->store);
    message.save_position = (vd_save_position_body_t){.name = vd_str("reader"),
                                                      .store = vd_str(tail.id),
                                                      .index = index,
                                                      .offset = offset,
                                                      .chain = chain};
    assert_true(vd_kept_step(&kept, b->now, &input, effects));
    assert_int_equal(effects->count, 1);
    const vd_effect_t *effect = &effects->list[0];
    if (effect->kind == VD_EFFECT_SEND) {
        status =
            vd_message_decode(vd_effect_header(effects, effect), vd_effect_body(effects, effect),
                              vd_effect_payload(effects, effect), &answer);
        assert_int_equal(status, VD_OK);
        assert_int_equal(answer.id, VD_MESSAGE_ERROR);
        status = vd_status_of_name(answer.error.status);
    } else {
        assert_int_equal(effect->kind, VD_EFFECT_DO);
        assert_int_equal(effect->id, VD_KEPT_WRITE);
    }
    vd_effects_destroy(&effects);
    return status;
}

/* A place inside of a commit has the chain of that commit, one between two the chain of the first. */
static void test_places_and_their_chains(void **state)
{
    bench_t *b = *state;
    vd_store_tail_t tail;
    uint32_t before = 0;
    uint64_t p = bench_begin(b, "p");
    bench_emit(b, "p", p, 2, "s", "x y z");
    vd_store_tail(b->store, &tail);
    assert_int_equal(vd_store_chain(b->store, tail.index - 1, &before), VD_OK);
    assert_int_equal(save(b, tail.index, 0, tail.chain), VD_OK);
    assert_int_equal(save(b, tail.index - 1, 0, before), VD_OK);
    assert_int_equal(save(b, tail.index - 1, 2, tail.chain), VD_OK);
    assert_int_equal(save(b, tail.index - 1, 2, before), VD_WENT_BACK);
    assert_int_equal(save(b, tail.index - 1, 0, tail.chain), VD_WENT_BACK);
    assert_int_equal(save(b, tail.index, 1, tail.chain), VD_WENT_BACK);
    assert_int_equal(save(b, tail.index + 1, 0, tail.chain), VD_WENT_BACK);
    assert_int_equal(save(b, UINT64_MAX, 0, 0), VD_WENT_BACK);
    assert_int_equal(save(b, UINT64_MAX, 1, 0), VD_WENT_BACK); /* the next commit has no number */
}

/* ---- states of observers ---- */

/* The part with its store; what it hands out waits until it is written. */
typedef struct keeping {
    bench_t *b;
    vd_kept_t kept;
    vd_effects_t *effects;
    uint32_t waiting;
    uint64_t tokens[VD_KEPT_WRITES];
    const vd_kept_write_t *writes[VD_KEPT_WRITES];
    vd_message_t answer; /* the last one */
    uint64_t logged;
} keeping_t;

static void keeping_begin(keeping_t *k, bench_t *b)
{
    *k = (keeping_t){.b = b, .effects = vd_effects_new()};
    assert_non_null(k->effects);
    vd_kept_init(&k->kept, b->store);
}

static void keeping_end(keeping_t *k)
{
    vd_kept_free(&k->kept);
    vd_effects_destroy(&k->effects);
}

static void keeping_step(keeping_t *k, const vd_input_t *input)
{
    vd_effects_clear(k->effects);
    k->answer = (vd_message_t){0};
    assert_true(vd_kept_step(&k->kept, k->b->now, input, k->effects));
    for (size_t i = 0; i < k->effects->count; i++) {
        const vd_effect_t *effect = &k->effects->list[i];
        if (effect->kind == VD_EFFECT_SEND)
            assert_int_equal(vd_message_decode(vd_effect_header(k->effects, effect),
                                               vd_effect_body(k->effects, effect),
                                               vd_effect_payload(k->effects, effect), &k->answer),
                             VD_OK);
        else if (effect->kind == VD_EFFECT_DO) {
            assert_int_equal(effect->id, VD_KEPT_WRITE);
            assert_true(k->waiting < VD_KEPT_WRITES);
            k->tokens[k->waiting] = effect->token;
            k->writes[k->waiting++] = effect->object;
        } else
            k->logged++;
    }
}

/* Asks; the status of the answer, or VD_OK: it is on its way to the store. */
static vd_status_t keeping_ask(keeping_t *k, const vd_message_t *message)
{
    vd_input_t input = {
        .kind = VD_INPUT_MESSAGE, .peer = vd_peer_named("observer"), .message = message};
    keeping_step(k, &input);
    return k->answer.id == VD_MESSAGE_ERROR ? vd_status_of_name(k->answer.error.status) : VD_OK;
}

/* Writes the first that waits. The status of the answer. */
static vd_status_t keeping_write(keeping_t *k)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    assert_true(k->waiting > 0);
    vd_status_t status = vd_kept_perform(k->b->store, k->writes[0], error, sizeof error);
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = VD_KEPT_WRITE,
                        .token = k->tokens[0],
                        .status = status,
                        .result = error};
    k->waiting--;
    memmove(k->tokens, k->tokens + 1, k->waiting * sizeof *k->tokens);
    memmove(k->writes, k->writes + 1, k->waiting * sizeof *k->writes);
    keeping_step(k, &input);
    assert_int_equal(k->answer.id, status == VD_OK ? VD_MESSAGE_DONE : VD_MESSAGE_ERROR);
    return status;
}

/* One value of `size` bytes, with 5 of its head among them. */
static vd_bytes_t value_of(vd_buffer_t *out, size_t size)
{
    static const uint8_t zeros[4096];
    vd_buffer_clear(out);
    uint8_t head[] = {0xc6, (uint8_t)((size - 5) >> 24), (uint8_t)((size - 5) >> 16),
                      (uint8_t)((size - 5) >> 8), (uint8_t)(size - 5)};
    assert_true(size >= 5 && vd_buffer_add(out, head, sizeof head));
    while (out->size < size)
        assert_true(vd_buffer_add(
            out, zeros, size - out->size < sizeof zeros ? size - out->size : sizeof zeros));
    return vd_buffer_view(out);
}

static vd_message_t save_of(const vd_store_tail_t *tail, vd_bytes_t payload)
{
    vd_message_t message = {.id = VD_MESSAGE_SAVE_SNAPSHOT, .correlation = 7, .payload = payload};
    message.save_snapshot =
        (vd_save_snapshot_body_t){.observer = vd_str("o"),
                                  .version = 3,
                                  .session = vd_str("s"),
                                  .store = vd_str(tail->id),
                                  .index = tail->index,
                                  .chain = tail->chain,
                                  .seq = 3,
                                  .cycle = 9,
                                  .at_ms = tail->time_ms - 5000}; /* a clock that was set back */
    return message;
}

static vd_message_t load_of(uint64_t version)
{
    vd_message_t message = {.id = VD_MESSAGE_LOAD_SNAPSHOT, .correlation = 8};
    message.load_snapshot = (vd_load_snapshot_body_t){
        .observer = vd_str("o"), .version = version, .session = vd_str("s")};
    return message;
}

static void begin_session(bench_t *b, vd_store_tail_t *tail)
{
    uint64_t p = bench_begin(b, "p");
    bench_emit(b, "p", p, 2, "s", "x y z");
    vd_store_tail(b->store, tail);
}

static void test_a_state_is_handed_out_as_it_was_saved(void **state)
{
    keeping_t k;
    vd_store_tail_t tail;
    vd_buffer_t bytes;
    keeping_begin(&k, *state);
    begin_session(*state, &tail);
    vd_buffer_init(&bytes, 2 * VD_STATE_BYTES_MAX);
    vd_message_t save = save_of(&tail, value_of(&bytes, 5000)), load = load_of(3);
    assert_int_equal(keeping_ask(&k, &load), VD_NOT_FOUND);
    assert_int_equal(keeping_ask(&k, &save), VD_OK);
    assert_int_equal(k.answer.id, 0); /* not before it is written */
    assert_int_equal(keeping_ask(&k, &load), VD_NOT_FOUND);
    assert_int_equal(keeping_write(&k), VD_OK);
    assert_int_equal(k.answer.correlation, 7);
    assert_int_equal(keeping_ask(&k, &load), VD_OK);
    assert_int_equal(k.answer.id, VD_MESSAGE_STORED_SNAPSHOT);
    const vd_stored_snapshot_body_t *found = &k.answer.stored_snapshot;
    assert_true(vd_str_is(found->observer, "o") && vd_str_is(found->session, "s"));
    assert_true(vd_str_is(found->store, tail.id));
    assert_int_equal(found->version, 3);
    assert_int_equal(found->index, tail.index);
    assert_int_equal(found->offset, 0);
    assert_int_equal(found->chain, tail.chain);
    assert_int_equal(found->seq, 3);
    assert_int_equal(found->cycle, 9);
    assert_int_equal(found->at_ms, tail.time_ms);
    assert_int_equal(k.answer.payload.size, 5000);
    assert_memory_equal(k.answer.payload.data, bytes.data, 5000);
    load = load_of(2);
    assert_int_equal(keeping_ask(&k, &load), VD_NOT_FOUND);
    assert_int_equal(k.logged, 0);
    vd_buffer_free(&bytes);
    keeping_end(&k);
}

static void test_states_that_are_refused(void **state)
{
    keeping_t k;
    vd_store_tail_t tail;
    vd_buffer_t bytes;
    keeping_begin(&k, *state);
    begin_session(*state, &tail);
    vd_buffer_init(&bytes, 2 * VD_STATE_BYTES_MAX);
    vd_bytes_t value = value_of(&bytes, 100);
    const vd_message_t good = save_of(&tail, value);
    vd_message_t bad = good;
    bad.save_snapshot.store = vd_str("0123456789abcdef");
    assert_int_equal(keeping_ask(&k, &bad), VD_WENT_BACK);
    bad = good;
    bad.save_snapshot.index++;
    assert_int_equal(keeping_ask(&k, &bad), VD_WENT_BACK);
    bad = good;
    bad.save_snapshot.chain ^= 1;
    assert_int_equal(keeping_ask(&k, &bad), VD_WENT_BACK);
    bad.save_snapshot.chain = good.save_snapshot.chain | 0x100000000;
    assert_int_equal(keeping_ask(&k, &bad), VD_WENT_BACK);
    bad = good;
    bad.save_snapshot.observer = vd_str("no blank");
    assert_int_equal(keeping_ask(&k, &bad), VD_USAGE);
    bad = good;
    bad.save_snapshot.session = vd_str("");
    assert_int_equal(keeping_ask(&k, &bad), VD_USAGE);
    bad = good;
    bad.payload.size--;
    assert_int_equal(keeping_ask(&k, &bad), VD_MALFORMED);
    bad.payload.size = 0;
    assert_int_equal(keeping_ask(&k, &bad), VD_MALFORMED);
    bad.payload = value_of(&bytes, VD_STATE_BYTES_MAX + 1);
    assert_int_equal(keeping_ask(&k, &bad), VD_TOO_LARGE);
    assert_int_equal(k.waiting, 0);
    /* Who writes sees that the session is none. */
    bad = good;
    bad.payload = value_of(&bytes, VD_STATE_BYTES_MAX);
    bad.save_snapshot.session = vd_str("t");
    assert_int_equal(keeping_ask(&k, &bad), VD_OK);
    assert_int_equal(keeping_write(&k), VD_UNKNOWN_SESSION);
    vd_message_t load = load_of(3);
    assert_int_equal(keeping_ask(&k, &load), VD_NOT_FOUND);
    vd_buffer_free(&bytes);
    keeping_end(&k);
}

static void test_what_waits_is_bounded_in_bytes_and_number(void **state)
{
    keeping_t k;
    vd_store_tail_t tail;
    vd_buffer_t bytes;
    uint32_t large = 0;
    keeping_begin(&k, *state);
    begin_session(*state, &tail);
    vd_buffer_init(&bytes, 2 * VD_STATE_BYTES_MAX);
    vd_message_t save = save_of(&tail, value_of(&bytes, VD_STATE_BYTES_MAX));
    while (keeping_ask(&k, &save) == VD_OK)
        assert_true(++large <= VD_KEPT_WRITES);
    assert_int_equal(vd_status_of_name(k.answer.error.status), VD_OVERLOADED);
    assert_int_equal(large, VD_STATE_QUEUE_BYTES_MAX / VD_STATE_BYTES_MAX);
    assert_int_equal(keeping_write(&k), VD_OK);
    assert_int_equal(keeping_ask(&k, &save), VD_OK);
    while (k.waiting > 0)
        assert_int_equal(keeping_write(&k), VD_OK);
    save.payload = value_of(&bytes, 10);
    for (uint32_t i = 0; i < VD_KEPT_WRITES; i++)
        assert_int_equal(keeping_ask(&k, &save), VD_OK);
    assert_int_equal(keeping_ask(&k, &save), VD_OVERLOADED);
    vd_buffer_free(&bytes);
    keeping_end(&k); /* what waits still is freed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_state_is_handed_out_as_it_was_saved, bench_set_up,
                                        bench_tear_down),
        cmocka_unit_test_setup_teardown(test_states_that_are_refused, bench_set_up,
                                        bench_tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_is_bounded_in_bytes_and_number,
                                        bench_set_up, bench_tear_down),
        cmocka_unit_test_setup_teardown(test_places_and_their_chains, bench_set_up,
                                        bench_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
