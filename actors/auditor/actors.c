/* actors.c: the membership, and what is asked of those who are in it. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ASK_US (5000 * MS)
/* Two that renew one lease replace each other again and again; what a broker that stood still finds
 * in its queues is over at once. */
#define RETURNS_MAX 3u
#define RETURNS_US  (3 * (int64_t)VD_LEASE_MS * MS)

static vd_audited_actor_t *find(vd_auditor_t *self, vd_str_t name)
{
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++)
        if (self->actors[i].used && vd_str_is(name, self->actors[i].name))
            return &self->actors[i];
    return NULL;
}

static vd_audited_actor_t *find_peer(vd_auditor_t *self, const vd_peer_t *peer)
{
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++)
        if (self->actors[i].used && self->actors[i].endpoint[0] != 0 &&
            vd_peer_equal(peer, &self->actors[i].peer))
            return &self->actors[i];
    return NULL;
}

/* Those of whom nothing is asked give way to those of whom something is. */
static vd_audited_actor_t *add(vd_auditor_t *self, vd_str_t name, vd_actor_kind_t kind)
{
    vd_audited_actor_t *place = NULL;
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++) {
        vd_audited_actor_t *actor = &self->actors[i];
        if (!actor->used) {
            place = actor;
            break;
        }
        if (kind != VD_ACTOR_OTHER && actor->kind == VD_ACTOR_OTHER && actor->endpoint[0] == 0)
            place = actor;
    }
    if (place == NULL || place->used)
        self->left_out++;
    if (place == NULL)
        return NULL;
    *place = (vd_audited_actor_t){.used = true, .kind = kind};
    vd_str_copy(place->name, sizeof place->name, name);
    return place;
}

/* ---- the membership ---- */

static vd_actor_kind_t kind_of(vd_str_t kind)
{
    return vd_str_is(kind, "relay")      ? VD_ACTOR_RELAY
           : vd_str_is(kind, "poller")   ? VD_ACTOR_POLLER
           : vd_str_is(kind, "observer") ? VD_ACTOR_OBSERVER
                                         : VD_ACTOR_OTHER;
}

/* Of the connection to it: no two of those who are there have the same, also where a long name has to
 * be cut. */
static vd_peer_t peer_of(const vd_auditor_t *self, const vd_audited_actor_t *actor)
{
    enum { WHOLE_MAX = 40 };
    char name[VD_PEER_BYTES_MAX + 1];
    if (strlen(actor->name) <= WHOLE_MAX)
        snprintf(name, sizeof name, "@%.*s", WHOLE_MAX, actor->name);
    else
        snprintf(name, sizeof name, "@%.*s#%td", WHOLE_MAX, actor->name, actor - self->actors);
    return vd_peer_named(name);
}

static void connect_to(vd_auditor_t *self, vd_audited_actor_t *actor, vd_bytes_t rows,
                       vd_effects_t *effects)
{
    const char *port = actor->kind == VD_ACTOR_RELAY ? "read" : "requests";
    vd_endpoint_record_t row;
    if (actor->kind == VD_ACTOR_OTHER)
        return;
    while (vd_rows_next(&rows, VD_RECORD_endpoint, &row) == VD_OK) {
        if (!vd_str_is(row.port, port))
            continue;
        if (vd_str_is(row.endpoint, actor->endpoint))
            return;
        actor->peer = peer_of(self, actor);
        vd_str_copy(actor->endpoint, sizeof actor->endpoint, row.endpoint);
        actor->probe = (vd_probe_t){.peer = actor->peer,
                                    .same = VD_INVARIANT_relay_same,
                                    .relay = true,
                                    .begun_us = self->now.mono_us};
        vd_str_copy(actor->probe.who, sizeof actor->probe.who, vd_str(actor->name));
        actor->due_us = self->now.mono_us + ASK_US;
        vd_effects_connect(effects, VD_AUDITOR_ASK, &actor->peer, actor->endpoint);
        return;
    }
}

static void check_lease(vd_auditor_t *self, vd_audited_actor_t *actor, uint64_t inc)
{
    if (inc == actor->inc) {
        vd_book_check(&self->book, VD_INVARIANT_one_incarnation);
        return;
    }
    bool returns = inc == actor->before;
    actor->before = actor->inc;
    actor->inc = inc;
    actor->feed_inc = actor->feed_after = actor->last_index = 0;
    if (!returns) {
        actor->returns = 0;
        return;
    }
    if (actor->returns++ == 0)
        actor->returned_us = self->now.mono_us;
    if (actor->returns < RETURNS_MAX || self->now.mono_us - actor->returned_us < RETURNS_US)
        return;
    vd_violation_t violation = vd_violation_of(VD_INVARIANT_one_incarnation, vd_str(""), 0, 0);
    snprintf(violation.text, sizeof violation.text, "two processes go by the name %s", actor->name);
    snprintf(violation.evidence, sizeof violation.evidence,
             "incarnations %" PRIu64 " and %" PRIu64 " have replaced each other %" PRIu32
             " times in %" PRId64 " ms",
             actor->inc, actor->before, actor->returns,
             (self->now.mono_us - actor->returned_us) / 1000);
    vd_book_violate(&self->book, &violation, vd_hash(0, vd_str(actor->name)));
}

/* What is asked of it is something else from now on. */
static void become(vd_audited_actor_t *actor, vd_actor_kind_t kind, vd_effects_t *effects)
{
    if (actor->endpoint[0] != 0)
        vd_effects_disconnect(effects, VD_AUDITOR_ASK, &actor->peer);
    actor->endpoint[0] = 0;
    actor->correlation = 0;
    actor->feed_inc = actor->feed_after = actor->last_index = 0;
    actor->kind = kind;
}

static void take_actor(vd_auditor_t *self, vd_bytes_t map, vd_effects_t *effects)
{
    vd_actor_record_t record;
    if (vd_record_decode(map, VD_RECORD_actor, &record) != VD_OK)
        return;
    vd_actor_kind_t kind = kind_of(record.kind);
    vd_audited_actor_t *actor = find(self, record.name);
    if (actor == NULL && (actor = add(self, record.name, kind)) == NULL)
        return;
    if (actor->inc == 0)
        actor->inc = record.inc;
    actor->named = true;
    if (actor->kind != kind)
        become(actor, kind, effects);
    check_lease(self, actor, record.inc);
    connect_to(self, actor, record.endpoints, effects);
}

static void drop_actor(vd_audited_actor_t *actor, vd_effects_t *effects)
{
    if (actor->endpoint[0] != 0)
        vd_effects_disconnect(effects, VD_AUDITOR_ASK, &actor->peer);
    actor->used = false;
}

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    vd_auditor_t *self = arg;
    vd_value_t map, list, item;
    (void)now;
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++)
        self->actors[i].named = false;
    if (self->membership_inc != self->membership.inc)
        vd_audited_reads_settle(self);
    self->membership_inc = self->membership.inc;
    if (vd_value_of(value, &map) && vd_value_get(&map, "actors", &list))
        while (vd_value_next(&list.bytes, &item))
            take_actor(self, item.raw, effects);
    for (uint32_t i = 0; complete && i < VD_AUDITOR_ACTORS_MAX; i++)
        if (self->actors[i].used && !self->actors[i].named)
            drop_actor(&self->actors[i], effects);
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    vd_auditor_t *self = arg;
    vd_value_t map, inner;
    (void)now;
    (void)n;
    if (!vd_value_of(value, &map))
        return;
    vd_str_t op = vd_value_get_str(&map, "op");
    if (vd_str_is(op, "actor") && vd_value_get(&map, "actor", &inner))
        take_actor(self, inner.raw, effects);
    if (!vd_str_is(op, "actor_gone"))
        return;
    vd_audited_actor_t *actor = find(self, vd_value_get_str(&map, "name"));
    if (actor != NULL && actor->inc == vd_value_get_u64(&map, "inc", 0))
        drop_actor(actor, effects);
}

static const vd_feed_handler_t handler = {.snapshot = on_snapshot, .item = on_item};

void vd_actors_start(vd_auditor_t *self, vd_effects_t *effects)
{
    vd_peer_t broker = vd_peer_named("broker");
    vd_feed_reader_init(&self->membership, "membership", VD_AUDITOR_ASK, VD_AUDITOR_MEMBERSHIP,
                        VD_FEED_NO_TIMER, &handler, self);
    vd_feed_reader_connect(&self->membership, self->now, &broker, self->endpoints[VD_AT_CONTROL],
                           self->endpoints[VD_AT_MEMBERSHIP], effects);
}

void vd_actors_forget(vd_auditor_t *self)
{
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++)
        self->actors[i].feed_inc = self->actors[i].feed_after = self->actors[i].last_index = 0;
}

/* ---- observers ---- */

/* What it told in another life of its feed is no measure for this one. */
static void enter_life(vd_audited_actor_t *actor, uint64_t inc)
{
    if (inc != actor->feed_inc)
        actor->last_index = 0;
}

static void take_position(vd_auditor_t *self, vd_audited_actor_t *actor, uint64_t inc,
                          const vd_value_t *map)
{
    vd_value_t position;
    if (!vd_value_get(map, "position", &position) ||
        !vd_str_is(vd_value_get_str(&position, "store"), vd_history_position(self->history)->store))
        return;
    uint64_t index = vd_value_get_u64(&position, "index", 0);
    uint64_t touched = index + (vd_value_get_u64(&position, "offset", 0) > 0);
    if (touched > 0)
        vd_claims_head(&self->claims, self->now.mono_us, VD_INVARIANT_observer_position,
                       actor->name, touched);
    if (inc == actor->feed_inc && index < actor->last_index) {
        vd_violation_t violation =
            vd_violation_of(VD_INVARIANT_observer_position, vd_str(""), 0, index);
        snprintf(violation.text, sizeof violation.text,
                 "observer %s went back from commit %" PRIu64 " to %" PRIu64, actor->name,
                 actor->last_index, index);
        snprintf(violation.evidence, sizeof violation.evidence,
                 "both in one life of its feed state, %" PRIu64, inc);
        vd_claims_doubt(&self->claims, self->now.mono_us, &violation,
                        vd_hash(1, vd_str(actor->name)));
    }
    actor->last_index = index;
}

static void take_items(vd_auditor_t *self, vd_audited_actor_t *actor, const vd_message_t *message)
{
    const vd_items_body_t *body = &message->items;
    vd_value_t items, item;
    bool more = body->count > 0 && body->head > body->first + body->count - 1;
    bool any = false;
    enter_life(actor, body->inc);
    if (vd_value_of(message->payload, &items))
        while (vd_value_next(&items.bytes, &item))
            any = true;
    if (any)
        take_position(self, actor, body->inc, &item);
    actor->feed_inc = body->inc;
    actor->feed_after = body->head;
    if (more) { /* the newest one is what is looked for */
        actor->feed_after = body->head - 1;
        actor->due_us = self->now.mono_us;
    }
}

static void take_state(vd_auditor_t *self, vd_audited_actor_t *actor, uint64_t inc, uint64_t n,
                       vd_bytes_t payload)
{
    vd_value_t map;
    enter_life(actor, inc);
    if (vd_value_of(payload, &map))
        take_position(self, actor, inc, &map);
    actor->feed_inc = inc;
    actor->feed_after = n;
}

/* ---- questions ---- */

static void ask(vd_auditor_t *self, vd_audited_actor_t *actor, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_GET};
    if (actor->kind == VD_ACTOR_POLLER) {
        message.get.feed = vd_str("readings");
    } else {
        message.id = VD_MESSAGE_READ;
        message.read_items.feed = vd_str("state");
        message.read_items.inc = actor->feed_inc;
        message.read_items.after = actor->feed_after;
        message.read_items.items_max = 1;
    }
    actor->correlation = vd_auditor_ask(self, &actor->peer, &message, effects);
    actor->due_us = self->now.mono_us + ASK_US;
}

void vd_actors_tick(vd_auditor_t *self, vd_effects_t *effects)
{
    vd_feed_reader_tick(&self->membership, self->now, effects);
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++) {
        vd_audited_actor_t *actor = &self->actors[i];
        if (!actor->used || actor->endpoint[0] == 0)
            continue;
        if (actor->kind == VD_ACTOR_RELAY)
            vd_probe_tick(self, &actor->probe, effects);
        else if (self->now.mono_us >= actor->due_us)
            ask(self, actor, effects);
    }
}

bool vd_actors_take(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    if (vd_feed_reader_step(&self->membership, self->now, input, effects))
        return true;
    vd_audited_actor_t *actor =
        input->port == VD_AUDITOR_ASK ? find_peer(self, &input->peer) : NULL;
    if (actor == NULL)
        return false;
    if (actor->kind == VD_ACTOR_RELAY) {
        vd_probe_take(self, &actor->probe, message);
        return true;
    }
    if (message->correlation != actor->correlation || !vd_auditor_may_judge(self))
        return true;
    actor->correlation = 0;
    if (message->id == VD_MESSAGE_SNAPSHOT && actor->kind == VD_ACTOR_POLLER)
        vd_audited_reads_take(self, actor->name, message->payload);
    else if (message->id == VD_MESSAGE_ITEMS)
        take_items(self, actor, message);
    else if (message->id == VD_MESSAGE_RESET)
        take_state(self, actor, message->reset.inc, message->reset.n, message->payload);
    return true;
}
