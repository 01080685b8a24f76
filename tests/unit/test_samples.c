/* test_samples.c: what a poller answers: samples on request, one-off reads, readings. */
#include "poller_world.h"

/* ---- samples on request ---- */

static void samples_by_request(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/a", 1000);
    stand(world, &read);
    char name[VD_FEED_BYTES_MAX + 1];
    vd_str_copy(name, sizeof name, reading(world).feed);
    vd_str_t feed = vd_str(name);
    get(world, feed);
    assert_int_equal(world->answer.id, VD_MESSAGE_SNAPSHOT);
    uint64_t base = world->answer.snapshot.n;
    for (int i = 1; i <= 3; i++) {
        char text[8];
        snprintf(text, sizeof text, "v%d", i);
        pass(world, SECOND);
        finish(world, VD_OK, "", vd_str(text));
        assert_string_equal(world->topic, name);
        assert_int_equal(world->item.item.n, base + (uint64_t)i);
        assert_true(vd_str_is(sample_in(world->item.payload).content, text));
    }
    get(world, feed);
    assert_int_equal(world->answer.snapshot.n, base + 3);
    assert_true(vd_str_is(sample_in(world->answer.payload).content, "v3"));
    assert_int_equal(sample_in(world->answer.payload).n, base + 3);
    read_after(world, feed, INC, base + 1);
    assert_int_equal(world->answer.id, VD_MESSAGE_ITEMS);
    assert_int_equal(world->answer.items.first, base + 2);
    assert_int_equal(world->answer.items.count, 2);
    vd_value_t array, first;
    assert_true(vd_value_of(world->answer.payload, &array));
    vd_bytes_t rest = array.bytes;
    assert_true(vd_value_next(&rest, &first));
    assert_true(vd_str_is(sample_in(first.raw).content, "v2"));
    read_after(world, feed, INC, base + 3);
    assert_int_equal(world->answer.items.count, 0);
    read_after(world, feed, INC, base);
    assert_int_equal(world->answer.id, VD_MESSAGE_RESET);
    assert_true(vd_str_is(world->answer.reset.status, "pruned"));
    assert_true(vd_str_is(sample_in(world->answer.payload).content, "v3"));
    read_after(world, feed, INC, base + 9);
    assert_true(vd_str_is(world->answer.reset.status, "went_back"));
    read_after(world, feed, INC + 1, base);
    assert_true(vd_str_is(world->answer.reset.status, "restarted"));
    get(world, vd_str("sample/local/0123456789abcdef"));
    assert_int_equal(world->answer.id, VD_MESSAGE_ERROR);
}

static void large_samples_go_by_request(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/a", 1000);
    stand(world, &read);
    char name[VD_FEED_BYTES_MAX + 1];
    vd_str_copy(name, sizeof name, reading(world).feed);
    uint8_t *content = calloc(1, VD_SAMPLE_BYTES_MAX);
    pass(world, SECOND);
    finish(world, VD_OK, "", vd_bytes(content, VD_SAMPLE_BYTES_MAX));
    assert_int_equal(world->item.payload.size, 0);
    get(world, vd_str(name));
    assert_int_equal(sample_in(world->answer.payload).content.size, VD_SAMPLE_BYTES_MAX);
    pass(world, SECOND);
    finish(world, VD_OK, "", vd_bytes(content, VD_SAMPLE_BYTES_MAX));
    uint64_t n = world->item.item.n;
    read_after(world, vd_str(name), INC, n - 2);
    assert_int_equal(world->answer.items.count, 1); /* both together pass ITEMS_BYTES_MAX */
    assert_int_equal(world->answer.items.head, n);
    assert_int_equal(world->answer.items.first, n - 1);
    free(content);
}

/* Twenty reads of a mebibyte each do not fit: those that do not are errors of their own, nothing
 * grows. */
static void samples_are_bounded(void **state)
{
    (void)state;
    world_t *world = new_world(1024, 5 * VD_SAMPLE_BYTES_MAX);
    uint8_t *content = calloc(1, VD_SAMPLE_BYTES_MAX);
    vd_read_record_t reads[20];
    char targets[20][16];
    for (int i = 0; i < 20; i++) {
        snprintf(targets[i], sizeof targets[i], "/%d", i);
        reads[i] = read_of("local", targets[i], 1000);
    }
    stand_as(world, "host", 3600000, reads, 20);
    uint32_t full = 0;
    for (int round = 0; round < 3; round++) {
        pass(world, SECOND);
        while (world->job_count > 0) {
            finish(world, VD_OK, "", vd_bytes(content, VD_SAMPLE_BYTES_MAX - 1024));
            full += world->item.payload.size > 0 &&
                    vd_str_is(sample_in(world->item.payload).status, "overloaded");
        }
    }
    /* Five fit; errors take a little room of their own. */
    assert_in_range(full, 3 * 15, 3 * 16);
    free(content);
    void *again = world;
    tear_down(&again);
}

static void one_off_read(void **state)
{
    world_t *world = *state;
    vd_buffer_t rows;
    vd_buffer_init(&rows, 4096);
    vd_read_record_t read = read_of("local", "/once", 0);
    vd_write_array(&rows, 1);
    vd_record_encode(VD_RECORD_read, &read, &rows);
    vd_message_t message = {.id = VD_MESSAGE_READ_ONCE,
                            .read_once = {.reads = vd_buffer_view(&rows)}};
    send(world, &message);
    assert_false(world->answered);
    memset(rows.data, 0xff, rows.size); /* the frame is gone before the read ends */
    finish(world, VD_NOT_FOUND, "no such file", none);
    assert_true(world->answered);
    assert_int_equal(world->answer.id, VD_MESSAGE_SAMPLE);
    assert_int_equal(world->answer.correlation, 99);
    vd_sample_record_t sample = sample_in(world->answer.payload);
    assert_true(vd_str_is(sample.status, "not_found"));
    assert_true(vd_str_is(sample.error, "no such file"));
    assert_true(vd_str_is(sample.target, "/once"));
    assert_int_equal(world->items, 0);
    vd_buffer_free(&rows);
}

static void one_off_reads_are_bounded(void **state)
{
    world_t *world = *state;
    vd_buffer_t rows;
    vd_buffer_init(&rows, 4096);
    vd_read_record_t read = read_of("local", "/once", 0);
    vd_write_array(&rows, 1);
    vd_record_encode(VD_RECORD_read, &read, &rows);
    vd_message_t message = {.id = VD_MESSAGE_READ_ONCE,
                            .read_once = {.reads = vd_buffer_view(&rows)}};
    for (int i = 0; i < VD_POLLER_ONCE_MAX; i++) {
        send(world, &message);
        assert_false(world->answered);
    }
    send(world, &message);
    assert_int_equal(world->answer.id, VD_MESSAGE_ERROR);
    assert_true(vd_str_is(world->answer.error.status, "overloaded"));
    vd_read_record_t standing = read_of("local", "/a", 1000);
    stand(world, &standing); /* has places of its own */
    pass(world, SECOND);
    assert_int_equal(world->starts, VD_POLLER_ONCE_MAX + 1);
    vd_buffer_free(&rows);
}

/* ---- health ---- */

static void readings_keep_the_last_error(void **state)
{
    world_t *world = *state;
    vd_read_record_t read = read_of("local", "/a", 1000);
    stand(world, &read);
    pass(world, SECOND);
    finish(world, VD_IO, "the disk is on fire", none);
    pass(world, SECOND);
    finish(world, VD_OK, "", vd_str("x"));
    pass(world, 300000);
    get(world, vd_str("readings"));
    assert_int_equal(world->answer.id, VD_MESSAGE_SNAPSHOT);
    assert_true(world->answer.snapshot.complete);
    vd_value_t array, row;
    assert_int_equal(vd_scan_exact(world->answer.payload, VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(world->answer.payload, &array));
    assert_int_equal(array.count, 1);
    vd_bytes_t rest = array.bytes;
    assert_true(vd_value_next(&rest, &row));
    assert_true(vd_str_is(vd_value_get_str(&row, "status"), "ok"));
    assert_true(vd_str_is(vd_value_get_str(&row, "error"), "the disk is on fire"));
    assert_int_equal(vd_value_get_u64(&row, "failures", 9), 1);
    assert_int_equal(vd_value_get_u64(&row, "reads", 9), 2);
    assert_in_range(vd_value_get_u64(&row, "age_ms", 0), 300, 1300);
    assert_int_equal(vd_value_get_u64(&row, "took_us", 0), 42);
}

/* More rows than a snapshot takes: it says that it is not complete, and is whole MessagePack. */
static void readings_are_bounded(void **state)
{
    (void)state;
    world_t *world = new_world(16384, VD_POLLER_SAMPLES_BYTES_MAX);
    char target[VD_TEXT_BYTES_MAX];
    memset(target, 'x', sizeof target);
    for (int i = 0; i < 2500; i++) {
        snprintf(target, 16, "/%d", i);
        target[strlen(target)] = 'x';
        target[sizeof target - 1] = 0;
        vd_read_record_t read = read_of("local", target, 60000);
        stand(world, &read);
    }
    get(world, vd_str("readings"));
    assert_false(world->answer.snapshot.complete);
    assert_int_equal(vd_scan_exact(world->answer.payload, VD_DEPTH_MAX), VD_OK);
    assert_true(world->answer.payload.size <= VD_FRAME_BYTES_MAX);
    void *again = world;
    tear_down(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(samples_by_request),           IN_WORLD(large_samples_go_by_request),
        cmocka_unit_test(samples_are_bounded),  IN_WORLD(one_off_read),
        IN_WORLD(one_off_reads_are_bounded),    IN_WORLD(readings_keep_the_last_error),
        cmocka_unit_test(readings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
