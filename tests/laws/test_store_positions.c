/* test_store_positions.c: laws of the positions that a store keeps under names. */
#include "tests/laws/faulty_store.h"
#include "tests/laws/store_fixture.h"

#include "core/core.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"a", "b", "a-b"};
enum { NAMES = sizeof names / sizeof *names };

static vd_store_position_t position_of(const fixture_t *f, const char *name, uint64_t index)
{
    vd_store_position_t position = {.index = index,
                                    .offset = index % 3,
                                    .chain = index > 0 ? f->commits[index - 1]->chain : 0,
                                    .session = "a",
                                    .saved_ms = 1700000000000 + (int64_t)index};
    snprintf(position.name, sizeof position.name, "%s", name);
    return position;
}

static vd_status_t save(fixture_t *f, const vd_store_position_t *position)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status = vd_store_save_position(f->store, position, error, sizeof error);
    assert_int_equal(status == VD_OK, error[0] == 0);
    return status;
}

static void same(const vd_store_position_t *a, const vd_store_position_t *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->session, b->session);
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->chain, b->chain);
    assert_int_equal(a->saved_ms, b->saved_ms);
}

typedef struct listed {
    char text[256];
    unsigned room;
} listed_t;

static bool each_name(void *arg, const vd_store_position_t *position)
{
    listed_t *self = arg;
    size_t at = strlen(self->text);
    snprintf(self->text + at, sizeof self->text - at, "%s ", position->name);
    return --self->room > 0;
}

static void test_a_position_is_kept_under_its_name(void **state)
{
    fixture_t *f = *state;
    vd_store_position_t found;
    char error[VD_TEXT_BYTES_MAX] = "";
    fixture_open(f);
    for (unsigned i = 0; i < 5; i++)
        fixture_append_random(f, names, NAMES);
    assert_int_equal(vd_store_position(f->store, "x", &found), VD_NOT_FOUND);
    assert_int_equal(vd_store_forget_position(f->store, "x", error, sizeof error), VD_NOT_FOUND);
    assert_int_not_equal(error[0], 0);
    for (uint64_t i = 0; i <= 5; i++) {
        vd_store_position_t position = position_of(f, "x", i), other = position_of(f, "x:y", 5 - i);
        assert_int_equal(save(f, &position), VD_OK);
        assert_int_equal(save(f, &other), VD_OK);
        assert_int_equal(vd_store_position(f->store, "x", &found), VD_OK);
        same(&found, &position);
        fixture_reopen(f);
        assert_int_equal(vd_store_position(f->store, "x", &found), VD_OK);
        same(&found, &position);
        assert_int_equal(vd_store_position(f->store, "x:y", &found), VD_OK);
        same(&found, &other);
    }
    listed_t all = {.room = 9}, one = {.room = 1};
    assert_int_equal(vd_store_positions(f->store, each_name, &all), VD_OK);
    assert_string_equal(all.text, "x x:y ");
    assert_int_equal(vd_store_positions(f->store, each_name, &one), VD_OK);
    assert_string_equal(one.text, "x ");
    assert_int_equal(vd_store_forget_position(f->store, "x", error, sizeof error), VD_OK);
    fixture_reopen(f);
    assert_int_equal(vd_store_position(f->store, "x", &found), VD_NOT_FOUND);
    assert_int_equal(vd_store_position(f->store, "x:y", &found), VD_OK);
}

static void test_it_is_no_commit_and_costs_no_sync(void **state)
{
    fixture_t *f = *state;
    vd_store_tail_t tail;
    fixture_open(f);
    for (unsigned i = 0; i < 3; i++)
        fixture_append_random(f, names, NAMES);
    unsigned syncs = fixture_syncs();
    for (uint64_t i = 0; i < 300; i++) {
        vd_store_position_t position = position_of(f, "x", i % 4);
        assert_int_equal(save(f, &position), VD_OK);
    }
    assert_int_equal(fixture_syncs(), syncs);
    vd_store_tail(f->store, &tail);
    assert_int_equal(tail.index, 3);
    fixture_append_random(f, names, NAMES);
    assert_int_equal(fixture_check_all(f, NULL), 4);
}

static void test_the_number_of_names_is_bounded(void **state)
{
    fixture_t *f = *state;
    vd_store_position_t found;
    char name[32], error[VD_TEXT_BYTES_MAX] = "";
    fixture_open(f);
    for (unsigned i = 0; i < VD_POSITIONS_MAX; i++) {
        snprintf(name, sizeof name, "name-%u", i);
        vd_store_position_t position = position_of(f, name, 0);
        assert_int_equal(save(f, &position), VD_OK);
    }
    vd_store_position_t more = position_of(f, "more", 0), known = position_of(f, "name-7", 0);
    known.saved_ms++;
    assert_int_equal(save(f, &more), VD_TOO_LARGE);
    assert_int_equal(vd_store_position(f->store, "more", &found), VD_NOT_FOUND);
    assert_int_equal(save(f, &known), VD_OK); /* no new name */
    assert_int_equal(vd_store_forget_position(f->store, "name-8", error, sizeof error), VD_OK);
    assert_int_equal(save(f, &more), VD_OK);
    /* It was no failed write: everything goes on. */
    fixture_append_random(f, names, NAMES);
    fixture_check_all(f, NULL);
}

static void test_after_a_failed_append_none_is_saved(void **state)
{
    fixture_t *f = *state;
    vd_store_tail_t tail;
    vd_store_position_t found;
    char error[VD_TEXT_BYTES_MAX] = "";
    fixture_open(f);
    fixture_append_random(f, names, NAMES);
    vd_store_position_t first = position_of(f, "x", 0), second = position_of(f, "x", 1);
    assert_int_equal(save(f, &first), VD_OK);
    fixture_fail_append(f, names, NAMES, false);
    assert_int_equal(save(f, &second), VD_STORE_TROUBLE);
    assert_int_equal(vd_store_forget_position(f->store, "x", error, sizeof error),
                     VD_STORE_TROUBLE);
    assert_int_equal(vd_store_position(f->store, "x", &found), VD_OK);
    same(&found, &first);
    fixture_heal(f);
    /* The memory one fails to reopen once. */
    while (vd_store_reopen(f->store, &tail, error, sizeof error) != VD_OK)
        continue;
    fixture_adopt(f, &tail);
    assert_int_equal(vd_store_position(f->store, "x", &found), VD_OK);
    same(&found, &first);
    assert_int_equal(save(f, &second), VD_OK);
}

/* Over every fault: what is there was given to be kept once, after what was known to be kept while
 * the power stayed, and is never ahead of the store. */
static void test_it_never_leads_the_store(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    vd_store_tail_t tail;
    uint64_t first_failed = 0, lost = 0;
    for (unsigned round = 0; round < 250; round++) {
        fixture_append_random(f, names, NAMES);
        vd_store_position_t position = position_of(f, "x", f->commit_count), found;
        if (save(f, &position) != VD_OK) {
            first_failed = f->commit_count;
            fixture_recover(f, &tail);
        }
        vd_store_tail(f->store, &tail);
        vd_status_t status = vd_store_position(f->store, "x", &found);
        if (status == VD_NOT_FOUND) {
            assert_true(round < 20);
            continue;
        }
        assert_int_equal(status, VD_OK);
        assert_true(found.index <= tail.index);
        vd_store_position_t given = position_of(f, "x", found.index);
        same(&found, &given);
        lost += found.index < f->commit_count;
        assert_true(found.index == f->commit_count || first_failed > 0);
    }
    assert_true(vd_faulty_faults(f->faulty) > 10);
    assert_true(lost > 0 && lost < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_a_position_is_kept_under_its_name),
        BOTH(test_it_is_no_commit_and_costs_no_sync),
        BOTH(test_the_number_of_names_is_bounded),
        BOTH(test_after_a_failed_append_none_is_saved),
        ON(test_it_never_leads_the_store, "faulty"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
