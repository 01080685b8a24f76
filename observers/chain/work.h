/* work.h: one turn of the observer chain, for the files that make it up.
 *
 * 1. A turn works on a graph over that of the state and on a copy of the nodes, to which each event is
 *    applied as it is told: so what follows is judged on what will then be known.
 * 2. A turn that is full tells nothing more; the rest is found again in the next one.
 */
#ifndef VD_CHAIN_WORK_H
#define VD_CHAIN_WORK_H

#include "chain.h"

/* One-off reads of one turn, of all nodes: fewer than a poller takes at a time, and than the host
 * holds answers of in eight turns. */
#define VD_CHAIN_ASKS       48
#define VD_CHAIN_STALE_MAX  8
#define VD_CHAIN_PATIENCE   5 /* reads of a head that wait for what would tell more of it */
#define VD_CHAIN_FOREIGN_MS 60000

/* A node as this moment's samples show it. */
typedef struct vd_heard {
    vd_str_t name;
    const vd_reader_t *reader;
    bool by_height;                   /* it can be asked for headers by height */
    bool foreign;                     /* it is of another chain, as was told a moment ago */
    const vd_sample_record_t *sample; /* its newest head; NULL: it was not to be read */
    uint32_t head_count;              /* the newest first, down to the one that is known of it */
    const vd_sample_record_t *samples[VD_CHAIN_HEADS_KEPT];
    uint32_t ages[VD_CHAIN_HEADS_KEPT]; /* how many reads are newer */
    vd_answer_t heads[VD_CHAIN_HEADS_KEPT];
    uint64_t reached; /* the highest block in the graph that it answered by height */
    bool has_reached;
    bool wants_tips;
    uint32_t stale_count; /* tips of branches that it left, which are to be read */
    char stale[VD_CHAIN_STALE_MAX][VD_CHAIN_ID_SIZE];
    uint32_t asks; /* how much more may be asked of it in this turn */
} vd_heard_t;

typedef struct vd_work {
    const vd_watched_chain_t *chain;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_graph_t *graph; /* over the state's */
    vd_chain_nodes_t nodes;
    uint32_t count;
    vd_heard_t heard[VD_CHAIN_NODES_MAX];
    bool full;
} vd_work_t;

vd_heard_t *vd_work_heard(vd_work_t *work, vd_str_t name);
/* The height of the root; 0 while there is none. */
uint64_t vd_work_root_height(const vd_work_t *work);
/* What the node says of its newest head; with `sample` only. */
static inline const vd_chain_head_t *vd_heard_head(const vd_heard_t *heard)
{
    return &heard->heads[0].head;
}
/* Is it to be caught up with: a head of this node that is above the root, and not in the graph? */
bool vd_work_wants(const vd_work_t *work, const vd_heard_t *heard, const vd_chain_head_t *head);
/* The answer to a read of this header by its id; NULL: there is none. */
const vd_sample_record_t *vd_work_header(const vd_work_t *work, const vd_heard_t *heard,
                                         vd_str_t id);

/* tell.c: each tells, unless the turn is full. */
void vd_work_tell(vd_work_t *work, const char *type, const vd_buffer_t *data,
                  const vd_sample_record_t *cause);
/* Of what came since the last turn, and is not among the newest refusals. */
void vd_work_refuse(vd_work_t *work, vd_str_t node, vd_str_t block, const char *reason,
                    const vd_sample_record_t *cause);
/* The node is of another chain, which is looked at again after a while. */
void vd_work_refuse_chain(vd_work_t *work, vd_heard_t *heard, vd_str_t block,
                          const vd_sample_record_t *cause);

/* headers.c: what nodes answered, into the graph. */
void vd_work_take_headers(vd_work_t *work);
void vd_work_take_claim(vd_work_t *work, const vd_graph_claim_t *claim,
                        const vd_sample_record_t *cause);

/* descent.c: the walks down, joined to the graph, and kept as far as they came. */
void vd_work_join_walks(vd_work_t *work);
void vd_work_keep_walks(vd_work_t *work);

/* ask.c */
void vd_work_ask(vd_work_t *work);

/* heads.c: heads and reorganizations. */
void vd_work_judge_heads(vd_work_t *work, vd_heard_t *heard);

/* judge.c: lag, syncing, divergence, finality. */
void vd_work_judge_syncing(vd_work_t *work, const vd_heard_t *heard, const vd_chain_head_t *head,
                           const vd_sample_record_t *sample);
void vd_work_judge(vd_work_t *work);

#endif
