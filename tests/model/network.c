/* network.c: connections of nodes, and frames that are lost, repeated and reordered between
 * them. */
#include "world_state.h"

#include <assert.h>
#include <stdlib.h>

static bool is_cut(const vd_world_t *self, const vd_node_t *a, const vd_node_t *b)
{
    for (uint32_t i = 0; i < self->cut_count; i++) {
        const vd_cut_t *cut = &self->cuts[i];
        if (self->now_us < cut->until_us &&
            ((cut->a == a && cut->b == b) || (cut->a == b && cut->b == a)))
            return true;
    }
    return false;
}

void vd_world_cut(vd_world_t *self, const vd_node_t *a, const vd_node_t *b, int64_t until_us)
{
    vd_world_note(self, "cut          %s | %s", a->spec.name, b->spec.name);
    self->cuts[self->cut_count++ % VD_MODEL_CUTS_MAX] = (vd_cut_t){a, b, until_us};
    if (self->cut_count > VD_MODEL_CUTS_MAX)
        self->cut_count = VD_MODEL_CUTS_MAX;
}

static void post_one(vd_world_t *self, const vd_packet_t *packet, size_t size)
{
    const vd_weather_t *weather = &self->weather;
    int64_t delay_us = weather->delay_min_us;
    delay_us += (int64_t)vd_world_random(self, weather->delay_max_us - weather->delay_min_us + 1);
    if (vd_world_chance(self, weather->slow))
        delay_us *= 1 + (int64_t)vd_world_random(self, 50);
    vd_packet_t *copy = malloc(size);
    assert(copy != NULL);
    memcpy(copy, packet, size);
    vd_world_push(self, (vd_happening_t){.at_us = self->now_us + delay_us, .packet = copy});
}

static void post(vd_world_t *self, vd_packet_t *packet)
{
    size_t size = sizeof *packet + packet->header_size + packet->body_size + packet->payload_size;
    bool lost = is_cut(self, packet->from, packet->to) || vd_world_chance(self, self->weather.lose);
    bool twice = vd_world_chance(self, self->weather.repeat);
    if (!lost)
        post_one(self, packet, size);
    if (twice)
        post_one(self, packet, size);
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
    for (uint32_t i = 0; i < self->node_count; i++) {
        size_t size = strlen(self->nodes[i]->spec.name);
        if (strncmp(self->nodes[i]->spec.name, endpoint, size) != 0 || endpoint[size] != '.')
            continue;
        for (size_t w = 0; w < self->nodes[i]->spec.wire_count; w++) {
            *node = self->nodes[i];
            if (strcmp(self->nodes[i]->spec.wires[w].name, endpoint + size + 1) == 0)
                return &self->nodes[i]->spec.wires[w];
        }
    }
    return NULL;
}

void vd_world_inject(vd_world_t *self, const char *endpoint, const vd_message_t *message)
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
    packet->peer = vd_peer_named("stranger");
    vd_world_note_message(self, "<~", node->spec.name, message);
    post(self, packet);
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
    vd_str_copy(link->endpoint, sizeof link->endpoint, vd_str(endpoint));
}

static bool is_subscribed(const vd_node_t *node, uint16_t port, const char *topic)
{
    for (uint32_t i = 0; i < node->subscription_count; i++)
        if (node->subscription_ports[i] == port &&
            strncmp(topic, node->subscriptions[i], strlen(node->subscriptions[i])) == 0)
            return true;
    return false;
}

/* A frame of `node` goes where its port and peer, or topic, say. */
void vd_network_send(vd_world_t *self, vd_node_t *node, const vd_effects_t *effects,
                     const vd_effect_t *effect)
{
    const vd_wire_t *wire = wire_of(node, effect->port);
    assert(wire != NULL);
    const char *topic = vd_effect_text(effects, effect);
    for (uint32_t i = 0; i < self->link_count; i++) {
        const vd_link_t *link = &self->links[i];
        vd_node_t *server;
        const vd_wire_t *bound = bound_at(self, link->endpoint, &server);
        bool to_server = wire->kind == VD_WIRE_DEALER && link->client == node &&
                         link->port == wire->port && vd_peer_equal(&link->name, &effect->peer);
        bool to_client =
            bound == wire && server == node &&
            (wire->kind == VD_WIRE_PUB ? link->sub && is_subscribed(link->client, link->port, topic)
                                       : vd_peer_equal(&link->identity, &effect->peer));
        if (bound == NULL || (!to_server && !to_client))
            continue;
        vd_packet_t *packet =
            packet_new(vd_effect_header(effects, effect), vd_effect_body(effects, effect),
                       vd_effect_payload(effects, effect));
        packet->from = node;
        packet->to = to_server ? server : link->client;
        packet->life = to_server ? VD_MODEL_ANY_LIFE : link->life;
        packet->port = to_server ? bound->port : link->port;
        packet->peer = to_server ? link->identity : link->name;
        post(self, packet);
        if (wire->kind != VD_WIRE_PUB)
            return;
    }
}
