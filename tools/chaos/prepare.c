#include "chaos/prepare.h"

#include "chaos/script.h"
#include "chaos/undo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENVIRONMENT_BYTES = 1 << 18 };

static vd_status_t refuse(char *error, const char *path)
{
    snprintf(error, CHAOS_ERROR_BYTES, "%.300s: %s", path, strerror(errno));
    return VD_IO;
}

/* A file that is installed with Vedette, or built with it. */
static bool find_own(const char *bin, const char *name, char *out, size_t size)
{
    static const char *const folders[] = {"../" VD_LIBDIR "/vedette", "../lib/vedette"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[PATH_MAX], whole[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s/%s", bin, folders[i], name);
        if (realpath(path, whole) != NULL)
            return snprintf(out, size, "%s", whole) < (int)size;
    }
    return false;
}

static bool find_faketime(char *out, size_t size)
{
    static const char *const folders[] = {"/usr/lib/" VD_LIBRARY_ARCH "/faketime",
                                          "/usr/lib/faketime", "/usr/lib64/faketime",
                                          "/usr/local/lib/faketime"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(out, size, "%s/libfaketimeMT.so.1", folders[i]);
        if (access(out, R_OK) == 0)
            return true;
    }
    out[0] = 0;
    return false;
}

static vd_status_t make_folder(const char *place, const char *name, char *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", place, name[0] != 0 ? "/" : "", name);
    return mkdir(path, 0700) == 0 || errno == EEXIST ? VD_OK : refuse(error, path);
}

/* Removes what is in a folder of ours. */
static void empty(const char *place, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", place, name);
    DIR *listing = opendir(path);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        if (entry->d_name[0] != '.' || strstr(entry->d_name, "vedette-") != NULL)
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
}

/* A stand-in for each executable. */
static vd_status_t link_all(const char *place, const char *bin, const char *launcher, char *error)
{
    DIR *listing = opendir(bin);
    vd_status_t status = listing != NULL ? VD_OK : refuse(error, bin);
    for (struct dirent *entry;
         status == VD_OK && listing != NULL && (entry = readdir(listing)) != NULL;) {
        char path[PATH_MAX];
        if (strncmp(entry->d_name, "vedette-", 8) != 0)
            continue;
        snprintf(path, sizeof path, "%.3000s/bin/%s", place, entry->d_name);
        if (symlink(launcher, path) != 0)
            status = refuse(error, path);
    }
    if (listing != NULL)
        closedir(listing);
    return status;
}

static vd_status_t set_clock(const char *place, const char *faketime, const char *timers,
                             char *error)
{
    char path[PATH_MAX];
    setenv("VD_CHAOS_FAKETIME", faketime, 1);
    setenv("VD_CHAOS_TIMERS", timers, 1);
    setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    setenv("FAKETIME_CACHE_DURATION", "1", 1);
    setenv("NO_FAKE_STAT", "1", 1);
    snprintf(path, sizeof path, "%.4000s/clock/supervisor", place);
    setenv("FAKETIME_TIMESTAMP_FILE", path, 1);
    if (!chaos_write_file(path, "+0\n"))
        return refuse(error, path);
    const char *before = getenv("VD_CHAOS_PRELOAD");
    if (snprintf(path, sizeof path, "%s:%s%s%s", timers, faketime, before != NULL ? ":" : "",
                 before != NULL ? before : "") >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return refuse(error, "LD_PRELOAD");
    }
    setenv("LD_PRELOAD", path, 1);
    return VD_OK;
}

/* What is found before anything is made. */
typedef struct parts {
    char disk[PATH_MAX], timers[PATH_MAX], launcher[PATH_MAX]; /* of lib/vedette */
    char bin[PATH_MAX];                                        /* of the executables themselves */
    char place[PATH_MAX], store[PATH_MAX];                     /* as the processes will see them */
} parts_t;

static vd_status_t find_parts(const char *bin, parts_t *parts, char *error)
{
    const char *given = getenv("VEDETTE_BIN");
    if (!find_own(bin, "libvd_fault.so", parts->disk, sizeof parts->disk) ||
        !find_own(bin, "libvd_timers.so", parts->timers, sizeof parts->timers) ||
        !find_own(bin, "chaos-exec", parts->launcher, sizeof parts->launcher)) {
        snprintf(error, CHAOS_ERROR_BYTES,
                 "libvd_fault.so, libvd_timers.so and chaos-exec are not in lib/vedette beside "
                 "%.200s; install Vedette as a whole",
                 bin);
        return VD_NOT_FOUND;
    }
    bin = given != NULL && given[0] != 0 ? given : bin;
    return realpath(bin, parts->bin) != NULL ? VD_OK : refuse(error, bin);
}

static vd_status_t make_place(const char *place, const vd_paths_t *paths, parts_t *parts,
                              char *error)
{
    static const char *const folders[] = {"", "bin", "clock", "disk"};
    vd_status_t status = vd_paths_create(paths, error, CHAOS_ERROR_BYTES);
    for (size_t i = 0; status == VD_OK && i < sizeof folders / sizeof *folders; i++)
        status = make_folder(place, folders[i], error);
    if (status != VD_OK)
        return status;
    if (realpath(place, parts->place) == NULL)
        return refuse(error, place);
    if (realpath(paths->store, parts->store) == NULL)
        return refuse(error, paths->store);
    empty(parts->place, "bin");
    empty(parts->place, "clock");
    return link_all(parts->place, parts->bin, parts->launcher, error);
}

static void set_variables(const parts_t *parts)
{
    char text[PATH_MAX];
    const char *preload = getenv("LD_PRELOAD");
    const char *sanitizer = getenv("ASAN_OPTIONS"); /* which wants to be the first that is loaded */
    snprintf(text, sizeof text, "%.4000s/bin", parts->place);
    setenv("VEDETTE_BIN", text, 1);
    setenv("VD_CHAOS_BIN", parts->bin, 1);
    setenv("VD_CHAOS_PLACE", parts->place, 1);
    setenv("VD_CHAOS_DISK", parts->disk, 1);
    setenv("VD_CHAOS_STORE", parts->store, 1);
    if (preload != NULL && preload[0] != 0)
        setenv("VD_CHAOS_PRELOAD", preload, 1);
    if (sanitizer == NULL)
        return;
    snprintf(text, sizeof text, "%.3000s:verify_asan_link_order=0", sanitizer);
    setenv("ASAN_OPTIONS", text, 1);
}

vd_status_t chaos_prepare(const char *place, const vd_paths_t *paths, const char *bin, bool *clocks,
                          char *error)
{
    static parts_t parts;
    char faketime[PATH_MAX];
    vd_status_t status = find_parts(bin, &parts, error);
    if (status == VD_OK)
        status = make_place(place, paths, &parts, error);
    if (status != VD_OK)
        return status;
    set_variables(&parts);
    *clocks = find_faketime(faketime, sizeof faketime);
    if (*clocks)
        status = set_clock(parts.place, faketime, parts.timers, error);
    chaos_sweep();
    return status;
}

bool chaos_prepared(const chaos_process_t *process, const char *variable, char *out, size_t size)
{
    static char bytes[ENVIRONMENT_BYTES];
    size_t name_size = strlen(variable);
    ssize_t got = chaos_process_read(process, "environ", bytes, sizeof bytes - 1);
    if (got <= 0)
        return false;
    bytes[got] = 0;
    for (const char *at = bytes; at < bytes + got; at += strlen(at) + 1)
        if (strncmp(at, variable, name_size) == 0 && at[name_size] == '=')
            return snprintf(out, size, "%s", at + name_size + 1) < (int)size;
    return false;
}

void chaos_sweep(void)
{
    static const char *const forms[] = {"faketime_shm_", "sem.faketime_sem_"};
    DIR *listing = opendir("/dev/shm");
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            size_t size = strlen(forms[i]);
            if (strncmp(entry->d_name, forms[i], size) != 0)
                continue;
            chaos_process_t process; /* a zombie is none: who adopted it may let it lie */
            long pid = strtol(entry->d_name + size, NULL, 10);
            if (pid > 0 && !chaos_process_find((uint64_t)pid, &process) && errno == ESRCH)
                (void)unlinkat(dirfd(listing), entry->d_name, 0);
        }
    if (listing != NULL)
        closedir(listing);
}
