/* follower_part.c: who follows the soft feeds: the membership, the states of observers, the
 * lifecycle. */
#include "whole.h"

#include "broker/membership_parts.h"
#include "feed/feed.h"
#include "observers/host/host_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { FEEDS = 2 + WHOLE_HOSTS, PORT_REQUESTS = 1, PORT_ITEMS = 2, TIMER_FIRST = 1, ROWS = 64 };

typedef struct row {
    bool used, actor;
    char name[VD_NAME_BYTES_MAX + 1];
    char poller[VD_NAME_BYTES_MAX + 1];
    uint64_t inc;
    bool suspect;
} row_t;

typedef struct feed {
    vd_whole_t *whole;
    vd_feed_reader_t reader;
    uint64_t n;     /* of the last item; 0: a snapshot came */
    uint64_t inc;   /* that it belongs to */
    uint64_t cycle; /* of a state */
    bool synced;
} feed_t;

struct vd_follower_part {
    vd_process_t *process;
    vd_node_t *node;
    feed_t feeds[FEEDS];
    row_t rows[ROWS];
};

/* Feeds of one name, of two observers, cannot share a SUB. */
static const vd_wire_t wires[] = {
    {PORT_REQUESTS, VD_WIRE_DEALER, "requests"}, {PORT_ITEMS, VD_WIRE_SUB, "membership"},
    {PORT_ITEMS + 1, VD_WIRE_SUB, "lifecycle"},  {PORT_ITEMS + 2, VD_WIRE_SUB, "alpha"},
    {PORT_ITEMS + 3, VD_WIRE_SUB, "beta"},
};

/* ---- the view of the membership, made of what the feed says ---- */

static row_t *row_named(vd_follower_part_t *self, vd_str_t name, bool actor, bool add)
{
    row_t *free_row = NULL;
    for (int i = 0; i < ROWS; i++) {
        if (self->rows[i].used && self->rows[i].actor == actor &&
            vd_str_is(name, self->rows[i].name))
            return &self->rows[i];
        if (!self->rows[i].used && free_row == NULL)
            free_row = &self->rows[i];
    }
    if (!add)
        return NULL;
    assert(free_row != NULL);
    *free_row = (row_t){.used = true, .actor = actor};
    vd_str_copy(free_row->name, sizeof free_row->name, name);
    return free_row;
}

static void take_actor(vd_follower_part_t *self, vd_bytes_t map)
{
    vd_actor_record_t record;
    if (vd_record_decode(map, VD_RECORD_actor, &record) != VD_OK)
        return;
    row_t *row = row_named(self, record.name, true, true);
    row->inc = record.inc;
    row->suspect = vd_str_is(record.state, "suspect");
}

static void take_source(vd_follower_part_t *self, vd_bytes_t map)
{
    vd_source_record_t record;
    if (vd_record_decode(map, VD_RECORD_source, &record) != VD_OK)
        return;
    row_t *row = row_named(self, record.name, false, true);
    row->inc = record.inc;
    vd_str_copy(row->poller, sizeof row->poller, record.poller);
}

static void take_snapshot(vd_follower_part_t *self, vd_bytes_t bytes, bool complete)
{
    vd_value_t map, list, item;
    if (complete)
        memset(self->rows, 0, sizeof self->rows);
    if (!vd_value_of(bytes, &map))
        return;
    if (vd_value_get(&map, "actors", &list))
        while (vd_value_next(&list.bytes, &item))
            take_actor(self, item.raw);
    if (vd_value_get(&map, "sources", &list))
        while (vd_value_next(&list.bytes, &item))
            take_source(self, item.raw);
}

static void take_item(vd_follower_part_t *self, vd_bytes_t bytes)
{
    vd_value_t map, inner;
    if (!vd_value_of(bytes, &map))
        return;
    vd_str_t op = vd_value_get_str(&map, "op");
    bool gone = vd_str_is(op, "actor_gone") || vd_str_is(op, "source_gone");
    if (vd_str_is(op, "actor") && vd_value_get(&map, "actor", &inner))
        take_actor(self, inner.raw);
    else if (vd_str_is(op, "source") && vd_value_get(&map, "source", &inner))
        take_source(self, inner.raw);
    if (!gone)
        return;
    row_t *row =
        row_named(self, vd_value_get_str(&map, "name"), vd_str_is(op, "actor_gone"), false);
    if (row != NULL && row->inc == vd_value_get_u64(&map, "inc", 0))
        row->used = false;
}

/* ---- all feeds ---- */

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    feed_t *self = arg;
    vd_value_t map;
    (void)now;
    (void)effects;
    self->synced = true;
    self->n = 0;
    if (self == &self->whole->followers->feeds[0])
        take_snapshot(self->whole->followers, value, complete);
    else if (vd_value_of(value, &map))
        self->cycle = vd_value_get_u64(&map, "cycle", 0);
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    feed_t *self = arg;
    vd_value_t map;
    (void)now;
    (void)effects;
    if (!self->synced || (self->n != 0 && self->inc == self->reader.inc && n != self->n + 1))
        vd_whole_fail(self->whole, "[feed order] item %" PRIu64 " of %s comes after %" PRIu64, n,
                      self->reader.feed, self->n);
    self->n = n;
    self->inc = self->reader.inc;
    if (self == &self->whole->followers->feeds[0])
        take_item(self->whole->followers, value);
    else if (vd_value_of(value, &map))
        self->cycle = vd_value_get_u64(&map, "cycle", 0);
}

static const vd_feed_handler_t handler = {.snapshot = on_snapshot, .item = on_item};

static void start(vd_follower_part_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_whole_t *whole = self->feeds[0].whole;
    vd_peer_t broker = vd_peer_named("broker"), supervisor = vd_peer_named("supervisor");
    vd_feed_reader_connect(&self->feeds[0].reader, now, &broker, VD_MODEL_BROKER_CONTROL,
                           VD_MODEL_BROKER_MEMBERSHIP, effects);
    vd_feed_reader_connect(&self->feeds[1].reader, now, &supervisor, "supervisor.control",
                           "supervisor.lifecycle", effects);
    for (int i = 0; i < WHOLE_HOSTS; i++) {
        if (whole->hosts[i].whole == NULL)
            continue;
        char requests[64], changes[64];
        vd_peer_t peer = vd_peer_named(whole->hosts[i].name);
        snprintf(requests, sizeof requests, "%s.requests", whole->hosts[i].name);
        snprintf(changes, sizeof changes, "%s.changes", whole->hosts[i].name);
        vd_feed_reader_connect(&self->feeds[2 + i].reader, now, &peer, requests, changes, effects);
    }
}

static void step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_follower_part_t *self = state;
    if (input->kind == VD_INPUT_START) {
        start(self, now, effects);
        return;
    }
    for (int i = 0; i < FEEDS; i++)
        if (self->feeds[i].whole != NULL &&
            vd_feed_reader_step(&self->feeds[i].reader, now, input, effects))
            return;
}

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    static const char *const feeds[] = {"membership", "lifecycle", "state", "state"};
    vd_whole_t *whole = arg;
    vd_follower_part_t *self = whole->followers;
    (void)world;
    (void)node;
    memset(self->rows, 0, sizeof self->rows);
    for (uint32_t i = 0; i < FEEDS; i++) {
        if (i >= 2 && whole->hosts[i - 2].whole == NULL)
            continue;
        self->feeds[i] = (feed_t){.whole = whole};
        vd_feed_reader_init(&self->feeds[i].reader, feeds[i], PORT_REQUESTS,
                            (uint16_t)(PORT_ITEMS + i), TIMER_FIRST + i, &handler, &self->feeds[i]);
    }
    return self;
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    (void)world;
    (void)node;
    (void)state;
    (void)arg;
}

static void boot_again(vd_world_t *world, void *arg, uint64_t number)
{
    (void)number;
    vd_process_boot(world, arg, "", false);
}

static void ended(vd_world_t *world, vd_process_t *process, vd_status_t status, bool killed,
                  void *arg)
{
    (void)status;
    (void)killed;
    (void)arg;
    vd_world_later(world, 500000, NULL, boot_again, process, 0);
}

void vd_follower_part_add(vd_whole_t *self)
{
    if (self->options.without_actors & WITHOUT_FOLLOWERS)
        return;
    vd_process_spec_t spec = {.name = "follower", .kind = "tool", .ended = ended, .arg = self};
    self->followers = calloc(1, sizeof *self->followers);
    assert(self->followers != NULL);
    self->followers->process = vd_process_new(self->world, &spec);
    vd_node_spec_t node = {.step = step,
                           .wires = wires,
                           .wire_count = sizeof wires / sizeof wires[0],
                           .boot = boot,
                           .end = end,
                           .arg = self};
    self->followers->node = vd_process_add(self->world, self->followers->process, &node);
    vd_process_boot(self->world, self->followers->process, "", false);
}

void vd_follower_part_free(vd_whole_t *self)
{
    if (self->followers == NULL)
        return;
    vd_process_destroy(&self->followers->process);
    free(self->followers);
    self->followers = NULL;
}

/* ---- at the end ---- */

static void compare_membership(vd_whole_t *self, const vd_membership_t *broker)
{
    vd_follower_part_t *followers = self->followers;
    uint32_t known = 0, there = 0;
    for (int i = 0; i < ROWS; i++)
        known += followers->rows[i].used;
    for (uint32_t i = 0; i < VD_ACTORS_MAX; i++) {
        const vd_member_t *member = &broker->members[i];
        if (!member->used)
            continue;
        there++;
        const row_t *row = row_named(followers, vd_str(member->name), true, false);
        if (row == NULL || row->inc != member->inc || row->suspect != member->suspect)
            vd_whole_fail(self,
                          "[views converge] who follows the membership does not see %s as "
                          "the broker does",
                          member->name);
    }
    for (uint32_t i = 0; i < broker->sources.high; i++) {
        const vd_source_t *source = &broker->sources.slots[i];
        if (source->use != VD_SOURCE_LIVE)
            continue;
        there++;
        const char *poller = source->poller >= 0 ? broker->members[source->poller].name : "";
        const row_t *row = row_named(followers, vd_str(source->name), false, false);
        if (row == NULL || row->inc != source->inc || strcmp(row->poller, poller) != 0)
            vd_whole_fail(self,
                          "[views converge] who follows the membership does not see source "
                          "%s at %s",
                          source->name, poller);
    }
    if (known != there)
        vd_whole_fail(self, "[views converge] who follows the membership knows %u, the broker %u",
                      known, there);
}

void vd_follower_part_finish(vd_whole_t *self)
{
    if (self->followers == NULL || !vd_node_is_up(self->broker_node))
        return;
    compare_membership(self, vd_node_state(self->broker_node));
    for (int i = 0; i < WHOLE_HOSTS; i++) {
        const feed_t *feed = &self->followers->feeds[2 + i];
        if (feed->whole == NULL || !vd_node_is_up(self->hosts[i].node))
            continue;
        const vd_host_t *host = vd_node_state(self->hosts[i].node);
        if (!feed->synced || feed->cycle + 8 < host->cycle || feed->cycle > host->cycle)
            vd_whole_fail(self,
                          "[views converge] who follows %s is at cycle %" PRIu64
                          ", the observer at %" PRIu64,
                          self->hosts[i].name, feed->cycle, host->cycle);
    }
}
