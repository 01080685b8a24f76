/* network.c: connections of nodes, and frames that are lost, repeated and reordered between
 * them. */
#include "process.h"
#include "world_state.h"

#include <assert.h>
#include <stdlib.h>

static bool is_cut(const vd_world_t *self, const vd_node_t *from, const vd_node_t *to)
{
    const void *a = from != NULL ? vd_node_process(from) : NULL, *b = vd_node_process(to);
    for (uint32_t i = 0; i < self->cut_count && a != b; i++) {
        const vd_cut_t *cut = &self->cuts[i];
        bool all = cut->b == NULL && (cut->a == a || cut->a == b);
        if (self->now_us < cut->until_us &&
            (all || (cut->a == a && cut->b == b) || (cut->a == b && cut->b == a)))
            return true;
    }
    return false;
}

bool vd_world_is_whole(const vd_world_t *self, const vd_node_t *node)
{
    const void *process = vd_node_process(node);
    for (uint32_t i = 0; i < self->cut_count; i++)
        if (self->now_us < self->cuts[i].until_us &&
            (self->cuts[i].a == process || self->cuts[i].b == process))
            return false;
    return true;
}

void vd_world_heal(vd_world_t *self)
{
    self->cut_count = 0;
}

void vd_world_cut(vd_world_t *self, const vd_node_t *a, const vd_node_t *b, int64_t until_us)
{
    vd_world_note(self, "%-12s is cut off from %s for %.3f s", a->spec.name,
                  b != NULL ? b->spec.name : "everybody",
                  (double)(until_us - self->now_us) / 1000000);
    uint32_t place = self->cut_count;
    for (uint32_t i = 0; i < self->cut_count; i++)
        if (self->cuts[i].until_us <= self->now_us)
            place = i;
    if (place == VD_MODEL_CUTS_MAX)
        return;
    self->cuts[place] =
        (vd_cut_t){vd_node_process(a), b != NULL ? vd_node_process(b) : NULL, until_us};
    if (place == self->cut_count)
        self->cut_count++;
}

static void post_one(vd_world_t *self, const vd_packet_t *packet, size_t size, int64_t wait_us,
                     int64_t *last_us)
{
    const vd_weather_t *weather = &self->weather;
    int64_t delay_us = weather->delay_min_us;
    delay_us += (int64_t)vd_world_random(self, weather->delay_max_us - weather->delay_min_us + 1);
    if (vd_world_chance(self, weather->slow))
        delay_us *= 1 + (int64_t)vd_world_random(self, 50);
    vd_packet_t *copy = malloc(size);
    assert(copy != NULL);
    memcpy(copy, packet, size);
    int64_t at_us = self->now_us + wait_us + delay_us;
    if (weather->ordered && last_us != NULL && at_us < *last_us)
        at_us = *last_us;
    if (last_us != NULL)
        *last_us = at_us;
    vd_world_push(self, (vd_happening_t){.at_us = at_us, .packet = copy});
}

static void post(vd_world_t *self, vd_packet_t *packet, int64_t wait_us, int64_t *last_us)
{
    size_t size = sizeof *packet + packet->header_size + packet->body_size + packet->payload_size;
    bool lost = is_cut(self, packet->from, packet->to) || vd_world_chance(self, self->weather.lose);
    bool twice = vd_world_chance(self, self->weather.repeat);
    if (!lost)
        post_one(self, packet, size, wait_us, last_us);
    if (twice)
        post_one(self, packet, size, wait_us, last_us);
    free(packet);
}

static vd_packet_t *packet_new(vd_bytes_t header, vd_bytes_t body, vd_bytes_t payload)
{
    vd_packet_t *packet = calloc(1, sizeof *packet + header.size + body.size + payload.size);
    assert(packet != NULL);
    packet->header_size = (uint32_t)header.size;
    packet->body_size = (uint32_t)body.size;
    packet->payload_size = (uint32_t)payload.size;
    memcpy(packet->bytes, header.data, header.size);
    memcpy(packet->bytes + header.size, body.data, body.size);
    if (payload.size > 0)
        memcpy(packet->bytes + header.size + body.size, payload.data, payload.size);
    return packet;
}

static const vd_wire_t *wire_of(const vd_node_t *node, uint16_t port)
{
    for (size_t i = 0; i < node->spec.wire_count; i++)
        if (node->spec.wires[i].port == port)
            return &node->spec.wires[i];
    return NULL;
}

/* The bound port with this endpoint. */
static const vd_wire_t *bound_at(const vd_world_t *self, const char *endpoint, vd_node_t **node)
{
    *node = NULL;
    for (uint32_t i = 0; i < self->node_count; i++) {
        size_t size = strlen(self->nodes[i]->spec.name);
        if (strncmp(self->nodes[i]->spec.name, endpoint, size) != 0 || endpoint[size] != '.')
            continue;
        for (size_t w = 0; w < self->nodes[i]->spec.wire_count; w++) {
            const vd_wire_t *wire = &self->nodes[i]->spec.wires[w];
            bool bound = wire->kind == VD_WIRE_ROUTER || wire->kind == VD_WIRE_PUB;
            if (!bound || strcmp(wire->name, endpoint + size + 1) != 0)
                continue;
            *node = self->nodes[i];
            return wire;
        }
    }
    return NULL;
}

void vd_world_inject(vd_world_t *self, const char *peer, const char *endpoint,
                     const vd_message_t *message)
{
    vd_node_t *node;
    const vd_wire_t *wire = bound_at(self, endpoint, &node);
    assert(wire != NULL && wire->kind == VD_WIRE_ROUTER);
    vd_buffer_t frames;
    size_t header_size = 0;
    vd_buffer_init(&frames, VD_FRAME_BYTES_MAX);
    vd_status_t status = vd_message_encode(message, &frames, &header_size);
    assert(status == VD_OK);
    (void)status;
    vd_packet_t *packet = packet_new(vd_bytes(frames.data, header_size),
                                     vd_bytes(frames.data + header_size, frames.size - header_size),
                                     message->payload);
    vd_buffer_free(&frames);
    packet->to = node;
    packet->port = wire->port;
    packet->peer = vd_peer_named(peer);
    vd_world_note_message(self, "<~", node->spec.name, message);
    post(self, packet, 0, NULL);
}

void vd_network_drop(vd_world_t *self, const vd_node_t *node, const vd_peer_t *name, uint16_t port)
{
    for (uint32_t i = 0; i < self->link_count; i++) {
        const vd_link_t *link = &self->links[i];
        if (link->client == node &&
            (name == NULL || (link->port == port && vd_peer_equal(&link->name, name))))
            self->links[i--] = self->links[--self->link_count];
    }
}

/* A connection to the server's life of the moment needs a while. */
static void stand(vd_world_t *self, vd_link_t *link)
{
    link->server_life = link->server->life;
    link->up_us = self->now_us + (int64_t)vd_world_random(self, self->weather.delay_max_us * 4 + 1);
}

void vd_network_connect(vd_world_t *self, vd_node_t *node, const vd_effect_t *effect,
                        const char *endpoint)
{
    const vd_wire_t *wire = wire_of(node, effect->port);
    assert(wire != NULL && (wire->kind == VD_WIRE_DEALER || wire->kind == VD_WIRE_SUB));
    vd_network_drop(self, node, &effect->peer, effect->port);
    if (self->link_count == self->link_room) {
        self->link_room = self->link_room * 2 + 16;
        self->links = realloc(self->links, self->link_room * sizeof *self->links);
        assert(self->links != NULL);
    }
    vd_link_t *link = &self->links[self->link_count++];
    uint64_t identity = vd_random_next(&self->seed);
    *link = (vd_link_t){.client = node,
                        .life = node->life,
                        .port = effect->port,
                        .name = effect->peer,
                        .identity = vd_peer_of(&identity, sizeof identity),
                        .sub = wire->kind == VD_WIRE_SUB};
    link->bound = bound_at(self, endpoint, &link->server);
    if (link->server != NULL)
        stand(self, link);
}

static bool is_subscribed(const vd_world_t *self, const vd_node_t *node, uint16_t port,
                          const char *topic)
{
    for (uint32_t i = 0; i < node->subscription_count; i++)
        if (node->subscription_ports[i] == port && node->subscribed_us[i] <= self->now_us &&
            strncmp(topic, node->subscriptions[i], strlen(node->subscriptions[i])) == 0)
            return true;
    return false;
}

/* Is this the connection that the frame goes over? */
static bool leads(const vd_link_t *link, const vd_node_t *node, const vd_wire_t *wire,
                  const vd_effect_t *effect)
{
    if (link->server == NULL)
        return false;
    if (wire->kind == VD_WIRE_DEALER)
        return link->client == node && link->port == wire->port &&
               vd_peer_equal(&link->name, &effect->peer);
    if (link->bound != wire || link->server != node)
        return false;
    return wire->kind == VD_WIRE_PUB ? link->sub : vd_peer_equal(&link->identity, &effect->peer);
}

/* A frame of `node` goes where its port and peer, or topic, say. */
void vd_network_send(vd_world_t *self, vd_node_t *node, const vd_effects_t *effects,
                     const vd_effect_t *effect)
{
    const vd_wire_t *wire = wire_of(node, effect->port);
    assert(wire != NULL);
    const char *topic = vd_effect_text(effects, effect);
    for (uint32_t i = 0; i < self->link_count; i++) {
        vd_link_t *link = &self->links[i];
        if (!leads(link, node, wire, effect))
            continue;
        if (link->server->life != link->server_life)
            stand(self, link);
        int64_t wait_us = link->up_us > self->now_us ? link->up_us - self->now_us : 0;
        if (wire->kind == VD_WIRE_PUB &&
            (wait_us > 0 || !is_subscribed(self, link->client, link->port, topic)))
            continue;
        bool to_server = wire->kind == VD_WIRE_DEALER;
        vd_packet_t *packet =
            packet_new(vd_effect_header(effects, effect), vd_effect_body(effects, effect),
                       vd_effect_payload(effects, effect));
        packet->from = node;
        packet->from_life = node->life;
        packet->published = wire->kind == VD_WIRE_PUB;
        packet->to = to_server ? link->server : link->client;
        packet->life = to_server ? VD_MODEL_ANY_LIFE : link->life;
        packet->sent_life = packet->to->life;
        packet->port = to_server ? link->bound->port : link->port;
        packet->peer = to_server ? link->identity : link->name;
        if (link->sub)
            packet->peer.size = 0; /* a SUB does not know who it hears */
        post(self, packet, to_server ? wait_us : 0, &link->last_us[to_server ? 0 : 1]);
        if (wire->kind != VD_WIRE_PUB)
            return;
    }
}

void vd_world_tell_tap(vd_world_t *self, vd_node_t *node, const vd_effects_t *effects,
                       const vd_effect_t *effect)
{
    vd_message_t message;
    vd_status_t status =
        vd_message_decode(vd_effect_header(effects, effect), vd_effect_body(effects, effect),
                          vd_effect_payload(effects, effect), &message);
    assert(status == VD_OK);
    (void)status;
    static const char *const nobodies[] = {VD_MODEL_FORGER, VD_MODEL_HISTORIAN};
    const char *topic = vd_effect_text(effects, effect);
    for (unsigned i = 0; i < sizeof nobodies / sizeof nobodies[0]; i++) {
        vd_peer_t peer = vd_peer_named(nobodies[i]);
        topic = vd_peer_equal(&effect->peer, &peer) ? nobodies[i] : topic;
    }
    if (self->tap != NULL)
        self->tap(self->tap_arg, node, false, effect->port, &effect->peer, topic, &message);
}

bool vd_network_pong(vd_world_t *self, vd_node_t *node, const vd_packet_t *packet,
                     const vd_message_t *message)
{
    const vd_wire_t *wire = wire_of(node, packet->port);
    if (message->id != VD_MESSAGE_PING || wire == NULL || wire->kind != VD_WIRE_ROUTER)
        return false;
    vd_effects_t *effects = self->spare[self->depth++];
    vd_effects_clear(effects);
    vd_message_t pong = {.id = VD_MESSAGE_PONG, .correlation = message->correlation};
    pong.pong.name = vd_str(node->spec.name);
    pong.pong.inc = node->spec.process != NULL ? vd_process_inc(node->spec.process) : node->life;
    pong.pong.pid = 1;
    vd_effects_send(effects, packet->port, &packet->peer, &pong);
    vd_network_send(self, node, effects, &effects->list[0]);
    self->depth--;
    return true;
}
