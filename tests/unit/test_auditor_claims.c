/* test_auditor_claims.c: what others say of the store, settled by what was read from it. */
#include "audited_store.h"

#include "claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COMMITS = 5 };

typedef struct fixture {
    audited_store_t *store;
    vd_book_t book;
    vd_claims_t claims;
    vd_history_t *history;
} fixture_t;

static void on_seen(void *arg, vd_str_t session, uint64_t seq, uint64_t index, vd_str_t type,
                    const vd_entry_t *entry)
{
    (void)arg;
    (void)session;
    (void)seq;
    (void)index;
    (void)type;
    (void)entry;
}

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    self->store = audited_store_new("0123456789abcdef");
    for (int i = 0; i < COMMITS; i++) {
        audited_add(self->store, "a", i == 0 ? "session_started" : "tick", NULL, NULL);
        audited_seal(self->store, 1000 + i, 1);
    }
    self->claims.book = &self->book;
    self->history = vd_history_new(&self->book, on_seen, self);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    audited_store_free(self->store);
    vd_history_destroy(&self->history);
    free(self);
    return 0;
}

/* Reads the store from behind commit `index` to its end. */
static void read_from(fixture_t *self, uint64_t index)
{
    vd_position_t position = {.index = index, .chain = audited_chain(self->store, index)};
    vd_commits_body_t body;
    vd_buffer_t payload;
    snprintf(position.store, sizeof position.store, "%s", self->store->id);
    vd_buffer_init(&payload, 1 << 20);
    vd_history_begin(self->history, &position, true, index == 0);
    audited_fetch(self->store, index, 0, 1000, &body, &payload);
    assert_true(vd_history_take(self->history, &body, vd_buffer_view(&payload)));
    assert_int_equal(vd_history_position(self->history)->index, COMMITS);
    vd_buffer_free(&payload);
}

static void is_violated(fixture_t *self, vd_invariant_t invariant, uint64_t index)
{
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        assert_int_equal(self->book.violated[i] > 0, i == invariant);
    const vd_violation_t *last = &self->book.last[invariant];
    assert_int_equal(last->index, index);
    assert_true(last->text[0] != 0 && last->evidence[0] != 0);
}

static void holds(const fixture_t *self)
{
    assert_int_equal(vd_book_violations(&self->book), 0);
    assert_null(vd_book_waiting(&self->book));
}

static void claims_wait_for_an_answer_that_was_asked_later(void **state)
{
    fixture_t *self = *state;
    read_from(self, 0);
    vd_claims_chain(&self->claims, 1000, VD_INVARIANT_relay_same, "relay-1", 3,
                    audited_chain(self->store, 3));
    vd_claims_chain(&self->claims, 1000, VD_INVARIANT_relay_same, "relay-2", 4,
                    audited_chain(self->store, 3));
    vd_claims_settle(&self->claims, 2000, 1000, 5, self->history);
    assert_int_equal(self->claims.count, 2); /* asked in the same moment, not later */
    vd_claims_settle(&self->claims, 2000, 1001, 5, self->history);
    assert_int_equal(self->claims.count, 0);
    assert_int_equal(self->book.checked[VD_INVARIANT_relay_same], 1);
    is_violated(self, VD_INVARIANT_relay_same, 4);
    assert_non_null(strstr(self->book.last[VD_INVARIANT_relay_same].evidence, "relay-2"));
}

static void claims_do_not_survive_another_history(void **state)
{
    fixture_t *self = *state;
    read_from(self, 0);
    vd_violation_t doubt = vd_violation_of(VD_INVARIANT_live_same, vd_str(""), 0, 4);
    snprintf(doubt.text, sizeof doubt.text, "a doubt");
    snprintf(doubt.evidence, sizeof doubt.evidence, "and why");
    vd_claims_doubt(&self->claims, 1000, &doubt, 1);
    vd_claims_chain(&self->claims, 1000, VD_INVARIANT_relay_same, "relay-2", 4, 1);
    vd_claims_clear(&self->claims);
    vd_claims_settle(&self->claims, 9000, 8000, 5, self->history);
    holds(self);
    assert_int_equal(self->book.unknown[VD_INVARIANT_live_same], 1);
    vd_claims_doubt(&self->claims, 1000, &doubt, 1);
    vd_claims_settle(&self->claims, 9000, 8000, 5, self->history);
    is_violated(self, VD_INVARIANT_live_same, 4);
}

static void who_is_ahead_is_given_time(void **state)
{
    fixture_t *self = *state;
    read_from(self, 0);
    vd_claims_head(&self->claims, 0, VD_INVARIANT_relay_head, "relay-1", 7);
    for (int64_t at = 1; at <= 4; at++)
        vd_claims_settle(&self->claims, at * 1000000, at * 1000000, 5, self->history);
    holds(self);
    vd_claims_settle(&self->claims, 4500000, 4500000, 7, self->history);
    holds(self);
    assert_int_equal(self->book.checked[VD_INVARIANT_relay_head], 1);
    vd_claims_head(&self->claims, 0, VD_INVARIANT_relay_head, "relay-1", 9);
    for (int64_t at = 1; at <= 6; at++)
        vd_claims_settle(&self->claims, at * 1000000, at * 1000000, 7, self->history);
    is_violated(self, VD_INVARIANT_relay_head, 9);
    assert_int_equal(self->claims.count, 0);
}

static void what_is_not_remembered_is_unknown(void **state)
{
    fixture_t *self = *state;
    read_from(self, 3);
    vd_claims_chain(&self->claims, 1000, VD_INVARIANT_relay_same, "relay-1", 2, 77);
    vd_claims_settle(&self->claims, 2000, 1001, 5, self->history);
    holds(self);
    assert_int_equal(self->book.unknown[VD_INVARIANT_relay_same], 1);
    for (uint32_t i = 0; i < VD_CLAIMS_MAX + 5; i++)
        vd_claims_chain(&self->claims, 1000, VD_INVARIANT_relay_same, "relay-1", 9, 77);
    assert_int_equal(self->claims.count, VD_CLAIMS_MAX);
    assert_int_equal(self->book.unknown[VD_INVARIANT_relay_same], 6);
}

/* A relay that says of a commit far away what it likes does not take the places of the others. */
static void a_chain_beyond_the_end_is_settled(void **state)
{
    fixture_t *self = *state;
    read_from(self, 0);
    vd_claims_chain(&self->claims, 0, VD_INVARIANT_relay_same, "relay-1", UINT64_MAX - 1, 77);
    vd_claims_chain(&self->claims, 0, VD_INVARIANT_relay_same, "relay-2", 7, 77);
    for (int64_t at = 1; at <= 4; at++)
        vd_claims_settle(&self->claims, at * 1000000, at * 1000000, 5, self->history);
    holds(self);
    for (int64_t at = 5; at <= 7; at++) /* commit 7 is there now, and was not read yet */
        vd_claims_settle(&self->claims, at * 1000000, at * 1000000, 7, self->history);
    is_violated(self, VD_INVARIANT_relay_same, UINT64_MAX - 1);
    assert_int_equal(self->claims.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(claims_wait_for_an_answer_that_was_asked_later),
        TEST(claims_do_not_survive_another_history),
        TEST(who_is_ahead_is_given_time),
        TEST(what_is_not_remembered_is_unknown),
        TEST(a_chain_beyond_the_end_is_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
