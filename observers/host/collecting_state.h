/* collecting_state.h: the inside of a collector's input: what was read and waits for its turn. */
#ifndef VD_COLLECTING_STATE_H
#define VD_COLLECTING_STATE_H

#include "host_state.h"

typedef enum vd_taken_kind {
    VD_TAKEN_EVENT = 1,
    VD_TAKEN_SNAPSHOT,
    VD_TAKEN_END,  /* of the session */
    VD_TAKEN_HOLE, /* events are missing */
} vd_taken_kind_t;

struct vd_taken {
    vd_taken_t *next;
    vd_taken_kind_t kind;
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t seq;              /* of the event; the last one of a hole, or before it */
    bool stopped;              /* of a hole: its stream has ended there */
    uint64_t life;             /* of the stream that it came by; 0: it took no credit */
    uint64_t size;             /* credit in bytes */
    vd_sample_record_t record; /* views into bytes, but for its source */
    uint8_t bytes[];
};

/* Makes something to be queued; `target` and `content` are copied. NULL without memory. */
vd_taken_t *vd_taken_make(vd_collecting_t *self, vd_taken_kind_t kind, const char *session,
                          uint64_t seq, vd_str_t target, vd_bytes_t content);
/* The same, at the end of the queue. */
vd_taken_t *vd_taken_add(vd_collecting_t *self, vd_taken_kind_t kind, const char *session,
                         uint64_t seq, vd_str_t target, vd_bytes_t content);
/* Puts `taken` in place of the first one. */
void vd_taken_replace(vd_collecting_t *self, vd_taken_t *taken);
/* Takes the first one out. */
void vd_taken_drop(vd_collecting_t *self, vd_now_t now, vd_effects_t *effects);
/* Empties the queue. Nothing of it is before a turn. */
void vd_taken_clear(vd_collecting_t *self);

/* collecting_read.c: begins a stream behind the place; forgets what is in the queue. */
void vd_collecting_read(vd_host_t *host, vd_now_t now, vd_effects_t *effects);
/* Events are missing behind the place, and no stream is there. */
void vd_collecting_lose(vd_host_t *host, vd_now_t now, const char *why, vd_effects_t *effects);

/* collecting_ask.c */
/* Asks which session goes on from the one that was read. */
void vd_collecting_link(vd_host_t *host, vd_now_t now, vd_effects_t *effects);
/* Asks for the snapshot of the origin. */
void vd_collecting_ask_snapshot(vd_host_t *host, vd_now_t now, vd_effects_t *effects);
/* The timer: asks again. */
void vd_collecting_ask_again(vd_host_t *host, vd_now_t now, vd_effects_t *effects);
/* Takes an answer. Returns whether it was one to these questions. */
bool vd_collecting_answered(vd_host_t *host, vd_now_t now, const vd_input_t *input,
                            vd_effects_t *effects);

#endif
