/* ingestor_node.h: the ingestor of the model: the sequencer on a store in memory that fails on
 * purpose. */
#ifndef VD_MODEL_INGESTOR_NODE_H
#define VD_MODEL_INGESTOR_NODE_H

#include "oracle.h"
#include "store/memory.h"
#include "world.h"

#define VD_MODEL_EMIT "ingestor.emit"

typedef struct vd_model_ingestor {
    vd_node_t *node;
    vd_oracle_t *oracle;
    vd_memory_image_t *image;
    vd_store_t *store; /* NULL while it is down */
    uint32_t fail;     /* of appends, in 1/1000 */
    int64_t append_us_max;
    const vd_store_batch_t *out; /* an append that has begun */
    bool done;                   /* it is on disk, and nobody has been told */
    char error[256];
    vd_store_tail_t tail;
    char cursed[VD_NAME_BYTES_MAX + 1]; /* appends with its events fail; empty: none */
    const void *prune_job;              /* what is to be taken out of view */
    uint64_t prune_keep;                /* of the policy */
    uint64_t prune_older_ms;
    bool restarts; /* boots again after it has ended */
    uint64_t failures;
    /* In a process with further cores; else NULL. */
    struct vd_process *process;
    void (*grown)(void *arg, vd_world_t *world);                                /* synced */
    void (*shown)(void *arg, vd_world_t *world, const vd_store_batch_t *batch); /* visible */
    void (*changed)(void *arg, vd_world_t *world); /* opened again, or pruned */
    void *shown_arg;
} vd_model_ingestor_t;

/* Adds the node, down; to its process, if it has one. */
void vd_model_ingestor_add(vd_model_ingestor_t *self, vd_world_t *world, vd_oracle_t *oracle);
/* Adds the node and boots it. */
void vd_model_ingestor_start(vd_model_ingestor_t *self, vd_world_t *world, vd_oracle_t *oracle);
void vd_model_ingestor_free(vd_model_ingestor_t *self);

#endif
