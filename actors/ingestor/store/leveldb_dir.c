/* leveldb_dir.c: looking at a store's directory. */
#include "store/leveldb_dir.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_SIZE 600

static void path_of(char out[PATH_SIZE], const char *dir, const char *name)
{
    int size = snprintf(out, PATH_SIZE, "%s/%s", dir, name);
    assert(size > 0 && size < PATH_SIZE);
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* Does the directory hold files of a database? */
static bool holds_data(const char *dir)
{
    DIR *listing = opendir(dir);
    bool found = false;
    if (listing == NULL)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(listing)) != NULL;)
        found = strncmp(entry->d_name, "MANIFEST-", 9) == 0 || ends_with(entry->d_name, ".ldb") ||
                ends_with(entry->d_name, ".sst") || ends_with(entry->d_name, ".log");
    closedir(listing);
    return found;
}

static vd_status_t check_locked(const char *dir, char *error, size_t error_size)
{
    char path[PATH_SIZE];
    path_of(path, dir, "LOCK");
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return VD_OK;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool busy = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(file);
    if (!busy)
        return VD_OK;
    snprintf(error, error_size,
             "store %s is in use by process %ld; stop that one, or use another directory", dir,
             (long)lock.l_pid);
    return VD_BUSY;
}

static vd_status_t without_current(const char *dir, char *error, size_t error_size)
{
    snprintf(error, error_size,
             "store %s holds data but its file CURRENT is missing; make a new store of what is "
             "left: vedette store repair --copy DIR",
             dir);
    return VD_CORRUPT;
}

vd_status_t vd_leveldb_dir_prepare(const char *dir, char *error, size_t error_size)
{
    char current[PATH_SIZE];
    struct stat found;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        vd_status_t status = vd_status_of_errno(errno);
        snprintf(error, error_size, "store directory %s cannot be created: %s", dir,
                 strerror(errno));
        return status == VD_NOT_FOUND ? VD_IO : status;
    }
    if (stat(dir, &found) != 0 || !S_ISDIR(found.st_mode)) {
        snprintf(error, error_size, "store directory %s is not a directory", dir);
        return VD_IO;
    }
    if ((found.st_mode & 0077) != 0 && chmod(dir, 0700) != 0) {
        snprintf(error, error_size,
                 "store directory %s is open to others and its mode cannot be set: %s; "
                 "chmod 700 it, or use a directory of your own",
                 dir, strerror(errno));
        return VD_DENIED;
    }
    vd_status_t status = check_locked(dir, error, error_size);
    if (status != VD_OK)
        return status;
    path_of(current, dir, "CURRENT");
    if (access(current, F_OK) != 0 && holds_data(dir))
        return without_current(dir, error, error_size);
    return VD_OK;
}

vd_status_t vd_leveldb_dir_look(const char *dir, char *error, size_t error_size)
{
    char current[PATH_SIZE];
    path_of(current, dir, "CURRENT");
    if (access(current, F_OK) == 0)
        return check_locked(dir, error, error_size);
    if (holds_data(dir))
        return without_current(dir, error, error_size);
    snprintf(error, error_size, "there is no store in %s", dir);
    return VD_NOT_FOUND;
}

bool vd_leveldb_dir_holds(const char *dir, const char *path)
{
    char real[PATH_MAX], parent[PATH_MAX], real_parent[PATH_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    while (size > 0 && path[size - 1] != '/')
        size--;
    if (size >= sizeof parent)
        return false;
    memcpy(parent, size > 0 ? path : ".", size > 0 ? size : 1);
    parent[size > 0 ? size : 1] = 0;
    if (realpath(dir, real) == NULL || realpath(parent, real_parent) == NULL)
        return false; /* then nothing can be made there either */
    size = strlen(real);
    return strncmp(real, real_parent, size) == 0 &&
           (real_parent[size] == 0 || real_parent[size] == '/');
}

vd_status_t vd_leveldb_dir_probe(const char *dir, uint64_t bytes, char *error, size_t error_size)
{
    char path[PATH_SIZE];
    path_of(path, dir, "space.probe");
    int number = 0;
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        number = errno;
    } else {
        number = posix_fallocate(file, 0, (off_t)bytes);
        if (number == 0 && fdatasync(file) != 0)
            number = errno;
        close(file);
        unlink(path);
    }
    vd_status_t status = vd_status_of_errno(number);
    if (status == VD_NO_SPACE)
        snprintf(error, error_size, "store %s has no room to write: free at least %u MiB there",
                 dir, (unsigned)(bytes >> 20));
    else if (status != VD_OK)
        snprintf(error, error_size,
                 "store %s cannot be written to: %s; make it writable, or use another directory",
                 dir, strerror(number));
    return status;
}

uint64_t vd_leveldb_dir_room(const char *dir)
{
    struct statvfs room;
    return statvfs(dir, &room) == 0 ? (uint64_t)room.f_bavail * room.f_frsize : UINT64_MAX;
}

void vd_leveldb_dir_size(const char *dir, uint64_t *files, uint64_t *bytes)
{
    DIR *listing = opendir(dir);
    struct stat found;
    *files = *bytes = 0;
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        if (fstatat(dirfd(listing), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(found.st_mode))
            continue;
        ++*files;
        *bytes += (uint64_t)found.st_size;
    }
    if (listing != NULL)
        closedir(listing);
}

vd_status_t vd_leveldb_dir_blame(const char *dir, char *error, size_t error_size)
{
    vd_status_t status = check_locked(dir, error, error_size);
    if (status != VD_OK)
        return status;
    if (access(dir, R_OK | W_OK | X_OK) != 0) {
        snprintf(error, error_size,
                 "store %s cannot be used: %s; make it readable and writable, or use another "
                 "directory",
                 dir, strerror(errno));
        return VD_DENIED;
    }
    return VD_OK;
}
