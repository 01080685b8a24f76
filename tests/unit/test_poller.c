/* test_poller.c: the poller's core under virtual time: leases, the grid, one read at a time, samples on request. */
#include "actors/poller/poller.h"
#include "actors/poller/reads.h"
#include "actors/poller/schedule.h"

#include "core/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INC     4711
#define JOBS    1024
#define TIMERS  8
#define SECOND  1000000

static const char *const ops[] = {"read", "space", NULL};
static const vd_adapter_t fake = {.name = "file", .ops = ops};
static const vd_adapter_t *const adapters[] = {&fake, NULL};

/* A poller in a world of its own: a clock, its timers, the reads that it has let out. */
typedef struct world {
    vd_poller_t *poller;
    vd_effects_t *effects;
    int64_t now_us;
    int64_t timers[TIMERS]; /* -1: not set */
    uint64_t jobs[JOBS];    /* tokens that are out */
    int64_t job_us[JOBS];   /* when they left */
    bool job_good[JOBS];    /* their target is "/good" */
    uint32_t job_count;
    uint32_t starts, cancels, items;
    int64_t last_start_us;
    /* The last message to a peer and the last one published; kept as bytes. */
    vd_buffer_t frames;
    vd_message_t answer, item;
    vd_buffer_t item_frames;
    bool answered;
    char topic[VD_FEED_BYTES_MAX + 1];
} world_t;

static void keep(vd_buffer_t *frames, const vd_effects_t *effects, const vd_effect_t *effect,
                 vd_message_t *message)
{
    vd_bytes_t header = vd_effect_header(effects, effect), body = vd_effect_body(effects, effect);
    vd_bytes_t payload = vd_effect_payload(effects, effect);
    vd_buffer_clear(frames);
    vd_buffer_add(frames, header.data, header.size);
    vd_buffer_add(frames, body.data, body.size);
    vd_buffer_add(frames, payload.data, payload.size);
    const uint8_t *at = frames->data;
    vd_status_t status =
        vd_message_decode(vd_bytes(at, header.size), vd_bytes(at + header.size, body.size),
                          vd_bytes(at + header.size + body.size, payload.size), message);
    assert_int_equal(status, VD_OK);
}

static void take_effect(world_t *world, const vd_effect_t *effect)
{
    switch (effect->kind) {
    case VD_EFFECT_TIMER:
        assert_true(effect->id < TIMERS);
        world->timers[effect->id] = effect->at_us;
        break;
    case VD_EFFECT_DO:
        if (effect->id == VD_POLLER_CANCEL) {
            world->cancels++;
            break;
        }
        assert_true(world->job_count < JOBS);
        world->jobs[world->job_count] = effect->token;
        world->job_good[world->job_count] =
            vd_str_is(((const vd_poller_job_t *)effect->object)->request.target, "/good");
        world->job_us[world->job_count++] = world->now_us;
        world->starts++;
        world->last_start_us = world->now_us;
        break;
    case VD_EFFECT_SEND:
        if (effect->port == VD_POLLER_SAMPLES) {
            world->items++;
            snprintf(world->topic, sizeof world->topic, "%s",
                     vd_effect_text(world->effects, effect));
            keep(&world->item_frames, world->effects, effect, &world->item);
        } else {
            world->answered = true;
            keep(&world->frames, world->effects, effect, &world->answer);
        }
        break;
    default:
        break;
    }
}

static void step(world_t *world, const vd_input_t *input)
{
    vd_now_t now = {world->now_us, 1700000000000 + world->now_us / 1000};
    vd_effects_clear(world->effects);
    vd_poller_step(world->poller, now, input, world->effects);
    assert_false(world->effects->overflow);
    for (uint32_t i = 0; i < world->effects->count; i++)
        take_effect(world, &world->effects->list[i]);
}

/* Lets time pass until `us`, timer by timer. */
static void pass_until(world_t *world, int64_t us)
{
    for (int guard = 0; guard < 1000000; guard++) {
        int first = -1;
        for (int i = 0; i < TIMERS; i++)
            if (world->timers[i] >= 0 && (first < 0 || world->timers[i] < world->timers[first]))
                first = i;
        if (first < 0 || world->timers[first] > us)
            break;
        if (world->timers[first] > world->now_us)
            world->now_us = world->timers[first];
        world->timers[first] = -1;
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = (uint32_t)first};
        step(world, &input);
    }
    world->now_us = us;
}

static void pass(world_t *world, int64_t us)
{
    pass_until(world, world->now_us + us);
}

/* Ends the oldest read that is out. */
static void finish(world_t *world, vd_status_t status, const char *error, vd_bytes_t content)
{
    assert_true(world->job_count > 0);
    uint64_t token = world->jobs[0];
    world->job_count--;
    memmove(world->jobs, world->jobs + 1, world->job_count * sizeof *world->jobs);
    memmove(world->job_good, world->job_good + 1, world->job_count * sizeof *world->job_good);
    memmove(world->job_us, world->job_us + 1, world->job_count * sizeof *world->job_us);
    vd_read_result_t result = {
        .status = status, .error = vd_str(error), .took_us = 42, .content = content};
    vd_input_t input = {
        .kind = VD_INPUT_DONE, .id = VD_POLLER_READ, .token = token, .result = &result};
    step(world, &input);
}

/* Ends the reads of "/good" alone. Returns how many there were. */
static uint32_t finish_good(world_t *world)
{
    uint32_t ended = 0;
    for (uint32_t i = 0; i < world->job_count; i++) {
        if (!world->job_good[i])
            continue;
        vd_read_result_t result = {.status = VD_OK};
        vd_input_t input = {.kind = VD_INPUT_DONE,
                            .id = VD_POLLER_READ,
                            .token = world->jobs[i],
                            .result = &result};
        world->job_good[i] = false;
        step(world, &input);
        ended++;
    }
    return ended;
}

static void send(world_t *world, vd_message_t *message)
{
    world->answered = false;
    message->correlation = 99;
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = VD_POLLER_REQUESTS,
                        .peer = vd_peer_named("someone"),
                        .message = message};
    step(world, &input);
    if (world->answered)
        assert_int_equal(world->answer.correlation, 99);
}

static vd_read_record_t read_of(const char *source, const char *target, uint64_t interval_ms)
{
    return (vd_read_record_t){.source = vd_str(source),
                              .source_inc = 5,
                              .adapter = vd_str("file"),
                              .address = vd_str("/"),
                              .op = vd_str("read"),
                              .target = vd_str(target),
                              .interval_ms = interval_ms};
}

static void stand_as(world_t *world, const char *observer, uint64_t lease_ms,
                     const vd_read_record_t *reads, uint32_t count)
{
    vd_buffer_t rows;
    vd_buffer_init(&rows, VD_BODY_BYTES_MAX);
    vd_write_array(&rows, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(vd_record_encode(VD_RECORD_read, &reads[i], &rows), VD_OK);
    vd_message_t message = {.id = VD_MESSAGE_STAND,
                            .stand = {.observer = vd_str(observer),
                                      .inc = 1,
                                      .lease_ms = lease_ms,
                                      .reads = vd_buffer_view(&rows)}};
    send(world, &message);
    vd_buffer_free(&rows);
}

static void stand(world_t *world, const vd_read_record_t *read)
{
    stand_as(world, "host", 3600000, read, 1);
    assert_int_equal(world->answer.id, VD_MESSAGE_STANDING);
}

/* The first row of the last STANDING. */
static vd_reading_record_t reading(const world_t *world)
{
    vd_reading_record_t row = {.n = 0};
    vd_bytes_t rows = world->answer.standing.readings;
    assert_int_equal(world->answer.id, VD_MESSAGE_STANDING);
    assert_int_equal(vd_rows_next(&rows, VD_RECORD_reading, &row), VD_OK);
    return row;
}

static vd_sample_record_t sample_in(vd_bytes_t payload)
{
    vd_sample_record_t sample;
    assert_int_equal(vd_scan_exact(payload, VD_DEPTH_MAX), VD_OK);
    assert_int_equal(vd_record_decode(payload, VD_RECORD_sample, &sample), VD_OK);
    return sample;
}

static void get(world_t *world, vd_str_t feed)
{
    vd_message_t message = {.id = VD_MESSAGE_GET, .get = {.feed = feed}};
    send(world, &message);
}

static void read_after(world_t *world, vd_str_t feed, uint64_t inc, uint64_t after)
{
    vd_message_t message = {.id = VD_MESSAGE_READ,
                            .read_items = {.feed = feed, .inc = inc, .after = after}};
    send(world, &message);
}

static world_t *new_world(uint32_t reads_max, uint64_t samples_bytes_max)
{
    world_t *world = calloc(1, sizeof *world);
    vd_poller_config_t config = {.inc = INC,
                                 .adapters = adapters,
                                 .reads_max = reads_max,
                                 .samples_bytes_max = samples_bytes_max};
    world->poller = vd_poller_new(&config);
    world->effects = vd_effects_new();
    assert_true(world->poller != NULL && world->effects != NULL);
    world->now_us = 1000 * (int64_t)SECOND;
    for (int i = 0; i < TIMERS; i++)
        world->timers[i] = -1;
    vd_buffer_init(&world->frames, 4 * VD_FRAME_BYTES_MAX);
    vd_buffer_init(&world->item_frames, 4 * VD_FRAME_BYTES_MAX);
    vd_input_t input = {.kind = VD_INPUT_START};
    step(world, &input);
    return world;
}

static int set_up(void **state)
{
    *state = new_world(1024, VD_POLLER_SAMPLES_BYTES_MAX);
    return 0;
}

static int tear_down(void **state)
{
    world_t *world = *state;
    vd_poller_destroy(&world->poller);
    vd_poller_destroy(&world->poller);
    vd_effects_destroy(&world->effects);
    vd_buffer_free(&world->frames);
    vd_buffer_free(&world->item_frames);
    free(world);
    return 0;
}

static const vd_bytes_t none = {NULL, 0};

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
    int buckets[10] = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t hash = vd_hash(0, vd_bytes(&i, sizeof i));
        int64_t next = vd_schedule_next(5 * SECOND, 0, SECOND, hash);
        assert_true(next > 5 * SECOND && next <= 6 * SECOND);
        assert_int_equal(vd_schedule_next(next, next, SECOND, hash), next + SECOND);
        buckets[(next - 1) % SECOND / (SECOND / 10)]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(buckets[i], 60, 140);
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
    pass(world, 15 * (int64_t)SECOND);
    assert_true(world->starts >= 2);
    finish(world, VD_OK, "", vd_str("fine"));
    assert_true(vd_str_is(sample_in(world->item.payload).status, "ok"));
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

/* Twenty reads of a mebibyte each do not fit: those that do not are errors of their own, nothing grows. */
static void samples_are_bounded(void **state)
{
    world_t *world = *state;
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
    for (int i = 0; i < 1500; i++) {
        snprintf(target, 16, "/%d", i);
        target[strlen(target)] = 'x';
        target[sizeof target - 1] = 0;
        vd_read_record_t read = read_of("local", target, 60000);
        stand(world, &read);
    }
    get(world, vd_str("readings"));
    assert_false(world->answer.snapshot.complete);
    assert_int_equal(vd_scan_exact(world->answer.payload, VD_DEPTH_MAX), VD_OK);
    assert_true(world->answer.payload.size <= VD_SNAPSHOT_BYTES_MAX);
    void *again = world;
    tear_down(&again);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
        IN_WORLD(lease_ends_a_read),
        IN_WORLD(what_is_refused),
        cmocka_unit_test(full_table),
        IN_WORLD(deadline_makes_an_error),
        IN_WORLD(hanging_source_harms_nobody),
        IN_WORLD(samples_by_request),
        IN_WORLD(large_samples_go_by_request),
        IN_WORLD(samples_are_bounded),
        IN_WORLD(one_off_read),
        IN_WORLD(one_off_reads_are_bounded),
        IN_WORLD(readings_keep_the_last_error),
        cmocka_unit_test(readings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
