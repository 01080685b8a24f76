/* test_auditor_lies.c: what peers and users make up neither ends the auditor nor is taken for a
 * violation of others. */
#include "auditor_world.h"

#include <inttypes.h>

static int set_up(void **state)
{
    *state = auditor_world_new(false, 0, "");
    return 0;
}

static int set_up_with_canary(void **state)
{
    *state = auditor_world_new(true, SECOND, "");
    return 0;
}

static int set_up_with_no_name(void **state)
{
    *state = auditor_world_new(true, SECOND, "no name!");
    return 0;
}

static int tear_down(void **state)
{
    auditor_world_free(*state);
    return 0;
}

static vd_auditor_view_t view(const auditor_world_t *self)
{
    vd_auditor_view_t seen;
    vd_auditor_look(self->auditor, &seen);
    return seen;
}

/* ---- names ---- */

static void started_with_what_is_no_session(void **state)
{
    auditor_world_t *self = *state;
    auditor_world_run(self, 10 * SECOND);
    auditor_world_holds(self);
    assert_true(self->emit_mark > 5);
}

/* Anyone may end the runtime's session. What follows in it is another matter. */
static void continued_by_what_is_no_session(void **state)
{
    static const char *const names[] = {
        "no name!", "0123456789012345678901234567890123456789012345678901234567890123456789"};
    auditor_world_t *self = *state;
    for (int i = 0; i < 2; i++) {
        audited_add(self->store, AUDITOR_WORLD_SESSION, "session_ended", "continued_by", names[i]);
        audited_seal(self->store, self->now.wall_ms, 1);
        uint64_t before = self->emit_mark;
        auditor_world_run(self, 3 * SECOND);
        assert_true(self->emit_mark >= before + 2);
    }
    auditor_world_is_violated(self, VD_INVARIANT_session_ends, "has it with type");
}

static void a_supervisor_that_tells_no_session(void **state)
{
    auditor_world_t *self = *state;
    self->lies.session = "no name!";
    uint64_t before = self->emit_mark;
    auditor_world_run(self, 12 * SECOND);
    auditor_world_holds(self);
    assert_true(self->emit_mark >= before + 5);
}

static void a_name_that_another_has_taken(void **state)
{
    auditor_world_t *self = *state;
    assert_int_equal(self->ended, VD_OK);
    self->lies.fenced = true;
    auditor_world_run(self, 5 * SECOND);
    assert_int_equal(self->ended, VD_FENCED);
}

/* ---- streams ---- */

static void a_stream_that_begins_with_a_chain_of_nothing(void **state)
{
    auditor_world_t *self = *state;
    self->lies.chain_of_nothing = 5;
    auditor_world_run(self, 10 * SECOND);
    const vd_book_t *book = auditor_world_book(self);
    assert_true(book->violated[VD_INVARIANT_relay_same] > 0);
    assert_true(book->violated[VD_INVARIANT_live_same] > 0);
    assert_non_null(strstr(book->last[VD_INVARIANT_relay_same].evidence, "with chain 5"));
    self->lies.reset = "corrupt"; /* it begins anew, where the ingestor says */
    auditor_world_run(self, 10 * SECOND);
    assert_int_equal(view(self).from, 1);
    assert_true(view(self).position + 5 >= self->store->count);
    assert_int_equal(book->violated[VD_INVARIANT_commit_chain], 0);
}

static void a_relay_that_brings_nothing(void **state)
{
    auditor_world_t *self = *state;
    self->lies.relay_brings = "";
    auditor_world_run(self, 10 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_relay_same, "the last commit in it is");
}

static void a_relay_that_brings_what_cannot_be_read(void **state)
{
    auditor_world_t *self = *state;
    self->lies.relay_brings = "\xc1";
    auditor_world_run(self, 10 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_relay_same, "cannot be read");
}

/* Who still knows what the ingestor has lost is no liar. */
static void after_the_head_went_back_others_have_time(void **state)
{
    auditor_world_t *self = *state;
    self->lies.head_back = 15;
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_head_grows, "one after the other");
    assert_int_equal(auditor_world_book(self)->violated[VD_INVARIANT_head_grows], 1);
}

/* ---- why nothing is checked ---- */

static void says(auditor_world_t *self, const char *why)
{
    auditor_world_run(self, 25 * SECOND);
    auditor_world_holds(self);
    if (strstr(self->trouble, why) == NULL)
        fail_msg("it says \"%s\"", self->trouble);
    assert_non_null(strstr(self->trouble, "nothing is checked behind commit"));
    self->lies = (auditor_lies_t){.session = AUDITOR_WORLD_SESSION, .interval_ms = 1000};
    auditor_world_run(self, 5 * SECOND);
    assert_string_equal(self->trouble, "");
    assert_true(view(self).position + 5 >= self->store->count);
}

static void an_ingestor_that_says_why(void **state)
{
    auditor_world_t *self = *state;
    self->lies.error = "the disk is full; make room";
    says(self, "answers store_trouble: the disk is full; make room");
}

static void an_ingestor_that_brings_nothing_more(void **state)
{
    auditor_world_t *self = *state;
    self->lies.stuck = true;
    says(self, "answers with nothing although its newest commit is");
}

static void an_ingestor_that_brings_what_cannot_be_read(void **state)
{
    auditor_world_t *self = *state;
    self->lies.unreadable = true;
    says(self, "cannot be read");
}

/* ---- time ---- */

/* An answer that has waited while the auditor stood still is the first that it hears. */
static void what_waited_while_it_stood_still(void **state)
{
    auditor_world_t *self = *state;
    self->lies.relay_ahead = 1000; /* what it said is open when it stands still */
    for (uint64_t starts = self->relay_starts; self->relay_starts == starts;)
        auditor_world_run(self, SECOND / 20);
    self->lies.relay_ahead = 0;
    auditor_world_run(self, 2 * SECOND);
    self->lies.holds_fetch = true;
    auditor_world_run(self, SECOND / 2);
    self->frozen = true;
    auditor_world_run(self, 10 * SECOND);
    self->frozen = self->lies.holds_fetch = false;
    auditor_world_answer_held(self);
    auditor_world_run(self, 10 * SECOND);
    auditor_world_holds(self);
}

/* ---- bounds ---- */

static void sources_over_the_bound_are_counted(void **state)
{
    auditor_world_t *self = *state;
    auditor_world_run(self, 10 * SECOND);
    assert_int_equal(view(self).left_out, 0);
    self->lies.sources = VD_AUDITOR_READS_MAX + 20;
    auditor_world_run(self, 10 * SECOND);
    auditor_world_holds(self);
    assert_true(view(self).left_out >= 20);
    assert_true(auditor_world_book(self)->unknown[VD_INVARIANT_one_poller] >= 20);
}

/* A number that nothing can be computed with. */
static void an_interval_without_an_end(void **state)
{
    auditor_world_t *self = *state;
    self->lies.interval_ms = INT64_MAX;
    self->lies.readers = 3;
    auditor_world_run(self, 90 * SECOND);
    auditor_world_holds(self);
}

/* Long names leave room for less than all of them in the name of a connection. */
static void long_names_have_connections_of_their_own(void **state)
{
    auditor_world_t *self = *state;
    self->lies.long_names = true;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_holds(self);
    assert_true(self->long_named[0].size > 0 && self->long_named[1].size > 0);
}

/* Its rows name one port twice, as do those of all in this world: one of them is taken. */
static void an_actor_that_becomes_another_kind(void **state)
{
    auditor_world_t *self = *state;
    self->lies.relay_polls = true;
    auditor_world_run(self, 20 * SECOND);
    uint64_t starts = self->relay_starts, connects = self->connects;
    self->lies.relay_polls = false;
    self->inc_of_feeds++;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_holds(self);
    assert_true(self->relay_starts > starts);
    assert_true(self->connects == connects + 1);
}

/* ---- events of children that nobody has started ---- */

static void made_up_children_leave_room_for_those_that_are(void **state)
{
    auditor_world_t *self = *state;
    for (uint32_t i = 0; i < VD_AUDITOR_CHILDREN_MAX + 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "made-up-%" PRIu32, i);
        auditor_world_tell_start(self, name, 1000 + i, 1);
    }
    auditor_world_tell_start(self, "late", 88, 4); /* before the supervisor's feed tells of it */
    auditor_world_run(self, 4 * SECOND);
    auditor_world_holds(self);
    self->lies.late = true;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_restarts_told, "process 88");
}

static void made_up_restarts_are_no_violation(void **state)
{
    auditor_world_t *self = *state;
    auditor_world_tell_start(self, "poller-1", 77, 999); /* the true event came before */
    self->lies.late = true;
    auditor_world_tell_start(self, "late", 88, 999);
    auditor_world_run(self, 6 * SECOND);
    uint64_t checked = auditor_world_book(self)->checked[VD_INVARIANT_restarts_told];
    auditor_world_tell_start(self, "late", 88, 3); /* and here it comes behind */
    auditor_world_run(self, 30 * SECOND);
    auditor_world_holds(self);
    assert_true(auditor_world_book(self)->checked[VD_INVARIANT_restarts_told] > checked);
}

/* What the supervisor wrote of a process may stand where the auditor has not read. */
static void a_start_that_may_not_have_been_read_is_unknown(void **state)
{
    auditor_world_t *self = *state;
    self->lies.late = true;
    self->lies.late_started_ms = 1600000000000;
    auditor_world_tell_start(self, "late", 88, 999);
    auditor_world_run(self, 30 * SECOND);
    auditor_world_holds(self);
    assert_int_equal(auditor_world_book(self)->unknown[VD_INVARIANT_restarts_told], 1);
    self->lies.late_started_ms = self->now.wall_ms; /* here it was read */
    auditor_world_tell_start(self, "late", 88, 998);
    auditor_world_run(self, 30 * SECOND);
    auditor_world_is_violated(self, VD_INVARIANT_restarts_told, "process 88");
}

/* Whoever is not in a whole snapshot is not there any more. */
static void children_that_are_gone_leave_room(void **state)
{
    auditor_world_t *self = *state;
    self->lies.late = true;
    auditor_world_run(self, 6 * SECOND);
    self->lies.late = false;
    auditor_world_run(self, 6 * SECOND);
    auditor_world_tell_start(self, "late", 88, 4);
    auditor_world_run(self, 30 * SECOND);
    auditor_world_holds(self);
}

/* ---- those in the membership ---- */

static void those_who_are_asked_find_room_among_others(void **state)
{
    auditor_world_t *self = *state;
    self->lies.others = VD_AUDITOR_ACTORS_MAX;
    auditor_world_run(self, 5 * SECOND);
    self->lies.long_names = true;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_holds(self);
    assert_true(self->long_named[0].size > 0 && self->long_named[1].size > 0);
}

static void an_observer_that_begins_another_life(void **state)
{
    auditor_world_t *self = *state;
    auditor_world_run(self, 10 * SECOND);
    self->lies.observer_anew = true;
    auditor_world_run(self, 20 * SECOND);
    auditor_world_holds(self);
}

/* ---- events that somebody writes once more ---- */

static void copies_of_its_events_are_not_taken_for_them(void **state)
{
    auditor_world_t *self = *state;
    self->lies.copies_canary = true;
    uint64_t checked = auditor_world_book(self)->checked[VD_INVARIANT_acknowledged_stored];
    auditor_world_run(self, 10 * SECOND);
    auditor_world_holds(self);
    assert_true(auditor_world_book(self)->checked[VD_INVARIANT_acknowledged_stored] > checked + 5);
}

#define TEST(name)   cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CANARY(name) cmocka_unit_test_setup_teardown(name, set_up_with_canary, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(started_with_what_is_no_session, set_up_with_no_name,
                                        tear_down),
        CANARY(continued_by_what_is_no_session),
        CANARY(a_supervisor_that_tells_no_session),
        CANARY(a_name_that_another_has_taken),
        TEST(a_stream_that_begins_with_a_chain_of_nothing),
        TEST(a_relay_that_brings_nothing),
        TEST(a_relay_that_brings_what_cannot_be_read),
        TEST(after_the_head_went_back_others_have_time),
        TEST(an_ingestor_that_says_why),
        TEST(an_ingestor_that_brings_nothing_more),
        TEST(an_ingestor_that_brings_what_cannot_be_read),
        TEST(what_waited_while_it_stood_still),
        TEST(sources_over_the_bound_are_counted),
        TEST(an_interval_without_an_end),
        TEST(long_names_have_connections_of_their_own),
        TEST(an_actor_that_becomes_another_kind),
        TEST(made_up_children_leave_room_for_those_that_are),
        TEST(made_up_restarts_are_no_violation),
        TEST(a_start_that_may_not_have_been_read_is_unknown),
        TEST(children_that_are_gone_leave_room),
        TEST(those_who_are_asked_find_room_among_others),
        TEST(an_observer_that_begins_another_life),
        CANARY(copies_of_its_events_are_not_taken_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
