/* http_url.h: where a read over HTTP goes: the source's address and the read's target as one URL.
 *
 * 1. An address is `http://HOST[:PORT][/PATH]` or `https://...`. HOST is a name of letters, digits,
 *    `.`, `-` and `_`, an IPv4 address, or an IPv6 address in brackets. A user in it is refused:
 *    who reads is the source's `auth`.
 * 2. A target goes behind the address with exactly one `/` between them, unless it begins with `?`.
 *    No target changes the host.
 * 3. Bytes that have no place in a URL (control characters, space, beyond ASCII) are refused: they
 *    have to be written as %XX.
 */
#ifndef VD_HTTP_URL_H
#define VD_HTTP_URL_H

#include "wire/buffer.h"

#define VD_HTTP_URL_BYTES_MAX  4096
#define VD_HTTP_HOST_BYTES_MAX 255

typedef struct vd_http_place {
    bool secure;
    bool literal; /* an address, not a name: nothing to resolve */
    uint16_t port;
    char host[VD_HTTP_HOST_BYTES_MAX + 1]; /* in lower case */
} vd_http_place_t;

/* NULL, or why `url` is none; the text repeats nothing of it. */
const char *vd_http_place(vd_str_t url, vd_http_place_t *place);
/* Writes address and target as one URL into `out` (VD_HTTP_URL_BYTES_MAX + 1 bytes). NULL, or why
 * not. */
const char *vd_http_join(vd_str_t address, vd_str_t target, char *out);
/* Do both go to the same scheme, host and port? */
bool vd_http_same_origin(const vd_http_place_t *a, const vd_http_place_t *b);

#endif
