/* stage.h: a core alone on a stage: whatever may come through its ports, in any order, its effects looked at after
 * each step.
 *
 * 1. The input is steps. A step is a byte HOW and what it needs:
 *      bits 0-2  6: an operation that the core has begun ends; 7: time passes, as the next byte says; else the
 *                port (by its place, modulo their number) through which a message comes: header, body, payload,
 *                as parts
 *      bits 3-4  of a message: from which of the peers; where the port has, or had, more than 4, a byte that
 *                follows says so; of another: for the target
 *      bits 5-6  of a message through a connection: 0 its correlation stays; 1 to 3 it is that of what the core
 *                has sent to this peer last, before that, and before that
 *      bit 7     time passes first: 1.3 s instead of 1 ms
 *    Timers that have become due are told first.
 * 2. What holds for every core: effects never overflow; what is sent is a message of the catalogue that decodes
 *    and encodes; through a ROUTER nothing goes to who has not spoken; a connection that something is sent
 *    through is there, and has not been ended; nothing follows EXIT.
 */
#ifndef VD_FUZZ_STAGE_H
#define VD_FUZZ_STAGE_H

#include "core/core.h"
#include "fuzz.h"

enum { FUZZ_PORTS_MAX = 10, FUZZ_PEERS = 16, FUZZ_CALLERS = 4, FUZZ_STEPS_MAX = 96 };

typedef enum fuzz_port_kind { FUZZ_ROUTER = 1, FUZZ_CONNECTS, FUZZ_PUB } fuzz_port_kind_t;

typedef struct fuzz_peer {
    vd_peer_t name; /* of size 0: the connection has been ended */
    bool spoken;
    uint64_t sent[3]; /* correlations, the newest first */
} fuzz_peer_t;

typedef struct fuzz_port {
    uint16_t port;
    fuzz_port_kind_t kind;
    /* The connections of the core there, each in its place as long as it is; or who calls. */
    fuzz_peer_t peers[FUZZ_PEERS];
    uint32_t peer_count;
    bool crowded; /* there were more connections than places: the others cannot speak */
} fuzz_port_t;

typedef struct fuzz_stage fuzz_stage_t;

struct fuzz_stage {
    /* Filled by the target. */
    vd_step_fn *step;
    void *state;
    /* A message that the core has sent; an effect DO; `how` of a step whose operation ends; after each step. Each may be
     * NULL. */
    void (*sent)(fuzz_stage_t *self, const vd_effect_t *effect, const vd_message_t *message);
    void (*perform)(fuzz_stage_t *self, const vd_effect_t *effect);
    void (*complete)(fuzz_stage_t *self, uint8_t how, vd_bytes_t *input);
    void (*after)(fuzz_stage_t *self);
    void *arg;
    bool shares; /* tells how much waits for a peer */

    fuzz_port_t ports[FUZZ_PORTS_MAX];
    uint32_t port_count, receiving;
    vd_effects_t *effects;
    vd_now_t now;
    int64_t due_us[VD_TIMERS_MAX];
    bool exited;
};

void fuzz_stage_open(fuzz_stage_t *self, vd_step_fn *step, void *state);
/* Those that nothing comes through, FUZZ_PUB, are the last. */
void fuzz_stage_port(fuzz_stage_t *self, uint16_t port, fuzz_port_kind_t kind);
/* The start, and then the steps of the input. */
void fuzz_stage_run(fuzz_stage_t *self, vd_bytes_t *input);
/* One input of the target's own. */
void fuzz_stage_input(fuzz_stage_t *self, const vd_input_t *input);
/* One message of the target's own, from the first peer of the port. */
void fuzz_stage_tell(fuzz_stage_t *self, uint16_t port, const vd_message_t *message);
void fuzz_stage_close(fuzz_stage_t *self);

#endif
