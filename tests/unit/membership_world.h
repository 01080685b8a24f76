/* membership_world.h: the membership core in virtual time, and a shadow that knows only what its
 * feed said.
 *
 * 1. After each step the shadow has applied every item in order. check_shadow asks for the snapshot
 *    and compares: what the feed said in items and what it says as a whole must be the same.
 */
#ifndef MEMBERSHIP_WORLD_H
#define MEMBERSHIP_WORLD_H

#include "broker/membership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INC    4711
#define SECOND 1000000
#define MINUTE (60 * (int64_t)SECOND)
#define SHADOW 1024

typedef struct shadow_actor {
    bool used;
    char name[VD_NAME_BYTES_MAX + 1], kind[VD_NAME_BYTES_MAX + 1], state[16];
    uint64_t inc, pid;
} shadow_actor_t;

typedef struct shadow_source {
    bool used;
    char name[VD_NAME_BYTES_MAX + 1], provider[VD_NAME_BYTES_MAX + 1],
        poller[VD_NAME_BYTES_MAX + 1], address[64], auth[64];
    uint64_t inc;
} shadow_source_t;

typedef struct shadow_provider {
    bool used;
    char name[VD_NAME_BYTES_MAX + 1], error[512];
    uint64_t sources, age_ms;
} shadow_provider_t;

typedef struct shadow {
    shadow_actor_t actors[SHADOW];
    shadow_source_t sources[SHADOW];
    shadow_provider_t providers[VD_PROVIDERS_MAX];
} shadow_t;

typedef struct world {
    vd_membership_t *membership;
    vd_effects_t *effects;
    int64_t now_us;
    int64_t timer_us; /* -1: not set */
    uint64_t n;       /* of the last item */
    shadow_t shadow, whole;
    vd_buffer_t frames;
    bool answered;
    vd_message_t answer;
    char reason[64]; /* of the last actor_gone */
} world_t;

world_t *new_world(void);
/* The fixture with the first broker of a runtime. */
int set_up_first(void **state);
int set_up(void **state);
int tear_down(void **state);
/* Lets time pass, timer by timer. */
void pass(world_t *world, int64_t us);
/* Steps until everything is told. */
void settle(world_t *world);
void send(world_t *world, vd_message_t *message);
vd_status_t register_actor(world_t *world, const char *name, const char *kind, uint64_t inc,
                           uint64_t pid);
void leave(world_t *world, const char *name, uint64_t inc);
void died(world_t *world, const char *name, uint64_t pid);
vd_source_record_t source_of(const char *name, const char *address);
/* One part of a set; VD_OK or the status of the answer. */
vd_status_t announce_part(world_t *world, const char *provider, uint64_t set, uint64_t part,
                          bool last, const vd_source_record_t *sources, uint32_t count,
                          const char *error);
/* A whole set in one part. */
vd_status_t announce(world_t *world, const char *provider, uint64_t set,
                     const vd_source_record_t *sources, uint32_t count);
/* Renews a lease of every `names` entry once a second for `us`. */
void keep_alive(world_t *world, const shadow_actor_t *actors, uint32_t count, int64_t us);

shadow_actor_t *find_actor(shadow_t *shadow, const char *name);
shadow_source_t *find_source(shadow_t *shadow, const char *name);
shadow_provider_t *find_provider(shadow_t *shadow, const char *name);
/* Fetches the snapshot into world->whole. Returns its `complete`. */
bool fetch(world_t *world);
void check_shadow(world_t *world);

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
