/* test_store_contract.c: the contract of store.h, held against every backend. */
#include "tests/laws/store_fixture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Names that are easily mixed up in keys. */
static const char *const names[] = {"a",
                                    "a:00000000000000000001",
                                    "a:b",
                                    "a:-x",
                                    "a/b",
                                    "b.c",
                                    "a:00000000000000000003:00000000000000000001"};
enum { NAMES = sizeof names / sizeof *names };

static void test_an_empty_store_has_no_tail(void **state)
{
    fixture_t *f = *state;
    vd_store_tail_t tail;
    uint32_t chain = 1;
    fixture_open(f);
    vd_store_tail(f->store, &tail);
    assert_int_equal(strlen(tail.id), VD_STORE_ID_SIZE - 1);
    assert_int_equal(tail.index, 0);
    assert_int_equal(tail.first_index, 0);
    assert_int_equal(tail.chain, 0);
    assert_int_equal(vd_store_chain(f->store, 0, &chain), VD_OK);
    assert_int_equal(chain, 0);
    assert_int_equal(vd_store_chain(f->store, 1, &chain), VD_NOT_FOUND);
    assert_int_equal(fixture_check_all(f, NULL), 0);
}

static void test_what_was_appended_is_read_back(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    for (unsigned i = 0; i < 60; i++)
        fixture_append_random(f, names, NAMES);
    assert_int_equal(fixture_check_all(f, NULL), f->commit_count);
    for (unsigned n = 0; n < NAMES; n++)
        fixture_check_all(f, names[n]);
}

static void test_it_is_there_after_closing(void **state)
{
    fixture_t *f = *state;
    vd_store_tail_t before, after;
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_random(f, names, NAMES);
    vd_store_tail(f->store, &before);
    fixture_reopen(f);
    vd_store_tail(f->store, &after);
    assert_string_equal(before.id, after.id);
    assert_int_equal(before.index, after.index);
    assert_int_equal(before.first_index, after.first_index);
    assert_int_equal(before.chain, after.chain);
    assert_int_equal(before.time_ms, after.time_ms);
    assert_int_equal(before.epoch_counter, after.epoch_counter);
    fixture_append_random(f, names, NAMES);
    assert_int_equal(fixture_check_all(f, NULL), f->commit_count);
}

static void test_every_event_is_found(void **state)
{
    fixture_t *f = *state;
    uint64_t index, at;
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_random(f, names, NAMES);
    for (uint64_t c = 0; c < f->commit_count; c++) {
        const vd_commit_t *commit = f->commits[c];
        for (uint32_t r = 0; r < commit->run_count; r++) {
            const vd_commit_run_t *run = &commit->runs[r];
            char session[VD_NAME_BYTES_MAX + 1];
            vd_str_copy(session, sizeof session, run->session);
            for (uint32_t i = 0; i < run->count; i++) {
                assert_int_equal(vd_store_find(f->store, session, run->first_seq + i, &index, &at),
                                 VD_OK);
                assert_int_equal(index, commit->index);
                assert_int_equal(at, run->at + i);
            }
        }
    }
    for (unsigned n = 0; n < NAMES; n++) {
        uint64_t last = fixture_last_seq(f, names[n]);
        assert_int_equal(vd_store_find(f->store, names[n], last + 1, &index, &at), VD_NOT_FOUND);
    }
    assert_int_equal(vd_store_find(f->store, "never", 1, &index, &at), VD_NOT_FOUND);
    assert_int_equal(vd_store_find(f->store, "a:", 1, &index, &at), VD_NOT_FOUND);
}

static void test_a_session_is_read_from_any_commit(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    for (unsigned i = 0; i < 30; i++)
        fixture_append_random(f, names, NAMES);
    for (unsigned n = 0; n < NAMES; n++)
        for (uint64_t from = 1; from <= f->commit_count + 1; from++)
            fixture_check_from(f, from, names[n]);
    for (uint64_t from = 1; from <= f->commit_count + 1; from++)
        fixture_check_from(f, from, NULL);
}

static void test_a_cursor_follows_when_placed_again(void **state)
{
    fixture_t *f = *state;
    vd_store_cursor_t *all = NULL, *one = NULL;
    vd_commit_t commit;
    char error[VD_TEXT_BYTES_MAX];
    fixture_open(f);
    assert_int_equal(vd_store_cursor_new(f->store, &all), VD_OK);
    assert_int_equal(vd_store_cursor_new(f->store, &one), VD_OK);
    for (uint64_t i = 1; i <= 30; i++) {
        assert_int_equal(vd_store_cursor_seek(all, i, NULL), VD_OK);
        assert_int_equal(vd_store_cursor_next(all, &commit, error, sizeof error), VD_NOT_FOUND);
        fixture_append_random(f, names, 2);
        /* Not before it is placed again. */
        assert_int_equal(vd_store_cursor_next(all, &commit, error, sizeof error), VD_NOT_FOUND);
        assert_int_equal(vd_store_cursor_seek(all, i, NULL), VD_OK);
        assert_int_equal(vd_store_cursor_next(all, &commit, error, sizeof error), VD_OK);
        fixture_same_commit(&commit, f->commits[i - 1], NULL);
        assert_int_equal(vd_store_cursor_seek(one, i, "a"), VD_OK);
        vd_status_t status = vd_store_cursor_next(one, &commit, error, sizeof error);
        assert_int_equal(status, fixture_has(f->commits[i - 1], "a") ? VD_OK : VD_NOT_FOUND);
        if (status == VD_OK)
            fixture_same_commit(&commit, f->commits[i - 1], "a");
    }
    vd_store_cursor_destroy(&all);
    vd_store_cursor_destroy(&one);
}

static void test_a_commit_without_events_is_one(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    fixture_append_random(f, names, NAMES);
    fixture_append_empty(f, 7);
    fixture_append_random(f, names, NAMES);
    assert_int_equal(fixture_check_all(f, NULL), 3);
    fixture_reopen(f);
    vd_store_tail_t tail;
    vd_store_tail(f->store, &tail);
    assert_int_equal(tail.epoch_counter, 7);
    assert_int_equal(fixture_check_all(f, NULL), 3);
}

static void test_large_commits(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    fixture_append_sized(f, "a", 4, 250000);
    fixture_append_sized(f, "b.c", 4096, 200);
    fixture_append_many_sessions(f, 3000);
    assert_int_equal(fixture_check_all(f, NULL), 3);
    fixture_reopen(f);
    assert_int_equal(fixture_check_all(f, NULL), 3);
}

typedef struct listing {
    unsigned count;
    char last[VD_NAME_BYTES_MAX + 1];
    vd_store_producer_t producer;
    vd_store_session_t session;
} listing_t;

static bool each_producer(void *arg, const vd_store_producer_t *producer)
{
    listing_t *listing = arg;
    listing->count++;
    if (strcmp(producer->name, "p/1:x") == 0)
        listing->producer = *producer;
    return true;
}

static bool each_session(void *arg, const vd_store_session_t *session)
{
    listing_t *listing = arg;
    if (listing->count++ > 0)
        assert_true(strcmp(listing->last, session->session) < 0);
    vd_str_copy(listing->last, sizeof listing->last, vd_str(session->session));
    if (strcmp(session->session, "a") == 0)
        listing->session = *session;
    return true;
}

static void test_producers_and_sessions_are_kept_whole(void **state)
{
    fixture_t *f = *state;
    static vd_store_producer_t one = {.name = "p/1:x",
                                      .epoch = 3,
                                      .life = UINT64_MAX,
                                      .mark = UINT64_C(1) << 63,
                                      .used_ms = 1700000000123,
                                      .session = "a",
                                      .seq = 17,
                                      .reject_count = 2,
                                      .rejects = {{5, 2, VD_BAD_EVENT, 0}, {9, 1, VD_EXISTS, 12}},
                                      .past_count = 2,
                                      .past = {11, UINT64_MAX - 1}};
    static vd_store_producer_t two = {.name = "q", .epoch = 4, .mark = 1};
    static vd_store_session_t session = {.session = "a",
                                         .name = "a name",
                                         .owner = "p/1:x",
                                         .owner_epoch = 3,
                                         .state = VD_SESSION_INTERRUPTED,
                                         .started_ms = 5,
                                         .ended_ms = 6,
                                         .last_ms = 7,
                                         .last_seq = 8,
                                         .last_index = 9,
                                         .labels_size = 3,
                                         .labels = {0x81, 0xa0, 0xa0},
                                         .status_seq = 4,
                                         .bytes = UINT64_C(1) << 40,
                                         .error = "cannot be committed"};
    static vd_store_session_t other = {.session = "a:b", .state = VD_SESSION_ACTIVE};
    const vd_store_producer_t *producers[] = {&one, &two};
    const vd_store_session_t *sessions[] = {&other, &session};
    static const char *const gone[] = {"q", "never"};
    vd_store_batch_t batch = {.epoch_counter = 4,
                              .producers = producers,
                              .producer_count = 2,
                              .sessions = sessions,
                              .session_count = 2};
    fixture_open(f);
    fixture_append(f, &batch);
    fixture_reopen(f);
    static listing_t listing;
    memset(&listing, 0, sizeof listing);
    assert_int_equal(vd_store_producers(f->store, each_producer, &listing), VD_OK);
    assert_int_equal(listing.count, 2);
    assert_memory_equal(&listing.producer, &one, sizeof one);
    listing.count = 0;
    assert_int_equal(vd_store_sessions(f->store, each_session, &listing), VD_OK);
    assert_int_equal(listing.count, 2);
    assert_memory_equal(&listing.session, &session, sizeof session);
    vd_store_session_t found;
    assert_int_equal(vd_store_session(f->store, "a:b", &found), VD_OK);
    assert_int_equal(found.state, VD_SESSION_ACTIVE);
    assert_int_equal(vd_store_session(f->store, "never", &found), VD_NOT_FOUND);

    batch = (vd_store_batch_t){.epoch_counter = 4, .forgotten = gone, .forgotten_count = 2};
    fixture_append(f, &batch);
    fixture_reopen(f);
    listing.count = 0;
    assert_int_equal(vd_store_producers(f->store, each_producer, &listing), VD_OK);
    assert_int_equal(listing.count, 1);
}

/* The sessions that a page was given, one behind the other. */
typedef struct page {
    char ids[256];
    unsigned room;
} page_t;

static bool each_of_page(void *arg, const vd_store_session_t *session)
{
    page_t *page = arg;
    assert_true(page->room > 0);
    strcat(page->ids, session->session);
    strcat(page->ids, " ");
    return --page->room > 0;
}

static void check_page(fixture_t *f, const char *before, unsigned room, const char *ids)
{
    page_t page = {.room = room};
    assert_int_equal(vd_store_sessions_before(f->store, before, each_of_page, &page), VD_OK);
    assert_string_equal(page.ids, ids);
}

static void test_sessions_are_paged_from_the_newest(void **state)
{
    static const char *const ids[] = {"a", "a:b", "a-b", "b", "z"};
    fixture_t *f = *state;
    fixture_open(f);
    check_page(f, "", 9, "");
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        fixture_append_sized(f, ids[i], 1, 10);
        fixture_end_session(f, ids[i]);
    }
    fixture_reopen(f);
    check_page(f, "", 9, "z b a:b a-b a ");
    check_page(f, "", 2, "z b "); /* and nothing more is looked at */
    check_page(f, "b", 2, "a:b a-b ");
    check_page(f, "a:a", 9, "a-b a "); /* one that is not there */
    check_page(f, "a", 9, "");
    check_page(f, "zz", 1, "z ");
}

static void test_after_a_failed_append_nothing_is_appended_or_lost(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    for (unsigned round = 0; round < 4; round++) {
        char error[VD_TEXT_BYTES_MAX] = "";
        vd_store_tail_t tail;
        vd_store_cursor_t *cursor = NULL;
        vd_commit_t commit;
        for (unsigned i = 0; i < 10; i++)
            fixture_append_random(f, names, NAMES);
        /* A cursor in the middle of its way must come through the reopening. */
        assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
        assert_int_equal(vd_store_cursor_seek(cursor, 1, NULL), VD_OK);
        assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error), VD_OK);
        fixture_fail_append(f, names, NAMES, round % 2 == 1);
        assert_int_equal(fixture_check_all(f, NULL), f->commit_count);
        assert_int_not_equal(vd_store_reopen(f->store, &tail, error, sizeof error), VD_OK);
        assert_int_not_equal(error[0], 0);
        assert_int_equal(fixture_check_all(f, NULL), f->commit_count);
        fixture_heal(f);
        assert_int_equal(vd_store_reopen(f->store, &tail, error, sizeof error), VD_OK);
        assert_true(tail.index >= f->commit_count);
        fixture_adopt(f, &tail);
        for (uint64_t i = 2; i <= f->commit_count && i <= 10; i++) {
            assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error), VD_OK);
            fixture_same_commit(&commit, f->commits[i - 1], NULL);
        }
        vd_store_cursor_destroy(&cursor);
    }
    for (unsigned i = 0; i < 200; i++)
        fixture_append_random(f, names, NAMES);
    fixture_reopen(f);
    assert_int_equal(fixture_check_all(f, NULL), f->commit_count);
}

static void test_a_record_leads_to_its_first_sequence(void **state)
{
    fixture_t *f = *state;
    uint64_t seq = 1;
    const vd_store_record_t records[] = {
        {vd_str("a"), vd_str("one"), 1},
        {vd_str("a"), vd_str("two"), UINT64_C(1) << 40},
        {vd_str("a:b"), vd_str("one"), 7},
    };
    vd_store_batch_t batch = {.records = records, .record_count = 3};
    fixture_open(f);
    assert_int_equal(vd_store_record(f->store, "a", "one", &seq), VD_NOT_FOUND);
    fixture_append(f, &batch);
    fixture_reopen(f);
    for (unsigned i = 0; i < 3; i++) {
        char session[8];
        vd_str_copy(session, sizeof session, records[i].session);
        const char *record = i == 1 ? "two" : "one";
        assert_int_equal(vd_store_record(f->store, session, record, &seq), VD_OK);
        assert_int_equal(seq, records[i].seq);
    }
    assert_int_equal(vd_store_record(f->store, "a", "on", &seq), VD_NOT_FOUND);
    assert_int_equal(vd_store_record(f->store, "a:b", "two", &seq), VD_NOT_FOUND);
    assert_int_equal(vd_store_record(f->store, "a:", "one", &seq), VD_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY(test_an_empty_store_has_no_tail),
        EVERY(test_what_was_appended_is_read_back),
        EVERY(test_it_is_there_after_closing),
        EVERY(test_every_event_is_found),
        EVERY(test_a_session_is_read_from_any_commit),
        EVERY(test_a_cursor_follows_when_placed_again),
        EVERY(test_a_commit_without_events_is_one),
        EVERY(test_large_commits),
        EVERY(test_producers_and_sessions_are_kept_whole),
        EVERY(test_sessions_are_paged_from_the_newest),
        EVERY(test_a_record_leads_to_its_first_sequence),
        BOTH(test_after_a_failed_append_nothing_is_appended_or_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
