/* test_auditor.c: the auditor among peers that tell the truth, and among one that does not. */
#include "auditor_world.h"

static auditor_world_t *world(void **state)
{
    return *state;
}

static int set_up(void **state)
{
    *state = auditor_world_new(false, 0, "");
    return 0;
}

static int set_up_with_canary(void **state)
{
    *state = auditor_world_new(true, 2 * SECOND, "");
    return 0;
}

static int tear_down(void **state)
{
    auditor_world_free(*state);
    return 0;
}

static void the_truth_is_no_violation(void **state)
{
    static const vd_invariant_t had[] = {
        VD_INVARIANT_commit_chain,      VD_INVARIANT_store_kept,
        VD_INVARIANT_head_grows,        VD_INVARIANT_live_same,
        VD_INVARIANT_published_same,    VD_INVARIANT_relay_same,
        VD_INVARIANT_relay_head,        VD_INVARIANT_positions_held,
        VD_INVARIANT_observer_position, VD_INVARIANT_one_poller,
        VD_INVARIANT_one_incarnation,   VD_INVARIANT_restarts_told,
        VD_INVARIANT_session_begins,    VD_INVARIANT_acknowledged_stored};
    auditor_world_t *self = *state;
    auditor_world_run(self, 60 * SECOND);
    auditor_world_holds(self);
    for (size_t i = 0; i < sizeof had / sizeof had[0]; i++)
        if (auditor_world_book(self)->checked[had[i]] == 0)
            fail_msg("%s was never checked", vd_invariant_name(had[i]));
    vd_auditor_view_t view;
    vd_auditor_look(self->auditor, &view);
    assert_int_equal(view.from, 1);
    assert_true(view.position + 5 >= self->store->count);
    assert_string_equal(self->trouble, "");
}

static void silence_is_no_violation(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.silent = true;
    auditor_world_run(self, 60 * SECOND);
    auditor_world_holds(self);
    assert_non_null(strstr(self->trouble, "does not answer"));
    self->lies.silent = false;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_holds(self);
    assert_string_equal(self->trouble, "");
    vd_auditor_view_t view;
    vd_auditor_look(self->auditor, &view);
    assert_true(view.position + 5 >= self->store->count && view.unanswered > 0);
}

static void standing_still_is_no_violation(void **state)
{
    auditor_world_t *self = world(state);
    self->frozen = true;
    auditor_world_run(self, 30 * SECOND);
    self->frozen = false;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_holds(self);
}

static void what_was_pruned_is_unknown(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.reset = "pruned";
    auditor_world_run(self, 10 * SECOND);
    auditor_world_holds(self);
    vd_auditor_view_t view;
    vd_auditor_look(self->auditor, &view);
    assert_int_equal(view.restarts, 1);
    assert_int_equal(view.from, 1); /* the first that is held */
}

static void a_store_that_goes_back(void **state)
{
    auditor_world_t *self = world(state);
    audited_cut(self->store, self->store->count - 4);
    auditor_world_run(self, 20 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_store_kept, "newest commit");
    assert_int_equal(auditor_world_book(self)->violated[VD_INVARIANT_store_kept], 1);
}

static void another_store(void **state)
{
    auditor_world_t *self = world(state);
    snprintf(self->store->id, sizeof self->store->id, "fedcba9876543210");
    auditor_world_run(self, 10 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_store_kept, "0123456789abcdef");
    assert_non_null(strstr(auditor_world_book(self)->last[VD_INVARIANT_store_kept].evidence,
                           "fedcba9876543210"));
}

static void a_store_that_cannot_be_read_on(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.reset = "corrupt";
    auditor_world_run(self, 10 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_store_whole, "as the test says");
}

static void a_head_that_goes_back(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.head_back = 15;
    auditor_world_run(self, SECOND);
    self->lies.head_back = 0;
    auditor_world_run(self, 10 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_head_grows, "one after the other");
}

static void live_of_another_history(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.live_chain = 1;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_live_same, "the live stream says chain");
}

static void live_with_other_content(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.live_content = true;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_live_same, "what it brought gives");
}

static void published_with_other_content(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.published_content = true;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_published_same, "published in commit");
}

static void published_and_not_stored(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.published_nowhere = true;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_published_same, "the session ends before");
}

static void a_relay_of_another_history(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.relay_chain = 1;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_relay_same, "relay-1 says chain");
}

static void a_relay_that_is_ahead(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.relay_ahead = 1000;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_relay_head, "after relay-1 had told it");
}

static void a_position_that_is_ahead(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.position_ahead = 1000;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_positions_held, "after somebody had told it");
}

static void an_observer_that_is_ahead(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.observer_ahead = 1000;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_observer_position, "after host had told it");
}

static void an_observer_that_goes_back(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.observer_back = true;
    auditor_world_run(self, 40 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_observer_position, "in one life");
}

static void two_pollers_of_one_source(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.readers = 3; /* for as long as a lease takes: no violation */
    auditor_world_run(self, 50 * SECOND);
    self->lies.readers = 1;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_holds(self);
    self->lies.readers = 3; /* the time before, which has ended, does not count */
    auditor_world_run(self, 50 * SECOND);
    auditor_world_holds(self);
    auditor_world_run(self, 40 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_one_poller, "both have told");
}

static void three_pollers_of_one_source(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.readers = 7;
    auditor_world_run(self, 50 * SECOND);
    auditor_world_holds(self);
    auditor_world_run(self, 40 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_one_poller, "both have told");
}

/* At each moment two read it, and no two of them for long. */
static void a_source_that_moves_on_and_on(void **state)
{
    static const uint32_t readers[] = {3, 6, 5, 3, 7, 6, 5};
    auditor_world_t *self = world(state);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        self->lies.readers = readers[i];
        auditor_world_run(self, (readers[i] == 7 ? 5 : 30) * SECOND);
    }
    auditor_world_holds(self);
}

/* One who reads it seldom has a long lease, whatever the interval is at the other. */
static void a_long_lease_at_one_of_two(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.interval_ms = 60 * 1000;
    self->lies.interval_2_ms = 1000;
    self->lies.readers = 3;
    auditor_world_run(self, 280 * SECOND);
    auditor_world_holds(self);
    auditor_world_run(self, 60 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_one_poller, "both have told");
}

static void two_processes_of_one_name(void **state)
{
    auditor_world_t *self = world(state);
    self->lies.two_of_a_name = true; /* a queue that is emptied: no violation */
    auditor_world_run(self, 5 * SECOND);
    self->lies.two_of_a_name = false;
    auditor_world_run(self, 10 * SECOND);
    auditor_world_holds(self);
    self->lies.two_of_a_name = true;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_one_incarnation, "have replaced each other");
}

static void restarts_that_nobody_tells(void **state)
{
    auditor_world_t *self = world(state);
    auditor_world_run(self, 10 * SECOND);
    auditor_world_holds(self);
    self->lies.restarts = 1;
    auditor_world_run(self, 60 * SECOND);
    self->inc_of_feeds++; /* another snapshot */
    auditor_world_run(self, 20 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_restarts_told, "process 77");
}

static void an_event_that_is_acknowledged_and_lost(void **state)
{
    auditor_world_t *self = world(state);
    auditor_world_run(self, 5 * SECOND);
    auditor_world_holds(self);
    self->lies.forgets_canary = true;
    auditor_world_run(self, 10 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_acknowledged_stored, "not found");
}

#define TEST(name)   cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CANARY(name) cmocka_unit_test_setup_teardown(name, set_up_with_canary, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CANARY(the_truth_is_no_violation),    TEST(silence_is_no_violation),
        TEST(standing_still_is_no_violation), TEST(what_was_pruned_is_unknown),
        TEST(a_store_that_goes_back),         TEST(another_store),
        TEST(a_store_that_cannot_be_read_on), TEST(a_head_that_goes_back),
        TEST(live_of_another_history),        TEST(live_with_other_content),
        TEST(published_with_other_content),   TEST(published_and_not_stored),
        TEST(a_relay_of_another_history),     TEST(a_relay_that_is_ahead),
        TEST(a_position_that_is_ahead),       TEST(an_observer_that_is_ahead),
        TEST(an_observer_that_goes_back),     TEST(two_pollers_of_one_source),
        TEST(three_pollers_of_one_source),    TEST(a_source_that_moves_on_and_on),
        TEST(a_long_lease_at_one_of_two),     TEST(two_processes_of_one_name),
        TEST(restarts_that_nobody_tells),     CANARY(an_event_that_is_acknowledged_and_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
