/* handle_core.h: what a handle makes of what it hears: deltas, snapshots, the last error, the life
 * of its observer. Knows no socket and no clock.
 *
 * 1. Values are scanned before they come here.
 * 2. Texts that are given out live until the next call that gives some of the same kind (a delta, a
 *    snapshot, an error).
 */
#ifndef VD_HANDLE_CORE_H
#define VD_HANDLE_CORE_H

#include "client/vedette_handle.h"
#include "client/watch_impl.h"
#include "wire/limits.h"
#include "wire/run.h"

/* What follows from a piece of news, in this order. */
enum {
    VD_HANDLE_STOPS = 1,
    VD_HANDLE_READIES = 2,
    VD_HANDLE_CYCLES = 4,
};

typedef struct vd_handle_fault {
    char stage[32]; /* empty: there was none */
    char text[VD_TEXT_BYTES_MAX + 1];
    char at[VD_TS_SIZE];
    int64_t at_ms;
    int64_t recovered_ms; /* 0: it holds */
    uint64_t count;
} vd_handle_fault_t;

typedef struct vd_handle_core {
    bool ready;        /* the observer's life was told with READIES */
    bool running;      /* as the last delta says */
    vd_status_t stops; /* the reason of the last STOPS */
    char cursor[48];
    char at[VD_TS_SIZE]; /* of the delta */
    vd_bytes_t events;   /* of the delta, not given out yet */
    char event_type[VD_NAME_BYTES_MAX + 1];
    vd_handle_fault_t fault;
    /* of the snapshot */
    vd_buffer_t kept; /* its bytes */
    char *texts;      /* all its texts, each ended with a zero byte */
    size_t texts_room, texts_size;
    vd_handle_source_t *sources;
    vd_handle_error_t *errors;
} vd_handle_core_t;

void vd_handle_core_init(vd_handle_core_t *self);
void vd_handle_core_free(vd_handle_core_t *self);
/* Reads a cursor. False if it is none. */
bool vd_handle_core_place(const char *cursor, vd_watch_place_t *place);
void vd_handle_core_begin(vd_handle_core_t *self, const char *cursor);
/* Makes a delta of news. False when it is none that is understood: it is left out. */
bool vd_handle_core_delta(vd_handle_core_t *self, int64_t now_ms, const vd_watched_t *news,
                          vd_handle_delta_t *delta);
/* The next event of the delta. False: there is none. */
bool vd_handle_core_event(vd_handle_core_t *self, vd_follow_event_t *event);
/* Keeps a snapshot and reads it. VD_OK, VD_MALFORMED or VD_NO_MEMORY. */
vd_status_t vd_handle_core_snapshot(vd_handle_core_t *self, int64_t now_ms, vd_blob_t value,
                                    vd_handle_view_t *snapshot);
/* False: there was none. */
bool vd_handle_core_error(const vd_handle_core_t *self, int64_t now_ms, vd_handle_error_t *error);
/* What follows from a delta, or (NULL) from having heard `status` in its place. */
unsigned vd_handle_core_news(vd_handle_core_t *self, const vd_handle_delta_t *delta,
                             vd_status_t status);

#endif
