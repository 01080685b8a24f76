/* record.h: what was broken, as events of a session.
 *
 * 1. Without a session of somebody else's it begins one of its own, and ends it.
 * 2. It never waits for the runtime while faults are made: events that cannot be sent are kept, and
 *    counted when there are too many.
 */
#ifndef CHAOS_RECORD_H
#define CHAOS_RECORD_H

#include "chaos/report.h"
#include "client/vedette.h"

typedef struct chaos_record {
    vd_client_t *client;
    vd_producer_t *producer;
    char session[VD_NAME_BYTES_MAX + 1];
    bool own, refused;
    char refusal[VD_TEXT_BYTES_MAX];
    uint64_t lost;
} chaos_record_t;

/* `session` NULL: one of its own, with this command and seed. VD_OK, or the status with the reason in
 * `refusal` when the session is none to write into, else in the client's error. */
vd_status_t chaos_record_open(chaos_record_t *self, vd_client_t *client, const char *session,
                              const char *command, const char *seed, int timeout_ms);
void chaos_record_note(chaos_record_t *self, const chaos_note_t *note);
/* Goes on with what is out. */
void chaos_record_go(chaos_record_t *self);
/* Ends the session, and waits until everything is on disk. False when something is not, or may not
 * be. */
bool chaos_record_close(chaos_record_t *self, bool good, const char *text, int timeout_ms);

#endif
