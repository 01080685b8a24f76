/* test_chain.c: the chain of commits is followed over pieces as streams cut them, and a break shows. */
#include "wire/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { COMMITS = 12, RUNS = 3, EVENTS = 5 };

/* Commits of three sessions, five events each. */
typedef struct history {
    vd_buffer_t runs[COMMITS][RUNS];
    vd_commit_run_t rows[COMMITS][RUNS];
    vd_commit_t commits[COMMITS];
} history_t;

static history_t history;

static int begin(void **state)
{
    static const char *const sessions[RUNS] = {"a", "ab", "b"};
    uint32_t chain = 0;
    (void)state;
    for (int i = 0; i < COMMITS; i++) {
        for (int r = 0; r < RUNS; r++) {
            vd_buffer_t event;
            vd_buffer_init(&event, 1024);
            vd_buffer_init(&history.runs[i][r], 4096);
            for (int n = 0; n < EVENTS; n++) {
                uint8_t data = (uint8_t)(i * 9 + r * 5 + n);
                vd_buffer_clear(&event);
                vd_event_write(&event, i, vd_str("count"), vd_bytes(&data, 1), vd_bytes(NULL, 0));
                vd_run_add(&history.runs[i][r], vd_buffer_view(&event));
            }
            vd_buffer_free(&event);
            history.rows[i][r] = (vd_commit_run_t){.session = vd_str(sessions[r]),
                                                   .at = (uint64_t)r * EVENTS,
                                                   .first_seq = (uint64_t)i * EVENTS + 1,
                                                   .count = EVENTS,
                                                   .run = vd_buffer_view(&history.runs[i][r])};
        }
        history.commits[i] = (vd_commit_t){.index = (uint64_t)i + 1,
                                           .time_ms = 1000 + i,
                                           .epoch = 7,
                                           .run_count = i % 4 == 3 ? 0 : RUNS,
                                           .runs = history.rows[i]};
        history.commits[i].chain = chain = vd_commit_chain(chain, &history.commits[i]);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < COMMITS; i++)
        for (int r = 0; r < RUNS; r++)
            vd_buffer_free(&history.runs[i][r]);
    return 0;
}

/* Hands on commit `i` one event in a piece, from its event `from` on. */
static vd_status_t take_in_pieces(vd_chain_t *chain, int i, uint64_t from)
{
    vd_commit_t piece = history.commits[i];
    vd_status_t status = VD_OK;
    if (piece.run_count == 0)
        return vd_chain_take(chain, &piece);
    for (uint32_t r = 0; r < RUNS; r++) {
        vd_bytes_t rest = history.rows[i][r].run;
        vd_entry_t entry;
        for (uint64_t n = 0; status == VD_OK && vd_run_next(&rest, &entry) == VD_OK; n++) {
            vd_commit_run_t row = history.rows[i][r];
            row.at += n;
            row.first_seq += n;
            row.count = 1;
            row.run = entry.raw;
            piece.run_count = 1;
            piece.runs = &row;
            if (row.at >= from)
                status = vd_chain_take(chain, &piece);
        }
    }
    return status;
}

static void whole_commits_and_pieces_follow(void **state)
{
    (void)state;
    vd_chain_t whole, cut;
    vd_chain_begin(&whole, 0, 0, true, false);
    vd_chain_begin(&cut, 0, 0, true, false);
    for (int i = 0; i < COMMITS; i++) {
        assert_int_equal(vd_chain_take(&whole, &history.commits[i]), VD_OK);
        assert_int_equal(take_in_pieces(&cut, i, 0), VD_OK);
        assert_false(cut.whole);
        if (i % 2 == 0)
            assert_int_equal(vd_chain_end(&cut), VD_OK);
    }
    assert_int_equal(vd_chain_end(&whole), VD_OK);
    assert_int_equal(vd_chain_end(&cut), VD_OK);
    assert_true(cut.whole && cut.index == COMMITS);
}

/* Begun anywhere, what follows is checked. */
static void a_beginning_inside_a_commit_is_no_break(void **state)
{
    (void)state;
    vd_chain_t chain;
    vd_chain_begin(&chain, 4, history.commits[4].chain, true, true);
    assert_int_equal(take_in_pieces(&chain, 4, 7), VD_OK);
    assert_int_equal(take_in_pieces(&chain, 5, 0), VD_OK);
    assert_int_equal(vd_chain_end(&chain), VD_OK);
    vd_chain_begin(&chain, 4, 0, false, false);
    assert_int_equal(take_in_pieces(&chain, 4, 0), VD_OK);
    vd_commit_t other = history.commits[5];
    other.time_ms++;
    assert_int_equal(vd_chain_take(&chain, &other), VD_OK);
    assert_int_equal(vd_chain_end(&chain), VD_CORRUPT);
}

/* Follows all commits with commit 5 replaced. */
static vd_status_t follow_with(const vd_commit_t *fifth)
{
    vd_chain_t chain;
    vd_status_t status = VD_OK;
    vd_chain_begin(&chain, 0, 0, true, false);
    for (int i = 0; i < 8 && status == VD_OK; i++)
        status = vd_chain_take(&chain, i == 4 ? fifth : &history.commits[i]);
    return status == VD_OK ? vd_chain_end(&chain) : status;
}

static void every_break_shows(void **state)
{
    (void)state;
    vd_commit_t other = history.commits[4];
    vd_commit_run_t rows[RUNS];
    assert_int_equal(follow_with(&other), VD_OK);
    other.epoch++;
    assert_int_equal(follow_with(&other), VD_CORRUPT);
    other = history.commits[4];
    other.index++;
    assert_int_equal(follow_with(&other), VD_CORRUPT);
    other = history.commits[4];
    other.chain ^= 1;
    assert_int_equal(follow_with(&other), VD_CORRUPT);
    other = history.commits[4];
    other.run_count--;
    assert_int_equal(follow_with(&other), VD_CORRUPT);
    other = history.commits[4];
    other.runs = rows;
    for (int change = 0; change < 3; change++) {
        memcpy(rows, history.rows[4], sizeof rows);
        if (change == 0)
            rows[1].run = history.rows[3][1].run; /* events of another commit */
        else if (change == 1)
            rows[1].first_seq++;
        else
            rows[1].session = vd_str("ac");
        assert_int_equal(follow_with(&other), VD_CORRUPT);
    }
}

static void absent_runs_are_followed_by_their_digest(void **state)
{
    (void)state;
    vd_commit_t other = history.commits[4];
    vd_commit_run_t rows[RUNS];
    memcpy(rows, history.rows[4], sizeof rows);
    other.runs = rows;
    rows[1] = (vd_commit_run_t){.session = rows[1].session,
                                .at = rows[1].at,
                                .first_seq = rows[1].first_seq,
                                .count = EVENTS,
                                .absent = VD_PRUNED,
                                .digest = vd_run_digest(0, history.rows[4][1].run)};
    assert_int_equal(follow_with(&other), VD_OK);
    rows[1].digest ^= 1;
    assert_int_equal(follow_with(&other), VD_CORRUPT);
    rows[1].digest = 0;
    assert_int_equal(follow_with(&other), VD_CORRUPT);
    rows[1].absent = VD_CORRUPT; /* nobody knows */
    assert_int_equal(follow_with(&other), VD_OK);
}

/* Takes commit 5 up to the middle of its second run, and names the rest as absent. */
static vd_status_t lose_the_rest(vd_chain_t *chain, vd_status_t why, uint32_t digest)
{
    vd_commit_t piece = history.commits[4];
    vd_commit_run_t rows[RUNS];
    vd_bytes_t rest = history.rows[4][1].run;
    vd_entry_t entry;
    vd_chain_begin(chain, 4, history.commits[3].chain, true, false);
    memcpy(rows, history.rows[4], sizeof rows);
    piece.runs = rows;
    piece.run_count = 2;
    assert_int_equal(vd_run_next(&rest, &entry), VD_OK);
    rows[1].count = 1;
    rows[1].run = entry.raw;
    vd_status_t status = vd_chain_take(chain, &piece);
    rows[0] = history.rows[4][1];
    rows[0].at++;
    rows[0].first_seq++;
    rows[0].count--;
    rows[0].run = vd_bytes(NULL, 0);
    rows[0].absent = why;
    rows[0].digest = digest;
    rows[1] = history.rows[4][2];
    return status == VD_OK ? vd_chain_take(chain, &piece) : status;
}

/* A session was pruned, or damaged, between two pieces of one run: the digest of the rest cannot be
 * known. What comes behind is checked again. */
static void the_rest_of_a_run_may_go_while_it_is_read(void **state)
{
    (void)state;
    static const vd_status_t ways[] = {VD_PRUNED, VD_CORRUPT};
    for (int i = 0; i < 4; i++) {
        vd_chain_t chain;
        uint32_t digest = i < 2 ? 0 : vd_run_digest(0, history.rows[4][1].run);
        assert_int_equal(lose_the_rest(&chain, ways[i % 2], digest), VD_OK);
        assert_int_equal(vd_chain_take(&chain, &history.commits[5]), VD_OK);
        vd_commit_t other = history.commits[6];
        other.epoch++;
        assert_int_equal(vd_chain_take(&chain, &other), VD_OK);
        assert_int_equal(vd_chain_end(&chain), VD_CORRUPT);
    }
}

/* Of which nothing can be read: it cannot be checked, nor can the one behind it, but all after. */
static void a_lost_commit_is_passed_over(void **state)
{
    (void)state;
    vd_commit_run_t row = {.absent = VD_CORRUPT};
    vd_commit_t lost = {.index = 5, .run_count = 1, .runs = &row};
    assert_int_equal(follow_with(&lost), VD_OK);
    vd_chain_t chain;
    vd_chain_begin(&chain, 4, history.commits[3].chain, true, false);
    assert_int_equal(vd_chain_take(&chain, &lost), VD_OK);
    assert_int_equal(vd_chain_take(&chain, &history.commits[5]), VD_OK);
    vd_commit_t other = history.commits[6];
    other.epoch++;
    assert_int_equal(vd_chain_take(&chain, &other), VD_OK);
    assert_int_equal(vd_chain_end(&chain), VD_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_commits_and_pieces_follow),
        cmocka_unit_test(a_beginning_inside_a_commit_is_no_break),
        cmocka_unit_test(every_break_shows),
        cmocka_unit_test(absent_runs_are_followed_by_their_digest),
        cmocka_unit_test(the_rest_of_a_run_may_go_while_it_is_read),
        cmocka_unit_test(a_lost_commit_is_passed_over),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
