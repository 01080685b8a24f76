/* producer_node.h: a producer of the model: the emit core under a workload whose every outcome is
 * known. */
#ifndef VD_MODEL_PRODUCER_NODE_H
#define VD_MODEL_PRODUCER_NODE_H

#include "ingestor_node.h"

typedef struct vd_model_producer {
    char name[VD_NAME_BYTES_MAX + 1];     /* of the node */
    char producer[VD_NAME_BYTES_MAX + 1]; /* which it emits as */
    vd_node_t *node;
    vd_model_ingestor_t *ingestor;
    vd_oracle_t *oracle;
    vd_world_t *world;
    bool offers;         /* has work */
    bool restarts;       /* boots again after it has ended */
    uint32_t events_max; /* of a frame */
    int64_t pause_us_max;
    /* Of this life. */
    vd_emit_t *emit;
    uint32_t life;
    bool opened;
    uint64_t made; /* sessions begun */
    char session[VD_NAME_BYTES_MAX + 1];
    bool session_open, shared_known, ending;
    uint64_t shared_frame; /* the frame that tries to begin the shared session */
    uint64_t answered;     /* highest number with an outcome */
    /* From this frame, and number, on everything was written in this life of the ingestor. */
    uint64_t fresh_life, fresh_frame, fresh_first;
} vd_model_producer_t;

/* Adds the node, down. */
void vd_model_producer_add(vd_model_producer_t *self, vd_world_t *world);
/* Sends an EMIT under this producer's epoch with a number that was used, and other bytes. */
void vd_model_producer_forge(vd_model_producer_t *self);

#endif
