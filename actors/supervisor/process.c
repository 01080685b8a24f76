#include "process.h"

#include "kit/log.h"
#include "launch.h"
#include "logfile.h"
#include "supervisor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIM_INTERVAL_MS 5000
#define NOTIFY_BYTES     256

typedef struct process {
    uint64_t life; /* 0: the slot is free */
    pid_t pid;
    int pidfd;
    int notify_fd; /* -1: closed by the other end */
    int exec_errno;
    int64_t log_from; /* size of the log file at the start of this life */
    size_t line_size;
    char line[64];
    char name[VD_NAME_BYTES_MAX + 1];
    char session[VD_NAME_BYTES_MAX + 1];
    char path[PATH_MAX];
    vd_processes_t *owner;
} process_t;

struct vd_processes {
    vd_processes_spec_t spec;
    int handle;
    int trim_timer;
    process_t slots[VD_SUPERVISOR_CHILDREN_MAX];
};

static int trim_logs(zloop_t *loop, int timer, void *arg);

vd_processes_t *vd_processes_new(const vd_processes_spec_t *spec)
{
    assert(spec && spec->actor && spec->bin && spec->logs && spec->log_bytes_max > 0);
    vd_processes_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->spec = *spec;
    self->handle = -1;
    self->trim_timer =
        zloop_timer(vd_actor_loop(spec->actor), TRIM_INTERVAL_MS, 0, trim_logs, self);
    return self;
}

void vd_processes_report_to(vd_processes_t *self, int handle)
{
    assert(self && handle >= 0);
    self->handle = handle;
}

static void log_path(const vd_processes_t *self, const char *name, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/%s.log", self->spec.logs, name);
}

static void trim_log(const vd_processes_t *self, const char *path)
{
    vd_status_t status = vd_logfile_trim(path, self->spec.log_bytes_max);
    if (status != VD_OK)
        vd_log(VD_WARN, "the log %s cannot be rotated and was cut: %s", path,
               vd_status_text(status));
}

/* Does the supervisor's own output go to this file? */
static bool is_own_output(const char *path)
{
    struct stat named, own;
    return stat(path, &named) == 0 && fstat(STDERR_FILENO, &own) == 0 &&
           named.st_ino == own.st_ino && named.st_dev == own.st_dev;
}

static int trim_logs(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    vd_processes_t *self = arg;
    char path[PATH_MAX];
    for (size_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        process_t *process = &self->slots[i];
        if (process->life == 0)
            continue;
        log_path(self, process->name, path);
        trim_log(self, path);
    }
    log_path(self, vd_actor_name(self->spec.actor), path);
    if (is_own_output(path))
        trim_log(self, path);
    return 0;
}

static process_t *process_of(vd_processes_t *self, uint64_t life)
{
    for (size_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++)
        if (self->slots[i].life == life)
            return &self->slots[i];
    return NULL;
}

static void unwatch(process_t *process, int *fd)
{
    if (*fd < 0)
        return;
    zmq_pollitem_t item = {.fd = *fd, .events = ZMQ_POLLIN};
    zloop_poller_end(vd_actor_loop(process->owner->spec.actor), &item);
    (void)close(*fd);
    *fd = -1;
}

/* ---- what a process tells ---- */

static void take_line(process_t *process, const char *line, bool *ready, bool *alive)
{
    if (strcmp(line, "ready") == 0)
        *ready = true;
    else if (strcmp(line, "alive") == 0)
        *alive = true;
    else if (strncmp(line, VD_LAUNCH_FAILED, sizeof VD_LAUNCH_FAILED - 1) == 0)
        process->exec_errno = (int)strtol(line + sizeof VD_LAUNCH_FAILED - 1, NULL, 10);
}

/* Reads what the notify pipe holds and passes it on. Unknown lines are ignored. */
static void drain_notify(process_t *process)
{
    bool ready = false;
    bool alive = false;
    char bytes[NOTIFY_BYTES];
    ssize_t size = 0;
    while (process->notify_fd >= 0 && (size = read(process->notify_fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < size; i++) {
            if (bytes[i] != '\n') {
                if (process->line_size < sizeof process->line - 1)
                    process->line[process->line_size++] = bytes[i];
                continue;
            }
            process->line[process->line_size] = '\0';
            process->line_size = 0;
            take_line(process, process->line, &ready, &alive);
        }
    if (size == 0)
        unwatch(process, &process->notify_fd);
    vd_processes_t *owner = process->owner;
    uint64_t life = process->life;
    if (ready)
        vd_actor_complete(owner->spec.actor, owner->handle, VD_DONE_IS_READY, life, VD_OK, NULL);
    if (alive)
        vd_actor_complete(owner->spec.actor, owner->handle, VD_DONE_ALIVE, life, VD_OK, NULL);
}

static int on_notify(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    drain_notify(arg);
    return 0;
}

static void describe_death(const process_t *process, const siginfo_t *info, vd_death_t *death)
{
    *death = (vd_death_t){.number = info->si_status};
    if (process->exec_errno != 0) {
        death->how = VD_DEATH_NOT_EXECUTED;
        death->number = process->exec_errno;
        (void)snprintf(death->detail, sizeof death->detail, "%.*s", (int)sizeof death->detail - 1,
                       process->path);
        return;
    }
    if (info->si_code == CLD_EXITED) {
        death->how = VD_DEATH_EXITED;
        char path[PATH_MAX];
        log_path(process->owner, process->name, path);
        if (info->si_status != 0)
            vd_logfile_last_line(path, process->log_from, death->detail, sizeof death->detail);
        return;
    }
    death->how = info->si_code == CLD_DUMPED ? VD_DEATH_DUMPED : VD_DEATH_KILLED;
}

static int on_death(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    process_t *process = arg;
    vd_processes_t *self = process->owner;
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return 0;
    drain_notify(process);
    vd_death_t death;
    describe_death(process, &info, &death);
    uint64_t life = process->life;
    unwatch(process, &process->notify_fd);
    unwatch(process, &process->pidfd);
    process->life = 0;
    vd_actor_complete(self->spec.actor, self->handle, VD_DONE_DIED, life, VD_OK, &death);
    return 0;
}

/* ---- starting ---- */

static void report_not_started(vd_processes_t *self, uint64_t life, int number, const char *what)
{
    vd_death_t death = {.how = VD_DEATH_NOT_STARTED, .number = number};
    (void)snprintf(death.detail, sizeof death.detail, "%s", what);
    vd_actor_complete(self->spec.actor, self->handle, VD_DONE_DIED, life, VD_OK, &death);
}

/* Where the child's output goes: its log, else nowhere, since an actor without a log is better than
 * none. */
static int open_output(vd_processes_t *self, process_t *process)
{
    char path[PATH_MAX];
    log_path(self, process->name, path);
    int fd = vd_logfile_open(path, self->spec.log_bytes_max, &process->log_from);
    if (fd >= 0)
        return fd;
    vd_log(VD_WARN, "%s writes no log: %s: %s", process->name, path, strerror(errno));
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static pid_t launch(vd_processes_t *self, process_t *process, uint64_t life, int notify_fd)
{
    vd_launch_t launch = {
        .path = process->path,
        .name = process->name,
        .dir = self->spec.dir,
        .config = self->spec.config,
        .session = process->session,
        .notify_fd = notify_fd,
        .lock_fd = self->spec.lock_fd,
        .first = life == 1, /* lives count from the supervisor's start, which waits for the old */
        .output_fd = open_output(self, process),
    };
    pid_t pid = vd_launch(&launch);
    int number = errno;
    if (launch.output_fd >= 0)
        (void)close(launch.output_fd);
    errno = number;
    return pid;
}

static bool watch(process_t *process)
{
    zloop_t *loop = vd_actor_loop(process->owner->spec.actor);
    zmq_pollitem_t notify = {.fd = process->notify_fd, .events = ZMQ_POLLIN};
    zmq_pollitem_t death = {.fd = process->pidfd, .events = ZMQ_POLLIN};
    return zloop_poller(loop, &notify, on_notify, process) == 0 &&
           zloop_poller(loop, &death, on_death, process) == 0;
}

static void spawn(vd_processes_t *self, uint64_t life, const vd_child_t *child)
{
    process_t *process = process_of(self, 0);
    assert(process && life != 0); /* there are as many slots as children */
    *process = (process_t){.owner = self, .pidfd = -1, .notify_fd = -1};
    (void)snprintf(process->name, sizeof process->name, "%s", child->name);
    (void)snprintf(process->session, sizeof process->session, "%s", child->session);
    bool beside = strchr(child->program, '/') == NULL;
    (void)snprintf(process->path, sizeof process->path, "%s%s%s", beside ? self->spec.bin : "",
                   beside ? "/" : "", child->program);
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        report_not_started(self, life, errno, "no pipe");
        return;
    }
    process->notify_fd = pipe_fds[0];
    process->pid = launch(self, process, life, pipe_fds[1]);
    int number = errno;
    (void)close(pipe_fds[1]);
    if (process->pid < 0) {
        (void)close(process->notify_fd);
        report_not_started(self, life, number, "no process");
        return;
    }
    process->pidfd = pidfd_open(process->pid, 0);
    if (process->pidfd < 0 || !watch(process)) {
        number = errno;
        (void)kill(process->pid, SIGKILL);
        (void)waitpid(process->pid, NULL, 0);
        unwatch(process, &process->notify_fd);
        unwatch(process, &process->pidfd);
        report_not_started(self, life, number, "it cannot be watched");
        return;
    }
    process->life = life;
    uint64_t pid = (uint64_t)process->pid;
    vd_actor_complete(self->spec.actor, self->handle, VD_DONE_SPAWN, life, VD_OK, &pid);
}

/* A process that is already dead and not yet reaped takes any signal without effect. */
static void send_signal(process_t *process, int number)
{
    if (pidfd_send_signal(process->pidfd, number, NULL, 0) != 0 && errno != ESRCH)
        vd_log(VD_WARN, "%s: signal %d cannot be sent to pid %d: %s", process->name, number,
               (int)process->pid, strerror(errno));
}

void vd_processes_perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    vd_processes_t *self = arg;
    assert(self && effect && effect->kind == VD_EFFECT_DO);
    if (effect->id == VD_DO_TELL_READY) {
        vd_actor_ready(actor);
        return;
    }
    if (effect->id == VD_DO_SPAWN) {
        spawn(self, effect->token, effect->object);
        return;
    }
    assert(effect->token != 0);
    process_t *process = process_of(self, effect->token);
    if (!process) /* dead by now; its death is on the way to the core */
        return;
    switch (effect->id) {
    case VD_DO_TERMINATE:
        send_signal(process, SIGTERM);
        send_signal(process, SIGCONT);
        break;
    case VD_DO_KILL:
        send_signal(process, SIGKILL);
        break;
    case VD_DO_FREEZE:
        send_signal(process, SIGSTOP);
        break;
    case VD_DO_THAW:
        send_signal(process, SIGCONT);
        break;
    default:
        assert(!"an operation that this shell does not have");
    }
}

void vd_processes_destroy(vd_processes_t **self)
{
    assert(self);
    if (!*self)
        return;
    for (size_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        process_t *process = &(*self)->slots[i];
        if (process->life == 0)
            continue;
        send_signal(process, SIGKILL);
        (void)waitpid(process->pid, NULL, 0);
        unwatch(process, &process->notify_fd);
        unwatch(process, &process->pidfd);
    }
    zloop_timer_end(vd_actor_loop((*self)->spec.actor), (*self)->trim_timer);
    free(*self);
    *self = NULL;
}
