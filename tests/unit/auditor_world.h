/* auditor_world.h: an auditor among peers that say what a test has them say, under a virtual clock. */
#ifndef VD_TEST_AUDITOR_WORLD_H
#define VD_TEST_AUDITOR_WORLD_H

#include "audited_store.h"

#include "auditor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND                INT64_C(1000000)
#define AUDITOR_WORLD_SESSION "runtime"

/* What is false; the rest is as it should be. */
typedef struct auditor_lies {
    bool silent;         /* the ingestor does not answer */
    const char *error;   /* FETCH is answered with ERROR store_trouble and this text */
    bool stuck;          /* FETCH brings nothing and says that there is more */
    bool unreadable;     /* what FETCH brings cannot be decoded */
    const char *reset;   /* FETCH from a position is answered with STREAM_RESET, once */
    uint64_t head_back;  /* the head that FETCH tells is so much lower */
    uint32_t live_chain; /* changes the chain of live's STARTED */
    bool live_content;   /* live brings another event than is stored, and its chain fits nothing */
    bool published_content; /* what is published has other content */
    bool published_nowhere; /* what is published is not stored */
    uint32_t relay_chain;
    uint64_t chain_of_nothing; /* whoever is asked to begin is before commit 1, with this chain */
    const char
        *relay_brings; /* in place of the commit that its frame leads over; NULL: it does not */
    uint64_t relay_ahead;
    uint64_t position_ahead;
    uint64_t observer_ahead;
    bool observer_back;     /* each position that it tells is lower than the one before */
    uint32_t readers;       /* bits of the pollers that read s1; 0: poller-1 alone does */
    uint64_t interval_ms;   /* of the source, as pollers tell it */
    uint64_t interval_2_ms; /* as poller-2 tells it; 0: as the others */
    bool relay_polls;       /* relay-1 is called a poller */
    bool long_names;        /* two pollers have names that differ in the last byte alone */
    uint32_t sources;       /* so many more are read by poller-1 */
    bool two_of_a_name;     /* two processes hold the lease of poller-1 in turn */
    uint64_t restarts;      /* so many more tells the supervisor */
    bool late; /* the supervisor tells of one more child: late, process 88, restarts 3 */
    int64_t late_started_ms;
    uint32_t others;    /* so many more are in the membership of whom nothing is asked */
    bool observer_anew; /* the observer begins another life behind commit 3, at first without any */
    bool copies_canary; /* somebody writes it once more */
    bool forgets_canary; /* is acknowledged and not stored */
    bool fenced;         /* another process has taken the name of the producer */
    const char *session; /* of the runtime, as the supervisor says */
    bool holds_fetch;    /* the answer to a FETCH waits for auditor_world_answer_held */
} auditor_lies_t;

typedef struct auditor_world {
    audited_store_t *store;
    vd_auditor_t *auditor;
    vd_effects_t *effects;
    vd_now_t now;
    int64_t tick_us; /* when its timer is due */
    auditor_lies_t lies;
    bool frozen; /* it stands still */
    struct {
        uint64_t correlation, index, offset; /* 0: none */
    } held;
    vd_status_t ended; /* it has told that it ends, with this; VD_OK: it has not */
    bool subscribed;
    uint64_t poller_inc, poller_n, observer_n, told;
    uint64_t inc_of_feeds;
    char trouble[VD_TEXT_BYTES_MAX + 1];
    uint64_t emit_mark;
    char violated[8][VD_NAME_BYTES_MAX + 1]; /* invariants of events in the session */
    uint32_t violated_count;
    uint64_t resets;
    vd_peer_t long_named[2]; /* the connections to those with long names */
    uint64_t relay_starts;   /* how often the relay was asked to begin */
    uint64_t connects;       /* to anybody */
} auditor_world_t;

/* `session` is what the auditor was started with. */
auditor_world_t *auditor_world_new(bool from_start, int64_t canary_us, const char *session);
void auditor_world_free(auditor_world_t *self);
/* Lets time pass: events are committed, everybody answers at once. */
void auditor_world_run(auditor_world_t *self, int64_t for_us);
/* Commits an event that says that a process was started. */
void auditor_world_tell_start(auditor_world_t *self, const char *actor, uint64_t pid,
                              uint64_t restarts);
/* Hands over the answer that was held, as it was due when it was asked for. */
void auditor_world_answer_held(auditor_world_t *self);
const vd_book_t *auditor_world_book(const auditor_world_t *self);
/* The value that GET of audit is answered with. */
void auditor_world_ask(auditor_world_t *self, vd_buffer_t *out);

/* Nothing is violated. */
void auditor_world_holds(const auditor_world_t *self);
/* Only this one is violated, and it was told: in the session, as trouble, to who asks. */
void auditor_world_is_violated(auditor_world_t *self, vd_invariant_t invariant,
                               const char *evidence);

/* ---- what the files of the world share ---- */

void auditor_world_give(auditor_world_t *self, uint16_t port, const vd_peer_t *peer,
                        const vd_message_t *message);
void auditor_world_answer(auditor_world_t *self, const vd_peer_t *peer,
                          const vd_message_t *question, vd_message_t *message);
void auditor_world_ask_feed(auditor_world_t *self, const vd_peer_t *peer,
                            const vd_message_t *question, bool broker);
void auditor_world_ask_poller(auditor_world_t *self, const vd_peer_t *peer,
                              const vd_message_t *question, uint32_t number);
void auditor_world_ask_observer(auditor_world_t *self, const vd_peer_t *peer,
                                const vd_message_t *question);
/* Two processes with one lease: the broker tells of one and of the other. */
void auditor_world_swap_incarnations(auditor_world_t *self);

#endif
