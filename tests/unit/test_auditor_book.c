/* test_auditor_book.c: many violations of one invariant do not hide those of another. */
#include "book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static bool violate(vd_book_t *book, vd_invariant_t invariant, uint64_t place)
{
    vd_violation_t violation = vd_violation_of(invariant, vd_str("a"), 1, place);
    snprintf(violation.text, sizeof violation.text, "text %u", (unsigned)place);
    snprintf(violation.evidence, sizeof violation.evidence, "evidence %u", (unsigned)place);
    return vd_book_violate(book, &violation, place);
}

/* Tells all that waits. Returns how many were of `invariant`. */
static uint32_t tell_all(vd_book_t *book, vd_invariant_t invariant)
{
    uint32_t count = 0;
    for (const vd_violation_t *next; (next = vd_book_waiting(book)) != NULL; vd_book_told(book))
        count += next->invariant == invariant;
    return count;
}

static void one_damaged_region_does_not_hide_the_others(void **state)
{
    vd_book_t *book = *state;
    for (uint64_t place = 1; place <= 5000; place++)
        for (vd_invariant_t one = VD_INVARIANT_event_checksum; one <= VD_INVARIANT_store_whole;
             one++)
            violate(book, one, place);
    assert_true(violate(book, VD_INVARIANT_store_kept, 1));
    assert_string_equal(book->last[VD_INVARIANT_store_kept].text, "text 1");
    assert_string_equal(book->last[VD_INVARIANT_store_kept].evidence, "evidence 1");
    assert_string_equal(book->first.text, "text 1");
    assert_int_equal(book->violated[VD_INVARIANT_event_checksum], 5000);
    assert_int_equal(vd_book_violations(book), 10001);
    uint32_t waiting = book->waiting_count;
    assert_int_equal(book->untold + waiting, 10001);
    assert_int_equal(tell_all(book, VD_INVARIANT_store_kept), 1);
}

static void the_first_of_each_is_told(void **state)
{
    vd_book_t *book = *state;
    for (vd_invariant_t one = 0; one < VD_INVARIANTS; one++) {
        for (uint64_t place = 1; place <= VD_BOOK_WAITING_MAX; place++)
            violate(book, one, place);
    }
    bool told[VD_INVARIANTS] = {false};
    for (const vd_violation_t *next; (next = vd_book_waiting(book)) != NULL; vd_book_told(book))
        told[next->invariant] = true;
    for (vd_invariant_t one = 0; one < VD_INVARIANTS; one++)
        assert_true(told[one]);
}

static void a_place_that_is_remembered_is_left_out_nowhere(void **state)
{
    vd_book_t *book = *state;
    assert_true(violate(book, VD_INVARIANT_session_ends, 7));
    for (int i = 0; i < 100; i++)
        assert_false(violate(book, VD_INVARIANT_session_ends, 7));
    assert_true(violate(book, VD_INVARIANT_session_begins, 7)); /* of another, another place */
    assert_int_equal(book->untold, 0);
    assert_int_equal(tell_all(book, VD_INVARIANT_session_ends), 1);
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(vd_book_t));
    return *state == NULL;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_damaged_region_does_not_hide_the_others),
        TEST(the_first_of_each_is_told),
        TEST(a_place_that_is_remembered_is_left_out_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
