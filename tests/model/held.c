/* held.c: a look into the supervisor, whose session is not the store's. */
#include "actors/supervisor/state.h"

/* Declared in whole.h, which names what the store calls a session. */
const char *vd_held_session(const vd_supervisor_t *supervisor);

const char *vd_held_session(const vd_supervisor_t *supervisor)
{
    return supervisor->session.id;
}
