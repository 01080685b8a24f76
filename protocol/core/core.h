/* core.h: the one interface between a pure core and the shell that runs it.
 *
 * 1. A core is a state and a step function. It knows no socket, clock, file, thread or random
 *    device: what it needs to know arrives as an input, what it wants done leaves as an effect.
 * 2. Inputs are the start, messages, timers that are due, and completions of effects.
 * 3. Effects go into an array of fixed capacity that the shell clears before each step and carries
 *    out, in order, after it; operations (DO) begin when the others are done. A core that has more
 *    to say than fits keeps the rest and sets a timer of 0.
 * 4. Bytes in an input live until the step returns; bytes in an effect live in the effects' own
 *    arena until the next step (vd_effects_* copy what they are given), except for DO, whose
 *    pointer the core owns.
 * 5. The same inputs give the same effects, byte for byte. Random numbers come from a seed in the
 *    state.
 * 6. Ports are small numbers that a core declares; the shell maps them to sockets. On a port of a
 *    connecting kind each connection has a name, which is the peer of what is sent and received
 *    there.
 */
#ifndef VD_CORE_H
#define VD_CORE_H

#include "core/shared.h"
#include "wire/buffer.h"
#include "wire/limits.h"
#include "wire/message.h"
#include "wire/status.h"

#include <stdbool.h>
#include <stdint.h>

/* The time of a step. */
typedef struct vd_now {
    int64_t mono_us; /* monotonic, since an arbitrary start: for deadlines */
    int64_t wall_ms; /* since 1970 in UTC: for time stamps only, may jump */
} vd_now_t;

/* Who is at the other end: the identity on a ROUTER, the name of a connection elsewhere. */
typedef struct vd_peer {
    uint8_t size;
    char bytes[VD_PEER_BYTES_MAX];
} vd_peer_t;

vd_peer_t vd_peer_of(const void *bytes, size_t size);
vd_peer_t vd_peer_named(const char *name);
bool vd_peer_equal(const vd_peer_t *a, const vd_peer_t *b);

typedef enum vd_input_kind {
    VD_INPUT_START = 1, /* the first input of every life */
    VD_INPUT_MESSAGE,   /* a message has arrived on a port */
    VD_INPUT_TIMER,     /* a timer is due; it is no longer set */
    VD_INPUT_DONE,      /* an effect of kind DO has ended */
    VD_INPUT_STOP,      /* finish and answer with EXIT */
} vd_input_kind_t;

typedef struct vd_input {
    vd_input_kind_t kind;
    uint16_t port;               /* MESSAGE */
    uint32_t id;                 /* TIMER: its id; DONE: the operation */
    uint64_t token;              /* DONE: the token of the effect */
    vd_status_t status;          /* DONE */
    vd_peer_t peer;              /* MESSAGE */
    size_t unsent;               /* MESSAGE on a ROUTER: bytes that wait there for the peer */
    const vd_message_t *message; /* MESSAGE: decoded, every required field present */
    const void *result;          /* DONE: what the operation defines */
} vd_input_t;

typedef enum vd_effect_kind {
    VD_EFFECT_SEND =
        1,             /* port, peer, header, body, payload; on a PUB port: topic instead of peer */
    VD_EFFECT_CONNECT, /* port, peer (its name), text: the endpoint; again with another: moves it */
    VD_EFFECT_DISCONNECT, /* port, peer */
    VD_EFFECT_SUBSCRIBE,  /* port, text: topic prefix */
    VD_EFFECT_UNSUBSCRIBE,
    VD_EFFECT_TIMER, /* id, at_us; at_us < 0 clears; one deadline for each id */
    VD_EFFECT_LOG,   /* level, text */
    VD_EFFECT_DO,   /* id: operation, token, object: what the core's header defines; DONE answers */
    VD_EFFECT_EXIT, /* status, text */
} vd_effect_kind_t;

typedef enum vd_level { VD_DEBUG, VD_INFO, VD_WARN, VD_ERROR } vd_level_t;

typedef struct vd_effect {
    vd_effect_kind_t kind;
    uint16_t port;
    uint32_t id;
    vd_level_t level;
    vd_status_t status;
    uint64_t token;
    int64_t at_us;
    void *object;
    vd_peer_t peer;
    /* Offsets into the arena; sizes of 0 mean absent. text is also the topic of a SEND on a PUB
     * port. */
    uint32_t text_at, text_size;
    uint32_t header_at, header_size;
    uint32_t body_at, body_size;
    uint32_t payload_at, payload_size;
    vd_shared_t *shared; /* the payload, held by the effect, in place of the one in the arena */
} vd_effect_t;

typedef struct vd_effects {
    uint32_t count;
    bool overflow; /* something did not fit: a defect of the core, checked by every shell */
    bool shares;   /* some payloads are held */
    vd_effect_t list[VD_EFFECTS_MAX];
    vd_buffer_t arena;
} vd_effects_t;

/* The step function of every core: `state` is the core's own. */
typedef void vd_step_fn(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

/* Allocates effects (about 300 KiB, the arena grows on use up to EFFECT_BYTES_MAX). NULL without
 * memory. */
vd_effects_t *vd_effects_new(void);
void vd_effects_destroy(vd_effects_t **self);
void vd_effects_clear(vd_effects_t *self);
/* How many more effects fit. */
uint32_t vd_effects_room(const vd_effects_t *self);
/* Text of an effect (log, endpoint, topic), in the arena, ended with a zero byte. */
const char *vd_effect_text(const vd_effects_t *self, const vd_effect_t *effect);
vd_bytes_t vd_effect_header(const vd_effects_t *self, const vd_effect_t *effect);
vd_bytes_t vd_effect_body(const vd_effects_t *self, const vd_effect_t *effect);
vd_bytes_t vd_effect_payload(const vd_effects_t *self, const vd_effect_t *effect);

/* Sends `message` (encoded now, payload copied) to `peer` through `port`. */
void vd_effects_send(vd_effects_t *self, uint16_t port, const vd_peer_t *peer,
                     const vd_message_t *message);
/* The same with `payload` in place of message->payload: not copied, but held until the effects are
 * cleared, so that many can be sent the same bytes. However much waits for the peer, it is sent: who
 * shares bounds that by vd_input_t.unsent. */
void vd_effects_send_shared(vd_effects_t *self, uint16_t port, const vd_peer_t *peer,
                            const vd_message_t *message, vd_shared_t *payload);
/* Publishes `message` under `topic` through a PUB port. */
void vd_effects_publish(vd_effects_t *self, uint16_t port, const char *topic,
                        const vd_message_t *message);
/* Answers the message of `input` where it came from, with its correlation. */
void vd_effects_reply(vd_effects_t *self, const vd_input_t *input, vd_message_t *message);
/* Answers with ERROR; `text` names the thing, the place and the remedy. */
void vd_effects_reply_error(vd_effects_t *self, const vd_input_t *input, vd_status_t status,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));
void vd_effects_connect(vd_effects_t *self, uint16_t port, const vd_peer_t *peer,
                        const char *endpoint);
void vd_effects_disconnect(vd_effects_t *self, uint16_t port, const vd_peer_t *peer);
void vd_effects_subscribe(vd_effects_t *self, uint16_t port, const char *topic);
void vd_effects_unsubscribe(vd_effects_t *self, uint16_t port, const char *topic);
/* Sets timer `id` (< TIMERS_MAX) to be due at `at_us` of the monotonic clock. */
void vd_effects_timer(vd_effects_t *self, uint32_t id, int64_t at_us);
void vd_effects_timer_clear(vd_effects_t *self, uint32_t id);
void vd_effects_log(vd_effects_t *self, vd_level_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void vd_effects_do(vd_effects_t *self, uint32_t operation, uint64_t token, void *object);
void vd_effects_exit(vd_effects_t *self, vd_status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A small seeded generator (splitmix64) for cores: jitter, choices. Not for secrets. */
uint64_t vd_random_next(uint64_t *seed);

#endif
