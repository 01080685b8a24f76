/* http_plain.c: kept connections, one GET at a time on each, behind one epoll. */
#include "http_plain.h"

#include "wire/limits.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX    256
#define BUCKETS       4096
#define PLACE_MAX     64 /* connections to one place */
#define TAKE_BYTES    65536
#define REQUEST_BYTES (VD_HTTP_URL_BYTES_MAX + 512)
#define SWEEP_US      10000000
#define IDLE_US       110000000
#define ODD_US        60000000
#define ODD_PLACES    16384

typedef struct vd_conn {
    struct vd_conn *next; /* of the bucket */
    uint64_t place;       /* address and port */
    int fd;
    bool connecting, fresh;
    vd_http_work_t *work; /* NULL: idle */
    int64_t used_us;
    vd_buffer_t bytes; /* of an answer that came in parts */
} vd_conn_t;

struct vd_http_plain {
    vd_http_plain_owner_t owner;
    int epoll;
    uint32_t count, count_max;
    int64_t swept_us;
    vd_conn_t *buckets[BUCKETS];
    vd_conn_t **by_fd;
    uint32_t *ages; /* of each descriptor: an event of an earlier use counts for nothing */
    size_t fd_room;
    struct {
        uint64_t place;
        int64_t until_us;
    } odd[ODD_PLACES]; /* by hash; a later one takes the place of an earlier */
    uint8_t taken[TAKE_BYTES];
};

static int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint32_t mix(uint64_t place)
{
    return (uint32_t)((place * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
}

vd_http_plain_t *vd_http_plain_new(const vd_http_plain_owner_t *owner, uint32_t connections_max)
{
    assert(owner != NULL && owner->done != NULL && owner->odd != NULL);
    vd_http_plain_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->owner = *owner;
    self->count_max = connections_max;
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0)
        vd_http_plain_destroy(&self);
    return self;
}

int vd_http_plain_fd(const vd_http_plain_t *self)
{
    assert(self != NULL);
    return self->epoll;
}

/* ---- connections ---- */

static void drop(vd_http_plain_t *self, vd_conn_t *conn)
{
    vd_conn_t **at = &self->buckets[mix(conn->place) % BUCKETS];
    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    if (conn->work != NULL)
        conn->work->conn = NULL;
    self->by_fd[conn->fd] = NULL;
    self->ages[conn->fd]++;
    close(conn->fd);
    vd_buffer_free(&conn->bytes);
    free(conn);
    self->count--;
}

void vd_http_plain_destroy(vd_http_plain_t **self_pointer)
{
    assert(self_pointer != NULL);
    vd_http_plain_t *self = *self_pointer;
    if (self == NULL)
        return;
    for (int i = 0; i < BUCKETS; i++)
        while (self->buckets[i] != NULL)
            drop(self, self->buckets[i]);
    assert(self->count == 0);
    if (self->epoll >= 0)
        close(self->epoll);
    free(self->by_fd);
    free(self->ages);
    free(self);
    *self_pointer = NULL;
}

/* Closes what was not used since `before_us`. */
static void sweep(vd_http_plain_t *self, int64_t before_us)
{
    for (int i = 0; i < BUCKETS; i++)
        for (vd_conn_t *conn = self->buckets[i]; conn != NULL;) {
            vd_conn_t *next = conn->next;
            if (conn->work == NULL && conn->used_us < before_us)
                drop(self, conn);
            conn = next;
        }
}

/* A connection to `place` that waits for its next use; `others` counts those that do not. */
static vd_conn_t *find_idle(vd_http_plain_t *self, uint64_t place, uint32_t *others)
{
    *others = 0;
    for (vd_conn_t *conn = self->buckets[mix(place) % BUCKETS]; conn != NULL; conn = conn->next) {
        if (conn->place != place)
            continue;
        if (conn->work == NULL)
            return conn;
        (*others)++;
    }
    return NULL;
}

static bool has_room(vd_http_plain_t *self, int fd)
{
    if ((size_t)fd < self->fd_room)
        return true;
    size_t room = self->fd_room == 0 ? 256 : self->fd_room;
    while (room <= (size_t)fd)
        room *= 2;
    vd_conn_t **by_fd = realloc(self->by_fd, room * sizeof(vd_conn_t *));
    if (by_fd == NULL)
        return false;
    self->by_fd = by_fd;
    uint32_t *ages = realloc(self->ages, room * sizeof *ages);
    if (ages == NULL)
        return false;
    self->ages = ages;
    memset(by_fd + self->fd_room, 0, (room - self->fd_room) * sizeof(vd_conn_t *));
    memset(ages + self->fd_room, 0, (room - self->fd_room) * sizeof *ages);
    self->fd_room = room;
    return true;
}

static bool watch(vd_http_plain_t *self, const vd_conn_t *conn, int how, uint32_t events)
{
    struct epoll_event event = {
        .events = events, .data.u64 = (uint64_t)self->ages[conn->fd] << 32 | (uint32_t)conn->fd};
    return epoll_ctl(self->epoll, how, conn->fd, &event) == 0;
}

/* Begins a connection. NULL when that is not possible now. */
static vd_conn_t *open_conn(vd_http_plain_t *self, uint64_t place)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = (uint32_t)(place >> 16),
                             .sin_port = htons((uint16_t)place)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    vd_conn_t *conn = fd >= 0 && has_room(self, fd) ? calloc(1, sizeof *conn) : NULL;
    if (conn == NULL) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    int rc = connect(fd, (struct sockaddr *)&to, sizeof to);
    *conn = (vd_conn_t){.place = place, .fd = fd, .connecting = true, .fresh = true};
    if ((rc != 0 && errno != EINPROGRESS) || !watch(self, conn, EPOLL_CTL_ADD, EPOLLOUT)) {
        close(fd);
        free(conn);
        return NULL;
    }
    vd_buffer_init(&conn->bytes, VD_SAMPLE_BYTES_MAX + TAKE_BYTES);
    vd_conn_t **bucket = &self->buckets[mix(place) % BUCKETS];
    conn->next = *bucket;
    *bucket = conn;
    self->by_fd[fd] = conn;
    self->count++;
    return conn;
}

/* ---- reads ---- */

/* Address and port as one number. False when the read does not suit. */
static bool place_of(const vd_http_work_t *work, uint64_t *place)
{
    struct in_addr address;
    if (work->post || work->place.secure || !work->place.literal || work->auth.size > 0 ||
        work->args.headers.size > 0 || work->args.ok.size > 0 || work->args.has_body ||
        inet_pton(AF_INET, work->place.host, &address) != 1)
        return false;
    *place = (uint64_t)address.s_addr << 16 | work->place.port;
    return true;
}

static bool send_request(vd_conn_t *conn)
{
    const vd_http_work_t *work = conn->work;
    char request[REQUEST_BYTES];
    const char *path = work->url + strlen("http://");
    path += strcspn(path, "/?");
    size_t path_size = strcspn(path, "#");
    int size = snprintf(request, sizeof request,
                        "GET %s%.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: vedette/" VD_VERSION
                        "\r\nAccept: */*\r\n\r\n",
                        *path == '/' ? "" : "/", (int)path_size, path,
                        (int)strcspn(work->url + 7, "/?#"), work->url + 7);
    assert(size > 0 && (size_t)size < sizeof request);
    return send(conn->fd, request, (size_t)size, MSG_NOSIGNAL) == size;
}

bool vd_http_plain_start(vd_http_plain_t *self, vd_http_work_t *work, int64_t now_us)
{
    assert(self != NULL && work->conn == NULL);
    uint64_t place;
    uint32_t others;
    if (!place_of(work, &place))
        return false;
    uint32_t odd = mix(place) % ODD_PLACES;
    if (self->odd[odd].place == place && self->odd[odd].until_us > now_us)
        return false;
    if (now_us - self->swept_us > SWEEP_US) {
        self->swept_us = now_us;
        sweep(self, now_us - IDLE_US);
    }
    vd_conn_t *conn = find_idle(self, place, &others);
    if (conn == NULL && (self->count >= self->count_max || others >= PLACE_MAX ||
                         (conn = open_conn(self, place)) == NULL))
        return false;
    conn->work = work;
    conn->used_us = now_us;
    if (!conn->connecting && !send_request(conn)) {
        conn->work = NULL;
        drop(self, conn);
        return false;
    }
    work->conn = conn;
    return true;
}

void vd_http_plain_cancel(vd_http_plain_t *self, vd_http_work_t *work)
{
    assert(self != NULL && work->conn != NULL && work->conn->work == work);
    drop(self, work->conn); /* its answer may still come */
}

/* Leaves the read to libcurl; its place too, unless a kept connection had merely been closed. */
static void give_up(vd_http_plain_t *self, vd_conn_t *conn)
{
    vd_http_work_t *work = conn->work;
    bool closed = !conn->fresh && conn->bytes.size == 0;
    uint32_t odd = mix(conn->place) % ODD_PLACES;
    if (work != NULL && !closed) {
        self->odd[odd].place = conn->place;
        self->odd[odd].until_us = clock_us() + ODD_US;
    }
    drop(self, conn);
    if (work != NULL)
        self->owner.odd(self->owner.arg, work);
}

/* Tells an answer that is whole. */
static void finish(vd_http_plain_t *self, vd_conn_t *conn, vd_bytes_t head, vd_bytes_t content,
                   bool keep)
{
    vd_http_work_t *work = conn->work;
    vd_buffer_t bytes = conn->bytes; /* what is told may stand in it */
    vd_buffer_init(&conn->bytes, VD_SAMPLE_BYTES_MAX + TAKE_BYTES);
    work->conn = NULL;
    conn->work = NULL;
    conn->fresh = false;
    if (!keep)
        drop(self, conn);
    self->owner.done(self->owner.arg, work, head, content);
    vd_buffer_free(&bytes);
}

static void take(vd_http_plain_t *self, vd_conn_t *conn)
{
    vd_bytes_t head, content;
    bool keep;
    ssize_t size = recv(conn->fd, self->taken, sizeof self->taken, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0 || conn->work == NULL) { /* idle ones have nothing to say */
        give_up(self, conn);
        return;
    }
    vd_bytes_t bytes = vd_bytes(self->taken, (size_t)size);
    if (conn->bytes.size > 0) {
        vd_buffer_add(&conn->bytes, bytes.data, bytes.size);
        bytes = vd_buffer_view(&conn->bytes);
    }
    vd_status_t status = conn->bytes.full ? VD_UNSUPPORTED
                                          : vd_http_plain_parse(bytes, conn->work->bytes_max, &head,
                                                                &content, &keep);
    if (status == VD_OK)
        finish(self, conn, head, content, keep);
    else if (status == VD_NOT_READY &&
             (conn->bytes.size > 0 || vd_buffer_add(&conn->bytes, bytes.data, bytes.size)))
        return;
    else
        give_up(self, conn);
}

static void connected(vd_http_plain_t *self, vd_conn_t *conn)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    conn->connecting = false;
    if (error != 0 || !watch(self, conn, EPOLL_CTL_MOD, EPOLLIN) || !send_request(conn))
        give_up(self, conn);
}

void vd_http_plain_turn(vd_http_plain_t *self)
{
    assert(self != NULL);
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        uint32_t fd = (uint32_t)events[i].data.u64;
        vd_conn_t *conn = self->by_fd[fd];
        if (conn == NULL || self->ages[fd] != events[i].data.u64 >> 32)
            continue; /* closed since */
        if (conn->connecting)
            connected(self, conn);
        else
            take(self, conn);
    }
}
