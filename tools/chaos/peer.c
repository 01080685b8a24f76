#include "chaos/peer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

struct chaos_peer {
    void *context;
    void *sockets[CHAOS_PORTS_MAX];
    size_t count;
    char path[256];
    int mute[CHAOS_MUTE_MAX];
    size_t mute_count;
};

chaos_peer_t *chaos_peer_open(char (*endpoints)[256], size_t count)
{
    assert(count > 0 && count <= CHAOS_PORTS_MAX);
    chaos_peer_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    const char *path = strncmp(endpoints[0], "ipc://", 6) == 0 ? endpoints[0] + 6 : "";
    memcpy(self->path, path, strlen(path) + 1);
    self->context = zmq_ctx_new();
    for (; self->context != NULL && self->count < count; self->count++) {
        int none = 0;
        void *socket = zmq_socket(self->context, ZMQ_DEALER);
        if (socket == NULL)
            break;
        self->sockets[self->count] = socket;
        (void)zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
        if (zmq_connect(socket, endpoints[self->count]) != 0) {
            zmq_close(socket);
            break;
        }
    }
    if (self->count < count)
        chaos_peer_close(&self);
    return self;
}

void chaos_peer_disconnect(chaos_peer_t *self)
{
    while (self->mute_count > 0)
        close(self->mute[--self->mute_count]);
}

void chaos_peer_close(chaos_peer_t **self)
{
    if (*self == NULL)
        return;
    chaos_peer_disconnect(*self);
    for (size_t i = 0; i < (*self)->count; i++)
        zmq_close((*self)->sockets[i]);
    if ((*self)->context != NULL)
        zmq_ctx_term((*self)->context);
    free(*self);
    *self = NULL;
}

size_t chaos_peer_ports(const chaos_peer_t *self)
{
    return self->count;
}

bool chaos_peer_send(chaos_peer_t *self, size_t port, const vd_bytes_t *frames, size_t count)
{
    assert(port < self->count && count > 0);
    for (size_t i = 0; i < count; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0);
        if (zmq_send(self->sockets[port], frames[i].data, frames[i].size, flags) < 0)
            return false; /* only the first may be refused: then nothing of it was sent */
    }
    return true;
}

size_t chaos_peer_drain(chaos_peer_t *self, size_t port)
{
    size_t messages = 0;
    char block[256];
    while (zmq_recv(self->sockets[port], block, sizeof block, ZMQ_DONTWAIT) >= 0) {
        int more = 0;
        size_t size = sizeof more;
        (void)zmq_getsockopt(self->sockets[port], ZMQ_RCVMORE, &more, &size);
        messages += more == 0;
    }
    return messages;
}

bool chaos_peer_connect(chaos_peer_t *self)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (self->mute_count == CHAOS_MUTE_MAX || strlen(self->path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, self->path, strlen(self->path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return false;
    }
    self->mute[self->mute_count++] = fd;
    return true;
}

size_t chaos_peer_mute(const chaos_peer_t *self)
{
    return self->mute_count;
}
