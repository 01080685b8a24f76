/* failpoint.c: counts the passings of the one place that the environment names. */
#include "kit/failpoint.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 63, SENT_MS = 500 };

static char wanted[NAME_BYTES_MAX + 1]; /* empty: none */
static unsigned long wanted_passing;
static atomic_ulong passings;

__attribute__((constructor)) static void parse(void)
{
    const char *text = getenv("VEDETTE_FAILPOINT");
    if (text == NULL || text[0] == 0)
        return;
    size_t size = strcspn(text, ":");
    char *end = "";
    wanted_passing = text[size] == ':' ? strtoul(text + size + 1, &end, 10) : 1;
    if (size == 0 || size > NAME_BYTES_MAX || wanted_passing == 0 || *end != 0) {
        fprintf(stderr, "VEDETTE_FAILPOINT \"%.100s\" is not understood: use NAME or NAME:N\n",
                text);
        _exit(2);
    }
    memcpy(wanted, text, size);
}

static bool is_reached(const char *name)
{
    assert(name != NULL && name[0] != 0 && strlen(name) <= NAME_BYTES_MAX);
    return strcmp(name, wanted) == 0 && atomic_fetch_add(&passings, 1) + 1 == wanted_passing;
}

static void die(void)
{
    char line[NAME_BYTES_MAX + 64];
    int size =
        snprintf(line, sizeof line, "failpoint %s, passing %lu: killed\n", wanted, wanted_passing);
    assert(size > 0 && (size_t)size < sizeof line);
    (void)!write(STDERR_FILENO, line, (size_t)size);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

void vd_failpoint(const char *name)
{
    if (is_reached(name))
        die();
}

void vd_failpoint_sent(const char *name)
{
    if (!is_reached(name))
        return;
    poll(NULL, 0, SENT_MS);
    die();
}
