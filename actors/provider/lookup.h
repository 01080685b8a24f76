/* lookup.h: what the kinds share that look somewhere: a listing on a thread of its own, with a
 * deadline.
 *
 * 1. A lookup may block. When its time is over the listing fails, whatever the thread is doing; it
 *    is told to end through a descriptor. What it finds after that is not looked at.
 * 2. A thread that cannot be told (names are resolved by the C library) may be left behind; at most
 *    LOOKUPS_STUCK_MAX of them are, and no listing begins meanwhile.
 * 3. The kind's own structure begins with a vd_lookup_t. What a thread reads of it does not change,
 *    and lives as long as any thread.
 */
#ifndef VD_LOOKUP_H
#define VD_LOOKUP_H

#include "kind.h"
#include "target.h"

enum { VD_LOOKUPS_STUCK_MAX = 4, VD_LABELS_MAX = 64 };

/* The rows that their tables have in common, with the defaults that differ. */
#define VD_LOOKUP_ROWS(refresh_fallback, timeout_fallback, address_fallback, address_help)         \
    {.key = "adapter",                                                                             \
     .type = VD_CONFIG_SHOWN,                                                                      \
     .fallback = "\"http\"",                                                                       \
     .help = "adapter of sources that name none"},                                                 \
        {.key = "address",                                                                         \
         .type = VD_CONFIG_SHOWN,                                                                  \
         .fallback = address_fallback,                                                             \
         .help = address_help "; {target}, {host} and {port} are filled in"},                      \
        {.key = "labels",                                                                          \
         .type = VD_CONFIG_LIST,                                                                   \
         .fallback = "[]",                                                                         \
         .help = "labels of every source that has none of that name: \"KEY=TEXT\""},               \
        {.key = "refresh",                                                                         \
         .type = VD_CONFIG_DURATION,                                                               \
         .fallback = refresh_fallback,                                                             \
         .min = 1000,                                                                              \
         .max = 86400000,                                                                          \
         .help = "between two listings"},                                                          \
    {                                                                                              \
        .key = "timeout", .type = VD_CONFIG_DURATION, .fallback = timeout_fallback, .min = 100,    \
        .max = 600000, .help = "a listing that takes longer has failed"                            \
    }

/* One lookup, for its thread. */
typedef struct vd_lookup_work {
    int64_t deadline_ms; /* of zclock_mono */
    int cancel;          /* becomes readable when nobody waits for it any more */
    vd_buffer_t *out;    /* takes the array of sources */
    char *error;
    size_t error_size;
} vd_lookup_work_t;

/* Finds the sources. On the lookup's thread; `kind` is the kind's own structure. */
typedef vd_status_t vd_lookup_fn(const void *kind, const vd_lookup_work_t *work);

typedef struct vd_lookup {
    vd_provider_host_t host;
    vd_lookup_fn *run;
    vd_target_form_t form;
    vd_buffer_t labels;
    int64_t refresh_ms, timeout_ms;
    struct vd_lookup_job *job; /* the one that is out */
    struct vd_lookup_threads *threads;
    int timer; /* -1: none */
} vd_lookup_t;

/* Reads the common rows and makes ready what the loop has to watch. False with text in `error`. */
bool vd_lookup_open(vd_lookup_t *self, const vd_provider_host_t *host, vd_lookup_fn *run,
                    char *error, size_t error_size);
/* Ends the lookup that is out. False when a thread is left behind, which goes on to read the kind's
 * structure: it may not be freed then. */
bool vd_lookup_close(vd_lookup_t *self);
/* As a kind has them, for any structure that begins with a vd_lookup_t. */
int64_t vd_lookup_refresh_ms(const void *self);
void vd_lookup_list(void *self);
/* Milliseconds until the deadline; 0: it is over. */
int vd_lookup_left_ms(const vd_lookup_work_t *work);

#endif
