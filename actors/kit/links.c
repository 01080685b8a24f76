/* links.c: the sockets of a core. */
#include "kit/links.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

void vd_links_init(vd_links_t *self, zloop_t *loop, zloop_fn *reader, void *owner, const char *name,
                   uint64_t inc)
{
    assert(loop != NULL && reader != NULL && name != NULL);
    *self = (vd_links_t){.loop = loop, .reader = reader, .owner = owner};
    /* 38 + 1 + 16 bytes leave room for a dot and the counter in PEER_BYTES_MAX. */
    snprintf(self->identity, sizeof self->identity, "%.38s#%016llx", name, (unsigned long long)inc);
}

static zmq_pollitem_t item_of(const vd_link_t *link)
{
    return (zmq_pollitem_t){.fd = link->file, .events = ZMQ_POLLIN};
}

static void close_link(vd_link_t *link)
{
    assert(!link->closed);
    zmq_pollitem_t item = item_of(link);
    zloop_poller_end(link->table->loop, &item);
    zsock_destroy(&link->socket);
    if (link->port.kind == VD_PORT_ROUTER || link->port.kind == VD_PORT_PUB)
        vd_endpoint_unlink(link->endpoint);
    link->handle = NULL;
    link->closed = true;
}

static void free_link(vd_link_t *link)
{
    vd_unsent_destroy(&link->unsent);
    free(link);
}

void vd_links_reap(vd_links_t *self)
{
    for (vd_link_t **at = &self->first; *at != NULL;) {
        vd_link_t *link = *at;
        if (!link->closed) {
            at = &link->next;
            continue;
        }
        *at = link->next;
        free_link(link);
    }
}

void vd_links_free(vd_links_t *self)
{
    for (vd_link_t *link = self->first; link != NULL; link = link->next)
        if (!link->closed)
            close_link(link);
    vd_links_reap(self);
    assert(self->first == NULL);
    while (self->feeders != NULL) {
        vd_feeder_t *next = self->feeders->next;
        free(self->feeders);
        self->feeders = next;
    }
}

/* Makes a link with a fresh socket. NULL without memory or sockets. */
static vd_link_t *new_link(vd_links_t *self, const vd_port_t *port, const char *identity)
{
    static const int types[] = {
        [VD_PORT_ROUTER] = ZMQ_ROUTER,
        [VD_PORT_PUB] = ZMQ_XPUB, /* a PUB that tells who has subscribed */
        [VD_PORT_DEALER] = ZMQ_DEALER,
        [VD_PORT_SUB] = ZMQ_SUB,
    };
    assert(port->kind >= VD_PORT_ROUTER && port->kind <= VD_PORT_SUB);
    vd_link_t *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    *link = (vd_link_t){.port = *port, .owner = self->owner, .table = self};
    link->socket = vd_endpoint_socket(types[port->kind], identity);
    if (link->socket != NULL && port->kind == VD_PORT_ROUTER)
        link->unsent = vd_unsent_new();
    if (link->socket == NULL || (link->unsent == NULL && port->kind == VD_PORT_ROUTER)) {
        zsock_destroy(&link->socket);
        free_link(link);
        return NULL;
    }
    if (self->frame_bytes_max > 0)
        zsock_set_maxmsgsize(link->socket, (int)self->frame_bytes_max);
    link->handle = zsock_resolve(link->socket);
    return link;
}

static vd_status_t no_socket(char *error, size_t error_size)
{
    snprintf(error, error_size,
             "no more sockets or memory: raise the limit of open files (ulimit -n)");
    return VD_NO_MEMORY;
}

/* Puts a link into use. */
static vd_status_t start_link(vd_links_t *self, vd_link_t *link)
{
    assert(link->socket != NULL && !link->closed);
    link->next = self->first;
    self->first = link;
    link->file = zsock_fd(link->socket);
    link->used = true;
    zmq_pollitem_t item = item_of(link);
    if (zloop_poller(self->loop, &item, self->reader, link) != 0)
        return VD_NO_MEMORY;
    zloop_poller_set_tolerant(self->loop, &item);
    return VD_OK;
}

bool vd_link_has_message(vd_link_t *link)
{
    assert(!link->closed);
    int events = 0;
    size_t size = sizeof events;
    int rc = zmq_getsockopt(link->handle, ZMQ_EVENTS, &events, &size);
    /* Where it cannot be told, looking again does no harm. */
    link->used = rc != 0 || (events & ZMQ_POLLIN) != 0;
    return link->used;
}

vd_status_t vd_links_open(vd_links_t *self, const vd_port_t *port, const char *endpoint,
                          char *error, size_t error_size)
{
    assert(error != NULL);
    if (port->kind == VD_PORT_DEALER)
        return VD_OK;
    assert(vd_links_find(self, port->port, NULL) == NULL);
    vd_link_t *link = new_link(self, port, NULL);
    if (link == NULL)
        return no_socket(error, error_size);
    if (port->kind != VD_PORT_SUB) {
        vd_status_t status = vd_endpoint_bind(link->socket, endpoint, error, error_size);
        if (status != VD_OK) {
            zsock_destroy(&link->socket);
            free_link(link);
            return status;
        }
        vd_str_copy(link->endpoint, sizeof link->endpoint, vd_str(endpoint));
    }
    return start_link(self, link);
}

vd_link_t *vd_links_find(vd_links_t *self, uint16_t port, const vd_peer_t *peer)
{
    for (vd_link_t *link = self->first; link != NULL; link = link->next) {
        if (link->closed || link->port.port != port)
            continue;
        if (link->port.kind != VD_PORT_DEALER)
            return link;
        if (peer != NULL && vd_peer_equal(&link->peer, peer))
            return link;
    }
    return NULL;
}

static vd_feeder_t **find_feeder(vd_links_t *self, uint16_t port, const vd_peer_t *peer)
{
    vd_feeder_t **at = &self->feeders;
    while (*at != NULL && !((*at)->port == port && vd_peer_equal(&(*at)->peer, peer)))
        at = &(*at)->next;
    return at;
}

static bool is_fed_from(const vd_links_t *self, uint16_t port, const char *endpoint)
{
    for (const vd_feeder_t *feeder = self->feeders; feeder != NULL; feeder = feeder->next)
        if (feeder->port == port && strcmp(feeder->endpoint, endpoint) == 0)
            return true;
    return false;
}

static void remove_feeder(vd_links_t *self, vd_link_t *link, vd_feeder_t **at)
{
    vd_feeder_t *feeder = *at;
    assert(feeder != NULL && link != NULL);
    *at = feeder->next;
    link->used = true;
    if (!is_fed_from(self, feeder->port, feeder->endpoint))
        vd_endpoint_disconnect(link->socket, feeder->endpoint);
    free(feeder);
}

static vd_status_t connect_sub(vd_links_t *self, const vd_port_t *port, const vd_peer_t *peer,
                               const char *endpoint, char *error, size_t error_size)
{
    vd_link_t *link = vd_links_find(self, port->port, NULL);
    assert(link != NULL);
    vd_feeder_t **at = find_feeder(self, port->port, peer);
    if (*at != NULL && strcmp((*at)->endpoint, endpoint) == 0)
        return VD_OK;
    vd_feeder_t *feeder = calloc(1, sizeof *feeder);
    if (feeder == NULL)
        return no_socket(error, error_size);
    if (*at != NULL)
        remove_feeder(self, link, at);
    link->used = true;
    if (!is_fed_from(self, port->port, endpoint)) {
        vd_status_t status = vd_endpoint_connect(link->socket, endpoint, error, error_size);
        if (status != VD_OK) {
            free(feeder);
            return status;
        }
    }
    *feeder = (vd_feeder_t){.next = self->feeders, .port = port->port, .peer = *peer};
    vd_str_copy(feeder->endpoint, sizeof feeder->endpoint, vd_str(endpoint));
    self->feeders = feeder;
    return VD_OK;
}

vd_status_t vd_links_connect(vd_links_t *self, const vd_port_t *port, const vd_peer_t *peer,
                             const char *endpoint, char *error, size_t error_size)
{
    assert(port->kind == VD_PORT_DEALER || port->kind == VD_PORT_SUB);
    if (strlen(endpoint) > VD_ENDPOINT_BYTES_MAX) {
        snprintf(error, error_size, "the endpoint %.100s... is too long", endpoint);
        return VD_TOO_LARGE;
    }
    if (port->kind == VD_PORT_SUB)
        return connect_sub(self, port, peer, endpoint, error, error_size);
    vd_link_t *link = vd_links_find(self, port->port, peer);
    if (link != NULL && strcmp(link->endpoint, endpoint) == 0)
        return VD_OK;
    if (link != NULL)
        close_link(link);
    /* Counted for the whole process: two connections of an actor to one ROUTER must not share an
     * identity. */
    static atomic_uint counter;
    char identity[VD_PEER_BYTES_MAX + 16];
    int size = snprintf(identity, sizeof identity, "%s.%x", self->identity,
                        atomic_fetch_add(&counter, 1) & 0xffffff);
    assert(size > 0 && size <= VD_PEER_BYTES_MAX);
    link = new_link(self, port, identity);
    if (link == NULL)
        return no_socket(error, error_size);
    vd_status_t status = vd_endpoint_connect(link->socket, endpoint, error, error_size);
    if (status != VD_OK) {
        zsock_destroy(&link->socket);
        free_link(link);
        return status;
    }
    link->peer = *peer;
    vd_str_copy(link->endpoint, sizeof link->endpoint, vd_str(endpoint));
    return start_link(self, link);
}

void vd_links_disconnect(vd_links_t *self, const vd_port_t *port, const vd_peer_t *peer)
{
    assert(port->kind == VD_PORT_DEALER || port->kind == VD_PORT_SUB);
    vd_link_t *link = vd_links_find(self, port->port, peer);
    if (port->kind == VD_PORT_DEALER) {
        if (link != NULL)
            close_link(link);
        return;
    }
    vd_feeder_t **at = find_feeder(self, port->port, peer);
    if (*at != NULL)
        remove_feeder(self, link, at);
}
