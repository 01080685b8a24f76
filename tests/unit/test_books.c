/* test_books.c: the books of chaos find each law that a store can break; real stores show them only that none is. */
#include "chaos/books/laws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { COMMITS = 6, EVENTS = 4 };

/* A session of one run in each commit: session_started first, session_ended last. */
typedef struct history {
    vd_buffer_t runs[COMMITS];
    vd_commit_run_t rows[COMMITS];
    vd_commit_t commits[COMMITS];
} history_t;

static const char *type_of(int commit, int event)
{
    if (commit == 0 && event == 0)
        return "session_started";
    return commit == COMMITS - 1 && event == EVENTS - 1 ? "session_ended" : "count";
}

static void write_run(history_t *self, int i, const char *const types[EVENTS])
{
    static const uint8_t data = 0x07;
    vd_buffer_t event;
    vd_buffer_init(&event, 1024);
    vd_buffer_clear(&self->runs[i]);
    for (int n = 0; n < EVENTS; n++) {
        vd_buffer_clear(&event);
        vd_event_write(&event, i, vd_str(types != NULL ? types[n] : type_of(i, n)),
                       vd_bytes(&data, 1), vd_bytes(NULL, 0));
        vd_run_add(&self->runs[i], vd_buffer_view(&event));
    }
    vd_buffer_free(&event);
    self->rows[i].run = vd_buffer_view(&self->runs[i]);
}

/* Makes the chain right again behind a change that it is not about. */
static void link_commits(history_t *self)
{
    uint32_t chain = 0;
    for (int i = 0; i < COMMITS; i++)
        self->commits[i].chain = chain = vd_commit_chain(chain, &self->commits[i]);
}

static void begin(history_t *self)
{
    *self = (history_t){0};
    for (int i = 0; i < COMMITS; i++) {
        vd_buffer_init(&self->runs[i], 4096);
        self->rows[i] = (vd_commit_run_t){
            .session = vd_str("s"), .first_seq = (uint64_t)i * EVENTS + 1, .count = EVENTS};
        write_run(self, i, NULL);
        self->commits[i] = (vd_commit_t){.index = (uint64_t)i + 1,
                                         .time_ms = 1000 + i,
                                         .epoch = 7,
                                         .run_count = 1,
                                         .runs = &self->rows[i]};
    }
    link_commits(self);
}

/* Shows a history but commit `left_out` to the books, with `s:bound` as the place up to which readers were waited for;
 * 0: there is none. Returns how many laws they find broken. */
static uint64_t broken_with(history_t *self, int left_out, uint64_t bound)
{
    static laws_t laws;
    problems_t problems = {0};
    static ledgers_t ledgers; /* too large for the stack */
    char path[] = "/tmp/vd-books-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    ledgers.problems = &problems;
    laws = (laws_t){.problems = &problems, .ledgers = &ledgers};
    if (bound > 0)
        laws.bounds[laws.bound_count++] = (bound_t){.session = "s", .seq = bound};
    book_open(&laws.store, path, BOOK_STORE, "store", "*");
    laws_begin(&laws);
    for (int i = 0; i < COMMITS; i++)
        if (i != left_out)
            laws_take(&laws, &self->commits[i]);
    laws_end(&laws);
    book_close(&laws.store);
    unlink(path);
    for (int i = 0; i < COMMITS; i++)
        vd_buffer_free(&self->runs[i]);
    assert_int_equal(laws.broken, problems.count);
    return laws.broken;
}

static uint64_t broken(history_t *self, int left_out)
{
    return broken_with(self, left_out, 0);
}

static void test_a_lawful_store(void **state)
{
    history_t history;
    (void)state;
    begin(&history);
    assert_int_equal(broken(&history, -1), 0);
}

static void test_commits(void **state)
{
    history_t history;
    (void)state;
    begin(&history);
    assert_int_equal(broken(&history, 2), 3); /* the index, the chain, the sequences */
    begin(&history);
    history.commits[3].time_ms = 1001;
    link_commits(&history);
    assert_int_equal(broken(&history, -1), 1);
    begin(&history);
    history.commits[3].chain ^= 1;
    assert_true(broken(&history, -1) >= 1);
    begin(&history);
    history.commits[COMMITS - 1].chain ^= 1;
    assert_int_equal(broken(&history, -1), 1);
}

static void test_absent(void **state)
{
    history_t history;
    (void)state;
    begin(&history);
    history.rows[COMMITS - 1].digest = vd_run_digest(0, history.rows[COMMITS - 1].run);
    history.rows[COMMITS - 1].absent = VD_PRUNED;
    history.rows[COMMITS - 1].run = vd_bytes(NULL, 0);
    assert_int_equal(broken(&history, -1), 1);
}

static void test_sequences(void **state)
{
    history_t history;
    (void)state;
    begin(&history);
    for (int i = 4; i < COMMITS; i++)
        history.rows[i].first_seq++;
    link_commits(&history);
    assert_int_equal(broken(&history, -1), 1);
    begin(&history); /* a sequence that comes again */
    for (int i = 4; i < COMMITS; i++)
        history.rows[i].first_seq--;
    link_commits(&history);
    assert_int_equal(broken(&history, -1), 1);
}

static void test_begin_and_end(void **state)
{
    static const char *const plain[EVENTS] = {"count", "count", "count", "count"};
    static const char *const again[EVENTS] = {"count", "session_started", "count", "count"};
    static const char *const ended[EVENTS] = {"count", "count", "session_ended", "count"};
    history_t history;
    (void)state;
    begin(&history);
    write_run(&history, 0, plain);
    link_commits(&history);
    assert_int_equal(broken(&history, -1), 1);
    begin(&history);
    write_run(&history, 2, again);
    link_commits(&history);
    assert_int_equal(broken(&history, -1), 1);
    begin(&history);
    write_run(&history, COMMITS - 1, ended);
    link_commits(&history);
    assert_int_equal(broken(&history, -1), 1);
}

static void test_damage(void **state)
{
    history_t history;
    (void)state;
    begin(&history);
    history.runs[2].data[history.runs[2].size - 1] ^= 1; /* the chain covers checksums */
    assert_int_equal(broken(&history, -1), 1);
}

static void test_bounds(void **state)
{
    history_t history;
    (void)state;
    begin(&history);
    assert_int_equal(broken_with(&history, -1, (uint64_t)COMMITS * EVENTS), 0);
    begin(&history);
    assert_int_equal(broken_with(&history, -1, (uint64_t)COMMITS * EVENTS + 1), 1);
    begin(&history); /* the last commit is lost: nothing else tells of it */
    assert_int_equal(broken_with(&history, COMMITS - 1, (uint64_t)COMMITS * EVENTS), 1);
}

/* ---- ledgers ---- */

static bool has_ended(void *arg, const char *session)
{
    (void)arg;
    return strcmp(session, "ended") == 0;
}

/* A ledger of events that go into the two sessions in turn, in these states, of which those of `stored` (bits) are in
 * the store; `seq`: receipts say where. Returns how many problems it has. */
static uint64_t problems_of(const uint8_t *states, uint64_t count, unsigned stored, bool seq)
{
    char path[] = "/tmp/vd-books-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    book_t book;
    book_open(&book, path, BOOK_LEDGER, "p", "shared");
    uint16_t numbers[] = {book_session(&book, "shared"), book_session(&book, "ended")};
    for (uint64_t n = 1; n <= count; n++)
        book_append(&book, &(book_record_t){.seq = seq ? n : 0,
                                            .session = numbers[(n - 1) % 2],
                                            .state = states[n - 1],
                                            .status = 1});
    book_close(&book);
    problems_t problems = {0};
    static ledgers_t ledgers; /* larger than a stack, on which an initializer would be made */
    memset(&ledgers, 0, sizeof ledgers);
    ledgers.problems = &problems;
    ledgers_add(&ledgers, path);
    ledgers.rows[0].stored[0] = (uint8_t)(stored << 1);
    ledgers_end(&ledgers, has_ended, NULL);
    ledgers_free(&ledgers);
    unlink(path);
    return problems.count;
}

static void test_holes(void **state)
{
    static const uint8_t taken[] = {BOOK_TAKEN, BOOK_TAKEN, BOOK_TAKEN};
    (void)state;
    assert_int_equal(problems_of(taken, 3, 0, false), 0);
    assert_int_equal(problems_of(taken, 3, 1, false), 0);
    assert_int_equal(problems_of(taken, 3, 5, false), 0);
    /* The third is stored and the first, of the same session, is not; the second is of the one that takes nothing. */
    assert_int_equal(problems_of(taken, 3, 4, false), 1);
}

static void test_receipts_tell_a_place(void **state)
{
    static const uint8_t committed[] = {BOOK_COMMITTED};
    (void)state;
    assert_int_equal(problems_of(committed, 1, 1, true), 0);
    assert_int_equal(problems_of(committed, 1, 1, false), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lawful_store),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_begin_and_end),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_receipts_tell_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
