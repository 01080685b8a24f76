/* http_message.h: what a read over HTTP says beside its URL, and what its sample says beside the
 * content.
 *
 * 1. args: a map of `body` (str or bin, of op post alone), `headers` (map of str to str) and `ok`
 *    (array of the codes that count as success; without it 200 to 299). Other keys are ignored.
 * 2. meta: {code, redirects, headers}; headers are of the last answer, names in lower case, equal
 *    ones joined with ", ", bytes beyond printable ASCII as "?". At most 48 of them, 512 bytes
 *    each. Those that set cookies are left out.
 */
#ifndef VD_HTTP_MESSAGE_H
#define VD_HTTP_MESSAGE_H

#include "wire/buffer.h"
#include "wire/status.h"

typedef struct vd_http_args {
    vd_bytes_t body;
    bool has_body;
    vd_bytes_t headers; /* the pairs, one after the other: str, str */
    vd_bytes_t ok;      /* the codes, one after the other */
} vd_http_args_t;

/* Views into `args`, one MessagePack map or nothing. NULL, or what is wrong. */
const char *vd_http_args(vd_bytes_t args, vd_http_args_t *out);
/* The next header as "name: value" in `out`, zero-ended. False at the end. */
bool vd_http_next_header(vd_bytes_t *headers, char *out, size_t size);
/* Does `code` count as success? */
bool vd_http_is_ok(const vd_http_args_t *args, long code);
bool vd_http_is_redirect(long code);
/* The status of an answer with a code that is no success. */
vd_status_t vd_http_code_status(long code);
/* Appends the map; `head` is the lines of the answer's head. */
void vd_http_write_meta(long code, uint32_t redirects, vd_bytes_t head, vd_buffer_t *out);

#endif
