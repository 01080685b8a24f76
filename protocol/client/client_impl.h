/* client_impl.h: what the files of the client library share: the client, its sockets, and the
 * engine that runs pure cores (core/core.h) on them.
 *
 * 1. An engine carries one core: the core's step, its sockets, its timers. Engines of a client are
 *    run together by vd_engine_run, on the thread of the caller.
 * 2. Every socket has its high-water marks, a finite send timeout, no linger and a bound on what it
 *    accepts.
 * 3. Whatever fails leaves its text in client->error, by vd_client_fail alone.
 */
#ifndef VD_CLIENT_IMPL_H
#define VD_CLIENT_IMPL_H

#include "core/core.h"
#include "wire/paths.h"
#include "wire/session_id.h"

#include "client/vedette.h"
#include "client/watch_impl.h"

#include <zmq.h>

enum {
    VD_ENGINE_LINKS_MAX = 4,
    VD_ENGINE_PORTS_MAX = 2,
    VD_ENGINE_TIMERS_MAX = 8,
    VD_CLIENT_LINKS_MAX = 8, /* sockets kept for requests */
    VD_CLIENT_ROUTES_MAX = 16,
};

typedef struct vd_client vd_client_t;

/* A socket that an engine has connected. On a SUB port one link carries every connection. */
typedef struct vd_link {
    void *socket; /* NULL: the slot is free */
    uint16_t port;
    int type; /* ZMQ_DEALER or ZMQ_SUB */
    vd_peer_t peer;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    int problem; /* errno of a connection that could not be begun; 0: none */
} vd_link_t;

/* An endpoint that is used in place of the one in the runtime's directory. */
typedef struct vd_route {
    char name[2 * VD_NAME_BYTES_MAX + 2]; /* actor.port */
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
} vd_route_t;

typedef bool vd_engine_step_fn(void *arg, vd_now_t now, const vd_input_t *input,
                               vd_effects_t *effects);

typedef struct vd_engine {
    vd_client_t *client;
    struct vd_engine *next;
    vd_engine_step_fn *step;
    void *arg;
    struct {
        uint16_t port;
        int type;
    } ports[VD_ENGINE_PORTS_MAX];
    vd_link_t links[VD_ENGINE_LINKS_MAX];
    int64_t timers_us[VD_ENGINE_TIMERS_MAX]; /* -1: not set */
    bool (*full)(void *arg);                 /* no more messages in this round; NULL: never */
    int wake_fd;                             /* readable: there is something to do; -1: none */
    int64_t heard_us;                        /* when the last message came */
    int64_t renewed_us;                      /* when connections were taken anew */
} vd_engine_t;

struct vd_client {
    vd_paths_t paths;
    vd_status_t paths_status;
    char paths_error[VD_TEXT_BYTES_MAX + 1]; /* why that is not VD_OK */
    bool dir_given;                          /* by the caller, not by the environment */
    vd_route_t routes[VD_CLIENT_ROUTES_MAX];
    uint32_t route_count;
    char error[VD_TEXT_BYTES_MAX + 1];
    void *context; /* NULL until something is sent */
    vd_effects_t *effects;
    vd_engine_t *engines;
    uint64_t correlation;
    vd_link_t links[VD_CLIENT_LINKS_MAX];
    uint32_t link_turn;
    vd_buffer_t out;  /* header and body of a request */
    vd_buffer_t json; /* of vd_client_json */
    vd_buffer_t pack; /* of vd_client_pack */
    vd_buffer_t rows; /* of the lists */
    vd_buffer_t seen; /* the last snapshot of vd_wait */
    vd_session_ids_t session_ids;
    char session_id[VD_SESSION_ID_SIZE]; /* the newest */
    zmq_msg_t frames[3];
    uint32_t frame_count;
};

/* Keeps the text and returns `status`. */
vd_status_t vd_client_fail(vd_client_t *self, vd_status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
vd_now_t vd_client_now(void);
/* The monotonic clock alone. */
int64_t vd_client_mono_us(void);
/* The moment at which a timeout in milliseconds is over; negative timeouts never are. */
int64_t vd_client_deadline_us(int timeout_ms);
/* What is left until then, as a timeout again: -1 when it never comes. */
int vd_client_rest_ms(int64_t deadline_us);

/* The endpoint of an actor's port: the client's own, else the conventional one. VD_OK, or VD_USAGE
 * when that cannot be one. */
vd_status_t vd_client_endpoint(vd_client_t *self, const char *actor, const char *port,
                               char out[VD_ENDPOINT_BYTES_MAX + 1]);
/* Is there somebody? VD_OK: the endpoint accepts; VD_NOT_READY: it does not, and the runtime is
 * there (it is being started again); VD_UNREACHABLE: neither. */
vd_status_t vd_client_probe(vd_client_t *self, const char *endpoint);
/* The same with the text for people on VD_UNREACHABLE. */
vd_status_t vd_client_unreachable(vd_client_t *self);
/* vd_client_request with a message structure. */
vd_status_t vd_client_ask(vd_client_t *self, const char *actor, const char *port,
                          const vd_message_t *message, int timeout_ms, vd_reply_t *reply);
/* The row of a session, read; NULL: of the newest active one. Its texts live until the next request. */
vd_status_t vd_client_session_record(vd_client_t *self, const char *session, int timeout_ms,
                                     vd_session_record_t *record);
/* vd_producer_emit_frame with events that are packed already: a run of `count`. */
vd_status_t vd_producer_offer(vd_producer_t *self, const char *session, const char *record,
                              vd_bytes_t run, uint32_t count);
/* Makes a socket of the client, NULL with the error kept. */
void *vd_client_socket(vd_client_t *self, int type);
/* Receives a message without blocking into at most `room` frames. Returns how many; 0: none; -1: it
 * was too long and was thrown away. The caller closes the frames. */
int vd_client_receive(void *socket, zmq_msg_t *frames, int room);
vd_bytes_t vd_client_frame(zmq_msg_t *frame);

/* Adds an engine to the client. `engine` stays where it is until vd_engine_remove. */
vd_status_t vd_engine_add(vd_engine_t *self, vd_client_t *client, vd_engine_step_fn *step,
                          void *arg, uint16_t dealer_port, uint16_t sub_port);
void vd_engine_remove(vd_engine_t *self);
/* Takes its connections over tcp anew when no message has come for `silent_ms` (nor on those that it
 * took last): their far ends may be gone without a word. For cores that do not do so themselves. */
void vd_engine_renew(vd_engine_t *self, int silent_ms);
/* The client's effects, cleared: for calling functions of a core outside of a step. Then
 * vd_engine_carry_out. */
vd_effects_t *vd_engine_effects(vd_engine_t *self);
void vd_engine_carry_out(vd_engine_t *self);
/* Runs all engines of the client until `done` says so or the deadline has passed. VD_OK,
 * VD_TIMED_OUT, VD_CANCELLED or VD_FAILED: a connection cannot be begun. Takes what is at hand at
 * least once, even after the deadline. */
typedef bool vd_engine_done_fn(void *arg);
vd_status_t vd_engine_run(vd_client_t *client, int64_t deadline_us, vd_engine_done_fn *done,
                          void *arg);

#endif
