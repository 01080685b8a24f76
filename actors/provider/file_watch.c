/* file_watch.c: inotify on a directory, and what makes one change of many. */
#include "file_watch.h"

#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum {
    ENDED = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE,
    GOING = IN_MODIFY | IN_CREATE | IN_ATTRIB,
    LOST = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT,
};

struct vd_file_watch {
    zloop_t *loop;
    vd_file_changed_fn *changed;
    void *arg;
    char path[PATH_MAX];
    char directory[PATH_MAX];
    const char *name; /* in path */
    int fd;
    int watch;        /* -1: the directory is not watched */
    int timer;        /* -1: nothing is pending */
    int64_t since_ms; /* of the oldest change that is not told */
};

static int on_timer(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    vd_file_watch_t *self = arg;
    assert(timer == self->timer);
    self->timer = -1;
    self->changed(self->arg);
    return 0;
}

/* Tells in `wait_ms`, or earlier when the oldest change has waited long enough. */
static void tell_later(vd_file_watch_t *self, int64_t wait_ms)
{
    int64_t now_ms = zclock_mono();
    if (self->timer < 0)
        self->since_ms = now_ms;
    else
        zloop_timer_end(self->loop, self->timer);
    int64_t left_ms = self->since_ms + VD_FILE_PATIENCE_MS - now_ms;
    wait_ms = wait_ms < left_ms ? wait_ms : left_ms;
    self->timer = zloop_timer(self->loop, wait_ms > 0 ? (size_t)wait_ms : 1, 1, on_timer, self);
}

static bool is_link(const vd_file_watch_t *self)
{
    struct stat info;
    return lstat(self->path, &info) == 0 && S_ISLNK(info.st_mode);
}

static void take(vd_file_watch_t *self, const struct inotify_event *event)
{
    if (event->wd != self->watch && (event->mask & IN_Q_OVERFLOW) == 0)
        return; /* of a watch that is gone */
    if ((event->mask & (LOST | IN_IGNORED)) != 0) {
        if ((event->mask & IN_IGNORED) == 0)
            inotify_rm_watch(self->fd, self->watch);
        self->watch = -1;
        tell_later(self, VD_FILE_SETTLE_MS);
        return;
    }
    bool own = event->len > 0 && strcmp(event->name, self->name) == 0;
    if (!own && (event->mask & IN_Q_OVERFLOW) == 0 && !is_link(self))
        return;
    tell_later(self, (event->mask & GOING) != 0 ? VD_FILE_WRITING_MS : VD_FILE_SETTLE_MS);
}

static int on_events(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    vd_file_watch_t *self = arg;
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t size;
    while ((size = read(self->fd, bytes, sizeof bytes)) > 0) {
        for (const char *at = bytes; at < bytes + size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            take(self, event);
            at += sizeof *event + event->len;
        }
    }
    return 0;
}

bool vd_file_watch_renew(vd_file_watch_t *self)
{
    assert(self != NULL && self->fd >= 0);
    if (self->watch < 0)
        self->watch =
            inotify_add_watch(self->fd, self->directory, ENDED | GOING | LOST | IN_ONLYDIR);
    return self->watch >= 0;
}

vd_file_watch_t *vd_file_watch_new(zloop_t *loop, const char *path, vd_file_changed_fn *changed,
                                   void *arg)
{
    assert(loop != NULL && path != NULL && path[0] == '/' && changed != NULL);
    vd_file_watch_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    *self = (vd_file_watch_t){
        .loop = loop, .changed = changed, .arg = arg, .fd = -1, .watch = -1, .timer = -1};
    snprintf(self->path, sizeof self->path, "%s", path);
    char *slash = strrchr(self->path, '/');
    self->name = slash + 1;
    snprintf(self->directory, sizeof self->directory, "%.*s",
             slash == self->path ? 1 : (int)(slash - self->path), self->path);
    self->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    zmq_pollitem_t item = {.fd = self->fd, .events = ZMQ_POLLIN};
    if (self->fd < 0 || zloop_poller(loop, &item, on_events, self) != 0) {
        int number = errno;
        vd_file_watch_destroy(&self);
        errno = number;
        return NULL;
    }
    vd_file_watch_renew(self);
    return self;
}

void vd_file_watch_destroy(vd_file_watch_t **self_p)
{
    assert(self_p != NULL);
    vd_file_watch_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->timer >= 0)
        zloop_timer_end(self->loop, self->timer);
    if (self->fd >= 0) {
        zmq_pollitem_t item = {.fd = self->fd, .events = ZMQ_POLLIN};
        zloop_poller_end(self->loop, &item);
        close(self->fd);
    }
    free(self);
    *self_p = NULL;
}
