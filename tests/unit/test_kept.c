/* test_kept.c: which positions are kept. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_places_and_their_chains, bench_set_up,
                                        bench_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
