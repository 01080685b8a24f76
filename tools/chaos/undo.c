/* undo.c: records on disk: written, looked at and undone. */
#include "chaos/undo.h"

#include "chaos/launch.h"
#include "chaos/script.h"
#include "chaos/undo_kinds.h"
#include "wire/run.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FIELDS_MAX = 8, RECORD_BYTES = 8192 };

#define PARTS ".supervisor-" /* in the names of what belongs to the record of a supervisor */

static void path_of(const chaos_undo_t *self, uint64_t record, char *out, size_t size)
{
    snprintf(out, size, "%s/undo/%d-%" PRIu64 ".%" PRIu64, self->place, (int)self->self.pid,
             self->self.start, record);
}

bool chaos_write_file(const char *path, const char *text)
{
    char fresh[PATH_MAX];
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh) {
        errno = ENAMETOOLONG;
        return false;
    }
    FILE *file = fopen(fresh, "we");
    if (file == NULL)
        return false;
    bool whole = fputs(text, file) >= 0;
    whole = fclose(file) == 0 && whole;
    if (whole && rename(fresh, path) == 0)
        return true;
    int error = errno;
    unlink(fresh);
    errno = error;
    return false;
}

typedef struct record {
    char text[RECORD_BYTES];
    const char *fields[FIELDS_MAX];
    size_t count;
} record_t;

/* Reads a record. 0, or the errno. */
static int read_record(const char *path, record_t *record)
{
    char *rest = record->text;
    record->count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t size = read(fd, record->text, sizeof record->text - 1);
    close(fd);
    record->text[size > 0 ? size : 0] = 0;
    for (char *line;
         record->count < FIELDS_MAX && (line = strsep(&rest, "\n")) != NULL && rest != NULL;)
        record->fields[record->count++] = line;
    return record->count > 0 ? 0 : EBADMSG;
}

/* Whose record a file is: PID-START.NUMBER. False: it is none. */
static bool read_name(const char *name, chaos_process_t *runner)
{
    char *end;
    long pid = strtol(name, &end, 10);
    if (end == name || *end != '-' || pid <= 0)
        return false;
    runner->pid = (pid_t)pid;
    runner->start = strtoull(end + 1, &end, 10);
    return *end == '.';
}

/* ---- what others have recorded ---- */

/* One at a time looks at the records of all and adds to them: who has their folder locked. -1 with errno. */
static int lock_records(chaos_undo_t *self)
{
    char folder[620];
    self->held[0] = 0;
    snprintf(folder, sizeof folder, "%s/undo", self->place);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
    return fd;
}

static void unlock_records(int lock)
{
    int error = errno;
    close(lock);
    errno = error;
}

/* Says who has what the record changes. EBUSY, or EAGAIN when that one is dead, and what is left of it is undone. */
static int refuse(chaos_undo_t *self, const record_t *record, const chaos_process_t *owner)
{
    char thing[400];
    bool dead = chaos_process_state(owner) == 0;
    chaos_kind_say(record->fields, record->count, thing, sizeof thing);
    if (dead)
        snprintf(self->held, sizeof self->held,
                 "%s is still as the dead process %d left it; see: vedette chaos undo", thing,
                 (int)owner->pid);
    else
        snprintf(self->held, sizeof self->held,
                 "another fault has %s, made by process %d; wait until it is undone, or end that: "
                 "kill %d",
                 thing, (int)owner->pid, (int)owner->pid);
    return dead ? EAGAIN : EBUSY;
}

/* Is a file the record of another runner? */
static bool is_of_another(const chaos_undo_t *self, const char *name, chaos_process_t *owner)
{
    return strstr(name, PARTS) == NULL && strstr(name, ".new") == NULL && read_name(name, owner) &&
           (owner->pid != self->self.pid || owner->start != self->self.start);
}

/* Undoing would undo what another runner has made to the same thing, and the other way round: 0 if there is none, or the
 * errno. */
static int look_for_others(chaos_undo_t *self, const char *const *fields, size_t count)
{
    char folder[620], path[900];
    record_t record;
    int error = 0;
    snprintf(folder, sizeof folder, "%s/undo", self->place);
    DIR *listing = opendir(folder);
    if (listing == NULL)
        return errno;
    for (struct dirent *entry; error == 0 && (entry = readdir(listing)) != NULL;) {
        chaos_process_t owner;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (is_of_another(self, entry->d_name, &owner) && read_record(path, &record) == 0 &&
            chaos_kind_same(record.fields, record.count, fields, count))
            error = refuse(self, &record, &owner);
    }
    closedir(listing);
    return error;
}

/* ---- writing ---- */

/* Writes a record as a whole: it is there or not. The records are locked. */
static uint64_t add_record(chaos_undo_t *self, const char *const *fields, size_t count)
{
    char path[700], text[RECORD_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof text; i++) {
        if (strchr(fields[i], '\n') != NULL) { /* nobody could tell it from the next field */
            errno = EINVAL;
            return 0;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", fields[i]);
    }
    if (used >= sizeof text) {
        errno = ENAMETOOLONG;
        return 0;
    }
    int error = look_for_others(self, fields, count);
    if (error != 0) {
        errno = error;
        return 0;
    }
    uint64_t record = ++self->next;
    path_of(self, record, path, sizeof path);
    return chaos_write_file(path, text) ? record : 0;
}

static uint64_t write_record(chaos_undo_t *self, const char *const *fields, size_t count)
{
    int lock = lock_records(self);
    uint64_t record = lock >= 0 ? add_record(self, fields, count) : 0;
    if (lock >= 0)
        unlock_records(lock);
    return record;
}

/* A record of a kind that begins with the process that it is of. */
static uint64_t write_process_record(chaos_undo_t *self, const char *kind,
                                     const chaos_process_t *process, const char *const *more,
                                     size_t count)
{
    char pid[16], start[32];
    const char *fields[FIELDS_MAX] = {kind, pid, start};
    assert(3 + count <= FIELDS_MAX);
    snprintf(pid, sizeof pid, "%d", (int)process->pid);
    snprintf(start, sizeof start, "%" PRIu64, process->start);
    for (size_t i = 0; i < count; i++)
        fields[3 + i] = more[i];
    return write_record(self, fields, 3 + count);
}

uint64_t chaos_undo_cont(chaos_undo_t *self, const chaos_process_t *process)
{
    return write_process_record(self, "cont", process, NULL, 0);
}

uint64_t chaos_undo_supervisor(chaos_undo_t *self, const chaos_process_t *process, const char *logs)
{
    char file[700];
    snprintf(file, sizeof file, "%s/undo/%d-%" PRIu64 PARTS "%d", self->place, (int)self->self.pid,
             self->self.start, (int)process->pid);
    if (!chaos_launch_save(process, file, logs))
        return 0;
    uint64_t record =
        write_process_record(self, "supervisor", process, (const char *const[]){file}, 1);
    int error = errno;
    if (record == 0)
        chaos_launch_forget(file);
    errno = error;
    return record;
}

uint64_t chaos_undo_disk(chaos_undo_t *self, const chaos_process_t *process, const char *control)
{
    return write_process_record(self, "disk", process, (const char *const[]){control}, 1);
}

uint64_t chaos_undo_clock(chaos_undo_t *self, const char *file)
{
    return write_record(self, (const char *const[]){"clock", file}, 2);
}

uint64_t chaos_undo_executable(chaos_undo_t *self, const char *away, const char *path,
                               const char *dir, const char *actor)
{
    return write_record(self, (const char *const[]){"executable", away, path, dir, actor}, 5);
}

uint64_t chaos_undo_start(chaos_undo_t *self, const char *dir, const char *actor)
{
    return write_record(self, (const char *const[]){"start", dir, actor}, 3);
}

/* What it is before is read where no other runner can be about to change it. */
uint64_t chaos_undo_limit(chaos_undo_t *self, const chaos_process_t *process, int resource,
                          uint64_t *before)
{
    char pid[16], start[32], which[16], text[32];
    const char *const fields[] = {"limit", pid, start, which, text};
    struct rlimit limit;
    int lock = lock_records(self);
    if (lock < 0)
        return 0;
    uint64_t record = 0;
    if (prlimit(process->pid, (__rlimit_resource_t)resource, NULL, &limit) == 0) {
        snprintf(pid, sizeof pid, "%d", (int)process->pid);
        snprintf(start, sizeof start, "%" PRIu64, process->start);
        snprintf(which, sizeof which, "%d", resource);
        snprintf(text, sizeof text, "%" PRIu64, (uint64_t)limit.rlim_cur);
        *before = limit.rlim_cur;
        record = add_record(self, fields, sizeof fields / sizeof *fields);
    }
    unlock_records(lock);
    return record;
}

static int undo_file(const char *path, bool left)
{
    record_t record;
    int error = read_record(path, &record);
    if (error != 0)
        return error == ENOENT ? 0 : error;
    return chaos_kind_undo(record.fields, record.count, left);
}

/* The record goes, and what it alone needed. */
static void forget_file(const char *path)
{
    record_t record;
    if (read_record(path, &record) == 0 && strcmp(record.fields[0], "supervisor") == 0 &&
        record.count == 4)
        chaos_launch_forget(record.fields[3]);
    unlink(path);
}

int chaos_undo_now(chaos_undo_t *self, uint64_t record)
{
    char path[700];
    path_of(self, record, path, sizeof path);
    return undo_file(path, false);
}

void chaos_undo_drop(chaos_undo_t *self, uint64_t record)
{
    char path[700];
    path_of(self, record, path, sizeof path);
    forget_file(path);
}

void chaos_undo_say(const char *path, int error, char *out, size_t size)
{
    if (error == EBADMSG)
        snprintf(
            out, size,
            "%s: not undone: it cannot be understood; undo by hand what it says, and remove it",
            path);
    else if (error == EAGAIN)
        snprintf(
            out, size,
            "%s: not undone: the supervisor is still at its actor, or does not answer; again in "
            "a moment: vedette chaos undo",
            path);
    else
        snprintf(out, size, "%s: not undone: %s; remove the cause, then again: vedette chaos undo",
                 path, strerror(error));
}

/* One line of a log, in the form of the actors'. */
static void log_failure(const char *log, const char *path, int error)
{
    char ts[VD_TS_SIZE], text[1200], line[1300];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    vd_ts_format((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, ts);
    chaos_undo_say(path, error, text, sizeof text);
    int size = snprintf(line, sizeof line, "%s ERROR chaos: %s\n", ts, text);
    assert(size > 0 && size < (int)sizeof line);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* the record itself is left to tell of it */
    ssize_t wrote = write(fd, line, (size_t)size);
    (void)wrote;
    close(fd);
}

/* Counts what failed, and tells `log` of it (NULL: nobody). */
static void note_failure(chaos_left_t *left, const char *log, const char *path, int error)
{
    left->again += error != EBADMSG;
    if (log != NULL)
        log_failure(log, path, error);
    if (left->failed++ > 0)
        return;
    left->error = error;
    snprintf(left->path, sizeof left->path, "%s", path);
}

/* Does undoing it ask the runtime? */
static bool asks(const char *path)
{
    record_t record;
    return read_record(path, &record) == 0 && chaos_kind_asks(record.fields, record.count);
}

/* One record of a runner that is dead, or what it did not come to write. */
static void undo_record(const char *path, const char *log, chaos_left_t *left)
{
    if (strstr(strrchr(path, '/'), ".new") != NULL) {
        unlink(path);
        return;
    }
    int error = undo_file(path, true);
    if (error == 0) {
        forget_file(path);
        left->done++;
    } else {
        note_failure(left, log, path, error);
    }
}

/* Has this process to be undone for: the runner, or whoever is dead? */
static bool is_wanted(const chaos_process_t *owner, const chaos_process_t *runner)
{
    return runner != NULL ? owner->pid == runner->pid && owner->start == runner->start
                          : chaos_process_state(owner) == 0;
}

/* What a runner died with before it had recorded what it is for. */
static void drop_parts(const char *folder, const chaos_process_t *runner)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        chaos_process_t owner;
        if (strstr(entry->d_name, PARTS) != NULL && read_name(entry->d_name, &owner) &&
            is_wanted(&owner, runner))
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    }
    if (listing != NULL)
        closedir(listing);
}

/* Those records of a folder that ask the runtime, or the others. */
static void undo_some(DIR *listing, const char *folder, const chaos_process_t *runner, bool asking,
                      const char *log, chaos_left_t *left)
{
    char path[900];
    rewinddir(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        chaos_process_t owner;
        if (strstr(entry->d_name, PARTS) != NULL || !read_name(entry->d_name, &owner) ||
            !is_wanted(&owner, runner))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (asks(path) == asking)
            undo_record(path, log, left);
    }
}

/* A runtime may only answer when the others are undone: its supervisor is stopped. */
static chaos_left_t undo_left(const char *place, const chaos_process_t *runner, const char *log)
{
    char folder[620];
    chaos_left_t left = {0};
    snprintf(folder, sizeof folder, "%s/undo", place);
    DIR *listing = opendir(folder);
    if (listing == NULL && errno != ENOENT)
        note_failure(&left, log, folder, errno);
    if (listing != NULL) {
        undo_some(listing, folder, runner, false, log, &left);
        undo_some(listing, folder, runner, true, log, &left);
        closedir(listing);
    }
    if (left.failed == 0)
        drop_parts(folder, runner);
    return left;
}

chaos_left_t chaos_undo_left(const char *place, const chaos_process_t *runner)
{
    return undo_left(place, runner, NULL);
}

/* ---- the keeper ---- */

void chaos_undo_keep(const char *place, const char *log, const chaos_process_t *runner, int all_ms)
{
    enum { FIRST_MS = 100 };
    chaos_left_t left = undo_left(place, runner, NULL);
    for (int pause_ms = FIRST_MS; left.again > 0 && all_ms > 0; pause_ms *= 2) {
        int now_ms = pause_ms < all_ms ? pause_ms : all_ms;
        all_ms -= now_ms;
        poll(NULL, 0, now_ms);
        left = undo_left(place, runner, NULL);
    }
    if (left.failed > 0)
        (void)undo_left(place, runner, log);
}

static _Noreturn void keep(const chaos_undo_t *self, int end)
{
    enum { ALL_MS = 30000 };
    char byte;
    setsid();
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_IGN);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(nothing, fd);
    int kept = fcntl(end, F_DUPFD_CLOEXEC, 3);
    dup2(kept, 3);
    close_range(4, ~0U, 0);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    while (read(3, &byte, 1) < 0 && errno == EINTR)
        ;
    (void)signal(SIGCHLD, SIG_DFL);
    chaos_undo_keep(self->place, self->log, &self->self, ALL_MS);
    _exit(0);
}

vd_status_t chaos_undo_open(chaos_undo_t *self, const char *place, const char *logs, char *error)
{
    char folder[620];
    int ends[2];
    *self = (chaos_undo_t){.keeper = -1};
    snprintf(self->place, sizeof self->place, "%s", place);
    snprintf(self->log, sizeof self->log, "%.600s/chaos.log", logs);
    snprintf(folder, sizeof folder, "%s/undo", place);
    if ((mkdir(place, 0700) != 0 && errno != EEXIST) ||
        (mkdir(folder, 0700) != 0 && errno != EEXIST)) {
        snprintf(error, CHAOS_ERROR_BYTES,
                 "%.300s: %s; what is broken is recorded there, so nothing was", folder,
                 strerror(errno));
        return VD_IO;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(error, CHAOS_ERROR_BYTES, "no pipe for the keeper: %s", strerror(errno));
        return VD_IO;
    }
    if (!chaos_process_find((uint64_t)getpid(), &self->self)) {
        snprintf(error, CHAOS_ERROR_BYTES, "/proc does not show this process; it is needed");
        close(ends[0]);
        close(ends[1]);
        return VD_IO;
    }
    pid_t keeper = fork();
    if (keeper == 0) {
        close(ends[1]);
        keep(self, ends[0]);
    }
    close(ends[0]);
    self->keeper = ends[1];
    if (keeper > 0)
        return VD_OK;
    snprintf(error, CHAOS_ERROR_BYTES, "no process for the keeper: %s", strerror(errno));
    close(self->keeper);
    self->keeper = -1;
    return VD_IO;
}

void chaos_undo_close(chaos_undo_t *self)
{
    if (self->keeper >= 0)
        close(self->keeper);
    self->keeper = -1;
}
