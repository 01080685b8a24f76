/* world.h: the runtime that is broken, as its supervisor tells of it.
 *
 * 1. What is known of the actors comes from the feed lifecycle, as it is told; the supervisor itself
 *    is an actor of that name, whose process STATUS names.
 * 2. It outlives every process of the runtime, the supervisor included.
 */
#ifndef CHAOS_WORLD_H
#define CHAOS_WORLD_H

#include "chaos/process.h"
#include "client/vedette.h"
#include "wire/limits.h"
#include "wire/paths.h"
#include "wire/status.h"

enum { CHAOS_ACTORS_MAX = 128 };

typedef struct chaos_actor {
    char name[VD_NAME_BYTES_MAX + 1], kind[VD_NAME_BYTES_MAX + 1];
    char state[32];
    char reason[VD_TEXT_BYTES_MAX + 1];
    bool wanted; /* up */
    uint64_t pid, restarts;
} chaos_actor_t;

typedef struct chaos_world {
    vd_client_t *client;
    vd_watch_t *watch;
    vd_paths_t paths;
    char place[600]; /* what chaos keeps of this runtime: beside its store */
    chaos_actor_t actors[CHAOS_ACTORS_MAX];
    size_t count;
    uint64_t supervisor; /* process id; of the one before while there is none */
    bool ready;          /* STATUS said so last */
    bool stopping;       /* likewise: it ends in order */
    double asked_ms;     /* when the supervisor was asked for its children last */
} chaos_world_t;

/* Looks until the actors are known. VD_OK, or the status with the reason in `error`
 * (CHAOS_ERROR_BYTES of script.h). */
vd_status_t chaos_world_open(chaos_world_t *self, vd_client_t *client, const char *dir,
                             char *error);
void chaos_world_close(chaos_world_t *self);
/* Where chaos keeps what it knows of the runtime in `dir`, without asking it. */
vd_status_t chaos_place(const char *dir, vd_paths_t *paths, char *place, size_t size, char *error);

/* Takes what the supervisor tells; waits for it at most so long. */
void chaos_world_look(chaos_world_t *self, int wait_ms);
/* Asks for the same, at most every 20 ms: what is told may be late after a supervisor stood still. */
void chaos_world_ask(chaos_world_t *self);
/* NULL: there is none. The supervisor is no row of these. */
const chaos_actor_t *chaos_world_actor(const chaos_world_t *self, const char *name);
/* Says that there is no actor of this name, and which one was probably meant. */
void chaos_world_unknown(const chaos_world_t *self, const char *name, char *out, size_t size);
/* Asks the supervisor who it is and how it goes. False: it does not answer. */
bool chaos_world_status(chaos_world_t *self, int timeout_ms);
/* Does the actor, or the supervisor, answer a PING? */
bool chaos_world_answers(chaos_world_t *self, const char *actor, int timeout_ms);
/* What the actor says that it cannot do; empty when all is well, or when it does not answer. */
void chaos_world_trouble(chaos_world_t *self, const char *actor, char *out, size_t size);
/* One of the actor's metrics. False: it has no port, does not answer, or counts no such thing. */
bool chaos_world_metric(chaos_world_t *self, const char *actor, const char *name, int timeout_ms,
                        uint64_t *value);
/* start or restart. */
vd_status_t chaos_world_control(chaos_world_t *self, const char *verb, const char *actor);
/* The next port of the actor that takes requests, from *at (0 at first) on; false: no more. */
bool chaos_world_port(const chaos_world_t *self, const char *actor, size_t *at, const char **port);

#endif
