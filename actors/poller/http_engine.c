/* http_engine.c: curl_multi_socket_action on an epoll and a timerfd. */
#include "http_engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX           128
#define CONNECTIONS_MAX      8192
#define SHARES               32 /* engines of libcurl */
#define SHARE_PART           8  /* a share has at most this part of all connections */
#define CONNECTIONS_HOST_MAX 512
#define FILES_RESERVED       256
#define BUFFER_BYTES         8192
/* libcurl looks through all names that it remembers with each transfer: it remembers none for long. */
#define NAMES_S  2
#define NEVER_US INT64_MAX

/* What libcurl wants to know of a socket, and what epoll has been told. They differ for a
 * connection that waits for its next use: telling epoll each time would cost two calls a read. */
typedef struct vd_socket {
    uint8_t wanted, told; /* EPOLLIN, EPOLLOUT */
    uint8_t share;        /* whose it is */
    bool known;           /* to epoll */
} vd_socket_t;

typedef struct vd_http_share {
    vd_http_engine_t *engine;
    CURLM *multi;
    int64_t due_us; /* when libcurl wants to be called */
    int running;    /* transfers under way when libcurl was last asked, or more */
} vd_http_share_t;

struct vd_http_engine {
    vd_http_share_t shares[SHARES];
    int done_share; /* where to look next for what is done */
    const char *ca_file;
    int epoll, timer, watched;
    int64_t armed_us;     /* when the timer rings: at or before that */
    vd_socket_t *sockets; /* by descriptor */
    size_t socket_room;
};

static int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- sockets ---- */

static vd_socket_t *socket_of(vd_http_engine_t *self, int fd)
{
    assert(fd >= 0);
    if ((size_t)fd >= self->socket_room) {
        size_t room = self->socket_room == 0 ? 64 : self->socket_room;
        while (room <= (size_t)fd)
            room *= 2;
        vd_socket_t *sockets = realloc(self->sockets, room * sizeof *sockets);
        if (sockets == NULL)
            return NULL;
        memset(sockets + self->socket_room, 0, (room - self->socket_room) * sizeof *sockets);
        self->sockets = sockets;
        self->socket_room = room;
    }
    return &self->sockets[fd];
}

static void tell(vd_http_engine_t *self, int fd, vd_socket_t *socket, uint8_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int rc = epoll_ctl(self->epoll, socket->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (rc != 0 && (errno == EEXIST || errno == ENOENT))
        rc = epoll_ctl(self->epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    socket->known = rc == 0;
    socket->told = events;
}

static int want_socket(CURL *handle, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)handle, (void)socket_arg;
    vd_http_share_t *share = arg;
    vd_http_engine_t *self = share->engine;
    vd_socket_t *socket = socket_of(self, fd);
    if (socket == NULL)
        return -1;
    socket->share = (uint8_t)(share - self->shares);
    static const uint8_t events[] = {
        [CURL_POLL_IN] = EPOLLIN,
        [CURL_POLL_OUT] = EPOLLOUT,
        [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
    };
    socket->wanted = what == CURL_POLL_REMOVE ? 0 : events[what];
    bool missing = (socket->wanted & ~socket->told) != 0 || !socket->known;
    /* One that may be written to all the time would ring all the time. */
    bool loud = (socket->told & EPOLLOUT) != 0 && (socket->wanted & EPOLLOUT) == 0;
    if ((socket->wanted != 0 && missing) || loud)
        tell(self, fd, socket, socket->wanted != 0 ? socket->wanted : EPOLLIN);
    return 0;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)arg, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A closed descriptor has left the epoll set; its number may come back. */
static int close_socket(void *arg, curl_socket_t fd)
{
    vd_http_engine_t *self = arg;
    if ((size_t)fd < self->socket_room)
        self->sockets[fd] = (vd_socket_t){0};
    return close(fd);
}

/* ---- time ---- */

static int want_time(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    vd_http_share_t *share = arg;
    share->due_us = timeout_ms < 0 ? NEVER_US : clock_us() + (int64_t)timeout_ms * 1000;
    return 0;
}

static void arm(vd_http_engine_t *self, int64_t at_us)
{
    struct itimerspec spec = {0};
    int64_t us = at_us > 0 ? at_us : 1; /* zero would disarm */
    spec.it_value.tv_sec = us / 1000000;
    spec.it_value.tv_nsec = us % 1000000 * 1000;
    int rc = timerfd_settime(self->timer, TFD_TIMER_ABSTIME, &spec, NULL);
    assert(rc == 0);
    self->armed_us = at_us;
}

/* A timer that rings too early costs less than setting it with each transfer. */
static void settle(vd_http_engine_t *self)
{
    int64_t due_us = NEVER_US;
    for (int i = 0; i < SHARES; i++)
        if (self->shares[i].due_us < due_us)
            due_us = self->shares[i].due_us;
    if (due_us < self->armed_us)
        arm(self, due_us);
}

static void act(vd_http_share_t *share, curl_socket_t fd, int what)
{
    CURLMcode code = curl_multi_socket_action(share->multi, fd, what, &share->running);
    assert(code == CURLM_OK || code == CURLM_BAD_SOCKET || code == CURLM_OUT_OF_MEMORY);
}

/* Calls libcurl as long as something is due now: what is due at once follows from itself. */
static void act_due(vd_http_share_t *share, int64_t now_us)
{
    for (int i = 0; i < 4 && share->due_us <= now_us; i++) {
        share->due_us = NEVER_US; /* it tells when it wants more */
        act(share, CURL_SOCKET_TIMEOUT, 0);
        now_us = clock_us();
    }
}

void vd_http_engine_wake(vd_http_engine_t *self)
{
    assert(self != NULL);
    if (self->armed_us > 0)
        arm(self, 0);
}

/* ---- the whole ---- */

uint32_t vd_http_engine_connections_max(void)
{
    struct rlimit files;
    rlim_t connections = CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_cur < 2 * CONNECTIONS_MAX + FILES_RESERVED)
        connections = files.rlim_cur > 2 * FILES_RESERVED ? (files.rlim_cur - FILES_RESERVED) / 2
                                                          : FILES_RESERVED / 4;
    return (uint32_t)connections;
}

static bool open_share(vd_http_engine_t *self, vd_http_share_t *share, long connections)
{
    share->engine = self;
    share->due_us = NEVER_US;
    share->multi = curl_multi_init();
    if (share->multi == NULL)
        return false;
    curl_multi_setopt(share->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(share->multi, CURLMOPT_SOCKETDATA, share);
    curl_multi_setopt(share->multi, CURLMOPT_TIMERFUNCTION, want_time);
    curl_multi_setopt(share->multi, CURLMOPT_TIMERDATA, share);
    curl_multi_setopt(share->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(share->multi, CURLMOPT_MAXCONNECTS, connections);
    curl_multi_setopt(share->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    curl_multi_setopt(share->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_HOST_MAX);
    return true;
}

static bool open_descriptors(vd_http_engine_t *self)
{
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    self->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event timer = {.events = EPOLLIN, .data.fd = self->timer};
    struct epoll_event watched = {.events = EPOLLIN, .data.fd = self->watched};
    return self->epoll >= 0 && self->timer >= 0 &&
           epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->timer, &timer) == 0 &&
           epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->watched, &watched) == 0;
}

vd_http_engine_t *vd_http_engine_new(int watched, const char *ca_file)
{
    assert(watched >= 0 && ca_file != NULL);
    vd_http_engine_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    *self = (vd_http_engine_t){
        .epoll = -1, .timer = -1, .watched = watched, .ca_file = ca_file, .armed_us = NEVER_US};
    bool good = curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
    long all = (long)vd_http_engine_connections_max();
    /* What is encrypted has one share, which may take all. */
    for (int i = 0; i < SHARES; i++)
        good = good && open_share(self, &self->shares[i], i == 0 ? all : all / SHARE_PART);
    if (!good || !open_descriptors(self))
        vd_http_engine_destroy(&self);
    return self;
}

void vd_http_engine_destroy(vd_http_engine_t **self_pointer)
{
    assert(self_pointer != NULL);
    vd_http_engine_t *self = *self_pointer;
    if (self == NULL)
        return;
    for (int i = 0; i < SHARES; i++)
        if (self->shares[i].multi != NULL)
            curl_multi_cleanup(self->shares[i].multi);
    if (self->timer >= 0)
        close(self->timer);
    if (self->epoll >= 0)
        close(self->epoll);
    free(self->sockets);
    free(self);
    *self_pointer = NULL;
}

int vd_http_engine_fd(const vd_http_engine_t *self)
{
    assert(self != NULL);
    return self->epoll;
}

CURL *vd_http_engine_handle(vd_http_engine_t *self)
{
    assert(self != NULL);
    CURL *handle = curl_easy_init();
    if (handle == NULL)
        return NULL;
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(handle, CURLOPT_DNS_CACHE_TIMEOUT, (long)NAMES_S);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "vedette/" VD_VERSION);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, self);
    if (self->ca_file[0] != 0) {
        curl_easy_setopt(handle, CURLOPT_CAINFO, self->ca_file);
        curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    return handle;
}

static vd_http_share_t *share_of(vd_http_engine_t *self, uint64_t place)
{
    return &self->shares[place == 0 ? 0 : 1 + place % (SHARES - 1)];
}

bool vd_http_engine_add(vd_http_engine_t *self, CURL *handle, uint64_t place)
{
    assert(self != NULL && handle != NULL);
    vd_http_share_t *share = share_of(self, place);
    if (curl_multi_add_handle(share->multi, handle) != CURLM_OK)
        return false;
    int expected = ++share->running;
    act_due(share, clock_us());
    if (share->due_us < self->armed_us)
        arm(self, share->due_us);
    if (share->running < expected) /* something has ended */
        vd_http_engine_wake(self);
    return true;
}

void vd_http_engine_remove(vd_http_engine_t *self, CURL *handle, uint64_t place)
{
    assert(self != NULL && handle != NULL);
    CURLMcode code = curl_multi_remove_handle(share_of(self, place)->multi, handle);
    assert(code == CURLM_OK);
}

static void act_socket(vd_http_engine_t *self, int fd, uint32_t events)
{
    vd_socket_t *socket = socket_of(self, fd);
    assert(socket != NULL);
    if (socket->wanted == 0) { /* an idle connection that was closed, or talks out of turn */
        epoll_ctl(self->epoll, EPOLL_CTL_DEL, fd, NULL);
        *socket = (vd_socket_t){0};
        return;
    }
    int what = 0;
    if ((events & (EPOLLIN | EPOLLHUP)) != 0)
        what |= CURL_CSELECT_IN;
    if ((events & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    if ((events & EPOLLERR) != 0)
        what |= CURL_CSELECT_ERR;
    act(&self->shares[socket->share], fd, what);
}

bool vd_http_engine_turn(vd_http_engine_t *self)
{
    assert(self != NULL);
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->epoll, events, EVENTS_MAX, 0);
    bool watched = false;
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if (fd == self->timer) {
            uint64_t rings;
            ssize_t size = read(fd, &rings, sizeof rings);
            assert(size == (ssize_t)sizeof rings || errno == EAGAIN);
            self->armed_us = NEVER_US;
        } else if (fd == self->watched) {
            watched = true;
        } else {
            act_socket(self, fd, events[i].events);
        }
    }
    int64_t now_us = clock_us();
    for (int i = 0; i < SHARES; i++)
        act_due(&self->shares[i], now_us);
    settle(self);
    return watched;
}

CURL *vd_http_engine_done(vd_http_engine_t *self, CURLcode *code)
{
    assert(self != NULL && code != NULL);
    int left;
    const CURLMsg *message;
    for (int i = 0; i < SHARES; i++) {
        vd_http_share_t *share = &self->shares[self->done_share];
        while ((message = curl_multi_info_read(share->multi, &left)) != NULL)
            if (message->msg == CURLMSG_DONE) {
                *code = message->data.result;
                return message->easy_handle;
            }
        self->done_share = (self->done_share + 1) % SHARES;
    }
    return NULL;
}
