/* leveldb_copy.c: linking and copying the files of a database. */
#include "store/leveldb_copy.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 900
#define CHUNK     (1u << 20)

static bool path_of(char out[PATH_SIZE], const char *dir, const char *name)
{
    int size = snprintf(out, PATH_SIZE, "%s/%s", dir, name);
    return size > 0 && size < PATH_SIZE;
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

static bool is_table(const char *name)
{
    return ends_with(name, ".ldb") || ends_with(name, ".sst");
}

/* What belongs to the database and has to be the same in the copy. */
static bool is_wanted(const char *name)
{
    return is_table(name) || ends_with(name, ".log") || strncmp(name, "MANIFEST-", 9) == 0;
}

static int copy_open(int from, int into)
{
    for (;;) {
        ssize_t moved = copy_file_range(from, NULL, into, NULL, CHUNK, 0);
        if (moved == 0)
            return 0;
        if (moved > 0 || errno == EINTR)
            continue;
        if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
            return errno;
        char bytes[65536];
        ssize_t size = read(from, bytes, sizeof bytes);
        if (size < 0)
            return errno;
        if (size > 0 && write(into, bytes, (size_t)size) != size)
            return errno != 0 ? errno : EIO;
        if (size == 0)
            return 0;
    }
}

static int copy_file(const char *from, const char *into)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return errno;
    int out = open(into, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int number = out < 0 ? errno : copy_open(in, out);
    close(in);
    if (out >= 0 && close(out) != 0 && number == 0)
        number = errno;
    return number;
}

static int put_file(const char *from, const char *into, const char *name)
{
    char source[PATH_SIZE], target[PATH_SIZE];
    if (!path_of(source, from, name) || !path_of(target, into, name))
        return ENAMETOOLONG;
    if (is_table(name) && link(source, target) == 0)
        return 0;
    return is_table(name) && errno == ENOENT ? ENOENT : copy_file(source, target);
}

vd_status_t vd_leveldb_copy_files(const char *from, const char *into, char *error,
                                  size_t error_size)
{
    DIR *listing = opendir(from);
    int number = listing == NULL ? errno : 0;
    for (struct dirent *entry; number == 0 && (entry = readdir(listing)) != NULL;) {
        if (is_wanted(entry->d_name))
            number = put_file(from, into, entry->d_name);
        if (number != 0)
            snprintf(error, error_size, "%s/%s cannot be copied to %s: %s", from, entry->d_name,
                     into, strerror(number));
    }
    bool told = number != 0 && listing != NULL;
    if (listing != NULL)
        closedir(listing);
    if (number == 0) {
        number = put_file(from, into, "CURRENT");
        if (number == ENOENT) /* a damaged store may have none */
            number = 0;
    }
    if (number != 0 && !told)
        snprintf(error, error_size, "%s cannot be copied to %s: %s", from, into, strerror(number));
    return vd_status_of_errno(number);
}

static int sync_one(int dir, const char *name, int flags)
{
    int file = openat(dir, name, O_RDONLY | O_CLOEXEC | flags);
    int number = file < 0 || fsync(file) != 0 ? errno : 0;
    if (file >= 0)
        close(file);
    return number;
}

vd_status_t vd_leveldb_copy_sync(const char *dir, char *error, size_t error_size)
{
    DIR *listing = opendir(dir);
    int number = listing == NULL ? errno : 0;
    for (struct dirent *entry; number == 0 && (entry = readdir(listing)) != NULL;)
        if (entry->d_name[0] != '.')
            number = sync_one(dirfd(listing), entry->d_name, 0);
    if (number == 0)
        number = sync_one(dirfd(listing), ".", O_DIRECTORY);
    if (listing != NULL)
        closedir(listing);
    if (number != 0)
        snprintf(error, error_size, "%s cannot be synced: %s", dir, strerror(number));
    return vd_status_of_errno(number);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void vd_leveldb_copy_remove(const char *dir)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
