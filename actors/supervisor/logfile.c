#include "logfile.h"

#include "wire/run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void rotated_path(const char *path, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s.1", path);
}

int vd_logfile_open(const char *path, int64_t bytes_max, int64_t *size)
{
    assert(path && size && bytes_max > 0);
    struct stat stat_now;
    char rotated[PATH_MAX];
    rotated_path(path, rotated);
    if (stat(path, &stat_now) == 0 && stat_now.st_size > bytes_max)
        (void)rename(path, rotated); /* if not, the file only grows a little longer */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    *size = fd >= 0 && fstat(fd, &stat_now) == 0 ? stat_now.st_size : 0;
    return fd;
}

/* Copies all of `from` to `to`. */
static bool copy(int from, int to)
{
    char block[65536];
    ssize_t size;
    while ((size = read(from, block, sizeof block)) > 0)
        for (ssize_t done = 0; done < size;) {
            ssize_t wrote = write(to, block + done, (size_t)(size - done));
            if (wrote <= 0)
                return false;
            done += wrote;
        }
    return size == 0;
}

vd_status_t vd_logfile_trim(const char *path, int64_t bytes_max)
{
    assert(path && bytes_max > 0);
    struct stat stat_now;
    if (stat(path, &stat_now) != 0 || stat_now.st_size <= bytes_max)
        return VD_OK;
    char rotated[PATH_MAX];
    rotated_path(path, rotated);
    int from = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return vd_status_of_errno(errno);
    int to = open(rotated, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool copied = to >= 0 && copy(from, to);
    int number = errno;
    /* The cap holds also where the copy has no room: an old log is worth less than a full disk. */
    bool cut = ftruncate(from, 0) == 0;
    if (to >= 0)
        (void)close(to);
    (void)close(from);
    return copied && cut ? VD_OK : vd_status_of_errno(number);
}

/* A line of a log in text is "TIME LEVEL NAME: text"; what has no time stamp is said as it is. */
static const char *what_is_said(const char *line)
{
    enum { STAMP = VD_TS_SIZE - 1 };
    int64_t ignored;
    if (strlen(line) < STAMP || !vd_ts_parse(vd_bytes(line, STAMP), &ignored))
        return line;
    const char *colon = strstr(line + STAMP, ": ");
    return colon ? colon + 2 : line;
}

void vd_logfile_last_line(const char *path, int64_t from, char *out, size_t size)
{
    assert(path && out && size > 0);
    out[0] = '\0';
    char tail[1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat stat_now;
    if (fd < 0)
        return;
    if (fstat(fd, &stat_now) == 0 && stat_now.st_size > from) {
        int64_t start = stat_now.st_size - (int64_t)sizeof tail + 1;
        start = start < from ? from : start;
        ssize_t got = pread(fd, tail, sizeof tail - 1, start);
        while (got > 0 && (tail[got - 1] == '\n' || tail[got - 1] == ' '))
            got--;
        tail[got > 0 ? got : 0] = '\0';
        char *line = strrchr(tail, '\n');
        (void)snprintf(out, size, "%.*s", (int)size - 1, what_is_said(line ? line + 1 : tail));
    }
    (void)close(fd);
}
