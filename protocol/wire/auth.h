/* auth.h: how a source's `auth` is written: who a reader is, and where its secret stands.
 *
 * 1. `basic USER:env(NAME)` or `bearer env(NAME)`. USER is 1 to 128 printable bytes of ASCII
 *    without a colon; NAME is 1 to 126 letters, digits or underscores and names a variable in the
 *    environment of the process that reads the source.
 * 2. The text travels and may be shown; the secret itself never stands in it. A text of another
 *    form is refused and not repeated in an error, because it may hold one.
 */
#ifndef VD_AUTH_H
#define VD_AUTH_H

#include "wire/buffer.h"
#include "wire/status.h"

#define VD_AUTH_USER_BYTES_MAX 128
#define VD_AUTH_NAME_BYTES_MAX 126

typedef struct vd_auth {
    bool bearer;   /* else basic */
    vd_str_t user; /* of basic */
    vd_str_t name; /* of the variable in the environment */
} vd_auth_t;

/* VD_OK with views into `text`, or VD_MALFORMED. `auth` may be NULL: the form alone is checked. */
vd_status_t vd_auth_parse(vd_str_t text, vd_auth_t *auth);

#endif
