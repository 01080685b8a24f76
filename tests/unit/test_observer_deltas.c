/* test_observer_deltas.c: what an observer tells from cycle to cycle: the first one, those in which
 * sources failed, and what happens when a source leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/observer_world.h"

/* Which words the deltas tell that are held, each in a cycle of its own number. */
static void assert_told(world_t *world, const char *const *words, uint32_t count)
{
    vd_value_t items = deltas(world, 0, 0), item, events, event, data;
    uint32_t told = 0;
    uint64_t cycle = 0;
    while (vd_value_next(&items.bytes, &item)) {
        bool is_cycle = vd_str_is(vd_value_get_str(&item, "kind"), "cycle");
        assert_true(is_cycle || vd_str_is(vd_value_get_str(&item, "kind"), "error"));
        uint64_t number = vd_value_get_u64(&item, "cycle", 0);
        assert_true(is_cycle ? number > cycle : number >= cycle);
        cycle = number;
        assert_true(vd_value_get(&item, "events", &events));
        assert_true(is_cycle || events.count == 0);
        while (vd_value_next(&events.bytes, &event)) {
            assert_true(vd_value_get(&event, "data", &data));
            assert_true(told < count && vd_str_is(vd_value_str(&data), words[told]));
            told++;
        }
    }
    assert_int_equal(told, count);
}

static void test_the_first_cycle_is_told(void **state)
{
    world_t *world = *state;
    static const char *const words[] = {"tree", "house"};
    see(world, "tree");
    assert_true(vd_host_cycle(world->host) >= 1);
    see(world, "house");
    assert_told(world, words, 2);
    /* And that of a life that goes on from another one. */
    kill_host(world);
    see(world, "moon");
    pass(world, 3000);
    static const char *const later[] = {"moon"};
    assert_told(world, later, 1);
}

static void assert_sources(world_t *world, uint32_t count, uint64_t failed)
{
    vd_value_t all = snapshot(world), sources;
    assert_int_equal(vd_value_get_u64(&all, "source_count", 99), count);
    assert_int_equal(vd_value_get_u64(&all, "sources_failed", 99), failed);
    assert_true(vd_value_get(&all, "sources", &sources));
    assert_int_equal(sources.count, count);
}

static void test_cycles_in_which_a_source_fails_are_told(void **state)
{
    world_t *world = *state;
    static const char *const words[] = {"tree", "house", "moon"};
    see(world, "tree");
    add_second(world);
    pass(world, 1000);
    assert_sources(world, 2, 1);
    assert_error(world, "read", true);
    see(world, "house");
    pass(world, 5000);
    see(world, "moon");
    assert_told(world, words, 3);
    assert_word(world, "moon");
    assert_error(world, "read", true);
}

static void test_a_source_that_left_leaves_nothing_behind(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    add_second(world);
    pass(world, 1000);
    assert_error(world, "read", true);
    remove_source(world, "two");
    deliver(world);
    assert_sources(world, 1, 0); /* at once, before any cycle */
    uint64_t cycle = vd_host_cycle(world->host);
    pass(world, 5000);
    assert_true(vd_host_cycle(world->host) > cycle);
    assert_error(world, "read", false); /* kept, and over */
}

static void test_the_last_source_that_left_leaves_no_error(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    add_second(world);
    pass(world, 1000);
    remove_source(world, "one");
    pass(world, 5000);
    assert_error(world, "read", true);
    remove_source(world, "two");
    uint64_t cycle = vd_host_cycle(world->host);
    pass(world, 5000);
    assert_sources(world, 0, 0);
    assert_error(world, "read", false);
    assert_true(vd_host_cycle(world->host) > cycle); /* turns go on without any */
}

/* Events that another store does not have are not told as if it had them. */
static void test_another_store_takes_back_what_was_told(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    forget_store(world);
    world->sessions[0].seq = 0;
    world->store = "bbbb";
    vd_message_t answer = {.id = VD_MESSAGE_NOT_NOW};
    answer.not_now.epoch = world->epoch;
    answer.not_now.status = vd_str("went_back");
    post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
    pass(world, 5000);
    vd_message_t read = {.id = VD_MESSAGE_READ, .correlation = 5};
    read.read_items.feed = vd_str("state");
    read.read_items.inc = INC;
    post(world, VD_HOST_PORT_REQUESTS, "someone", &read);
    deliver(world);
    assert_int_equal(world->answer_id, VD_MESSAGE_RESET);
    static const char *const words[] = {"tree"};
    assert_told(world, words, 1); /* stored there now, and told once */
}

int main(void)
{
#define DELTA_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        DELTA_TEST(test_the_first_cycle_is_told),
        DELTA_TEST(test_cycles_in_which_a_source_fails_are_told),
        DELTA_TEST(test_a_source_that_left_leaves_nothing_behind),
        DELTA_TEST(test_the_last_source_that_left_leaves_no_error),
        DELTA_TEST(test_another_store_takes_back_what_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
