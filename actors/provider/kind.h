/* kind.h: the contract of a kind of provider: how the sources that exist right now are listed.
 *
 * 1. A kind is a row of vd_provider_kinds and a file. A provider has a name and a kind: the table
 *    providers.NAME of the configuration says which, and what the kind wants to know; without the
 *    key `kind` it is the one with the provider's name.
 * 2. `list` begins a listing and returns; the host's `done` tells its end, once for each, on the
 *    loop's thread, from within `list` or later. A listing is the whole set or an error; a part of
 *    a set is an error.
 * 3. `list` is called at the start, each refresh_ms, and soon after the kind has told `changed`.
 * 4. A kind may hang; nobody else does then. The provider goes on telling the last good set with
 *    its age.
 */
#ifndef VD_KIND_H
#define VD_KIND_H

#include "kit/actor.h"
#include "listing.h"

/* Tells a listing; the bytes live until it returns. */
typedef void vd_listing_done_fn(void *arg, const vd_listing_t *listing);
/* Tells that there may be another set now. On the loop's thread, not from inside a step. */
typedef void vd_listing_changed_fn(void *arg);

typedef struct vd_provider_host {
    vd_actor_t *actor; /* its loop, configuration and paths are the kind's to use */
    const char *table; /* providers.NAME */
    vd_listing_done_fn *done;
    vd_listing_changed_fn *changed;
    void *arg;
} vd_provider_host_t;

/* The rows that every kind's table begins with. */
#define VD_KIND_ROWS(kind_name)                                                                    \
    {.key = "kind",                                                                                \
     .type = VD_CONFIG_STR,                                                                        \
     .fallback = "\"" kind_name "\"",                                                              \
     .help = "static, file, http, exec, dns, proc, etcd or manual; without it the name of the "    \
             "table counts"},                                                                      \
    {                                                                                              \
        .key = "enabled", .type = VD_CONFIG_BOOL, .fallback = "true",                              \
        .help = "whether this provider runs"                                                       \
    }

typedef struct vd_provider_kind {
    const char *name;
    const char *summary;
    const vd_config_row_t *rows; /* of providers.NAME; VD_KIND_ROWS first */
    /* Checks the configuration and makes the kind ready. NULL with text in `error`. */
    void *(*open)(const vd_provider_host_t *host, char *error, size_t error_size);
    /* Adds cores of its own to the actor, before it runs; NULL when it has none. False with the
     * error logged. */
    bool (*serve)(void *self);
    int64_t (*refresh_ms)(const void *self); /* between listings */
    void (*list)(void *self);
    void (*close)(void **self);
} vd_provider_kind_t;

/* All kinds, ended by NULL. */
extern const vd_provider_kind_t *const vd_provider_kinds[];
extern const vd_provider_kind_t vd_static_kind;
extern const vd_provider_kind_t vd_file_kind;
extern const vd_provider_kind_t vd_http_kind;
extern const vd_provider_kind_t vd_exec_kind;
extern const vd_provider_kind_t vd_dns_kind;
extern const vd_provider_kind_t vd_proc_kind;
extern const vd_provider_kind_t vd_etcd_kind;
extern const vd_provider_kind_t vd_manual_kind;

#endif
