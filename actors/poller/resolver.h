/* resolver.h: addresses of host names, looked up by threads, so that a look-up that hangs holds up
 * only those who wait for it.
 *
 * 1. A name is looked up by one thread at a time, however many ask. An answer counts for 30 s;
 *    while it is refreshed, the old one still serves for 5 min. A failure counts for 500 ms.
 * 2. At most 16 look-ups run at a time; the others wait. A look-up cannot be interrupted: whoever
 *    asked gives up when its own time is over, and what comes in the end serves the next one.
 * 3. Times are monotonic microseconds.
 */
#ifndef VD_RESOLVER_H
#define VD_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#define VD_RESOLVED_BYTES_MAX 400

typedef enum vd_resolved {
    VD_RESOLVED = 1, /* text: the addresses with commas between them, IPv6 in brackets */
    VD_RESOLVING,    /* ask again after vd_resolver_take */
    VD_UNRESOLVED,   /* text: why */
} vd_resolved_t;

typedef struct vd_resolver vd_resolver_t;

/* NULL without memory or descriptors. */
vd_resolver_t *vd_resolver_new(void);
void vd_resolver_destroy(vd_resolver_t **self);
/* Becomes readable when a look-up has ended. */
int vd_resolver_fd(const vd_resolver_t *self);
/* What is known of `host`; starts a look-up where that is needed. `text` lives until the next
 * call. */
vd_resolved_t vd_resolver_ask(vd_resolver_t *self, const char *host, int64_t now_us,
                              const char **text);
/* Takes in what has ended. */
void vd_resolver_take(vd_resolver_t *self, int64_t now_us);
/* Nobody answered at the addresses of `host`: they are looked up again when it is asked for. */
void vd_resolver_doubt(vd_resolver_t *self, const char *host);

#endif
