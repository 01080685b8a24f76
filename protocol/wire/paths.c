/* paths.c: directories and endpoints of a runtime. */
#include "wire/paths.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for "/<actor>.<port>": the longest name in use is "supervisor.lifecycle"; a little more for
 * others. */
enum { SOCKET_NAME_BYTES = 32 };

static vd_status_t join(char out[512], const char *a, const char *b, char *error, size_t error_size)
{
    int size = snprintf(out, 512, "%s%s%s", a, *b ? "/" : "", b);
    if (size >= 0 && size < 512)
        return VD_OK;
    snprintf(error, error_size, "directory %.60s...: the path is too long; use a shorter --dir", a);
    return VD_USAGE;
}

static vd_status_t absolute(const char *dir, char out[512], char *error, size_t error_size)
{
    if (dir[0] == '/')
        return join(out, dir, "", error, error_size);
    char here[512];
    if (getcwd(here, sizeof here) == NULL) {
        snprintf(error, error_size, "working directory: %s; use an absolute --dir",
                 strerror(errno));
        return VD_USAGE;
    }
    return join(out, here, dir, error, error_size);
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value ? value : NULL;
}

static vd_status_t resolve_dir(const char *dir, vd_paths_t *paths, char *error, size_t error_size)
{
    vd_status_t status = absolute(dir, paths->dir, error, error_size);
    size_t size = strlen(paths->dir);
    while (status == VD_OK && size > 1 && paths->dir[size - 1] == '/')
        paths->dir[--size] = 0;
    if (status == VD_OK)
        status = join(paths->run, paths->dir, "run", error, error_size);
    if (status == VD_OK)
        status = join(paths->store, paths->dir, "store", error, error_size);
    if (status == VD_OK)
        status = join(paths->logs, paths->dir, "logs", error, error_size);
    if (status == VD_OK)
        status = join(paths->sources, paths->dir, "sources.json", error, error_size);
    return status;
}

static vd_status_t resolve_defaults(vd_paths_t *paths, char *error, size_t error_size)
{
    char state[512];
    const char *run = environment("XDG_RUNTIME_DIR");
    const char *base = environment("XDG_STATE_HOME");
    const char *home = environment("HOME");
    vd_status_t status = VD_OK;
    if (run != NULL && run[0] == '/')
        status = join(paths->run, run, "vedette", error, error_size);
    else
        snprintf(paths->run, sizeof paths->run, "/tmp/vedette-%u", (unsigned)getuid());
    if (status != VD_OK)
        return status;
    if (base != NULL && base[0] == '/')
        status = join(state, base, "vedette", error, error_size);
    else if (home != NULL && home[0] == '/')
        status = join(state, home, ".local/state/vedette", error, error_size);
    else {
        snprintf(error, error_size, "HOME is %s: use --dir DIR or VEDETTE_DIR",
                 home != NULL ? "no absolute path" : "not set");
        status = VD_USAGE;
    }
    if (status == VD_OK)
        status = join(paths->store, state, "store", error, error_size);
    if (status == VD_OK)
        status = join(paths->logs, state, "logs", error, error_size);
    if (status == VD_OK)
        status = join(paths->sources, state, "sources.json", error, error_size);
    return status;
}

vd_status_t vd_paths_resolve(const char *dir, vd_paths_t *paths, char *error, size_t error_size)
{
    assert(paths != NULL && error != NULL && error_size > 0);
    memset(paths, 0, sizeof *paths);
    if (dir == NULL || *dir == 0)
        dir = environment("VEDETTE_DIR");
    vd_status_t status = dir != NULL ? resolve_dir(dir, paths, error, error_size)
                                     : resolve_defaults(paths, error, error_size);
    if (status != VD_OK)
        return status;
    if (strlen(paths->run) + SOCKET_NAME_BYTES > VD_IPC_PATH_BYTES_MAX) {
        snprintf(error, error_size,
                 "directory %s: too long for sockets (%zu bytes, at most %d): use a shorter --dir",
                 paths->run, strlen(paths->run), VD_IPC_PATH_BYTES_MAX - SOCKET_NAME_BYTES);
        return VD_USAGE;
    }
    return VD_OK;
}

static bool make_one(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static vd_status_t make_path(const char *path, char *error, size_t error_size)
{
    char part[512];
    snprintf(part, sizeof part, "%s", path);
    bool made = true;
    int cause = 0;
    for (char *slash = strchr(part + 1, '/'); made && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        /* A parent that cannot be made but is there already (read-only, not ours) is no
         * obstacle. */
        made = make_one(part);
        cause = errno;
        made = made || access(part, X_OK) == 0;
        *slash = '/';
    }
    if (made) {
        made = make_one(part);
        cause = errno;
    }
    struct stat info;
    if (made && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return VD_OK;
    cause = made ? ENOTDIR : cause;
    snprintf(error, error_size,
             "directory %s: cannot be made: %s; use another --dir or VEDETTE_DIR", path,
             strerror(cause));
    /* Nothing was looked for: a parent that is missing is a directory that cannot be written. */
    vd_status_t status = vd_status_of_errno(cause);
    return status == VD_NOT_FOUND ? VD_IO : status;
}

vd_status_t vd_paths_create(const vd_paths_t *paths, char *error, size_t error_size)
{
    const char *all[] = {paths->run, paths->store, paths->logs};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        vd_status_t status = make_path(all[i], error, error_size);
        if (status != VD_OK)
            return status;
    }
    struct stat info;
    if (stat(paths->run, &info) == 0 && info.st_uid != getuid()) {
        snprintf(error, error_size, "directory %s belongs to another user: use another --dir",
                 paths->run);
        return VD_DENIED;
    }
    if (stat(paths->run, &info) == 0 && (info.st_mode & 077) != 0 && chmod(paths->run, 0700) != 0) {
        snprintf(error, error_size, "directory %s is open to others: chmod 0700 it", paths->run);
        return VD_DENIED;
    }
    return VD_OK;
}

void vd_paths_endpoint(const vd_paths_t *paths, const char *actor, const char *port, char *out)
{
    int size = snprintf(out, VD_ENDPOINT_BYTES_MAX + 1, "ipc://%s/%s.%s", paths->run, actor, port);
    assert(size > 0 && size <= VD_ENDPOINT_BYTES_MAX);
}
