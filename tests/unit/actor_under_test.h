/* actor_under_test.h: starts an actor as a process of its own and talks to it frame by frame.
 *
 * 1. The test program runs itself again with the first argument "actor".
 * 2. Waiting has a deadline (VD_AUT_DEADLINE_MS) and ends as soon as the thing has happened.
 */
#ifndef VD_ACTOR_UNDER_TEST_H
#define VD_ACTOR_UNDER_TEST_H

#include "core/core.h"

#include <sys/types.h>
#include <zmq.h>

enum { VD_AUT_DEADLINE_MS = 10000 };

typedef struct vd_aut {
    char dir[64]; /* its runtime directory, fresh, under /tmp */
    pid_t pid;
    int notify_fd; /* reading end */
    int stderr_fd;
    char log[16384];
    size_t log_size;
} vd_aut_t;

/* Makes a fresh directory. */
void vd_aut_init(vd_aut_t *self);
/* Starts this program as `actor` with `arguments` (NULL-ended) after --dir DIR. Does not wait. */
void vd_aut_start(vd_aut_t *self, const char *const *arguments);
/* Waits for `word` and a newline on the notify pipe. False when the pipe ends or time is up. */
bool vd_aut_await(vd_aut_t *self, const char *word);
/* Waits for the end. Returns the exit code; 128 + the number of the signal that ended it. */
int vd_aut_wait(vd_aut_t *self);
/* Waits until the log holds `text`. */
bool vd_aut_log_has(vd_aut_t *self, const char *text);
/* Kills what runs and removes the directory. */
void vd_aut_free(vd_aut_t *self);

/* A DEALER connected to port `port` of actor `name`. */
void *vd_aut_dealer(vd_aut_t *self, void *context, const char *name, const char *port);
/* Sends frames as they are. */
void vd_aut_send_raw(void *socket, const vd_bytes_t *frames, size_t count);
void vd_aut_send(void *socket, const vd_message_t *message);
/* Receives and decodes; the message lives until the next call. False when time is up. */
bool vd_aut_receive(void *socket, vd_message_t *message);

#endif
