/* lock.c: lock files with flock. */
#include "kit/lock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static long read_pid(int fd)
{
    char text[32] = "";
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    return size > 0 ? strtol(text, NULL, 10) : 0;
}

static vd_status_t refuse_busy(const char *path, const char *who, long pid, char *error,
                               size_t error_size)
{
    if (pid > 0)
        snprintf(error, error_size,
                 "%s is already running with pid %ld (lock %s): stop it first (vedette down, or "
                 "kill %ld), or choose another --dir",
                 who, pid, path, pid);
    else
        snprintf(error, error_size,
                 "%s is already running (lock %s): stop it first (vedette down), or choose another "
                 "--dir",
                 who, path);
    return VD_BUSY;
}

vd_status_t vd_lock_take(const char *path, const char *who, int *fd, char *error, size_t error_size)
{
    assert(path != NULL && who != NULL && fd != NULL && error != NULL);
    *fd = -1;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        int number = errno;
        snprintf(error, error_size, "cannot open the lock file %s: %s", path, strerror(number));
        return vd_status_of_errno(number);
    }
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int number = errno;
        long pid = read_pid(file);
        close(file);
        if (number == EWOULDBLOCK)
            return refuse_busy(path, who, pid, error, error_size);
        snprintf(error, error_size, "cannot lock %s: %s", path, strerror(number));
        return vd_status_of_errno(number);
    }
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* The pid is for people: a full disk must not keep the lock from being taken. */
    if (ftruncate(file, 0) != 0 || pwrite(file, text, (size_t)size, 0) != size) {
    }
    *fd = file;
    return VD_OK;
}

void vd_lock_release(int *fd)
{
    assert(fd != NULL && *fd >= -1);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
