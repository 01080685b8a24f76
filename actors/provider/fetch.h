/* fetch.h: one document over HTTP, within a deadline.
 *
 * 1. Blocks its thread, and no longer than its deadline; it ends at once when `cancel` is readable.
 * 2. Nothing but 200 is an answer. A redirect is not followed: who is configured is asked.
 * 3. A URL names no user: who asks is `auth`, written as sources have it (wire/auth.h), and its
 *    secret is read from the environment with each fetch.
 */
#ifndef VD_FETCH_H
#define VD_FETCH_H

#include "wire/buffer.h"
#include "wire/status.h"

#define VD_FETCH_URL_BYTES_MAX 2048

typedef struct vd_fetch {
    const char *url;
    const char *auth;    /* "": none */
    const char *ca_file; /* "": those of the system */
    const char *body;    /* JSON to POST; NULL: GET */
    int64_t timeout_ms;
    int cancel;
} vd_fetch_t;

/* To be called once, before any thread fetches. */
void vd_fetch_begin(void);
/* NULL, or why `url` is none; the text repeats nothing of it. */
const char *vd_fetch_check(const char *url);
/* Appends the document to `content`. VD_OK, or why not, with text in `error` that names the URL. */
vd_status_t vd_fetch(const vd_fetch_t *what, vd_buffer_t *content, char *error, size_t error_size);

#endif
