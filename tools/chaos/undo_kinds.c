/* undo_kinds.c: what undoes a record of each kind. */
#include "chaos/undo_kinds.h"

#include "chaos/launch.h"
#include "chaos/undo.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROW_BYTES = 8192 };

static chaos_process_t process_in(const char *const *fields)
{
    return (chaos_process_t){.pid = (pid_t)strtol(fields[1], NULL, 10),
                             .start = strtoull(fields[2], NULL, 10)};
}

static int undo_cont(const char *const *fields, bool left)
{
    (void)left;
    chaos_process_t process = process_in(fields);
    int error = chaos_process_signal(&process, SIGCONT);
    return error == ESRCH ? 0 : error;
}

/* One that was not killed in the end needs nothing; one that was may take a moment to be gone. */
static int undo_supervisor(const char *const *fields, bool left)
{
    enum { DYING_MS = 2000, LOOK_MS = 5 };
    chaos_process_t process = process_in(fields);
    double begun_ms = chaos_now_ms();
    while (left && chaos_process_state(&process) != 0 && chaos_now_ms() - begun_ms < DYING_MS)
        usleep(LOOK_MS * 1000);
    return chaos_process_state(&process) != 0 ? 0 : chaos_launch_again(fields[3]);
}

/* A process that is gone has taken its rules with it, and obeys nothing. */
static int undo_disk(const char *const *fields, bool left)
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
static int undo_clock(const char *const *fields, bool left)
{
    struct stat info;
    (void)left;
    if (stat(fields[1], &info) != 0)
        return errno == ENOENT ? 0 : errno;
    if (S_ISDIR(info.st_mode))
        return set_all_right(fields[1]);
    return chaos_write_file(fields[1], "+0\n") ? 0 : errno;
}

static int undo_limit(const char *const *fields, bool left)
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

/* ---- an actor that the supervisor gave up ---- */

/* Runs `vedette` with these words; what it prints goes to `out`, -1: to where ours goes. Its exit code, -1: it has none. */
static int run_own(const char *const *words, int out)
{
    int state = 0;
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = out >= 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
        if (out >= 0) {
            dup2(out, STDOUT_FILENO);
            dup2(nothing, STDERR_FILENO);
        }
        execv("/proc/self/exe", (char *const *)words);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &state, 0) != pid || !WIFEXITED(state))
        return -1;
    return WEXITSTATUS(state);
}

/* Copies the row that `vedette ps` prints of the actor; empty: there is none. */
static void find_row(FILE *file, const char *actor, char *out, size_t size)
{
    char begin[256];
    rewind(file);
    size_t length = (size_t)snprintf(begin, sizeof begin, "{\"name\":\"%.200s\",", actor);
    while (fgets(out, (int)size, file) != NULL)
        if (strncmp(out, begin, length) == 0)
            return;
    out[0] = 0;
}

static bool row_says(const char *row, const char *key, const char *value)
{
    char pair[64];
    snprintf(pair, sizeof pair, "\"%s\":\"%s\"", key, value);
    return strstr(row, pair) != NULL;
}

/* Is it not known yet what becomes of it: it waits or is just being started, or its death is not seen yet? */
static bool is_under_way(const char *row)
{
    static const char key[] = "\"pid\":";
    const char *at = strstr(row, key);
    chaos_process_t process;
    uint64_t pid = at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
    return row_says(row, "state", "backoff") || row_says(row, "state", "starting") ||
           (row_says(row, "wanted", "up") && pid != 0 && !chaos_process_find(pid, &process));
}

/* Has the runtime start the actor if it gave it up. One that runs, or that somebody has stopped, is left alone, and without a
 * runtime there is nobody to ask. */
static int start_given_up(const char *dir, const char *actor)
{
    char row[ROW_BYTES] = "";
    bool has_dir = dir[0] != 0;
    const char *option = has_dir ? "--dir" : NULL;
    const char *look[] = {"vedette", "ps", "-o", "ndjson", option, dir, NULL};
    const char *start[] = {"vedette", "start", actor, option, dir, NULL};
    FILE *file = tmpfile();
    if (file == NULL)
        return errno;
    int code = run_own(look, fileno(file));
    if (code == 0)
        find_row(file, actor, row, sizeof row);
    fclose(file);
    if (code != 0)
        return code == vd_status_exit_code(VD_UNREACHABLE) ? 0 : EAGAIN;
    if (is_under_way(row))
        return EAGAIN;
    if (row_says(row, "state", "failed") && row_says(row, "wanted", "up"))
        return run_own(start, -1) == 0 ? 0 : EAGAIN;
    return 0;
}

static int undo_executable(const char *const *fields, bool left)
{
    if (rename(fields[1], fields[2]) != 0 && errno != ENOENT)
        return errno;
    return left ? start_given_up(fields[3], fields[4]) : 0;
}

static int undo_start(const char *const *fields, bool left)
{
    return left ? start_given_up(fields[1], fields[2]) : 0;
}

/* ---- the kinds ---- */

/* What it changes is named by the fields from `first` to `last` together; 0: it puts nothing back. `thing` says it, with
 * the field `named` behind it. */
typedef struct kind {
    const char *name;
    size_t fields, first, last;
    const char *thing;
    size_t named;
    bool asks; /* undoing what is left asks the runtime, which may not answer for long */
    int (*undo)(const char *const *fields, bool left);
} kind_t;

/* clang-format off */
static const kind_t kinds[] = {
    {"cont",       3, 1, 2, "the state of process",     1, false, undo_cont},
    {"supervisor", 4, 0, 0, NULL,                       0, false, undo_supervisor},
    {"disk",       4, 3, 3, "the disk of process",      1, false, undo_disk},
    {"clock",      2, 1, 1, "the clock of",             1, false, undo_clock},
    {"limit",      5, 1, 3, "a limit of process",       1, false, undo_limit},
    {"executable", 5, 2, 2, "the executable",           2, true,  undo_executable},
    {"start",      3, 0, 0, NULL,                       0, true,  undo_start},
};
/* clang-format on */

static const kind_t *kind_of(const char *const *fields, size_t count)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (count > 0 && strcmp(kinds[i].name, fields[0]) == 0 && kinds[i].fields == count)
            return &kinds[i];
    return NULL;
}

int chaos_kind_undo(const char *const *fields, size_t count, bool left)
{
    const kind_t *kind = kind_of(fields, count);
    return kind != NULL ? kind->undo(fields, left) : EBADMSG;
}

bool chaos_kind_asks(const char *const *fields, size_t count)
{
    const kind_t *kind = kind_of(fields, count);
    return kind != NULL && kind->asks;
}

/* Is the one the other, or a folder that it is in? */
static bool is_or_has(const char *folder, const char *path)
{
    size_t size = strlen(folder);
    return strncmp(folder, path, size) == 0 && (path[size] == 0 || path[size] == '/');
}

bool chaos_kind_same(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    const kind_t *kind = kind_of(a, a_count);
    if (kind == NULL || kind != kind_of(b, b_count) || kind->first == 0)
        return false;
    for (size_t i = kind->first; i <= kind->last; i++)
        if (!is_or_has(a[i], b[i]) && !is_or_has(b[i], a[i]))
            return false;
    return true;
}

void chaos_kind_say(const char *const *fields, size_t count, char *out, size_t size)
{
    const kind_t *kind = kind_of(fields, count);
    assert(kind != NULL && kind->thing != NULL);
    snprintf(out, size, "%s %.300s", kind->thing, fields[kind->named]);
}
