/* kind.h: the contract of a kind of provider: how the sources that exist right now are listed.
 *
 * 1. A kind is a row of vd_provider_kinds and a file; the process takes the kind with the name of
 * its actor.
 * 2. `list` begins a listing and returns; the host's `done` tells its end, once for each, on the
 * loop's thread, from within `list` or later. A listing is the whole set or an error; a part of a
 * set is an error.
 * 3. A kind may hang; nobody else does then. The provider goes on telling the last good set with
 * its age.
 */
#ifndef VD_KIND_H
#define VD_KIND_H

#include "kit/config.h"

struct _zloop_t;

typedef struct vd_listing {
    vd_status_t status;
    vd_str_t error;
    vd_bytes_t sources; /* VD_OK: a MessagePack array of source records with unique names */
} vd_listing_t;

/* Tells a listing; the bytes live until it returns. */
typedef void vd_listing_done_fn(void *arg, const vd_listing_t *listing);

typedef struct vd_provider_host {
    struct _zloop_t *loop;
    const vd_config_t *config;
    vd_listing_done_fn *done;
    void *arg;
} vd_provider_host_t;

typedef struct vd_provider_kind {
    const char *name;
    const char *summary;
    const vd_config_table_t *table; /* providers.<name> */
    int64_t refresh_ms;             /* between listings */
    /* Checks the configuration and makes the kind ready. NULL with text in `error`. */
    void *(*open)(const vd_provider_host_t *host, char *error, size_t error_size);
    void (*list)(void *self);
    void (*close)(void **self);
} vd_provider_kind_t;

/* All kinds, ended by NULL. */
extern const vd_provider_kind_t *const vd_provider_kinds[];
extern const vd_provider_kind_t vd_static_kind;

#endif
