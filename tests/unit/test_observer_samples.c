/* test_observer_samples.c: the sources and reads that an observer sees are found as they are now,
 * whatever was looked up before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "host/samples.h"

static vd_observed_t *add(vd_samples_t *samples, const char *name, uint64_t inc)
{
    vd_source_record_t record = {.name = vd_str(name),
                                 .inc = inc,
                                 .adapter = vd_str("file"),
                                 .address = vd_str("/"),
                                 .poller = vd_str("poller-1")};
    vd_observed_t *source = vd_samples_set_source(samples, &record);
    assert_non_null(source);
    return source;
}

/* Declares reads of so many targets. Returns whether any changed. */
static bool declare(vd_samples_t *samples, vd_observed_t *source, const char *const *targets,
                    size_t count, uint32_t keep)
{
    vd_reads_t reads;
    vd_reads_open(&reads);
    for (size_t at = 0; at < count; at++)
        vd_reads_add_spec(&reads,
                          &(vd_read_spec_t){.op = "read", .target = targets[at], .keep = keep});
    bool changed = vd_samples_declare(samples, source, &reads);
    vd_reads_close(&reads);
    return changed;
}

static void put(vd_samples_t *samples, vd_slot_t *slot, const char *content)
{
    vd_buffer_t bytes;
    vd_sample_record_t sample = {.source = slot->source->record.name,
                                 .op = vd_str(slot->wish.op),
                                 .target = vd_str(slot->wish.target),
                                 .status = vd_str("ok"),
                                 .content = vd_str(content)};
    vd_buffer_init(&bytes, VD_BODY_BYTES_MAX);
    assert_int_equal(vd_record_encode(VD_RECORD_sample, &sample, &bytes), VD_OK);
    assert_true(vd_samples_put(samples, slot, vd_buffer_view(&bytes)));
    vd_buffer_free(&bytes);
}

static void assert_found(const vd_samples_t *samples, const char *source, const char *target,
                         const char *content)
{
    const vd_sample_record_t *sample = vd_samples_find(samples, vd_str(source), "read", target);
    assert_int_equal(sample != NULL, content != NULL);
    if (content)
        assert_true(vd_str_is(sample->content, content));
}

static void test_a_source_that_left_is_not_found(void **state)
{
    (void)state;
    static const char *const targets[] = {"/a", "/bb"};
    vd_samples_t *samples = vd_samples_new();
    vd_observed_t *one = add(samples, "one", 1), *two = add(samples, "two", 1);
    declare(samples, one, targets, 2, 1);
    declare(samples, two, targets, 2, 1);
    put(samples, one->slots[0], "of one");
    put(samples, two->slots[1], "of two");
    assert_found(samples, "one", "/a", "of one");
    assert_found(samples, "one", "/bb", NULL);
    assert_found(samples, "two", "/bb", "of two");
    vd_samples_drop_source(samples, vd_str("two"));
    assert_found(samples, "two", "/bb", NULL);
    assert_int_equal(vd_samples_source_count(samples), 1);
    two = add(samples, "two", 2);
    assert_found(samples, "two", "/bb", NULL);
    declare(samples, two, targets, 2, 1);
    put(samples, two->slots[1], "again");
    assert_found(samples, "two", "/bb", "again");
    assert_found(samples, "one", "/a", "of one");
    assert_int_equal(vd_samples_source_count(samples), 2);
    assert_ptr_equal(vd_samples_observed_at(samples, 1), two);
    assert_null(vd_samples_observed_at(samples, 2));
    vd_samples_destroy(&samples);
}

static void test_reads_change_when_they_differ(void **state)
{
    (void)state;
    static const char *const before[] = {"/a", "/b", "/c"}, *const turned[] = {"/a", "/c", "/b"},
                             *const after[] = {"/a", "/c", "/d"};
    vd_samples_t *samples = vd_samples_new();
    vd_observed_t *source = add(samples, "one", 1);
    assert_true(declare(samples, source, before, 3, 1));
    put(samples, source->slots[0], "a");
    put(samples, source->slots[1], "b");
    assert_false(declare(samples, source, before, 3, 1));
    assert_false(declare(samples, source, turned, 3, 1));
    assert_found(samples, "one", "/b", "b");
    assert_true(declare(samples, source, after, 3, 1));
    assert_found(samples, "one", "/a", "a");
    assert_found(samples, "one", "/b", NULL);
    assert_int_equal(source->slot_count, 3);
    assert_true(declare(samples, source, after, 3, 2)); /* how many are held is part of it */
    assert_found(samples, "one", "/a", NULL);
    assert_true(declare(samples, source, after, 2, 2));
    assert_true(declare(samples, source, after, 3, 2));
    assert_true(declare(samples, source, NULL, 0, 2));
    assert_int_equal(vd_samples_source_count(samples), 0);
    vd_samples_destroy(&samples);
}

/* One-off reads stand among the standing ones, with the same names. */
static void test_the_newest_answer_is_found(void **state)
{
    (void)state;
    static const char *const targets[] = {"/a", "/b"};
    vd_samples_t *samples = vd_samples_new();
    vd_observed_t *source = add(samples, "one", 1);
    declare(samples, source, targets, 1, 1);
    vd_read_record_t read = {.source = vd_str("one"), .op = vd_str("read"), .target = vd_str("/a")};
    vd_slot_t *once = vd_samples_answer(samples, source, &read);
    assert_true(declare(samples, source, targets, 2, 1));
    assert_false(declare(samples, source, targets, 2, 1));
    put(samples, source->slots[0], "standing");
    assert_found(samples, "one", "/a", "standing");
    put(samples, once, "once");
    assert_found(samples, "one", "/a", "once");
    put(samples, source->slots[0], "later");
    assert_found(samples, "one", "/a", "later");
    vd_samples_destroy(&samples);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_source_that_left_is_not_found),
        cmocka_unit_test(test_reads_change_when_they_differ),
        cmocka_unit_test(test_the_newest_answer_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
