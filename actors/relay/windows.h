/* windows.h: what a relay has asked of the publisher above it: stretches of older commits, for all
 * who read there.
 *
 * 1. A window holds whole commits from a place on, of all sessions or of one; the first one may lack
 *    what stands before that place, all of it too: then it is without runs. Where memory ends decides
 *    where a window ends.
 * 2. Reading what no window holds makes a wish. Wishes are asked for in the order in which they
 *    came, so that no reader is served twice before another is once; several are out at a time.
 * 3. Windows take `bytes_max`, what is asked for counted in; beyond that the one that was read
 *    longest ago goes. One that nobody has read yet stays for 2 s: it was wished for. What was not
 *    read for 30 s goes in any case.
 * 4. What the publisher above refuses (pruned, corrupt) is told to whoever reads there.
 */
#ifndef VD_RELAY_WINDOWS_H
#define VD_RELAY_WINDOWS_H

#include "stream/frame.h"

#define VD_WINDOWS_MAX       1024u /* held, asked for, or wished for */
#define VD_WINDOWS_OUT_MAX   8u    /* asked for at a time */
#define VD_WINDOWS_BYTES_MIN ((size_t)1024 * 1024)

typedef struct vd_windows vd_windows_t;

/* NULL without memory. */
vd_windows_t *vd_windows_new(size_t bytes_max);
void vd_windows_destroy(vd_windows_t **self);
/* Forgets everything, what is asked for too. */
void vd_windows_clear(vd_windows_t *self);
/* The first commit behind `place`; with `session` not empty, the first that has a run of it, with
 * this run alone. VD_OK; VD_NOT_FOUND: there is none up to `until`, which is behind `place`; VD_BUSY:
 * it is not held, and is a wish from now on; VD_WENT_BACK: what is held is of another history;
 * VD_CORRUPT with commit->index: nothing can be read of that
 * commit; else why the publisher above refuses it, with text. `near` is the lowest commit that is
 * read elsewhere. */
vd_status_t vd_windows_read(vd_windows_t *self, int64_t now_us, const vd_place_t *place,
                            const char *session, uint64_t near, vd_commit_t *commit,
                            vd_place_t *until, char *error, size_t error_size);

/* What to ask next: the commits behind `place`. */
typedef struct vd_window_ask {
    uint64_t token;
    const char *session;
    vd_place_t place;
} vd_window_ask_t;

/* Takes the next wish there is room for; it is out then. False: there is none now. */
bool vd_windows_ask(vd_windows_t *self, int64_t now_us, vd_window_ask_t *ask);
/* Is the answer to `token` still waited for? */
bool vd_windows_waits(const vd_windows_t *self, uint64_t token);
/* Takes an answer. VD_OK: it can be read; VD_BUSY: more of it has to be asked for, as a wish;
 * VD_MALFORMED: it is not what was asked for, and will be asked again. */
vd_status_t vd_windows_take(vd_windows_t *self, int64_t now_us, uint64_t token,
                            const vd_commits_body_t *commits, vd_bytes_t payload);
/* The publisher above refuses it for good. */
void vd_windows_refuse(vd_windows_t *self, int64_t now_us, uint64_t token, vd_status_t status,
                       vd_str_t text);
/* It has to be asked again, not before `at_us`. */
void vd_windows_again(vd_windows_t *self, uint64_t token, int64_t at_us);
/* Bytes that are held. */
size_t vd_windows_bytes(const vd_windows_t *self);
/* Is nothing held, asked for or wished for? */
bool vd_windows_idle(const vd_windows_t *self);

#endif
