/* poller_world.c: the world of a poller under test. */
#include "poller_world.h"

static const char *const ops[] = {"read", "space", NULL};
static const vd_adapter_t fake = {.name = "file", .ops = ops, .out_max = 192};
static const vd_adapter_t other = {.name = "other", .ops = ops, .out_max = 1};
static const vd_adapter_t *const adapters[] = {&fake, &other, NULL};

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
void pass_until(world_t *world, int64_t us)
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

void pass(world_t *world, int64_t us)
{
    pass_until(world, world->now_us + us);
}

/* Ends the oldest read that is out. */
void finish(world_t *world, vd_status_t status, const char *error, vd_bytes_t content)
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
uint32_t finish_good(world_t *world)
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

void send(world_t *world, vd_message_t *message)
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

vd_read_record_t read_of(const char *source, const char *target, uint64_t interval_ms)
{
    return (vd_read_record_t){.source = vd_str(source),
                              .source_inc = 5,
                              .adapter = vd_str("file"),
                              .address = vd_str("/"),
                              .op = vd_str("read"),
                              .target = vd_str(target),
                              .interval_ms = interval_ms};
}

void stand_as(world_t *world, const char *observer, uint64_t lease_ms,
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

void stand(world_t *world, const vd_read_record_t *read)
{
    stand_as(world, "host", 3600000, read, 1);
    assert_int_equal(world->answer.id, VD_MESSAGE_STANDING);
}

/* The first row of the last STANDING. */
vd_reading_record_t reading(const world_t *world)
{
    vd_reading_record_t row = {.n = 0};
    vd_bytes_t rows = world->answer.standing.readings;
    assert_int_equal(world->answer.id, VD_MESSAGE_STANDING);
    assert_int_equal(vd_rows_next(&rows, VD_RECORD_reading, &row), VD_OK);
    return row;
}

vd_sample_record_t sample_in(vd_bytes_t payload)
{
    vd_sample_record_t sample;
    assert_int_equal(vd_scan_exact(payload, VD_DEPTH_MAX), VD_OK);
    assert_int_equal(vd_record_decode(payload, VD_RECORD_sample, &sample), VD_OK);
    return sample;
}

void get(world_t *world, vd_str_t feed)
{
    vd_message_t message = {.id = VD_MESSAGE_GET, .get = {.feed = feed}};
    send(world, &message);
}

void read_after(world_t *world, vd_str_t feed, uint64_t inc, uint64_t after)
{
    vd_message_t message = {.id = VD_MESSAGE_READ,
                            .read_items = {.feed = feed, .inc = inc, .after = after}};
    send(world, &message);
}

world_t *new_world(uint32_t reads_max, uint64_t samples_bytes_max)
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

int set_up(void **state)
{
    *state = new_world(1024, VD_POLLER_SAMPLES_BYTES_MAX);
    return 0;
}

int tear_down(void **state)
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
