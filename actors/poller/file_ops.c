/* file_ops.c: reading files, file systems and links. */
#include "file_ops.h"

#include "wire/run.h"
#include "wire/value.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READ_STEP_BYTES 16384
#define GLOB_DEPTH_MAX  32

const char *const vd_file_op_names[] = {"read", "space", "links", NULL};

static void fail(vd_file_job_t *job, vd_status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(vd_file_job_t *job, vd_status_t status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(job->error, sizeof job->error, format, arguments);
    va_end(arguments);
    job->status = status;
    vd_buffer_clear(&job->content);
    vd_buffer_clear(&job->meta);
}

static void fail_errno(vd_file_job_t *job, const char *doing, const char *path)
{
    int number = errno;
    char why[128];
    const char *text = strerror_r(number, why, sizeof why);
    vd_status_t status = vd_status_of_errno(number);
    if (number == ENOENT || number == ENOTDIR)
        status = VD_NOT_FOUND;
    fail(job, status, "%s %s: %s", doing, path, text);
}

static bool has_parent_component(vd_str_t path)
{
    for (size_t at = 0; at < path.size;) {
        const uint8_t *slash = memchr(path.data + at, '/', path.size - at);
        size_t end = slash == NULL ? path.size : (size_t)(slash - path.data);
        if (end - at == 2 && memcmp(path.data + at, "..", 2) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

vd_status_t vd_file_path(vd_str_t address, vd_str_t target, char *out, size_t size)
{
    assert(out != NULL && size > 0);
    if (has_parent_component(target))
        return VD_DENIED;
    while (address.size > 0 && address.data[address.size - 1] == '/')
        address.size--;
    bool slash = target.size > 0 && target.data[0] != '/';
    int written = snprintf(out, size, "%.*s%s%.*s", (int)address.size, (const char *)address.data,
                           slash ? "/" : "", (int)target.size, (const char *)target.data);
    return written >= 0 && (size_t)written < size ? VD_OK : VD_TOO_LARGE;
}

/* ---- read ---- */

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "no regular file";
    }
}

static bool is_readable_kind(vd_file_job_t *job, const struct stat *stat)
{
    if (S_ISREG(stat->st_mode))
        return true;
    fail(job, VD_UNSUPPORTED, "%s is %s; only regular files are read", job->path,
         kind_of(stat->st_mode));
    return false;
}

/* Opens what is a regular file both by name and once it is open. -1 with the job failed. */
static int open_regular(vd_file_job_t *job)
{
    struct stat status;
    if (stat(job->path, &status) != 0) {
        fail_errno(job, "read", job->path);
        return -1;
    }
    if (!is_readable_kind(job, &status))
        return -1;
    if (job->match[0] == 0 && status.st_size > 0 && (uint64_t)status.st_size > job->bytes_max) {
        fail(job, VD_TOO_LARGE, "%s has %" PRIu64 " bytes, the limit is %" PRIu64, job->path,
             (uint64_t)status.st_size, job->bytes_max);
        return -1;
    }
    int fd = open(job->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        fail_errno(job, "read", job->path);
        return -1;
    }
    if (fstat(fd, &status) == 0 && is_readable_kind(job, &status))
        return fd;
    if (job->status == VD_OK)
        fail_errno(job, "read", job->path);
    close(fd);
    return -1;
}

/* Leaves out of the content, whose first `kept` bytes stay, the lines that do not match. A line that is
 * not complete waits for the rest of it, unless the file is at its `end`. */
static void keep_lines(vd_file_job_t *job, size_t *kept, bool end)
{
    uint8_t *data = job->content.data;
    size_t at = *kept, size = job->content.size;
    while (at < size) {
        const uint8_t *newline = memchr(data + at, '\n', size - at);
        if (newline == NULL && !end)
            break;
        size_t line = newline != NULL ? (size_t)(newline - data) + 1 - at : size - at;
        vd_str_t text = vd_bytes(data + at, newline != NULL ? line - 1 : line);
        if (*kept == 0 || vd_glob_match(vd_str(job->match), text)) {
            memmove(data + *kept, data + at, line);
            *kept += line;
        }
        at += line;
    }
    if (at < size)
        memmove(data + *kept, data + at, size - at);
    job->content.size = *kept + (size - at);
}

/* Reads one step. Returns whether there may be more. */
static bool read_step(vd_file_job_t *job, int fd, size_t *kept)
{
    uint8_t *to = vd_buffer_reserve(&job->content, READ_STEP_BYTES);
    if (to == NULL) {
        fail(job, VD_NO_MEMORY, "read %s: out of memory", job->path);
        return false;
    }
    ssize_t got = read(fd, to, READ_STEP_BYTES);
    if (got < 0 && errno == EINTR)
        return true;
    if (got < 0) {
        fail_errno(job, "read", job->path);
        return false;
    }
    job->content.size += (size_t)got;
    if (job->match[0] != 0)
        keep_lines(job, kept, got == 0);
    if (job->content.size <= job->bytes_max)
        return got > 0;
    fail(job, VD_TOO_LARGE, "%s has more than %" PRIu64 " bytes, the limit", job->path,
         job->bytes_max);
    return false;
}

static void run_read(vd_file_job_t *job)
{
    int fd = open_regular(job);
    if (fd < 0)
        return;
    size_t kept = 0;
    while (!atomic_load(&job->stop) && read_step(job, fd, &kept))
        ;
    close(fd);
}

/* ---- space ---- */

static void run_space(vd_file_job_t *job)
{
    struct statvfs space;
    const char *path = job->path[0] != 0 ? job->path : "/";
    if (statvfs(path, &space) != 0) {
        fail_errno(job, "space of", path);
        return;
    }
    uint64_t block = space.f_frsize;
    vd_write_map(&job->meta, 5);
    vd_write_pair_u64(&job->meta, "total", block * space.f_blocks);
    vd_write_pair_u64(&job->meta, "free", block * space.f_bfree);
    vd_write_pair_u64(&job->meta, "avail", block * space.f_bavail);
    vd_write_pair_u64(&job->meta, "files", space.f_files);
    vd_write_pair_u64(&job->meta, "ffree", space.f_ffree);
}

/* ---- links ---- */

typedef struct vd_walk {
    vd_file_job_t *job;
    char path[PATH_MAX];
    uint32_t links, denied;
} vd_walk_t;

static void take_link(vd_walk_t *walk)
{
    char target[VD_TEXT_BYTES_MAX];
    vd_file_job_t *job = walk->job;
    ssize_t size = readlink(walk->path, target, sizeof target);
    if (size < 0) {
        walk->denied += errno == EACCES || errno == EPERM;
        return; /* no link, or gone by now */
    }
    size_t prefix_size = strlen(job->prefix);
    if ((size_t)size < prefix_size || memcmp(target, job->prefix, prefix_size) != 0)
        return;
    vd_write_array(&job->content, 2);
    vd_write_text(&job->content, walk->path);
    vd_write_str(&job->content, vd_bytes(target, (size_t)size));
    walk->links++;
    if (job->content.full || job->content.size > job->bytes_max)
        fail(job, VD_TOO_LARGE, "the links of %s take more than %" PRIu64 " bytes: give a prefix",
             job->path, job->bytes_max);
}

static bool goes_on(const vd_walk_t *walk)
{
    return walk->job->status == VD_OK && !atomic_load(&walk->job->stop);
}

static void walk_from(vd_walk_t *walk, size_t size, const char *pattern, int depth);

/* Adds one component behind `size` and goes on with the rest of the pattern. */
static void walk_into(vd_walk_t *walk, size_t size, const char *name, size_t name_size,
                      const char *rest, int depth)
{
    if (size + 1 + name_size + 1 > sizeof walk->path)
        return;
    walk->path[size] = '/';
    memcpy(walk->path + size + 1, name, name_size);
    walk->path[size + 1 + name_size] = 0;
    if (*rest == 0)
        take_link(walk);
    else
        walk_from(walk, size + 1 + name_size, rest, depth + 1);
}

/* Goes into each entry of the directory at `size` whose name matches. */
static void walk_matches(vd_walk_t *walk, size_t size, const char *component, const char *rest,
                         int depth)
{
    walk->path[size] = 0;
    DIR *directory = opendir(size == 0 ? "/" : walk->path);
    if (directory == NULL) {
        walk->denied += errno == EACCES || errno == EPERM;
        return;
    }
    const struct dirent *entry;
    while (goes_on(walk) && (entry = readdir(directory)) != NULL)
        if (fnmatch(component, entry->d_name, FNM_PERIOD) == 0)
            walk_into(walk, size, entry->d_name, strlen(entry->d_name), rest, depth);
    closedir(directory);
}

static void walk_from(vd_walk_t *walk, size_t size, const char *pattern, int depth)
{
    while (*pattern == '/')
        pattern++;
    const char *end = strchrnul(pattern, '/');
    size_t component_size = (size_t)(end - pattern);
    if (component_size == 0 || component_size > NAME_MAX || depth > GLOB_DEPTH_MAX)
        return;
    char component[NAME_MAX + 1];
    memcpy(component, pattern, component_size);
    component[component_size] = 0;
    while (*end == '/')
        end++;
    if (strpbrk(component, "*?[") == NULL)
        walk_into(walk, size, component, component_size, end, depth);
    else
        walk_matches(walk, size, component, end, depth);
}

static void run_links(vd_file_job_t *job)
{
    vd_walk_t *walk = calloc(1, sizeof *walk);
    /* The count is known at the end: an array of 32 bits, filled in then. */
    if (walk == NULL || !vd_buffer_add(&job->content, "\xdd\0\0\0\0", 5)) {
        fail(job, VD_NO_MEMORY, "links %s: out of memory", job->path);
        free(walk);
        return;
    }
    walk->job = job;
    walk_from(walk, 0, job->path, 0);
    if (job->status == VD_OK) {
        for (int i = 0; i < 4; i++)
            job->content.data[1 + i] = (uint8_t)(walk->links >> (24 - 8 * i));
        vd_write_map(&job->meta, 2);
        vd_write_pair_u64(&job->meta, "links", walk->links);
        vd_write_pair_u64(&job->meta, "denied", walk->denied);
    }
    free(walk);
}

void vd_file_run(vd_file_job_t *job)
{
    static void (*const run[])(vd_file_job_t *) = {run_read, run_space, run_links};
    assert(job != NULL && job->op != NULL && job->path != NULL && job->prefix != NULL);
    assert(job->match != NULL);
    job->status = VD_OK;
    for (int i = 0; vd_file_op_names[i] != NULL; i++) {
        if (strcmp(job->op, vd_file_op_names[i]) == 0) {
            run[i](job);
            return;
        }
    }
    assert(false && "the poller lets only known operations through");
}
