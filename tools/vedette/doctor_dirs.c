/* doctor_dirs.c: the checks of directories, sockets, disks and processes. */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum {
    PROBES = 20,
    PROBE_BYTES = 4096,
    SLOW_US = 20000,
    TOO_SLOW_US = 200000,
    TMPFS = 0x01021994,
};

static const uint64_t space_wanted = UINT64_C(1) << 30, space_needed = UINT64_C(64) << 20;

static bool is_deserted(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!vd_str_copy(address.sun_path, sizeof address.sun_path, vd_str(path)))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static void check_sockets(doctor_t *doctor, const char *run)
{
    DIR *entries = opendir(run);
    struct dirent *entry;
    unsigned live = 0, deserted = 0;
    char first[NAME_MAX + 1] = "";
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char path[1024];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", run, entry->d_name);
        if (lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode))
            continue;
        if (!is_deserted(path)) {
            live++;
            continue;
        }
        if (deserted++ == 0)
            vd_str_copy(first, sizeof first, vd_str(entry->d_name));
    }
    if (entries != NULL)
        closedir(entries);
    if (deserted > 0 && doctor->is_up)
        doctor_add(doctor, "ports", "warn", "see: vedette ps",
                   "%u sockets, and %u that nobody listens at, such as %s", live, deserted, first);
    else if (deserted > 0)
        doctor_add(doctor, "ports", "ok", "",
                   "%u sockets of a runtime that was killed; the next up replaces them", deserted);
    else if (live == 0)
        doctor_add(doctor, "ports", "ok", "", "no socket is in use; no TCP port is needed");
    else
        doctor_add(doctor, "ports", "ok", "",
                   "%u sockets, all in the directory; no TCP port is used", live);
}

void doctor_check_run_dir(doctor_t *doctor, const vd_paths_t *paths)
{
    struct stat info;
    if (lstat(paths->run, &info) != 0) {
        bool new = errno == ENOENT;
        doctor_add(doctor, "directory", new ? "ok" : "bad",
                   new ? "" : "use a directory of your own: --dir",
                   new ? "%s: not there yet; the first up makes it" : "%s: it cannot be read",
                   paths->run);
        return;
    }
    if (!S_ISDIR(info.st_mode))
        doctor_add(doctor, "directory", "bad", "remove it or use another --dir",
                   "%s is no directory", paths->run);
    else if (info.st_uid != getuid())
        doctor_add(doctor, "directory", "bad", "use a directory of your own: --dir",
                   "%s belongs to user %u", paths->run, (unsigned)info.st_uid);
    else if ((info.st_mode & 0077) != 0)
        doctor_add(doctor, "directory", "bad",
                   "chmod 700 it: whoever reaches a socket controls the runtime",
                   "%s has mode %03o", paths->run, (unsigned)info.st_mode & 0777);
    else
        doctor_add(doctor, "directory", "ok", "",
                   "%s, mode 700, %zu of %d bytes for a socket's path", paths->run,
                   strlen(paths->run), VD_IPC_PATH_BYTES_MAX);
    check_sockets(doctor, paths->run);
}

/* The directory itself, or the nearest above it that is there. */
static void existing(const char *dir, char *out, size_t size)
{
    vd_str_copy(out, size, vd_str(dir));
    while (access(out, F_OK) != 0) {
        char *slash = strrchr(out, '/');
        if (slash == NULL || slash == out) {
            vd_str_copy(out, size, vd_str("/"));
            return;
        }
        *slash = 0;
    }
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Appends and syncs as the store does. False with errno when it cannot. */
static bool measure(const char *dir, int64_t *median_us, int64_t *worst_us)
{
    char path[1024];
    static const char block[PROBE_BYTES];
    int64_t took[PROBES];
    snprintf(path, sizeof path, "%s/.vedette-doctor-XXXXXX", dir);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return false;
    unlink(path);
    bool whole = true;
    for (int i = 0; i < PROBES && whole; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        whole = write(fd, block, sizeof block) == (ssize_t)sizeof block && fdatasync(fd) == 0;
        clock_gettime(CLOCK_MONOTONIC, &b);
        took[i] = (b.tv_sec - a.tv_sec) * INT64_C(1000000) + (b.tv_nsec - a.tv_nsec) / 1000;
    }
    int number = errno;
    close(fd);
    errno = number;
    if (!whole)
        return false;
    qsort(took, PROBES, sizeof *took, by_number);
    *median_us = took[PROBES / 2];
    *worst_us = took[PROBES - 1];
    return true;
}

void doctor_check_store(doctor_t *doctor, const vd_paths_t *paths)
{
    char dir[512], free_text[16];
    struct statvfs space;
    struct statfs kind;
    int64_t median_us, worst_us;
    existing(paths->store, dir, sizeof dir);
    if (statvfs(dir, &space) == 0) {
        uint64_t bytes = (uint64_t)space.f_bavail * space.f_frsize;
        bool no_files = space.f_files > 0 && space.f_favail < 1000;
        const char *state = bytes < space_needed || no_files ? "bad"
                            : bytes < space_wanted           ? "warn"
                                                             : "ok";
        cli_format_bytes(bytes, free_text, sizeof free_text);
        doctor_add(doctor, "disk space", state,
                   state[0] == 'o' ? "" : "make room, or use another --dir", "%s: %s free%s", dir,
                   free_text, no_files ? ", and no inodes" : "");
    }
    if (statfs(dir, &kind) == 0 && kind.f_type == TMPFS)
        doctor_add(doctor, "disk", "warn", "use a --dir on a disk",
                   "%s is memory: a reboot loses the store", dir);
    if (!measure(dir, &median_us, &worst_us)) {
        doctor_add(doctor, "disk", "bad", "use a directory that can be written: --dir", "%s: %s",
                   dir, strerror(errno));
        return;
    }
    const char *state = median_us > TOO_SLOW_US ? "bad" : median_us > SLOW_US ? "warn" : "ok";
    doctor_add(doctor, "disk latency", state,
               state[0] == 'o'
                   ? ""
                   : "each commit waits for this: use a faster disk, or one with less to do",
               "an fdatasync takes %.2f ms, %.2f ms at worst of %d", (double)median_us / 1000,
               (double)worst_us / 1000, PROBES);
}

/* The parent of a process; 0 when it cannot be told. */
static unsigned long parent_of(unsigned long pid)
{
    char path[64], line[256];
    unsigned long parent = 0;
    snprintf(path, sizeof path, "/proc/%lu/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "PPid: %lu", &parent) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return parent;
}

/* Is it an actor of a runtime in this directory? */
static bool is_ours(unsigned long pid, const vd_paths_t *paths, char *name, size_t size)
{
    char path[64], exe[1024], line[4096];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%lu/exe", pid);
    ssize_t length = readlink(path, exe, sizeof exe - 1);
    exe[length > 0 ? length : 0] = 0;
    const char *base = strrchr(exe, '/');
    snprintf(path, sizeof path, "/proc/%lu", pid);
    if (base == NULL || strncmp(base, "/vedette-", 9) != 0 || stat(path, &info) != 0 ||
        info.st_uid != getuid())
        return false;
    vd_str_copy(name, size, vd_str(base + 1));
    snprintf(path, sizeof path, "/proc/%lu/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, line, sizeof line - 1) : 0;
    if (fd >= 0)
        close(fd);
    line[bytes > 0 ? bytes : 0] = 0;
    const char *dir = NULL;
    for (ssize_t at = 0; at < bytes; at += (ssize_t)strlen(line + at) + 1) {
        const char *next = line + at + strlen(line + at) + 1;
        if (strcmp(line + at, "--dir") == 0 && next < line + bytes)
            dir = next;
    }
    return dir != NULL ? strcmp(dir, paths->dir) == 0 : paths->dir[0] == 0;
}

void doctor_check_processes(doctor_t *doctor, const vd_paths_t *paths)
{
    DIR *entries = opendir("/proc");
    struct dirent *entry;
    unsigned ours = 0, orphans = 0;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char name[64], remedy[64];
        unsigned long pid = strtoul(entry->d_name, NULL, 10);
        if (pid == 0 || !is_ours(pid, paths, name, sizeof name))
            continue;
        ours++;
        if (doctor->is_up && (pid == doctor->supervisor || parent_of(pid) == doctor->supervisor))
            continue;
        orphans++;
        snprintf(remedy, sizeof remedy, "end it: kill %lu", pid);
        doctor_add(doctor, "processes", "bad", remedy, "%s (pid %lu) runs without a supervisor",
                   name, pid);
    }
    if (entries != NULL)
        closedir(entries);
    if (orphans == 0)
        doctor_add(doctor, "processes", "ok", "",
                   ours > 0 ? "%u of this runtime, none without a supervisor"
                            : "none of this runtime",
                   ours);
}
