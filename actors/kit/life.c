/* life.c: signals, inherited descriptors, the notify pipe. */
#include "kit/life.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Takes the descriptor that the environment names. -1 when it names none. */
static vd_status_t inherit(const char *variable, int *fd, char *error, size_t error_size)
{
    *fd = -1;
    const char *text = getenv(variable);
    if (text == NULL)
        return VD_OK;
    char *end = NULL;
    long number = strtol(text, &end, 10);
    if (end == text || *end != 0 || number < 0 || number > 1048576 ||
        fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0) {
        snprintf(error, error_size, "%s=%.40s does not name an open descriptor: unset it", variable,
                 text);
        return VD_USAGE;
    }
    unsetenv(variable);
    *fd = (int)number;
    return VD_OK;
}

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

vd_status_t vd_life_begin(vd_life_t *self, char *error, size_t error_size)
{
    assert(self != NULL && error != NULL);
    *self = (vd_life_t){.signal_fd = -1, .notify_fd = -1, .lock_fd = -1};
    vd_status_t status = inherit("VEDETTE_NOTIFY_FD", &self->notify_fd, error, error_size);
    if (status == VD_OK)
        status = inherit("VEDETTE_LOCK_FD", &self->lock_fd, error, error_size);
    if (status != VD_OK)
        return status;
    self->first = getenv("VEDETTE_FIRST") != NULL;
    unsetenv("VEDETTE_FIRST");
    if (self->notify_fd >= 0)
        fcntl(self->notify_fd, F_SETFL, fcntl(self->notify_fd, F_GETFL) | O_NONBLOCK);
    raise_open_files();
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
        self->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->signal_fd >= 0)
        return VD_OK;
    snprintf(error, error_size, "cannot take signals: %s", strerror(errno));
    return VD_IO;
}

void vd_life_end(vd_life_t *self)
{
    int *fds[] = {&self->signal_fd, &self->notify_fd, &self->lock_fd};
    for (size_t at = 0; at < sizeof fds / sizeof *fds; at++) {
        if (*fds[at] >= 0)
            close(*fds[at]);
        *fds[at] = -1;
    }
}

bool vd_life_tell(vd_life_t *self, const char *word)
{
    if (self->notify_fd < 0)
        return true;
    char line[32];
    int size = snprintf(line, sizeof line, "%s\n", word);
    assert(size > 0 && (size_t)size < sizeof line);
    /* A full pipe means a reader that lives and does not read: it has not missed anything. */
    return write(self->notify_fd, line, (size_t)size) >= 0 || errno != EPIPE;
}

void vd_life_tell_nobody(vd_life_t *self)
{
    if (self->notify_fd >= 0)
        close(self->notify_fd);
    self->notify_fd = -1;
}

int vd_life_signal(vd_life_t *self)
{
    struct signalfd_siginfo info;
    ssize_t size = read(self->signal_fd, &info, sizeof info);
    return size == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
