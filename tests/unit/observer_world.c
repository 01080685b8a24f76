/* observer_world.c: the other ends of an observer host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/observer_world.h"

#include <stdio.h>
#include <stdlib.h>

static const char feed[] = "sample/one/00000000000000aa";

void post(world_t *world, uint16_t port, const char *peer, const vd_message_t *message)
{
    size_t header_size;
    vd_buffer_t frames;
    vd_buffer_init(&frames, 1 << 20);
    assert_int_equal(vd_message_encode(message, &frames, &header_size), VD_OK);
    assert_true(world->queued < QUEUE);
    letter_t *letter = &world->queue[world->queued++];
    *letter = (letter_t){.port = port, .peer = vd_peer_named(peer)};
    vd_buffer_init(&letter->header, 1 << 20);
    vd_buffer_init(&letter->body, 1 << 20);
    vd_buffer_init(&letter->payload, 1 << 22);
    vd_buffer_add(&letter->header, frames.data, header_size);
    vd_buffer_add(&letter->body, frames.data + header_size, frames.size - header_size);
    if (message->payload.size)
        vd_buffer_add(&letter->payload, message->payload.data, message->payload.size);
    vd_buffer_free(&frames);
}

static void drop_letter(world_t *world)
{
    letter_t *letter = &world->queue[--world->queued];
    vd_buffer_free(&letter->header);
    vd_buffer_free(&letter->body);
    vd_buffer_free(&letter->payload);
}

static void write_sample(vd_buffer_t *out, const char *target, uint64_t n, const char *text)
{
    vd_sample_record_t sample = {.source = vd_str("one"),
                                 .op = vd_str("read"),
                                 .target = vd_str(target),
                                 .n = n,
                                 .at_ms = 1000,
                                 .status = vd_str("ok"),
                                 .content = vd_str(text)};
    assert_int_equal(vd_record_encode(VD_RECORD_sample, &sample, out), VD_OK);
}

/* ---- broker and poller ---- */

static void write_membership(world_t *world, vd_buffer_t *out, bool whole)
{
    vd_buffer_t endpoints;
    vd_buffer_init(&endpoints, 4096);
    vd_endpoint_record_t requests = {vd_str("requests"), vd_str("ipc://p.requests")};
    vd_endpoint_record_t samples = {vd_str("samples"), vd_str("ipc://p.samples")};
    vd_write_array(&endpoints, 2);
    vd_record_encode(VD_RECORD_endpoint, &requests, &endpoints);
    vd_record_encode(VD_RECORD_endpoint, &samples, &endpoints);
    vd_actor_record_t actor = {.name = vd_str("p"),
                               .kind = vd_str("poller"),
                               .inc = world->poller_inc,
                               .endpoints = vd_buffer_view(&endpoints)};
    vd_source_record_t source = {.name = vd_str("one"),
                                 .adapter = vd_str("file"),
                                 .inc = 9,
                                 .poller = vd_str(world->unassigned ? "" : "p")};
    vd_write_map(out, 2);
    vd_write_text(out, "actors");
    vd_write_array(out, whole ? 1 : 0);
    if (whole)
        vd_record_encode(VD_RECORD_actor, &actor, out);
    vd_write_text(out, "sources");
    vd_write_array(out, whole ? 1 : 0);
    if (whole)
        vd_record_encode(VD_RECORD_source, &source, out);
    vd_buffer_free(&endpoints);
}

/* GET, or READ of a position: a broker of another incarnation answers with what it knows so far. */
static void answer_broker(world_t *world, const vd_message_t *message)
{
    vd_buffer_t value;
    vd_buffer_init(&value, 1 << 16);
    vd_message_t answer = {.correlation = message->correlation};
    if (message->id == VD_MESSAGE_READ && message->read_items.inc == world->broker_inc) {
        vd_write_array(&value, 0);
        answer.id = VD_MESSAGE_ITEMS;
        answer.items.feed = vd_str("membership");
        answer.items.inc = world->broker_inc;
        answer.items.first = 1;
    } else if (message->id == VD_MESSAGE_READ) {
        write_membership(world, &value, world->broker_knows);
        answer.id = VD_MESSAGE_RESET;
        answer.reset.feed = vd_str("membership");
        answer.reset.inc = world->broker_inc;
        answer.reset.complete = world->broker_complete;
        answer.reset.status = vd_str("restarted");
    } else {
        write_membership(world, &value, world->broker_knows);
        answer.id = VD_MESSAGE_SNAPSHOT;
        answer.snapshot.feed = vd_str("membership");
        answer.snapshot.inc = world->broker_inc;
        answer.snapshot.complete = world->broker_complete;
    }
    answer.payload = vd_buffer_view(&value);
    post(world, VD_HOST_PORT_BROKER, "broker", &answer);
    vd_buffer_free(&value);
}

static void answer_stand(world_t *world, const vd_message_t *message)
{
    vd_buffer_t rows;
    uint32_t count = vd_rows_count(message->stand.reads);
    world->stands++;
    assert_true(message->stand.lease_ms >= 3000);
    vd_buffer_init(&rows, 1 << 16);
    vd_bytes_t asked = message->stand.reads;
    vd_read_record_t read;
    assert_true(count >= 1 && count <= 2);
    vd_write_array(&rows, count);
    while (vd_rows_next(&asked, VD_RECORD_read, &read) == VD_OK) {
        vd_reading_record_t reading = {.feed = vd_str(feed), .n = world->n, .status = vd_str("ok")};
        if (vd_str_is(read.source, "two"))
            reading =
                (vd_reading_record_t){.feed = vd_str("sample/two/0"), .status = vd_str("denied")};
        vd_record_encode(VD_RECORD_reading, &reading, &rows);
    }
    vd_message_t answer = {.id = VD_MESSAGE_STANDING, .correlation = message->correlation};
    answer.standing.inc = world->poller_inc;
    answer.standing.readings = vd_buffer_view(&rows);
    post(world, VD_HOST_PORT_POLLER, "p", &answer);
    vd_buffer_free(&rows);
}

static void answer_fetch(world_t *world, const vd_message_t *message)
{
    vd_buffer_t payload;
    world->fetches++;
    vd_buffer_init(&payload, 1 << 16);
    vd_write_array(&payload, 1);
    write_sample(&payload, "word", world->n, world->newest);
    vd_message_t answer = {.id = VD_MESSAGE_ITEMS,
                           .correlation = message->correlation,
                           .payload = vd_buffer_view(&payload)};
    answer.items.feed = vd_str(feed);
    answer.items.inc = world->poller_inc;
    answer.items.first = world->n;
    answer.items.count = 1;
    answer.items.head = world->n;
    post(world, VD_HOST_PORT_POLLER, "p", &answer);
    vd_buffer_free(&payload);
}

static void answer_once(world_t *world, const vd_message_t *message)
{
    vd_buffer_t payload;
    world->onces++;
    if (!world->answers_once)
        return;
    vd_buffer_init(&payload, 1 << 16);
    write_sample(&payload, "more", 0, "more");
    vd_message_t answer = {.id = VD_MESSAGE_SAMPLE,
                           .correlation = message->correlation,
                           .payload = vd_buffer_view(&payload)};
    answer.sample_once.inc = world->poller_inc;
    post(world, VD_HOST_PORT_POLLER, "p", &answer);
    vd_buffer_free(&payload);
}

static void post_membership(world_t *world, vd_buffer_t *value)
{
    vd_message_t item = {.id = VD_MESSAGE_ITEM, .payload = vd_buffer_view(value)};
    item.item.feed = vd_str("membership");
    item.item.inc = world->broker_inc;
    item.item.n = ++world->broker_n;
    post(world, VD_HOST_PORT_MEMBERSHIP, "broker", &item);
    vd_buffer_free(value);
}

static void set_source(world_t *world, const char *name)
{
    vd_buffer_t value;
    vd_buffer_init(&value, 4096);
    vd_source_record_t source = {
        .name = vd_str(name), .adapter = vd_str("file"), .inc = 9, .poller = vd_str("p")};
    vd_write_map(&value, 2);
    vd_write_pair_text(&value, "op", "source");
    vd_write_text(&value, "source");
    assert_int_equal(vd_record_encode(VD_RECORD_source, &source, &value), VD_OK);
    post_membership(world, &value);
}

void assign(world_t *world)
{
    world->unassigned = false;
    set_source(world, "one");
}

void add_second(world_t *world)
{
    world->second = true;
    set_source(world, "two");
}

void remove_source(world_t *world, const char *name)
{
    vd_buffer_t value;
    vd_buffer_init(&value, 4096);
    vd_write_map(&value, 3);
    vd_write_pair_text(&value, "op", "source_gone");
    vd_write_pair_text(&value, "name", name);
    vd_write_pair_u64(&value, "inc", 9);
    post_membership(world, &value);
}

vd_value_t deltas(world_t *world, uint64_t inc, uint64_t after)
{
    vd_value_t items;
    vd_message_t read = {.id = VD_MESSAGE_READ, .correlation = 5};
    read.read_items.feed = vd_str("state");
    read.read_items.inc = inc;
    read.read_items.after = after;
    post(world, VD_HOST_PORT_REQUESTS, "someone", &read);
    deliver(world);
    assert_int_equal(world->answer_id, VD_MESSAGE_ITEMS);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&world->answer), VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(&world->answer), &items));
    return items;
}

/* ---- running ---- */

static bool is_lost(world_t *world)
{
    return world->loss_percent > 0 && vd_random_next(&world->seed) % 100 < world->loss_percent;
}

/* Something to the ingestor: it may get lost, and it may be the last thing that the host does. */
static void tell_ingestor(world_t *world, const vd_message_t *message)
{
    if (world->dead)
        return;
    world->dead = ++world->sent == world->dies_at;
    uint32_t queued = world->queued;
    if (!(world->dead && world->dies_before) && !is_lost(world))
        ingestor_take(world, message);
    while (world->queued > queued && is_lost(world))
        drop_letter(world);
}

static void keep(vd_buffer_t *to, vd_bytes_t from)
{
    vd_buffer_clear(to);
    if (from.size)
        assert_true(vd_buffer_add(to, from.data, from.size));
}

static void take_send(world_t *world, const vd_effect_t *effect)
{
    vd_message_t message;
    assert_int_equal(vd_message_decode(vd_effect_header(world->effects, effect),
                                       vd_effect_body(world->effects, effect),
                                       vd_effect_payload(world->effects, effect), &message),
                     VD_OK);
    if (effect->port == VD_HOST_PORT_EMIT || effect->port == VD_HOST_PORT_READ ||
        effect->port == VD_HOST_PORT_INPUT || effect->port == VD_HOST_PORT_ORIGIN) {
        world->port = effect->port;
        char asker[VD_PEER_BYTES_MAX + 1];
        vd_str_copy(asker, sizeof asker, vd_bytes(effect->peer.bytes, effect->peer.size));
        world->asker = strcmp(asker, "past") == 0 ? "past" : "ingestor";
        tell_ingestor(world, &message);
        return;
    }
    switch (message.id) {
    case VD_MESSAGE_GET:
        answer_broker(world, &message);
        break;
    case VD_MESSAGE_STAND:
        answer_stand(world, &message);
        break;
    case VD_MESSAGE_READ:
        if (effect->port == VD_HOST_PORT_POLLER)
            answer_fetch(world, &message);
        else
            answer_broker(world, &message);
        break;
    case VD_MESSAGE_READ_ONCE:
        answer_once(world, &message);
        break;
    case VD_MESSAGE_ITEM:
        world->items++;
        keep(&world->item, message.payload);
        break;
    default:
        if (effect->port == VD_HOST_PORT_REQUESTS) {
            world->answer_id = message.id;
            world->answers_count++;
            if (message.id == VD_MESSAGE_ERROR) {
                vd_str_copy(world->error, sizeof world->error, message.error.text);
                world->error_status = vd_status_of_name(message.error.status);
                world->errors++;
            }
            keep(&world->answer, message.payload);
        }
        break;
    }
}

static void step(world_t *world, const vd_input_t *input)
{
    if (world->exited)
        return;
    vd_now_t now = {world->now_us, 1700000000000 + world->now_us / 1000};
    vd_effects_clear(world->effects);
    vd_host_step(world->host, now, input, world->effects);
    assert_false(world->effects->overflow);
    for (uint32_t at = 0; at < world->effects->count && !world->dead; at++) {
        const vd_effect_t *effect = &world->effects->list[at];
        if (effect->kind == VD_EFFECT_LOG && getenv("VD_TEST_LOG")) {
            fprintf(stderr, "%8lld ms %s\n", (long long)(world->now_us / 1000),
                    vd_effect_text(world->effects, effect));
        } else if (effect->kind == VD_EFFECT_SEND) {
            take_send(world, effect);
        } else if (effect->kind == VD_EFFECT_TIMER) {
            assert_true(effect->id < TIMERS);
            world->timers[effect->id] = effect->at_us;
        } else if (effect->kind == VD_EFFECT_DO) {
            world->ready = true;
        } else if (effect->kind == VD_EFFECT_EXIT) {
            world->exited = true;
            world->exit_status = effect->status;
        }
    }
}

void deliver(world_t *world)
{
    while (world->queued > 0) {
        if (world->dead) {
            kill_host(world);
            return;
        }
        letter_t letter = world->queue[0];
        memmove(&world->queue[0], &world->queue[1], --world->queued * sizeof letter);
        vd_message_t message;
        assert_int_equal(vd_message_decode(vd_buffer_view(&letter.header),
                                           vd_buffer_view(&letter.body),
                                           vd_buffer_view(&letter.payload), &message),
                         VD_OK);
        vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                            .port = letter.port,
                            .peer = letter.peer,
                            .message = &message};
        step(world, &input);
        vd_buffer_free(&letter.header);
        vd_buffer_free(&letter.body);
        vd_buffer_free(&letter.payload);
    }
}

/* Lets time pass, timer by timer. */
void pass(world_t *world, int64_t ms)
{
    int64_t end_us = world->now_us + ms * 1000;
    deliver(world);
    for (;;) {
        uint32_t first = TIMERS;
        for (uint32_t id = 0; id < TIMERS; id++)
            if (world->timers[id] >= 0 &&
                (first == TIMERS || world->timers[id] < world->timers[first]))
                first = id;
        if (first == TIMERS || world->timers[first] > end_us || world->exited)
            break;
        if (world->timers[first] > world->now_us)
            world->now_us = world->timers[first];
        world->timers[first] = -1;
        step(world, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = first});
        deliver(world);
        if (world->dead)
            kill_host(world);
    }
    world->now_us = end_us;
}

static void start_host(world_t *world)
{
    char error[256];
    world->stream.on = false;
    vd_host_options_t options = {.observer = world->observer,
                                 .name = world->name,
                                 .reads = world->reads,
                                 .origin_requests = "ipc://o",
                                 .session = world->sessions[world->given].id,
                                 .inc = INC + world->life++,
                                 .interval_ms = 1000,
                                 .history = 64,
                                 .history_bytes = VD_HISTORY_BYTES_MIN,
                                 .snapshot_events = world->snapshot_events,
                                 .snapshot_interval_ms = world->snapshot_interval_ms,
                                 .snapshots_keep = 8,
                                 .broker_control = "ipc://b",
                                 .broker_membership = "ipc://m",
                                 .ingestor_emit = "ipc://e",
                                 .ingestor_read = "ipc://r"};
    for (uint32_t id = 0; id < TIMERS; id++)
        world->timers[id] = -1;
    world->ready = false;
    world->host = vd_host_new(&options, error, sizeof error);
    assert_non_null(world->host);
    step(world, &(vd_input_t){.kind = VD_INPUT_START});
    deliver(world);
}

static void drop_letters(world_t *world)
{
    while (world->queued > 0)
        drop_letter(world);
}

/* SIGKILL, and the next life. */
void kill_host(world_t *world)
{
    drop_letters(world);
    world->dead = world->exited = false;
    world->dies_at = 0;
    vd_host_destroy(&world->host);
    start_host(world);
}

static world_t *make_world(bool unassigned, const vd_observer_t *observer, const char *reads)
{
    world_t *world = calloc(1, sizeof *world);
    world->unassigned = unassigned;
    world->observer = observer;
    word_observer.name = "word";
    world->name = observer->name;
    world->reads = reads;
    world->effects = vd_effects_new();
    world->now_us = 1000000;
    world->seed = 1;
    word_padding = 0;
    word_load_refuses = false;
    word_observer.version = 1;
    world->snapshot_events = 1000000;
    world->snapshot_interval_ms = 3600000;
    world->keep_fate = COMMIT;
    begin_session(world);
    world->store = "aaaa";
    world->answers = world->answers_once = true;
    world->page_max = 32;
    world->poller_inc = POLLER;
    world->broker_inc = 3;
    world->broker_knows = world->broker_complete = true;
    vd_buffer_init(&world->item, 1 << 20);
    vd_buffer_init(&world->answer, 1 << 20);
    return world;
}

static int set_up_with(void **state, bool unassigned)
{
    world_t *world = make_world(unassigned, &word_observer, NULL);
    start_host(world);
    pass(world, 100);
    *state = world;
    return 0;
}

void set_up_collector(void **state, const vd_observer_t *observer, const char *reads,
                      void (*origin)(world_t *world, vd_buffer_t *out))
{
    world_t *world = make_world(false, observer, reads);
    world->origin = origin;
    start_host(world);
    pass(world, 100);
    *state = world;
}

int set_up(void **state)
{
    return set_up_with(state, false);
}

int set_up_unassigned(void **state)
{
    return set_up_with(state, true);
}

int tear_down(void **state)
{
    world_t *world = *state;
    drop_letters(world);
    vd_host_destroy(&world->host);
    vd_effects_destroy(&world->effects);
    forget_store(world);
    forget_kept(world);
    vd_buffer_free(&world->item);
    vd_buffer_free(&world->answer);
    free(world);
    return 0;
}

void read_word(world_t *world, const char *text, way_t way)
{
    vd_buffer_t payload;
    world->n++;
    snprintf(world->newest, sizeof world->newest, "%s", text);
    if (way == LOST)
        return;
    vd_buffer_init(&payload, 1 << 16);
    if (way == ARRIVES)
        write_sample(&payload, "word", world->n, text);
    vd_message_t item = {.id = VD_MESSAGE_ITEM, .payload = vd_buffer_view(&payload)};
    item.item.feed = vd_str(feed);
    item.item.inc = world->poller_inc;
    item.item.n = world->n;
    post(world, VD_HOST_PORT_SAMPLES, "p", &item);
    vd_buffer_free(&payload);
}

void see(world_t *world, const char *text)
{
    read_word(world, text, ARRIVES);
    pass(world, 150);
}

const word_t *word_of(const world_t *world)
{
    return vd_host_state(world->host);
}

/* The snapshot, as the feed gives it. */
vd_value_t snapshot(world_t *world)
{
    vd_value_t value;
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 5};
    get.get.feed = vd_str("state");
    post(world, VD_HOST_PORT_REQUESTS, "someone", &get);
    deliver(world);
    assert_int_equal(world->answer_id, VD_MESSAGE_SNAPSHOT);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&world->answer), VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(&world->answer), &value));
    return value;
}

void assert_word(world_t *world, const char *text)
{
    vd_value_t all = snapshot(world), state;
    assert_true(vd_value_get(&all, "state", &state));
    assert_true(vd_str_is(vd_value_get_str(&state, "word"), text));
}

/* The newest error: its stage, and whether it still holds. */
void assert_error(world_t *world, const char *stage, bool holds)
{
    vd_value_t all = snapshot(world), error, over;
    assert_true(vd_value_get(&all, "error", &error));
    if (!stage) {
        assert_int_equal(error.kind, VD_KIND_NIL);
        return;
    }
    assert_true(vd_str_is(vd_value_get_str(&error, "stage"), stage));
    assert_true(vd_value_get(&error, "recovered_at", &over));
    assert_int_equal(over.kind == VD_KIND_NIL, holds);
}
