/* exec.c: what stands for each executable in a runtime that was started with `vedette chaos up`: it becomes the real one, with
 * what makes faults possible preloaded.
 *
 * 1. It is found under the name of the executable that it stands for, in PLACE/bin (prepare.h).
 * 2. Each actor has a clock and a disk of its own: the file PLACE/clock/NAME and the folder PLACE/disk/NAME.
 * 3. Without the actor's name on the command line it changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *value_of(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL ? value : "";
}

/* In front of those that are preloaded anyway, however many they are: without it the fault would be made and do nothing. */
static void preload(const char *library)
{
    const char *before = value_of("LD_PRELOAD");
    char *list;
    if (asprintf(&list, "%s%s%s", library, before[0] != 0 ? ":" : "", before) < 0 ||
        setenv("LD_PRELOAD", list, 1) != 0) {
        fprintf(stderr, "LD_PRELOAD: no memory for %s; leave more\n", library);
        exit(127);
    }
    free(list);
}

/* What a process that had this id left behind when it was killed would keep this one from starting. */
static void clear_shared(void)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/faketime_shm_%d", (int)getpid());
    unlink(path);
    snprintf(path, sizeof path, "/dev/shm/sem.faketime_sem_%d", (int)getpid());
    unlink(path);
}

static void prepare_clock(const char *place, const char *name)
{
    char path[PATH_MAX];
    const char *library = value_of("VD_CHAOS_FAKETIME");
    unsetenv("FAKETIME_SHARED"); /* the supervisor's */
    if (library[0] == 0)
        return;
    snprintf(path, sizeof path, "%s/clock/%s", place, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ssize_t wrote = write(fd, "+0\n", 3);
        (void)wrote;
        close(fd);
    }
    setenv("FAKETIME_TIMESTAMP_FILE", path, 1);
    clear_shared();
    preload(library);
    preload(value_of("VD_CHAOS_TIMERS"));
}

static void prepare_disk(const char *place, const char *name)
{
    char path[PATH_MAX], folder[PATH_MAX - 16];
    snprintf(folder, sizeof folder, "%s/disk/%s", place, name);
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/control", folder);
    unlink(path); /* for the process before */
    setenv("VD_FAULT_CONTROL", path, 1);
    snprintf(path, sizeof path, "%s/trace", folder);
    setenv("VD_FAULT_TRACE", path, 1);
    setenv("VD_FAULT_DIR", value_of("VD_CHAOS_STORE"), 1);
    setenv("VD_FAULT_RULES", "trace off", 1);
    setenv("VD_FAULT_CUT", "no", 1);
    preload(value_of("VD_CHAOS_DISK"));
}

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    const char *slash = strrchr(argv[0], '/'), *name = NULL;
    const char *program = slash != NULL ? slash + 1 : argv[0];
    const char *place = value_of("VD_CHAOS_PLACE"), *bin = value_of("VD_CHAOS_BIN");
    if (place[0] == 0 || bin[0] == 0) {
        fprintf(stderr, "%s stands for %s in a runtime of: vedette chaos up\n", argv[0], program);
        return 127;
    }
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--name") == 0)
            name = argv[i + 1];
    unsetenv("LD_PRELOAD"); /* the supervisor's */
    if (value_of("VD_CHAOS_PRELOAD")[0] != 0)
        setenv("LD_PRELOAD", value_of("VD_CHAOS_PRELOAD"), 1);
    if (name != NULL && strcmp(program, "vedette-ingestor") == 0)
        prepare_disk(place, name);
    if (name != NULL)
        prepare_clock(place, name);
    snprintf(path, sizeof path, "%s/%s", bin, program);
    execv(path, argv);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 127;
}
