/* undo.c: records on disk, and what each means. */
#include "chaos/undo.h"

#include "chaos/launch.h"
#include "chaos/script.h"
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* Writes a record as a whole: it is there or not. */
static uint64_t write_record(chaos_undo_t *self, const char *const *fields, size_t count)
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
    uint64_t record = ++self->next;
    path_of(self, record, path, sizeof path);
    return chaos_write_file(path, text) ? record : 0;
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

uint64_t chaos_undo_limit(chaos_undo_t *self, const chaos_process_t *process, int resource,
                          uint64_t before)
{
    char which[16], limit[32];
    snprintf(which, sizeof which, "%d", resource);
    snprintf(limit, sizeof limit, "%" PRIu64, before);
    return write_process_record(self, "limit", process, (const char *const[]){which, limit}, 2);
}

/* ---- undoing ---- */

static chaos_process_t process_in(char *const *fields)
{
    return (chaos_process_t){.pid = (pid_t)strtol(fields[1], NULL, 10),
                             .start = strtoull(fields[2], NULL, 10)};
}

static int undo_cont(char *const *fields, bool left)
{
    (void)left;
    chaos_process_t process = process_in(fields);
    int error = chaos_process_signal(&process, SIGCONT);
    return error == ESRCH ? 0 : error;
}

/* One that was not killed in the end needs nothing; one that was may take a moment to be gone. */
static int undo_supervisor(char *const *fields, bool left)
{
    enum { DYING_MS = 2000, LOOK_MS = 5 };
    chaos_process_t process = process_in(fields);
    double begun_ms = chaos_now_ms();
    while (left && chaos_process_state(&process) != 0 && chaos_now_ms() - begun_ms < DYING_MS)
        usleep(LOOK_MS * 1000);
    return chaos_process_state(&process) != 0 ? 0 : chaos_launch_again(fields[3]);
}

/* A process that is gone has taken its rules with it, and obeys nothing. */
static int undo_disk(char *const *fields, bool left)
{
    chaos_process_t process = process_in(fields);
    (void)left;
    if (chaos_process_state(&process) == 0)
        return 0;
    return chaos_write_file(fields[3], "heal;trace off") ? 0 : errno;
}

/* Is this the file of a clock, and not one that is just being written? */
static int is_clock(const struct dirent *entry)
{
    static const char fresh[] = ".new";
    size_t size = strlen(entry->d_name), fresh_size = strlen(fresh);
    return entry->d_name[0] != '.' &&
           (size < fresh_size || strcmp(entry->d_name + size - fresh_size, fresh) != 0);
}

/* Those that there are, whoever is up: an actor that is away finds its clock right when it comes back. They are listed
 * first, for writing them changes the folder. */
static int set_all_right(const char *folder)
{
    struct dirent **entries;
    int error = 0, count = scandir(folder, &entries, is_clock, NULL);
    if (count < 0)
        return errno;
    for (int i = 0; i < count; i++) {
        char path[1000];
        snprintf(path, sizeof path, "%.700s/%s", folder, entries[i]->d_name);
        if (!chaos_write_file(path, "+0\n"))
            error = errno;
        free(entries[i]);
    }
    free(entries);
    return error;
}

/* The file of one clock, or the folder of all. */
static int undo_clock(char *const *fields, bool left)
{
    struct stat info;
    (void)left;
    if (stat(fields[1], &info) != 0)
        return errno == ENOENT ? 0 : errno;
    if (S_ISDIR(info.st_mode))
        return set_all_right(fields[1]);
    return chaos_write_file(fields[1], "+0\n") ? 0 : errno;
}

/* Has the runtime start the actor that it gave up. */
static void start_again(char *dir, char *actor)
{
    char *with_dir[] = {"vedette", "start", actor, "--dir", dir, NULL};
    char *without[] = {"vedette", "start", actor, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv("/proc/self/exe", dir[0] != 0 ? with_dir : without);
        _exit(127);
    }
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
}

static int undo_executable(char *const *fields, bool left)
{
    if (rename(fields[1], fields[2]) != 0 && errno != ENOENT)
        return errno;
    if (left)
        start_again(fields[3], fields[4]);
    return 0;
}

static int undo_limit(char *const *fields, bool left)
{
    chaos_process_t process = process_in(fields);
    int resource = (int)strtol(fields[3], NULL, 10);
    struct rlimit limit;
    (void)left;
    if (chaos_process_state(&process) == 0)
        return 0;
    if (prlimit(process.pid, (__rlimit_resource_t)resource, NULL, &limit) != 0)
        return errno;
    limit.rlim_cur = strtoull(fields[4], NULL, 10);
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    return prlimit(process.pid, (__rlimit_resource_t)resource, &limit, NULL) == 0 ? 0 : errno;
}

static const struct {
    const char *name;
    size_t fields;
    int (*undo)(char *const *fields, bool left);
} kinds[] = {
    {"cont", 3, undo_cont},   {"supervisor", 4, undo_supervisor},
    {"disk", 4, undo_disk},   {"clock", 2, undo_clock},
    {"limit", 5, undo_limit}, {"executable", 5, undo_executable},
};

typedef struct record {
    char text[RECORD_BYTES];
    char *fields[FIELDS_MAX];
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

static int undo_file(const char *path, bool left)
{
    record_t record;
    int error = read_record(path, &record);
    if (error != 0)
        return error == ENOENT ? 0 : error;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, record.fields[0]) == 0 && kinds[i].fields == record.count)
            return kinds[i].undo(record.fields, left);
    return EBADMSG;
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

void chaos_undo_say(const char *path, int error, char *out, size_t size)
{
    if (error == EBADMSG)
        snprintf(
            out, size,
            "%s: not undone: it cannot be understood; undo by hand what it says, and remove it",
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

static chaos_left_t undo_left(const char *place, const chaos_process_t *runner, const char *log)
{
    char folder[620], path[900];
    chaos_left_t left = {0};
    snprintf(folder, sizeof folder, "%s/undo", place);
    DIR *listing = opendir(folder);
    if (listing == NULL && errno != ENOENT)
        note_failure(&left, log, folder, errno);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        chaos_process_t owner;
        if (strstr(entry->d_name, PARTS) != NULL || !read_name(entry->d_name, &owner) ||
            !is_wanted(&owner, runner))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        undo_record(path, log, &left);
    }
    if (listing != NULL)
        closedir(listing);
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
