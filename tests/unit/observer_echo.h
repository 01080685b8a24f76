/* observer_echo.h: a collector for tests: it repeats what another observer says. */
#ifndef OBSERVER_ECHO_H
#define OBSERVER_ECHO_H

#include "observer.h"

/* An input that leads to so many events, more than a turn takes. */
enum { ECHO_MANY = 700 };

/* The state: what the last echo said, how many there were, and how far the last input of many came. */
typedef struct echo {
    char text[64];
    uint64_t count;
    uint64_t many_seq, many;
    uint64_t filled; /* of the total that a snapshot tells */
} echo_t;

extern const vd_observer_t echo_observer;
/* Turns with an input fail. */
extern bool echo_fails;
/* Inputs that turns have had. */
extern uint32_t echo_turns;
/* So many of them there were before the first turn without an input; UINT32_MAX: there was none. */
extern uint32_t echo_idle_after;

#endif
