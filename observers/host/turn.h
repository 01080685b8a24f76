/* turn.h: what a turn writes: the run of its events, ready for one emit frame, and the reads it
 * wants.
 *
 * 1. The time stamp of every event is the turn's time; its cause is {observer, source, sample,
 *    turn}; a collector's is {observer, source, session, sample, turn, rest}: its place in the
 *    input, whatever the sample.
 * 2. What passes TURN_EVENTS_MAX, TURN_BYTES_MAX or TURN_READS_MAX is refused and makes the turn
 *    `full`: the next one follows at once and finds the rest.
 */
#ifndef VD_TURN_H
#define VD_TURN_H

#include "place.h"

struct vd_turn {
    const char *observer;
    const char *origin;     /* of a collector: whom it reads; NULL: it is none */
    vd_input_place_t place; /* behind this turn */
    uint64_t number;
    int64_t now_ms;
    uint32_t count; /* events */
    uint32_t read_count;
    bool full;
    bool bad; /* an event that cannot be written at all: `text` tells */
    vd_buffer_t run;
    vd_buffer_t reads; /* read records, one after the other */
    vd_buffer_t scratch;
    vd_buffer_t event;
    vd_buffer_t cause;
    char text[VD_TEXT_BYTES_MAX + 1];
};

void vd_turn_init(vd_turn_t *self, const char *observer);
void vd_turn_free(vd_turn_t *self);
/* Empties it for the turn `number`. */
void vd_turn_begin(vd_turn_t *self, uint64_t number, int64_t now_ms);

#endif
