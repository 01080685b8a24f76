#include "runtime_lock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define TRY_INTERVAL_MS 10

vd_status_t vd_runtime_lock_take(const char *run, int64_t wait_ms, int *fd, char *error,
                                 size_t error_size)
{
    assert(run && fd && error && wait_ms >= 0);
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/runtime.lock", run);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0) {
        (void)snprintf(error, error_size, "cannot open the lock file %s: %s", path,
                       strerror(errno));
        return vd_status_of_errno(errno);
    }
    const struct timespec pause = {.tv_nsec = TRY_INTERVAL_MS * 1000000L};
    int failed = flock(*fd, LOCK_EX | LOCK_NB);
    for (int64_t waited_ms = 0; failed && errno == EWOULDBLOCK && waited_ms < wait_ms;) {
        (void)nanosleep(&pause, NULL);
        waited_ms += TRY_INTERVAL_MS;
        failed = flock(*fd, LOCK_EX | LOCK_NB);
    }
    if (!failed)
        return VD_OK;
    int number = errno;
    (void)close(*fd);
    *fd = -1;
    if (number != EWOULDBLOCK) {
        (void)snprintf(error, error_size, "cannot lock %s: %s", path, strerror(number));
        return vd_status_of_errno(number);
    }
    (void)snprintf(error, error_size,
                   "actors of the last runtime have not ended yet and hold %s: see who with "
                   "fuser -v %s, end them, or choose another --dir",
                   path, path);
    return VD_BUSY;
}
