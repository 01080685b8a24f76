/* pursuit.h: what the nodes of a chain answer, taken into a graph, and what they are asked next so that
 * it reaches their heads.
 *
 * 1. A node is a source of adapter http whose label "app" is that of the chain and which is no wallet's;
 *    its label "reader" says in which form it answers. One failing node hides nothing of another's.
 * 2. The graph begins `history` blocks below the first head that is heard, not below height `from`. A head
 *    that is not in it is caught up with: blocks are asked for upwards by height, in windows, and
 *    downwards where they do not connect, until they do.
 * 3. A pursuit lives for one turn, on a graph over that of the state. What it takes into it is told
 *    parents first; what cannot be beside what is known is told as refused.
 */
#ifndef VD_PURSUIT_H
#define VD_PURSUIT_H

#include "chainkit/reader.h"
#include "observer.h"

#define VD_PURSUIT_NODES_MAX 64

/* A node as this moment's samples show it. */
typedef struct vd_pursued {
    vd_str_t name;
    const vd_reader_t *reader;
    const vd_sample_record_t *sample; /* its head; NULL: not read yet, or not to be read */
    vd_answer_t answer;               /* of the head, with sample */
    uint64_t known;                   /* up to this height its blocks are known; by the owner */
    uint64_t reached;                 /* the highest block of its answers that is in the graph */
    uint32_t asks;                    /* how much more may be asked of it in this turn */
} vd_pursued_t;

typedef struct vd_pursuit vd_pursuit_t;
struct vd_pursuit {
    /* Of the owner. */
    const char *app;
    uint64_t history, from;
    bool whole; /* blocks are read with their transactions, else their headers */
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_graph_t *graph; /* over the state's */
    void *arg;
    /* A block came into the graph; `parent` is the id of its parent. False: take no more. */
    bool (*added)(void *arg, uint32_t block, vd_str_t parent, const vd_sample_record_t *cause);
    /* A node's claim was refused. */
    void (*refused)(void *arg, vd_str_t node, vd_str_t block, vd_verdict_t verdict,
                    const vd_sample_record_t *cause);
    /* A good answer before it is taken into the graph; NULL: none of the owner's business. */
    void (*answered)(void *arg, const vd_pursued_t *node, const vd_answer_t *answer,
                     const vd_sample_record_t *sample);
    /* An answer that cannot be read; may be NULL. */
    void (*unreadable)(void *arg, const vd_pursued_t *node, vd_str_t asked, const char *error,
                       const vd_sample_record_t *sample);

    uint32_t count;
    vd_pursued_t nodes[VD_PURSUIT_NODES_MAX];
};

/* The reader of a source; NULL: it is no node of the chain `app`. */
const vd_reader_t *vd_pursuit_reader(const char *app, const vd_source_record_t *source);
/* The standing read of a node's head, of which `keep` are held. */
void vd_pursuit_declare(const vd_reader_t *reader, int64_t interval_ms, int64_t deadline_ms,
                        uint32_t keep, vd_reads_t *reads);

/* Reads the heads of all nodes. */
void vd_pursuit_hear(vd_pursuit_t *self);
/* NULL: there is no such node. */
vd_pursued_t *vd_pursuit_node(vd_pursuit_t *self, vd_str_t name);
/* Takes the blocks that were answered. */
void vd_pursuit_take(vd_pursuit_t *self);
/* Asks for what is between the graph and the heads. */
void vd_pursuit_ask(vd_pursuit_t *self);
/* Asks a node for one block, by id or (id empty) by height. False: it was answered just now, well or not,
 * or cannot be asked. */
bool vd_pursuit_ask_block(vd_pursuit_t *self, const vd_pursued_t *node, vd_str_t id,
                          uint64_t height);
void vd_pursuit_close(vd_pursuit_t *self);

#endif
