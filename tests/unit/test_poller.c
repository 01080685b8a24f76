/* test_poller.c: the poller's core under virtual time: leases, the grid, one read at a time,
 * deadlines. */
#include "poller_world.h"

#include "core/hash.h"
#include "wire/run.h"

/* ---- the schedule ---- */

static void heap_gives_the_first(void **state)
{
    (void)state;
    vd_schedule_t schedule;
    assert_true(vd_schedule_init(&schedule, 64));
    int64_t due[64];
    uint64_t seed = 11;
    for (int i = 0; i < 64; i++)
        due[i] = -1;
    for (int n = 0; n < 20000; n++) {
        uint32_t id = (uint32_t)(vd_random_next(&seed) % 64);
        if (vd_random_next(&seed) % 3 == 0) {
            vd_schedule_clear(&schedule, id);
            due[id] = -1;
        } else {
            due[id] = (int64_t)(vd_random_next(&seed) % 1000);
            vd_schedule_set(&schedule, id, due[id]);
        }
        int64_t first = -1, given = -1;
        for (int i = 0; i < 64; i++)
            if (due[i] >= 0 && (first < 0 || due[i] < first))
                first = due[i];
        uint32_t at = vd_schedule_first(&schedule, &given);
        assert_int_equal(first, given);
        assert_true(first < 0 ? at == VD_SCHEDULE_NONE : due[at] == first);
    }
    vd_schedule_free(&schedule);
}

static void grid_spreads_sources(void **state)
{
    (void)state;
    int buckets[8] = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t hash = vd_hash(0, vd_bytes(&i, sizeof i));
        int64_t next = vd_schedule_next(5 * SECOND, 0, SECOND, hash);
        assert_true(next > 5 * SECOND && next <= 6 * SECOND);
        assert_int_equal(vd_schedule_next(next, next, SECOND, hash), next + SECOND);
        /* A tick right behind a start is left out. */
        assert_int_equal(vd_schedule_next(next - 1, next - 1, SECOND, hash), next + SECOND);
        buckets[next % SECOND / (SECOND / 8)]++;
    }
    for (int i = 0; i < 8; i++)
        assert_in_range(buckets[i], 85, 165);
}

/* ---- standing reads ---- */

static void first_soon_then_on_the_grid(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/proc/loadavg", 1000);
    stand(world, &read);
    assert_true(vd_str_is(reading(world).status, "ok"));
    assert_int_equal(reading(world).n, 0);
    int64_t from_us = world->now_us;
    pass(world, 100000);
    assert_int_equal(world->starts, 1);
    finish(world, VD_OK, "", vd_str("0.1"));
    int64_t previous_us = 0;
    for (int i = 0; i < 20; i++) {
        pass(world, SECOND);
        assert_in_range(world->job_count, 0, 1);
        if (world->job_count == 0)
            continue;
        if (previous_us > 0)
            assert_int_equal(world->job_us[0] - previous_us, SECOND);
        previous_us = world->job_us[0];
        finish(world, VD_OK, "", vd_str("0.1"));
    }
    assert_in_range(world->starts, 20, 22);
    assert_true(world->last_start_us - from_us > 19 * (int64_t)SECOND);
}

static void reads_of_a_source_come_together(void **state)
{
    world_t *world = *state;
    vd_read_record_t reads[] = {read_of("local", "/a", 1000), read_of("local", "/b", 1000)};
    stand_as(world, "host", 3600000, reads, 2);
    for (int i = 0; i < 5; i++) {
        pass(world, SECOND);
        assert_int_equal(world->job_count, 2);
        assert_int_equal(world->job_us[0], world->job_us[1]);
        finish(world, VD_OK, "", none);
        finish(world, VD_OK, "", none);
    }
}

static void one_out_and_no_bunch(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/slow", 100);
    read.deadline_ms = 60000;
    stand(world, &read);
    pass(world, 10 * SECOND);
    assert_int_equal(world->starts, 1);
    finish(world, VD_OK, "", none);
    int64_t ended_us = world->now_us;
    pass(world, 100000);
    assert_int_equal(world->starts, 2);
    assert_true(world->last_start_us > ended_us);
    finish(world, VD_OK, "", none);
    pass(world, 40000);
    assert_in_range(world->starts, 2, 3);
}

static void stopped_clock_makes_no_bunch(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/a", 100);
    stand(world, &read);
    pass(world, 100000);
    finish(world, VD_OK, "", none);
    uint32_t starts = world->starts;
    world->now_us += 100 * (int64_t)SECOND; /* the process stood still */
    pass(world, 0);
    assert_int_equal(world->starts, starts + 1);
    finish(world, VD_OK, "", none);
    pass(world, 1000);
    assert_true(world->starts <= starts + 2);
}

static void equal_reads_are_merged(void **state)
{
    world_t *world = *state;
    vd_read_record_t slow = read_of("local", "/a", 10000), fast = read_of("local", "/a", 1000);
    stand_as(world, "one", 3600000, &slow, 1);
    char feed[VD_FEED_BYTES_MAX + 1];
    vd_str_copy(feed, sizeof feed, reading(world).feed);
    pass(world, 100000);
    finish(world, VD_OK, "", none);
    stand_as(world, "two", 2500, &fast, 1);
    assert_true(vd_str_is(reading(world).feed, feed));
    assert_int_equal(reading(world).n, 1);
    assert_int_equal(vd_poller_standing(world->poller), 1);
    uint32_t starts = world->starts;
    pass(world, SECOND / 2); /* its tick may come so late behind the first read */
    for (int i = 0; i < 2; i++) {
        pass(world, SECOND);
        finish(world, VD_OK, "", none);
    }
    assert_int_equal(world->starts, starts + 2);
    /* The fast one lapses: the slow one goes on alone. */
    pass(world, 1500000);
    while (world->job_count > 0)
        finish(world, VD_OK, "", none);
    starts = world->starts;
    pass(world, 30 * (int64_t)SECOND / 4);
    assert_true(world->starts - starts <= 1);
}

static void who_reads_is_part_of_a_read(void **state)
{
    world_t *world = *state;
    vd_read_record_t ann = read_of("local", "/a", 1000), bob = ann, plain = ann;
    ann.auth = vd_str("basic ann:env(A)");
    bob.auth = vd_str("basic bob:env(A)");
    plain.auth = vd_str("bearer secret");
    char feed[VD_FEED_BYTES_MAX + 1];
    stand_as(world, "one", 3600000, &ann, 1);
    vd_str_copy(feed, sizeof feed, reading(world).feed);
    stand_as(world, "two", 3600000, &bob, 1);
    assert_false(vd_str_is(reading(world).feed, feed));
    assert_int_equal(vd_poller_standing(world->poller), 2);
    stand_as(world, "three", 3600000, &plain, 1);
    assert_true(vd_str_is(reading(world).status, "malformed"));
    assert_int_equal(vd_poller_standing(world->poller), 2);
}

static void a_full_adapter_holds_up_no_other(void **state)
{
    world_t *world = *state;
    for (int i = 0; i < 4; i++) {
        char target[16];
        snprintf(target, sizeof target, "/%d", i);
        vd_read_record_t read = read_of("hangs", target, 1000);
        read.adapter = vd_str("other"); /* one at a time, and none is ever done */
        read.deadline_ms = 60000;
        stand_as(world, "host", 3600000, &read, 1);
    }
    vd_read_record_t good = read_of("local", "/good", 1000);
    stand_as(world, "host", 3600000, &good, 1);
    uint32_t reads = 0;
    for (int i = 0; i < 20; i++) {
        pass(world, SECOND / 2);
        reads += finish_good(world);
        assert_int_equal(vd_poller_out(world->poller), 1);
    }
    assert_in_range(reads, 9, 11);
    assert_int_equal(world->starts, reads + 1);
}

static void lease_ends_a_read(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/a", 1000);
    stand_as(world, "host", 3000, &read, 1);
    for (int i = 0; i < 6; i++) {
        pass(world, SECOND);
        if (world->job_count > 0)
            finish(world, VD_OK, "", none);
    }
    assert_int_equal(vd_poller_standing(world->poller), 0);
    assert_in_range(world->starts, 3, 4);
    /* The same read again: its numbers go on, they do not begin again. */
    uint64_t before = world->item.item.n;
    stand_as(world, "host", 3000, &read, 1);
    pass(world, SECOND);
    finish(world, VD_OK, "", none);
    assert_true(world->item.item.n > before);
}

static void what_is_refused(void **state)
{
    world_t *world = *state;
    vd_read_record_t reads[] = {read_of("local", "/a", 0), read_of("local", "/a", 1000),
                                read_of("local", "/a", 1000), read_of("bad name", "/a", 1000),
                                read_of("local", "/good", 1000)};
    reads[1].adapter = vd_str("nothing");
    reads[2].op = vd_str("links");
    stand_as(world, "host", 3000, reads, 5);
    const char *wanted[] = {"usage", "unsupported", "unsupported", "malformed", "ok"};
    vd_bytes_t rows = world->answer.standing.readings;
    for (int i = 0; i < 5; i++) {
        vd_reading_record_t row;
        assert_int_equal(vd_rows_next(&rows, VD_RECORD_reading, &row), VD_OK);
        assert_true(vd_str_is(row.status, wanted[i]));
    }
    assert_int_equal(vd_poller_standing(world->poller), 1);
    stand_as(world, "host", 0, reads, 5);
    assert_int_equal(world->answer.id, VD_MESSAGE_ERROR);
}

static void full_table(void **state)
{
    (void)state;
    world_t *world = new_world(2, 100000);
    vd_read_record_t reads[] = {read_of("a", "/a", 1000), read_of("b", "/a", 1000),
                                read_of("c", "/a", 1000)};
    stand_as(world, "host", 3000, reads, 3);
    vd_bytes_t rows = world->answer.standing.readings;
    vd_reading_record_t row;
    for (int i = 0; i < 3; i++)
        assert_int_equal(vd_rows_next(&rows, VD_RECORD_reading, &row), VD_OK);
    assert_true(vd_str_is(row.status, "overloaded"));
    void *again = world;
    tear_down(&again);
}

/* ---- deadlines ---- */

static void deadline_makes_an_error(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/hangs", 10000);
    read.deadline_ms = 500;
    stand(world, &read);
    pass(world, 650000);
    assert_int_equal(world->cancels, 1);
    vd_sample_record_t sample = sample_in(world->item.payload);
    assert_true(vd_str_is(sample.status, "timed_out"));
    assert_int_equal(vd_poller_out(world->poller), 0);
    uint32_t items = world->items;
    finish(world, VD_OK, "", vd_str("late")); /* counts for nothing */
    assert_int_equal(world->items, items);
    for (int i = 0; i < 2000 && world->job_count == 0; i++)
        pass(world, 10000);
    finish(world, VD_OK, "", vd_str("fine"));
    assert_true(vd_str_is(sample_in(world->item.payload).status, "ok"));
}

/* Errors quote what others say: no text of a sample or of a reading is anything but UTF-8. */
static void errors_are_text(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/odd", 1000);
    char error[2 * VD_TEXT_BYTES_MAX] = "\x81\xa4 caf\xc3\xa9 \xc3";
    stand(world, &read);
    pass(world, SECOND);
    finish(world, VD_UNREACHABLE, error, none);
    assert_true(vd_str_is(sample_in(world->item.payload).error, "?? caf\xc3\xa9 ?"));
    for (size_t i = 1; i + 1 < sizeof error; i += 2) /* every bound lies within a character */
        memcpy(error + i, "\xc3\xa9", 2);
    error[0] = 'x';
    error[sizeof error - 1] = 0;
    for (int i = 0; i < 2000 && world->job_count == 0; i++)
        pass(world, 10000);
    finish(world, VD_UNREACHABLE, error, none);
    assert_in_range(sample_in(world->item.payload).error.size, VD_TEXT_BYTES_MAX - 1,
                    VD_TEXT_BYTES_MAX);
    get(world, vd_str("readings"));
    vd_value_t rows, row;
    assert_true(vd_value_of(world->answer.payload, &rows) && vd_value_of(rows.bytes, &row));
    vd_str_t told = vd_value_get_str(&row, "error");
    assert_true(told.size > VD_READ_ERROR_BYTES - 4);
    while (told.size > 0) {
        size_t size = vd_utf8_size(told);
        assert_true(size > 0);
        told = vd_bytes((const char *)told.data + size, told.size - size);
    }
}

static void hanging_source_harms_nobody(void **state)
{
    world_t *world = *state;
    vd_read_record_t reads[64];
    char targets[64][16];
    for (int i = 0; i < 64; i++) {
        snprintf(targets[i], sizeof targets[i], "/hangs%d", i);
        reads[i] = read_of("dead", targets[i], 1000);
    }
    stand_as(world, "host", 3600000, reads, 64);
    vd_read_record_t good = read_of("good", "/good", 1000);
    stand(world, &good);
    uint32_t answers = 0;
    for (int i = 0; i < 100; i++) {
        pass(world, 100000);
        answers += finish_good(world);
    }
    assert_in_range(answers, 9, 11);
    assert_in_range(vd_poller_out(world->poller), 1, 65);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_gives_the_first),
        cmocka_unit_test(grid_spreads_sources),
        IN_WORLD(first_soon_then_on_the_grid),
        IN_WORLD(reads_of_a_source_come_together),
        IN_WORLD(one_out_and_no_bunch),
        IN_WORLD(stopped_clock_makes_no_bunch),
        IN_WORLD(equal_reads_are_merged),
        IN_WORLD(a_full_adapter_holds_up_no_other),
        IN_WORLD(who_reads_is_part_of_a_read),
        IN_WORLD(lease_ends_a_read),
        IN_WORLD(what_is_refused),
        cmocka_unit_test(full_table),
        IN_WORLD(deadline_makes_an_error),
        IN_WORLD(errors_are_text),
        IN_WORLD(hanging_source_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
