/* process.h: processes of this machine as /proc shows them.
 *
 * 1. A process is its id and the time of its start: an id that was given to another one is not it.
 * 2. Functions that read say what was there at that moment; nothing is kept.
 */
#ifndef CHAOS_PROCESS_H
#define CHAOS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct chaos_process {
    pid_t pid;
    uint64_t start; /* ticks since boot */
} chaos_process_t;

/* The process with this id, if there is one that is no zombie. False with errno: ESRCH, or why nobody can tell. */
bool chaos_process_find(uint64_t pid, chaos_process_t *process);
/* Its state as /proc has it: 'R', 'S', 'T', ...; 0: it is gone, or a zombie; '?': nobody can tell, for /proc cannot be
 * read. */
char chaos_process_state(const chaos_process_t *process);
/* Signals it and no other. 0, or the errno. */
int chaos_process_signal(const chaos_process_t *process, int number);
/* Open descriptors; 0 when that cannot be read. */
size_t chaos_process_descriptors(const chaos_process_t *process);
/* Copies a file of its /proc directory; the bytes that fit, -1 if it cannot be read. */
ssize_t chaos_process_read(const chaos_process_t *process, const char *name, char *out,
                           size_t size);
/* Is it the leader of its session: left in the background, not held by a terminal? */
bool chaos_process_detached(const chaos_process_t *process);

/* Monotonic. */
double chaos_now_ms(void);

#endif
