/* disk.c: the calls themselves, what of each file is on the disk, and the power cut. */
#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 4096, LOOK_MS = 200 };

typedef struct disk_file {
    ino_t inode;
    off_t synced;
    bool lost; /* the disk has refused a sync: what is behind `synced` never reaches it */
} disk_file_t;

static const char *directory; /* NULL: nothing is done */
static size_t directory_size;
static const char *control;
static int trace_file = -1;
static bool tracks; /* what is on the disk is known: the power may be cut */
/* Held for reading while a file changes, for writing by a cut, which never gives it back. */
static pthread_rwlock_t power = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static disk_file_t files[FILES_MAX];
static size_t file_count;

void fault_die(const char *format, ...)
{
    char text[512] = "libvd_fault: ";
    size_t size = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + size, sizeof text - size - 1, format, args);
    va_end(args);
    strcat(text, "\n");
    syscall(SYS_write, STDERR_FILENO, text, strlen(text));
    _exit(99);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- what is known of files ---- */

/* The entry of an inode, made with what the file holds now if it is new. Under files_lock. */
static disk_file_t *entry_of(ino_t inode, off_t synced)
{
    for (size_t at = 0; at < file_count; at++)
        if (files[at].inode == inode)
            return &files[at];
    if (file_count == FILES_MAX)
        fault_die("more than %d files", FILES_MAX);
    files[file_count] = (disk_file_t){.inode = inode, .synced = synced};
    return &files[file_count++];
}

/* Is the path one of the directory, and not the directory's neighbour? */
static bool is_inside(const char *path)
{
    return strncmp(path, directory, directory_size) == 0 &&
           (path[directory_size] == '/' || path[directory_size] == 0);
}

typedef struct target {
    fault_class_t class;
    struct stat stat;
    char name[NAME_MAX + 1];
} target_t;

/* Tells whether `file` is a file or folder of the directory, and which. */
static bool find_target(int file, target_t *target)
{
    char link[64], path[PATH_MAX];
    int saved = errno;
    bool found = false;
    if (directory != NULL && fstat(file, &target->stat) == 0 &&
        (S_ISREG(target->stat.st_mode) || S_ISDIR(target->stat.st_mode))) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t size = readlink(link, path, sizeof path - 1);
        if (size > 0) {
            path[size] = 0;
            found = is_inside(path);
            const char *name = strrchr(path, '/') + 1;
            snprintf(target->name, sizeof target->name, "%s", name);
            target->class = fault_class_of(name, S_ISDIR(target->stat.st_mode));
        }
    }
    errno = saved;
    return found;
}

static void trace(const char *call, const target_t *target, int64_t begin_ns, long long result)
{
    char line[NAME_MAX + 128];
    if (trace_file < 0 || !fault_rules_trace())
        return;
    int size = snprintf(line, sizeof line, "%s %s %lld %lld %lld %s\n", call,
                        fault_class_name(target->class), (long long)begin_ns, (long long)now_ns(),
                        result, target->name);
    syscall(SYS_write, trace_file, line, (size_t)size);
}

static void remember_directory(void)
{
    DIR *listing = opendir(directory);
    struct stat found;
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        if (fstatat(dirfd(listing), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(found.st_mode))
            entry_of(found.st_ino, found.st_size);
    if (listing != NULL)
        closedir(listing);
}

/* ---- the power cut ---- */

static void take_back(int listing, const char *name, unsigned percent)
{
    target_t target = {.class = fault_class_of(name, false)};
    int64_t begin_ns = now_ns();
    if (fstatat(listing, name, &target.stat, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(target.stat.st_mode))
        return;
    const disk_file_t *file = entry_of(target.stat.st_ino, 0);
    off_t behind = target.stat.st_size - file->synced;
    if (behind <= 0)
        return;
    off_t kept = behind * percent / 100;
    int fd = openat(listing, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, file->synced + kept) != 0)
        fault_die("%s/%s cannot be cut: %s", directory, name, strerror(errno));
    close(fd);
    snprintf(target.name, sizeof target.name, "%s", name);
    trace("cut", &target, begin_ns, behind - kept);
}

static void cut_power(unsigned percent)
{
    pthread_rwlock_wrlock(&power);
    pthread_mutex_lock(&files_lock);
    unlink(control); /* which tells that it has begun */
    DIR *listing = opendir(directory);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        take_back(dirfd(listing), entry->d_name, percent);
    kill(getpid(), SIGKILL);
    pause();
}

/* ---- control ---- */

/* Obeys the lines of a file. Returns it, still open, so that no other file gets its inode; -1: there is none. */
static int obey_file(const char *path)
{
    char lines[1024];
    unsigned percent = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t size = read(file, lines, sizeof lines - 1);
    if (size < 0)
        fault_die("%s cannot be read: %s", path, strerror(errno));
    lines[size] = 0;
    if (!fault_rules_obey(lines, &percent))
        return file;
    if (!tracks)
        fault_die("a cut without knowing what is on the disk: VD_FAULT_CUT=no");
    cut_power(percent);
    return file;
}

static bool is_same(int file, const char *path)
{
    struct stat opened, named;
    return fstat(file, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/* The file goes when it was obeyed, which tells so. One that took its place in the meantime is obeyed as well. */
static void obey_control(void)
{
    static char taken[PATH_MAX];
    int file = obey_file(control);
    if (file < 0)
        return; /* another file of its folder has moved */
    snprintf(taken, sizeof taken, "%s.taken", control);
    if (rename(control, taken) == 0 && !is_same(file, taken))
        close(obey_file(taken));
    unlink(taken);
    close(file);
}

/* Looks when the folder tells of a file that has come, and now and then without being told. */
static void *watch_control(void *arg)
{
    struct pollfd watch = {.fd = *(int *)arg, .events = POLLIN};
    char events[4096];
    for (;;) {
        if (poll(&watch, 1, LOOK_MS) > 0 && read(watch.fd, events, sizeof events) < 0 &&
            errno != EINTR && errno != EAGAIN)
            fault_die("orders cannot be watched any more: %s", strerror(errno));
        obey_control();
    }
    return NULL;
}

static void begin_control(void)
{
    static int watch;
    char folder[PATH_MAX];
    pthread_t thread;
    sigset_t all, before;
    snprintf(folder, sizeof folder, "%s", control);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        fault_die("VD_FAULT_CONTROL has to be a whole path");
    *slash = 0;
    watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch < 0 || inotify_add_watch(watch, folder, IN_MOVED_TO) < 0)
        fault_die("%s cannot be watched: %s", folder, strerror(errno));
    /* The signals of the program stay with its own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, watch_control, &watch) != 0)
        fault_die("no thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    const char *program = getenv("VD_FAULT_PROGRAM");
    const char *rules = getenv("VD_FAULT_RULES");
    const char *trace = getenv("VD_FAULT_TRACE");
    unsigned percent;
    const char *given = getenv("VD_FAULT_DIR");
    if (given == NULL || (program != NULL && strcmp(program, program_invocation_short_name) != 0))
        return;
    if (trace != NULL &&
        (trace_file = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        fault_die("%s cannot be written: %s", trace, strerror(errno));
    if (rules != NULL && fault_rules_obey(rules, &percent))
        fault_die("no power at the start");
    const char *cut = getenv("VD_FAULT_CUT");
    tracks = cut == NULL || strcmp(cut, "no") != 0;
    directory = given;
    directory_size = strlen(given);
    if (tracks)
        remember_directory();
    control = getenv("VD_FAULT_CONTROL");
    if (control != NULL)
        begin_control();
}

/* ---- the calls ---- */

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    bool inside = tracks && directory != NULL && is_inside(path) && (flags & O_ACCMODE) != O_RDONLY;
    if (!inside)
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_rwlock_rdlock(&power);
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    int saved = errno;
    struct stat found;
    if (file >= 0 && fstat(file, &found) == 0 && S_ISREG(found.st_mode)) {
        /* An inode comes back with another file. */
        pthread_mutex_lock(&files_lock);
        disk_file_t *known = entry_of(found.st_ino, found.st_size);
        if (found.st_size == 0)
            *known = (disk_file_t){.inode = found.st_ino};
        pthread_mutex_unlock(&files_lock);
    }
    pthread_rwlock_unlock(&power);
    errno = saved;
    return file;
}

static void check_append(int file, const target_t *target)
{
    off_t at = tracks ? lseek(file, 0, SEEK_CUR) : 0;
    if (tracks && (fcntl(file, F_GETFL) & O_APPEND) == 0 && at < target->stat.st_size)
        fault_die("%s: a write at %lld, in front of its end", target->name, (long long)at);
}

ssize_t write(int file, const void *bytes, size_t size)
{
    target_t target;
    if (!find_target(file, &target))
        return syscall(SYS_write, file, bytes, size);
    int64_t begin_ns = now_ns();
    int error = fault_rules_take(FAULT_WRITE, target.class);
    pthread_rwlock_rdlock(&power);
    check_append(file, &target);
    ssize_t written = syscall(SYS_write, file, bytes, error != 0 ? size / 2 : size);
    int saved = error != 0 ? error : errno;
    if (error != 0)
        trace("write", &target, begin_ns, -error);
    pthread_rwlock_unlock(&power);
    errno = saved;
    return error != 0 ? -1 : written;
}

int posix_fallocate(int file, off_t at, off_t size)
{
    target_t target;
    int error = find_target(file, &target) ? fault_rules_take(FAULT_WRITE, target.class) : 0;
    if (error != 0)
        return error;
    int saved = errno;
    int rc = fallocate(file, 0, at, size) == 0 || errno == EOPNOTSUPP ? 0 : errno;
    errno = saved;
    return rc;
}

/* Waits as long as the disk is slow: what heals meanwhile is over at once. */
static void wait_slowly(fault_class_t class, int64_t begin_ns)
{
    enum { SLICE_MS = 10, NS_IN_MS = 1000000 };
    int64_t left_ns;
    while ((left_ns = (int64_t)fault_rules_slow_ms(class) * NS_IN_MS - (now_ns() - begin_ns)) > 0) {
        int64_t left_ms = (left_ns + NS_IN_MS - 1) / NS_IN_MS;
        poll(NULL, 0, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS);
    }
}

/* A sync of a file of the directory. */
static int sync_target(const char *call, long number, int file, const target_t *target)
{
    int64_t begin_ns = now_ns();
    int error = fault_rules_take(FAULT_SYNC, target->class);
    wait_slowly(target->class, begin_ns);
    bool swallow = error == 0 && fault_rules_swallow(target->class);
    int rc = error != 0 ? -1 : swallow ? 0 : (int)syscall(number, file);
    int saved = error != 0 ? error : errno;
    pthread_rwlock_rdlock(&power);
    if (tracks && S_ISREG(target->stat.st_mode) && !swallow) {
        pthread_mutex_lock(&files_lock);
        disk_file_t *known = entry_of(target->stat.st_ino, 0);
        known->lost |= rc != 0;
        if (!known->lost && target->stat.st_size > known->synced)
            known->synced = target->stat.st_size;
        pthread_mutex_unlock(&files_lock);
    }
    trace(call, target, begin_ns, rc == 0 ? 0 : -saved);
    pthread_rwlock_unlock(&power);
    errno = saved;
    return rc;
}

int fdatasync(int file)
{
    target_t target;
    return find_target(file, &target) ? sync_target("fdatasync", SYS_fdatasync, file, &target)
                                      : (int)syscall(SYS_fdatasync, file);
}

int fsync(int file)
{
    target_t target;
    return find_target(file, &target) ? sync_target("fsync", SYS_fsync, file, &target)
                                      : (int)syscall(SYS_fsync, file);
}

int sync_file_range(int file, off_t at, off_t size, unsigned flags)
{
    target_t target;
    int64_t begin_ns = now_ns();
    int rc = (int)syscall(SYS_sync_file_range, file, at, size, flags);
    int saved = errno;
    if (find_target(file, &target))
        trace("sync_file_range", &target, begin_ns, rc);
    errno = saved;
    return rc;
}
