/* membership_world.c: the world of a membership under test. */
#include "membership_world.h"

#include "wire/value.h"

enum { TIMERS = 8 };

static void copy(char *out, size_t size, vd_str_t text)
{
    assert_true(vd_str_copy(out, size, text));
}

shadow_actor_t *find_actor(shadow_t *shadow, const char *name)
{
    for (int i = 0; i < SHADOW; i++)
        if (shadow->actors[i].used && strcmp(shadow->actors[i].name, name) == 0)
            return &shadow->actors[i];
    return NULL;
}

shadow_source_t *find_source(shadow_t *shadow, const char *name)
{
    for (int i = 0; i < SHADOW; i++)
        if (shadow->sources[i].used && strcmp(shadow->sources[i].name, name) == 0)
            return &shadow->sources[i];
    return NULL;
}

shadow_provider_t *find_provider(shadow_t *shadow, const char *name)
{
    for (int i = 0; i < VD_PROVIDERS_MAX; i++)
        if (shadow->providers[i].used && strcmp(shadow->providers[i].name, name) == 0)
            return &shadow->providers[i];
    return NULL;
}

static void take_actor(shadow_t *shadow, vd_bytes_t map)
{
    vd_actor_record_t record;
    assert_int_equal(vd_record_decode(map, VD_RECORD_actor, &record), VD_OK);
    char name[VD_NAME_BYTES_MAX + 1];
    copy(name, sizeof name, record.name);
    shadow_actor_t *actor = find_actor(shadow, name);
    for (int i = 0; actor == NULL && i < SHADOW; i++)
        if (!shadow->actors[i].used)
            actor = &shadow->actors[i];
    assert_non_null(actor);
    *actor = (shadow_actor_t){.used = true, .inc = record.inc, .pid = record.pid};
    copy(actor->name, sizeof actor->name, record.name);
    copy(actor->kind, sizeof actor->kind, record.kind);
    copy(actor->state, sizeof actor->state, record.state);
}

static void take_source(shadow_t *shadow, vd_bytes_t map)
{
    vd_source_record_t record;
    assert_int_equal(vd_record_decode(map, VD_RECORD_source, &record), VD_OK);
    char name[VD_NAME_BYTES_MAX + 1];
    copy(name, sizeof name, record.name);
    shadow_source_t *source = find_source(shadow, name);
    for (int i = 0; source == NULL && i < SHADOW; i++)
        if (!shadow->sources[i].used)
            source = &shadow->sources[i];
    assert_non_null(source);
    *source = (shadow_source_t){.used = true, .inc = record.inc};
    copy(source->name, sizeof source->name, record.name);
    copy(source->provider, sizeof source->provider, record.provider);
    copy(source->poller, sizeof source->poller, record.poller);
    copy(source->address, sizeof source->address, record.address);
    copy(source->auth, sizeof source->auth, record.auth);
}

static void take_provider(shadow_t *shadow, const vd_value_t *map)
{
    char name[VD_NAME_BYTES_MAX + 1];
    copy(name, sizeof name, vd_value_get_str(map, "name"));
    shadow_provider_t *provider = find_provider(shadow, name);
    for (int i = 0; provider == NULL && i < VD_PROVIDERS_MAX; i++)
        if (!shadow->providers[i].used)
            provider = &shadow->providers[i];
    assert_non_null(provider);
    *provider = (shadow_provider_t){.used = true,
                                    .sources = vd_value_get_u64(map, "sources", 0),
                                    .age_ms = vd_value_get_u64(map, "age_ms", 0)};
    copy(provider->name, sizeof provider->name, vd_value_get_str(map, "name"));
    copy(provider->error, sizeof provider->error, vd_value_get_str(map, "error"));
}

static void take_gone(world_t *world, vd_str_t op, const vd_value_t *map)
{
    char name[VD_NAME_BYTES_MAX + 1];
    copy(name, sizeof name, vd_value_get_str(map, "name"));
    uint64_t inc = vd_value_get_u64(map, "inc", 0);
    if (vd_str_is(op, "actor_gone")) {
        shadow_actor_t *actor = find_actor(&world->shadow, name);
        assert_true(actor != NULL && actor->inc == inc);
        actor->used = false;
        copy(world->reason, sizeof world->reason, vd_value_get_str(map, "reason"));
        return;
    }
    assert_true(vd_str_is(op, "source_gone"));
    shadow_source_t *source = find_source(&world->shadow, name);
    assert_true(source == NULL || source->inc == inc);
    if (source != NULL)
        source->used = false;
}

static void take_item(world_t *world, vd_bytes_t payload)
{
    vd_value_t item, inner;
    assert_int_equal(vd_scan_exact(payload, VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(payload, &item));
    vd_str_t op = vd_value_get_str(&item, "op");
    if (vd_str_is(op, "actor") && vd_value_get(&item, "actor", &inner))
        take_actor(&world->shadow, inner.raw);
    else if (vd_str_is(op, "source") && vd_value_get(&item, "source", &inner))
        take_source(&world->shadow, inner.raw);
    else if (vd_str_is(op, "provider") && vd_value_get(&item, "provider", &inner))
        take_provider(&world->shadow, &inner);
    else
        take_gone(world, op, &item);
}

static void take_message(world_t *world, const vd_effect_t *effect)
{
    vd_bytes_t header = vd_effect_header(world->effects, effect);
    vd_bytes_t body = vd_effect_body(world->effects, effect);
    vd_bytes_t payload = vd_effect_payload(world->effects, effect);
    vd_message_t message;
    if (effect->port == VD_MEMBERSHIP_PUB) {
        assert_string_equal(vd_effect_text(world->effects, effect), "membership");
        assert_int_equal(vd_message_decode(header, body, payload, &message), VD_OK);
        assert_int_equal(message.item.n, world->n + 1);
        world->n++;
        take_item(world, payload);
        return;
    }
    world->answered = true;
    vd_buffer_clear(&world->frames);
    vd_buffer_add(&world->frames, header.data, header.size);
    vd_buffer_add(&world->frames, body.data, body.size);
    vd_buffer_add(&world->frames, payload.data, payload.size);
    const uint8_t *at = world->frames.data;
    vd_status_t status =
        vd_message_decode(vd_bytes(at, header.size), vd_bytes(at + header.size, body.size),
                          vd_bytes(at + header.size + body.size, payload.size), &world->answer);
    assert_int_equal(status, VD_OK);
}

static void step(world_t *world, const vd_input_t *input)
{
    vd_now_t now = {world->now_us, 1700000000000 + world->now_us / 1000};
    vd_effects_clear(world->effects);
    vd_membership_step(world->membership, now, input, world->effects);
    assert_false(world->effects->overflow);
    for (uint32_t i = 0; i < world->effects->count; i++) {
        const vd_effect_t *effect = &world->effects->list[i];
        if (effect->kind == VD_EFFECT_TIMER)
            world->timer_us = effect->at_us;
        else if (effect->kind == VD_EFFECT_SEND)
            take_message(world, effect);
    }
}

void pass(world_t *world, int64_t us)
{
    int64_t until_us = world->now_us + us;
    for (int guard = 0; guard < 1000000; guard++) {
        if (world->timer_us < 0 || world->timer_us > until_us)
            break;
        if (world->timer_us > world->now_us)
            world->now_us = world->timer_us;
        world->timer_us = -1;
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = 1};
        step(world, &input);
    }
    world->now_us = until_us;
}

void settle(world_t *world)
{
    pass(world, 0);
}

void send(world_t *world, vd_message_t *message)
{
    world->answered = false;
    message->correlation = 99;
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = VD_MEMBERSHIP_CONTROL,
                        .peer = vd_peer_named("someone"),
                        .message = message};
    step(world, &input);
    if (world->answered)
        assert_int_equal(world->answer.correlation, 99);
}

static vd_status_t answer_status(const world_t *world)
{
    assert_true(world->answered);
    if (world->answer.id != VD_MESSAGE_ERROR)
        return VD_OK;
    assert_true(world->answer.error.text.size > 0);
    return vd_status_of_name(world->answer.error.status);
}

vd_status_t register_actor(world_t *world, const char *name, const char *kind, uint64_t inc,
                           uint64_t pid)
{
    vd_buffer_t rows;
    vd_buffer_init(&rows, 4096);
    vd_endpoint_record_t row = {.port = vd_str("control"), .endpoint = vd_str("ipc:///run/x")};
    vd_write_array(&rows, 1);
    vd_record_encode(VD_RECORD_endpoint, &row, &rows);
    vd_message_t message = {.id = VD_MESSAGE_REGISTER,
                            .register_actor = {.name = vd_str(name),
                                               .kind = vd_str(kind),
                                               .inc = inc,
                                               .pid = pid,
                                               .endpoints = vd_buffer_view(&rows)}};
    send(world, &message);
    vd_buffer_free(&rows);
    vd_status_t status = answer_status(world);
    if (status == VD_OK) {
        assert_int_equal(world->answer.id, VD_MESSAGE_REGISTERED);
        assert_int_equal(world->answer.registered.inc, INC);
        assert_int_equal(world->answer.registered.lease_ms, VD_LEASE_MS);
    }
    return status;
}

void leave(world_t *world, const char *name, uint64_t inc)
{
    vd_message_t message = {.id = VD_MESSAGE_LEAVE, .leave = {.name = vd_str(name), .inc = inc}};
    send(world, &message);
    assert_false(world->answered);
}

void died(world_t *world, const char *name, uint64_t pid)
{
    vd_message_t message = {.id = VD_MESSAGE_DIED, .died = {.name = vd_str(name), .pid = pid}};
    send(world, &message);
    assert_int_equal(world->answer.id, VD_MESSAGE_DONE);
}

vd_source_record_t source_of(const char *name, const char *address)
{
    return (vd_source_record_t){
        .name = vd_str(name), .adapter = vd_str("file"), .address = vd_str(address)};
}

vd_status_t announce_part(world_t *world, const char *provider, uint64_t set, uint64_t part,
                          bool last, const vd_source_record_t *sources, uint32_t count,
                          const char *error)
{
    vd_buffer_t rows;
    vd_buffer_init(&rows, VD_BODY_BYTES_MAX);
    vd_write_array(&rows, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(vd_record_encode(VD_RECORD_source, &sources[i], &rows), VD_OK);
    vd_message_t message = {.id = VD_MESSAGE_ANNOUNCE,
                            .announce = {.provider = vd_str(provider),
                                         .inc = 1,
                                         .set = set,
                                         .part = part,
                                         .last = last,
                                         .error = vd_str(error),
                                         .sources = vd_buffer_view(&rows)}};
    send(world, &message);
    vd_buffer_free(&rows);
    return answer_status(world);
}

vd_status_t announce(world_t *world, const char *provider, uint64_t set,
                     const vd_source_record_t *sources, uint32_t count)
{
    return announce_part(world, provider, set, 0, true, sources, count, "");
}

void keep_alive(world_t *world, const shadow_actor_t *actors, uint32_t count, int64_t us)
{
    for (int64_t passed_us = 0; passed_us < us; passed_us += SECOND) {
        for (uint32_t i = 0; i < count; i++)
            register_actor(world, actors[i].name, actors[i].kind, actors[i].inc, actors[i].pid);
        pass(world, SECOND);
    }
}

/* The rows under `key` of the snapshot. */
static vd_value_t rows_of(const vd_value_t *snapshot, const char *key)
{
    vd_value_t rows;
    assert_true(vd_value_get(snapshot, key, &rows) && rows.kind == VD_KIND_ARRAY);
    return rows;
}

bool fetch(world_t *world)
{
    vd_message_t message = {.id = VD_MESSAGE_GET, .get = {.feed = vd_str("membership")}};
    send(world, &message);
    assert_int_equal(world->answer.id, VD_MESSAGE_SNAPSHOT);
    assert_true(world->answer.payload.size <= VD_MEMBERSHIP_BYTES_MAX);
    assert_int_equal(vd_scan_exact(world->answer.payload, VD_DEPTH_MAX), VD_OK);
    vd_value_t snapshot, row;
    assert_true(vd_value_of(world->answer.payload, &snapshot));
    memset(&world->whole, 0, sizeof world->whole);
    for (vd_bytes_t rest = rows_of(&snapshot, "actors").bytes; vd_value_next(&rest, &row);)
        take_actor(&world->whole, row.raw);
    for (vd_bytes_t rest = rows_of(&snapshot, "sources").bytes; vd_value_next(&rest, &row);)
        take_source(&world->whole, row.raw);
    for (vd_bytes_t rest = rows_of(&snapshot, "providers").bytes; vd_value_next(&rest, &row);)
        take_provider(&world->whole, &row);
    return world->answer.snapshot.complete;
}

void check_shadow(world_t *world)
{
    settle(world);
    fetch(world);
    uint32_t counts[2][3] = {{0}};
    for (int i = 0; i < SHADOW; i++) {
        const shadow_actor_t *actor = &world->whole.actors[i];
        counts[0][0] += actor->used;
        counts[1][0] += world->shadow.actors[i].used;
        if (actor->used)
            assert_memory_equal(actor, find_actor(&world->shadow, actor->name), sizeof *actor);
        const shadow_source_t *source = &world->whole.sources[i];
        counts[0][1] += source->used;
        counts[1][1] += world->shadow.sources[i].used;
        if (!source->used)
            continue;
        const shadow_source_t *told = find_source(&world->shadow, source->name);
        assert_non_null(told);
        assert_memory_equal(source, told, sizeof *source);
    }
    for (int i = 0; i < VD_PROVIDERS_MAX; i++) {
        const shadow_provider_t *provider = &world->whole.providers[i];
        counts[0][2] += provider->used;
        counts[1][2] += world->shadow.providers[i].used;
        if (!provider->used)
            continue;
        const shadow_provider_t *told = find_provider(&world->shadow, provider->name);
        assert_string_equal(told->error, provider->error);
        assert_int_equal(told->sources, provider->sources);
    }
    assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
}

static world_t *make_world(bool first)
{
    world_t *world = calloc(1, sizeof *world);
    vd_membership_config_t config = {.name = "broker",
                                     .inc = INC,
                                     .pid = 10,
                                     .control_endpoint = "ipc:///run/broker.control",
                                     .membership_endpoint = "ipc:///run/broker.membership",
                                     .seed = 12345,
                                     .first = first};
    world->membership = vd_membership_new(&config);
    world->effects = vd_effects_new();
    assert_true(world->membership != NULL && world->effects != NULL);
    world->now_us = 1000 * (int64_t)SECOND;
    world->timer_us = -1;
    vd_buffer_init(&world->frames, 2 * VD_FRAME_BYTES_MAX);
    vd_input_t input = {.kind = VD_INPUT_START};
    step(world, &input);
    return world;
}

world_t *new_world(void)
{
    return make_world(false);
}

int set_up_first(void **state)
{
    *state = make_world(true);
    return 0;
}

int set_up(void **state)
{
    *state = new_world();
    return 0;
}

int tear_down(void **state)
{
    world_t *world = *state;
    vd_membership_destroy(&world->membership);
    vd_membership_destroy(&world->membership);
    vd_effects_destroy(&world->effects);
    vd_buffer_free(&world->frames);
    free(world);
    return 0;
}
