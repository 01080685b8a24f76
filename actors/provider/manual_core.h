/* manual_core.h: sources that people add and remove by hand, as a pure core.
 *
 * 1. SOURCE_ADD and SOURCE_REMOVE arrive on the port CONTROL. A change leaves as an effect DO of
 *    operation VD_MANUAL_SAVE, whose object is the core, with the whole list in `text`; it is
 *    completed with DONE, the status, and a text (const char *) that says what went wrong. Then the
 *    sender is answered. So what was answered with DONE is on disk.
 * 2. A source that is added again is replaced where it stands; one that is added again unchanged is
 *    answered with DONE. All rows of a request are taken or none.
 * 3. What JSON cannot hold exactly is refused, because the list is kept as JSON.
 * 4. After a failed save nobody knows which list is on disk: the old one counts, and the next
 *    request saves even when it changes nothing.
 * 5. One save is out at a time; who asks meanwhile is answered with ERROR overloaded.
 */
#ifndef VD_MANUAL_CORE_H
#define VD_MANUAL_CORE_H

#include "core/core.h"

enum { VD_MANUAL_CONTROL = 1 }; /* port, a ROUTER */
enum { VD_MANUAL_SAVE = 1 };    /* operation */

#define VD_MANUAL_ADAPTER "http" /* of sources that name none */

typedef struct vd_manual {
    /* Filled by the owner, who may load the list at any time while none was. */
    bool loaded;
    char trouble[VD_TEXT_BYTES_MAX + 1]; /* while not loaded: why */
    vd_buffer_t sources;                 /* what is on disk: an array of source records */

    vd_buffer_t next; /* what is going to be */
    vd_buffer_t text; /* the same as JSON */
    bool saving;
    bool unsure;    /* the last save has failed */
    vd_peer_t peer; /* who waits for the save */
    uint64_t correlation;
    char words[VD_TEXT_BYTES_MAX + 1]; /* what it is told */
} vd_manual_t;

/* Makes an empty core; nothing is loaded. */
void vd_manual_init(vd_manual_t *self);
void vd_manual_free(vd_manual_t *self);
/* A vd_step_fn; `state` is the vd_manual_t. */
void vd_manual_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
