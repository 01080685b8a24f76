#include "chaos/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

enum { STAT_BYTES = 1024, START_FIELD = 22, STATE_FIELD = 3 };

static ssize_t read_file(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    ssize_t got = 1;
    while (used < size && (got = read(fd, out + used, size - used)) > 0)
        used += (size_t)got;
    int error = errno;
    close(fd);
    errno = error;
    return got < 0 ? -1 : (ssize_t)used;
}

/* 0 with errno when the folder cannot be read. */
static size_t count_entries(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    DIR *listing = opendir(path);
    size_t count = 0;
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        count += entry->d_name[0] != '.';
    if (listing != NULL)
        closedir(listing);
    return count;
}

/* What hinders a look at a process: ESRCH when there is none, else the errno as it is. */
static int hindrance(void)
{
    return errno == ENOENT || errno == ESRCH ? ESRCH : errno;
}

/* The state and the start of a process. 0; ESRCH when there is none: a zombie is none once its last thread has ended, for
 * until then its files are open; or the errno with which nobody can tell. */
static int look(pid_t pid, char *state, uint64_t *start)
{
    char text[STAT_BYTES];
    ssize_t size = read_file(pid, "stat", text, sizeof text - 1);
    if (size < 0)
        return hindrance();
    text[size] = 0;
    char *at = strrchr(text, ')'); /* its name may hold anything */
    if (at == NULL || at[1] != ' ')
        return EBADMSG;
    at += 2;
    *state = *at;
    for (int field = STATE_FIELD; field < START_FIELD; field++) {
        at = strchr(at, ' ');
        if (at == NULL)
            return EBADMSG;
        at++;
    }
    *start = strtoull(at, NULL, 10);
    if (*state != 'Z')
        return *state != 'X' ? 0 : ESRCH;
    errno = ESRCH;
    size_t threads = count_entries(pid, "task");
    if (threads == 0)
        return hindrance();
    return threads > 1 ? 0 : ESRCH;
}

bool chaos_process_find(uint64_t pid, chaos_process_t *process)
{
    char state;
    int error = ESRCH;
    if (pid > 0 && pid <= INT32_MAX) {
        process->pid = (pid_t)pid;
        error = look(process->pid, &state, &process->start);
    }
    errno = error;
    return error == 0;
}

/* 0 with its state; ESRCH, also when its id was given to another one; or the errno with which nobody can tell. */
static int look_again(const chaos_process_t *process, char *state)
{
    uint64_t start;
    int error = look(process->pid, state, &start);
    return error == 0 && start != process->start ? ESRCH : error;
}

char chaos_process_state(const chaos_process_t *process)
{
    char state;
    int error = look_again(process, &state);
    if (error == ESRCH)
        return 0;
    return error == 0 ? state : '?';
}

int chaos_process_signal(const chaos_process_t *process, int number)
{
    int fd = pidfd_open(process->pid, 0);
    if (fd < 0)
        return errno;
    char state;
    int error = look_again(process, &state);
    if (error == 0 && pidfd_send_signal(fd, number, NULL, 0) != 0)
        error = errno;
    close(fd);
    return error;
}

size_t chaos_process_descriptors(const chaos_process_t *process)
{
    return count_entries(process->pid, "fd");
}

ssize_t chaos_process_read(const chaos_process_t *process, const char *name, char *out, size_t size)
{
    return read_file(process->pid, name, out, size);
}

bool chaos_process_detached(const chaos_process_t *process)
{
    return getsid(process->pid) == process->pid;
}

double chaos_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}
