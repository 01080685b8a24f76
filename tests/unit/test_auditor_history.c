/* test_auditor_history.c: committed history, right and wrong, as the auditor reads it. */
#include "audited_store.h"

#include "core/hash.h"
#include "history.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    audited_store_t *store;
    vd_book_t book;
    vd_history_t *history;
    uint64_t seen;
    vd_buffer_t payload;
} fixture_t;

static void on_seen(void *arg, vd_str_t session, uint64_t seq, uint64_t index, vd_str_t type,
                    const vd_entry_t *entry)
{
    fixture_t *self = arg;
    assert_true(seq > 0 && index > 0 && type.size > 0 && entry->event.size > 0 && session.size > 0);
    self->seen++;
}

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    self->store = audited_store_new("0123456789abcdef");
    self->history = vd_history_new(&self->book, on_seen, self);
    vd_buffer_init(&self->payload, 4 << 20);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    audited_store_free(self->store);
    vd_history_destroy(&self->history);
    vd_buffer_free(&self->payload);
    free(self);
    return 0;
}

static void begin(fixture_t *self, uint64_t index)
{
    vd_position_t position = {.index = index, .chain = audited_chain(self->store, index)};
    snprintf(position.store, sizeof position.store, "%s", self->store->id);
    vd_history_begin(self->history, &position, true, index == 0);
}

/* Reads one frame. */
static bool take(fixture_t *self, uint64_t items)
{
    vd_commits_body_t body;
    const vd_position_t *position = vd_history_position(self->history);
    vd_buffer_clear(&self->payload);
    audited_fetch(self->store, position->index, position->offset, items, &body, &self->payload);
    return vd_history_take(self->history, &body, vd_buffer_view(&self->payload));
}

static void read_all(fixture_t *self)
{
    while (vd_history_position(self->history)->index < self->store->count)
        assert_true(take(self, 5));
}

/* Two sessions: `a` with three events in three commits, `b` that ends and is continued by `c`. */
static void write_story(fixture_t *self)
{
    audited_store_t *store = self->store;
    audited_add(store, "a", "session_started", NULL, NULL);
    audited_add(store, "b", "session_started", NULL, NULL);
    audited_seal(store, 1000, 7);
    audited_add(store, "a", "tick", "n", "1");
    audited_add(store, "b", "tick", "n", "1");
    audited_add(store, "b", "tick", "n", "2");
    audited_seal(store, 1000, 7);
    audited_add(store, "c", "session_started", "continues", "b");
    audited_seal(store, 1001, 8);
    audited_add(store, "a", "tick", "n", "2");
    audited_add(store, "b", "session_ended", "continued_by", "c");
    audited_seal(store, 1002, 8);
    audited_add(store, "c", "tick", "n", "1");
    audited_seal(store, 1003, 8);
}

static void is_violated(fixture_t *self, vd_invariant_t invariant, const char *session,
                        uint64_t seq, uint64_t index)
{
    const vd_violation_t *last = &self->book.last[invariant];
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        if ((self->book.violated[i] > 0) != (i == invariant))
            fail_msg("%s is violated %" PRIu64 " times (%s)", vd_invariant_name(i),
                     self->book.violated[i], self->book.last[i].text);
    assert_string_equal(last->session, session);
    assert_int_equal(last->seq, seq);
    assert_int_equal(last->index, index);
    assert_true(last->text[0] != 0 && last->evidence[0] != 0);
    const vd_violation_t *waiting = vd_book_waiting(&self->book);
    assert_non_null(waiting);
    assert_int_equal(waiting->invariant, invariant);
}

static void holds(const fixture_t *self)
{
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        if (self->book.violated[i] > 0)
            fail_msg("%s: %s (%s)", vd_invariant_name(i), self->book.last[i].text,
                     self->book.last[i].evidence);
    assert_null(vd_book_waiting(&self->book));
}

static void a_good_history_holds(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    vd_history_watch(self->history, "a");
    begin(self, 0);
    read_all(self);
    holds(self);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_index], 5);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_chain], 5);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_time], 4);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_epoch], 4);
    assert_int_equal(self->book.checked[VD_INVARIANT_event_checksum], 9);
    assert_int_equal(self->book.checked[VD_INVARIANT_session_begins], 3);
    assert_int_equal(self->book.checked[VD_INVARIANT_session_ends], 1);
    assert_int_equal(self->book.checked[VD_INVARIANT_session_links], 1);
    assert_true(self->book.checked[VD_INVARIANT_session_sequence] >= 8);
    assert_int_equal(self->seen, 3 + 2 + 1); /* all of a, and where b and c begin and end */
    assert_int_equal(vd_history_events(self->history), 9);
    uint32_t chain;
    assert_true(vd_history_chain(self->history, 4, &chain));
    assert_int_equal(chain, audited_chain(self->store, 4));
    assert_false(vd_history_chain(self->history, 6, &chain));
}

static void from_the_middle_what_was_before_is_unknown(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    begin(self, 3);
    read_all(self);
    holds(self);
    assert_true(self->book.unknown[VD_INVARIANT_session_sequence] == 3);
    assert_int_equal(self->book.unknown[VD_INVARIANT_session_links], 1);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_chain], 2);
}

static void a_frame_that_does_not_follow_is_refused(void **state)
{
    fixture_t *self = *state;
    vd_commits_body_t body;
    write_story(self);
    begin(self, 0);
    audited_fetch(self->store, 1, 0, 5, &body, &self->payload);
    assert_false(vd_history_take(self->history, &body, vd_buffer_view(&self->payload)));
    vd_buffer_clear(&self->payload);
    audited_fetch(self->store, 0, 0, 5, &body, &self->payload);
    self->payload.data[0] = 0xc1;
    assert_false(vd_history_take(self->history, &body, vd_buffer_view(&self->payload)));
    body = (vd_commits_body_t){.store = vd_str(self->store->id), .chain = 5, .head = 5};
    assert_false(vd_history_take(self->history, &body, vd_bytes(NULL, 0))); /* chain of nothing */
    holds(self);
    read_all(self);
    holds(self);
}

/* An id that is none never comes into the table of sessions. */
static void a_run_of_what_is_no_session_is_refused(void **state)
{
    fixture_t *self = *state;
    vd_commits_body_t body;
    write_story(self);
    begin(self, 0);
    self->store->commits[0].runs[1].session = vd_bytes("b\0b", 3);
    audited_fetch(self->store, 0, 0, 100, &body, &self->payload);
    assert_false(vd_history_take(self->history, &body, vd_buffer_view(&self->payload)));
    self->store->commits[0].runs[1].session = vd_str("b");
    read_all(self);
    holds(self);
}

/* ---- each invariant, violated ---- */

static void a_commit_that_is_left_out(void **state)
{
    fixture_t *self = *state;
    vd_commits_body_t body, rest;
    write_story(self);
    begin(self, 0);
    assert_true(take(self, 2)); /* commit 1 */
    audited_fetch(self->store, 2, 0, 100, &rest, &self->payload);
    vd_buffer_clear(&self->payload);
    body = rest;
    body.after = 1;
    for (uint64_t i = 3; i <= 5; i++)
        vd_commit_write(&self->payload, &self->store->commits[i - 1].commit);
    body.index = 5;
    body.offset = 0;
    body.chain = audited_chain(self->store, 5);
    assert_true(vd_history_take(self->history, &body, vd_buffer_view(&self->payload)));
    is_violated(self, VD_INVARIANT_commit_index, "", 0, 3);
}

static void a_frame_that_ends_too_early(void **state)
{
    fixture_t *self = *state;
    vd_commits_body_t body;
    write_story(self);
    begin(self, 0);
    audited_fetch(self->store, 0, 0, 2, &body, &self->payload);
    body.index = 2;
    assert_true(vd_history_take(self->history, &body, vd_buffer_view(&self->payload)));
    is_violated(self, VD_INVARIANT_commit_index, "", 0, 2);
}

/* What it led to is the middle of a commit: the rest of that one gives no second alarm. */
static void a_frame_that_leaves_out_a_beginning(void **state)
{
    fixture_t *self = *state;
    vd_commits_body_t body;
    write_story(self);
    begin(self, 0);
    audited_fetch(self->store, 0, 0, 3, &body, &self->payload); /* commit 1, one event of 2 */
    vd_buffer_clear(&self->payload);
    vd_commit_write(&self->payload, &self->store->commits[0].commit);
    assert_true(vd_history_take(self->history, &body, vd_buffer_view(&self->payload)));
    read_all(self);
    is_violated(self, VD_INVARIANT_commit_index, "", 0, 2);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_chain], 3);
}

static void a_chain_that_is_wrong(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    self->store->commits[2].commit.chain ^= 1;
    begin(self, 0);
    while (vd_history_position(self->history)->index < 3)
        assert_true(take(self, 1));
    is_violated(self, VD_INVARIANT_commit_chain, "", 0, 3);
    const char *evidence = self->book.last[VD_INVARIANT_commit_chain].evidence;
    char told[16];
    snprintf(told, sizeof told, "%" PRIu32, audited_chain(self->store, 3));
    assert_non_null(strstr(evidence, told));
}

/* An event was changed, and its checksum with it: only the chain knows. */
static void an_event_that_was_exchanged(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    audited_commit_t *one = &self->store->commits[1];
    vd_buffer_clear(&one->bytes[0]);
    vd_buffer_clear(&self->store->scratch);
    vd_event_write(&self->store->scratch, 1, vd_str("tock"), vd_bytes("\xc0", 1),
                   vd_bytes(NULL, 0));
    vd_run_add(&one->bytes[0], vd_buffer_view(&self->store->scratch));
    one->runs[0].run = vd_buffer_view(&one->bytes[0]);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_commit_chain, "", 0, 2);
}

static void a_time_that_goes_back(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    self->store->commits[3].commit.time_ms = 999;
    audited_rechain(self->store, 4);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_commit_time, "", 0, 4);
    assert_int_equal(self->book.violated[VD_INVARIANT_commit_time], 1);
}

static void an_epoch_that_goes_back(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    self->store->commits[3].commit.epoch = 7;
    audited_rechain(self->store, 4);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_commit_epoch, "", 0, 4);
}

static void an_event_with_other_bytes(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    vd_buffer_t *bytes = &self->store->commits[1].bytes[1];
    bytes->data[bytes->size - 1] ^= 1; /* in the last of two events */
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_event_checksum, "b", 3, 2);
}

static void lose(vd_commit_run_t *run, vd_status_t why)
{
    run->digest = vd_run_digest(0, run->run);
    run->run = vd_bytes(NULL, 0);
    run->absent = why;
}

static void events_that_are_lost(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    lose(&self->store->commits[1].runs[1], VD_CORRUPT);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_store_whole, "b", 2, 2);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_chain], 5); /* its digest is known */
}

static void events_that_were_pruned_are_unknown(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    for (int i = 0; i < 4; i++)
        for (uint32_t at = 0; at < self->store->commits[i].commit.run_count; at++) {
            vd_commit_run_t *run = &self->store->commits[i].runs[at];
            if (!vd_str_is(run->session, "b"))
                continue;
            lose(run, VD_PRUNED);
        }
    begin(self, 0);
    read_all(self);
    holds(self);
    assert_int_equal(self->book.unknown[VD_INVARIANT_session_sequence], 3);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_chain], 5);
}

/* What is left of a run when it is pruned while it is read. */
static void the_rest_of_a_run_that_was_pruned_is_unknown(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    begin(self, 1);
    assert_true(take(self, 2)); /* the first of two events of b in commit 2 */
    lose(&self->store->commits[1].runs[1], VD_PRUNED);
    read_all(self);
    holds(self);
    assert_int_equal(self->book.unknown[VD_INVARIANT_commit_chain], 1);
    assert_int_equal(self->book.checked[VD_INVARIANT_commit_chain], 3);
}

static void a_sequence_with_a_gap(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    self->store->commits[3].runs[0].first_seq++;
    audited_rechain(self->store, 4);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_sequence, "a", 4, 4);
}

static void a_sequence_that_comes_again(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    self->store->commits[3].runs[0].first_seq--;
    audited_rechain(self->store, 4);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_sequence, "a", 2, 4);
}

static void a_session_without_its_beginning(void **state)
{
    fixture_t *self = *state;
    *audited_last(self->store, "a") = 4;
    audited_add(self->store, "a", "tick", NULL, NULL);
    audited_seal(self->store, 1000, 7);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_sequence, "a", 5, 1);
}

static void a_session_that_begins_with_something_else(void **state)
{
    fixture_t *self = *state;
    audited_add(self->store, "a", "tick", NULL, NULL);
    audited_seal(self->store, 1000, 7);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_begins, "a", 1, 1);
}

static void a_session_that_begins_twice(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    audited_add(self->store, "a", "session_started", NULL, NULL);
    audited_seal(self->store, 1003, 8);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_begins, "a", 4, 6);
}

static void something_behind_the_end(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    audited_add(self->store, "b", "tick", NULL, NULL);
    audited_seal(self->store, 1003, 8);
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_ends, "b", 5, 6);
}

static void a_session_that_was_pruned_may_begin_anew(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    *audited_last(self->store, "b") = 0;
    audited_add(self->store, "b", "session_started", NULL, NULL);
    audited_add(self->store, "b", "tick", NULL, NULL);
    audited_seal(self->store, 1003, 8);
    begin(self, 0);
    read_all(self);
    holds(self);
    *audited_last(self->store, "c") = 0; /* but not one that is written to just now */
    audited_add(self->store, "c", "session_started", NULL, NULL);
    audited_seal(self->store, 1004, 8);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_sequence, "c", 1, 7);
}

static void a_session_that_is_continued_by_a_stranger(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    audited_add(self->store, "a", "session_ended", "continued_by", "c");
    audited_seal(self->store, 1003, 8);
    begin(self, 0);
    read_all(self);
    holds(self); /* users may write so of sessions of theirs */
    assert_int_equal(self->book.unknown[VD_INVARIANT_session_links], 1);
    vd_history_watch(self->history, "a");
    begin(self, 0);
    read_all(self);
    is_violated(self, VD_INVARIANT_session_links, "a", 4, 6);
    assert_non_null(strstr(self->book.last[VD_INVARIANT_session_links].evidence, "\"b\""));
}

static void a_place_is_told_once(void **state)
{
    fixture_t *self = *state;
    write_story(self);
    for (int i = 0; i < 3; i++) {
        audited_add(self->store, "b", "tick", NULL, NULL);
        audited_seal(self->store, 1003, 8);
    }
    begin(self, 0);
    read_all(self);
    assert_int_equal(self->book.violated[VD_INVARIANT_session_ends], 3);
    vd_book_told(&self->book);
    assert_null(vd_book_waiting(&self->book));
}

/* ---- many sessions ---- */

static void beyond_its_room_it_knows_nothing_and_says_so(void **state)
{
    fixture_t *self = *state;
    char session[32];
    vd_commits_body_t body = {.store = vd_str(self->store->id)};
    begin(self, 0);
    uint32_t chain = 0, count = VD_HISTORY_SESSIONS_MAX + 100;
    uint64_t index = 0;
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < count; i++) {
            vd_buffer_t run;
            vd_buffer_init(&run, 4096);
            vd_buffer_clear(&self->store->scratch);
            vd_event_write(&self->store->scratch, 1,
                           vd_str(round == 0 ? "session_started" : "tick"), vd_bytes("\x80", 1),
                           vd_bytes(NULL, 0));
            vd_run_add(&run, vd_buffer_view(&self->store->scratch));
            snprintf(session, sizeof session, "s%u", (unsigned)i);
            vd_commit_run_t one = {.session = vd_str(session),
                                   .first_seq = (uint64_t)round + 1,
                                   .count = 1,
                                   .run = vd_buffer_view(&run)};
            vd_commit_t commit = {
                .index = ++index, .time_ms = 1, .epoch = 1, .run_count = 1, .runs = &one};
            commit.chain = chain = vd_commit_chain(chain, &commit);
            vd_buffer_clear(&self->payload);
            vd_commit_write(&self->payload, &commit);
            body.after = index - 1;
            body.index = body.head = index;
            body.chain = chain;
            assert_true(vd_history_take(self->history, &body, vd_buffer_view(&self->payload)));
            vd_buffer_free(&run);
        }
    holds(self);
    assert_int_equal(vd_history_sessions(self->history), VD_HISTORY_SESSIONS_MAX);
    assert_true(vd_history_forgotten(self->history) >= 100);
    assert_true(self->book.unknown[VD_INVARIANT_session_sequence] >= 100);
}

/* ---- whatever is right gives no alarm ---- */

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    return vd_random_next(seed) % below;
}

static void write_at_random(audited_store_t *store, uint64_t *seed)
{
    int64_t time_ms = 1000;
    uint64_t epoch = 1, next = 4;
    char current[4][16], name[16];
    for (uint64_t i = 0; i < 4; i++)
        snprintf(current[i], sizeof current[i], "s%u", (unsigned)i);
    while (store->count < 200) {
        time_ms += (int64_t)draw(seed, 3);
        epoch += draw(seed, 20) == 0;
        for (uint64_t runs = draw(seed, 4); runs > 0; runs--) {
            char *session = current[draw(seed, 4)];
            if (*audited_last(store, session) == 0)
                audited_add(store, session, "session_started", NULL, NULL);
            for (uint64_t events = draw(seed, 6); events > 0; events--)
                audited_add(store, session, "tick", "x", "y");
        }
        uint64_t rolls = draw(seed, 4);
        if (draw(seed, 10) == 0 && *audited_last(store, current[rolls]) > 0 && next < 30) {
            snprintf(name, sizeof name, "s%u", (unsigned)next++);
            audited_add(store, name, "session_started", "continues", current[rolls]);
            audited_add(store, current[rolls], "session_ended", "continued_by", name);
            memcpy(current[rolls], name, sizeof name);
        }
        audited_seal(store, time_ms, epoch);
    }
}

static void whatever_is_right_gives_no_alarm(void **state)
{
    fixture_t *self = *state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        audited_store_free(self->store);
        self->store = audited_store_new("0123456789abcdef");
        write_at_random(self->store, &random);
        begin(self, seed % 2 ? 0 : draw(&random, 200));
        while (vd_history_position(self->history)->index < self->store->count)
            assert_true(take(self, 1 + draw(&random, 30)));
        holds(self);
    }
    assert_true(self->book.checked[VD_INVARIANT_session_links] > 100);
    assert_true(self->book.checked[VD_INVARIANT_commit_chain] > 5000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_history_holds),
        TEST(from_the_middle_what_was_before_is_unknown),
        TEST(a_frame_that_does_not_follow_is_refused),
        TEST(a_run_of_what_is_no_session_is_refused),
        TEST(a_commit_that_is_left_out),
        TEST(a_frame_that_ends_too_early),
        TEST(a_frame_that_leaves_out_a_beginning),
        TEST(a_chain_that_is_wrong),
        TEST(an_event_that_was_exchanged),
        TEST(a_time_that_goes_back),
        TEST(an_epoch_that_goes_back),
        TEST(an_event_with_other_bytes),
        TEST(events_that_are_lost),
        TEST(events_that_were_pruned_are_unknown),
        TEST(the_rest_of_a_run_that_was_pruned_is_unknown),
        TEST(a_sequence_with_a_gap),
        TEST(a_sequence_that_comes_again),
        TEST(a_session_without_its_beginning),
        TEST(a_session_that_begins_with_something_else),
        TEST(a_session_that_begins_twice),
        TEST(something_behind_the_end),
        TEST(a_session_that_was_pruned_may_begin_anew),
        TEST(a_session_that_is_continued_by_a_stranger),
        TEST(a_place_is_told_once),
        TEST(beyond_its_room_it_knows_nothing_and_says_so),
        TEST(whatever_is_right_gives_no_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
