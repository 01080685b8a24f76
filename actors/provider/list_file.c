/* list_file.c: reading and replacing. */
#include "list_file.h"

#include "source_list.h"
#include "wire/limits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static vd_status_t fail(const char *path, const char *doing, char *error, size_t error_size)
{
    int number = errno;
    snprintf(error, error_size, "%.600s: %s: %s", path, doing, strerror(number));
    return number == ENOENT ? VD_NOT_FOUND : vd_status_of_errno(number);
}

/* Reads up to one byte more than a list may have. */
static vd_status_t read_all(int fd, const char *path, vd_buffer_t *text, char *error,
                            size_t error_size)
{
    enum { STEP = 65536 };
    for (;;) {
        uint8_t *to = vd_buffer_reserve(text, STEP);
        if (to == NULL) {
            snprintf(error, error_size, "%.600s: over %d bytes", path, VD_SOURCE_LIST_BYTES_MAX);
            return VD_TOO_LARGE;
        }
        ssize_t size = read(fd, to, STEP);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fail(path, "cannot be read", error, error_size);
        if (size == 0)
            return VD_OK;
        text->size += (size_t)size;
    }
}

static vd_status_t read_file(const char *path, vd_buffer_t *text, char *error, size_t error_size)
{
    /* Without waiting: a named pipe without a writer is no reason to hang. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(path, "cannot be opened", error, error_size);
    struct stat info;
    vd_status_t status = VD_OK;
    if (fstat(fd, &info) != 0) {
        status = fail(path, "cannot be read", error, error_size);
    } else if (!S_ISREG(info.st_mode)) {
        snprintf(error, error_size, "%.600s: it is no regular file", path);
        status = VD_UNSUPPORTED;
    } else {
        status = read_all(fd, path, text, error, error_size);
    }
    close(fd);
    return status;
}

vd_status_t vd_list_file_read(const char *path, const char *adapter, vd_buffer_t *out, char *error,
                              size_t error_size)
{
    assert(path != NULL && adapter != NULL && out != NULL);
    vd_buffer_t text;
    char problem[VD_TEXT_BYTES_MAX] = "";
    vd_buffer_init(&text, VD_SOURCE_LIST_BYTES_MAX + 65536);
    vd_status_t status = read_file(path, &text, error, error_size);
    if (status == VD_OK) {
        status = vd_source_list_parse(vd_buffer_view(&text), adapter, out, problem, sizeof problem);
        if (status != VD_OK)
            snprintf(error, error_size, "%.300s: %.700s", path, problem);
    }
    vd_buffer_free(&text);
    return status;
}

static bool write_all(int fd, vd_str_t text)
{
    while (text.size > 0) {
        ssize_t size = write(fd, text.data, text.size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return false;
        text = vd_bytes(text.data + size, text.size - (size_t)size);
    }
    return true;
}

static bool write_new(const char *path, vd_str_t text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool good = write_all(fd, text) && fsync(fd) == 0;
    int number = errno;
    good = close(fd) == 0 && good;
    errno = number;
    return good;
}

static bool sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    assert(slash != NULL);
    snprintf(directory, sizeof directory, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int number = errno;
    if (fd >= 0)
        close(fd);
    errno = number;
    return good;
}

vd_status_t vd_list_file_write(const char *path, vd_str_t text, char *error, size_t error_size)
{
    assert(path != NULL && path[0] == '/');
    char fresh[PATH_MAX];
    int size = snprintf(fresh, sizeof fresh, "%s.new", path);
    assert(size > 0 && (size_t)size < sizeof fresh);
    if (!write_new(fresh, text)) {
        vd_status_t status = fail(fresh, "cannot be written", error, error_size);
        unlink(fresh);
        return status;
    }
    if (rename(fresh, path) != 0 || !sync_directory(path))
        return fail(path, "cannot be replaced", error, error_size);
    return VD_OK;
}
