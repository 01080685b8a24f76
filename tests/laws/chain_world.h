/* chain_world.h: nodes of a made-up chain, as the observer chain sees them: they grow, fork, hang and
 * lie as a test wants.
 *
 * 1. Blocks are numbers; the first one is the beginning of all. A node has the blocks of every head that
 *    it ever had, down to the first, and answers for those alone.
 * 2. Nodes answer in the form of hsd, or in one of the two of Logos. These last are written after what
 *    is known of the form; no real node of it stood behind them.
 */
#ifndef VD_CHAIN_WORLD_H
#define VD_CHAIN_WORLD_H

#include "chain/chain.h"
#include "laws/observer_fixture.h"

enum { WORLD_BLOCKS = 4000, WORLD_NODES = 3 };

typedef enum form { FORM_HSD, FORM_LOGOS_OLD, FORM_LOGOS_NEW } form_t;

/* What a node says instead of what is so. */
typedef enum lie {
    LIE_NOTHING,
    LIE_PARENT,  /* another parent of `lie_at` */
    LIE_HEIGHT,  /* another height of it */
    LIE_RING,    /* its own child is its parent */
    LIE_HASH,    /* another block under its hash */
    LIE_MISSING, /* there is none of it */
    LIE_GARBAGE, /* no JSON in its place */
    LIE_HEAD,    /* another height of the head */
    LIE_TIPS,    /* no JSON in the place of the tips */
} lie_t;

typedef struct node {
    form_t form;
    uint32_t head;
    int32_t final; /* -1: none */
    bool silent, syncing;
    lie_t lie;
    uint32_t lie_at;
    bool has[WORLD_BLOCKS];
} node_t;

typedef struct world {
    vd_bench_t bench;
    uint32_t count;
    int32_t parent[WORLD_BLOCKS];
    uint32_t height[WORLD_BLOCKS];
    node_t nodes[WORLD_NODES];
    uint32_t turns_per_read; /* of heads; 0 is 1 */
    uint32_t turn;
    bool no_answers;  /* reads that are asked for once stay unanswered */
    uint32_t asked;   /* of them */
    vd_buffer_t text; /* what was told since it was cleared */
} world_t;

extern const char *const world_names[WORLD_NODES];

void world_open(world_t *world, const char *toml, form_t form);
void world_close(world_t *world);
void world_id(uint32_t block, char id[65]);
/* `count` blocks, one on the other; returns the last. */
uint32_t world_grow(world_t *world, uint32_t on, uint32_t count);
/* The ancestor of this height, or the block itself. */
uint32_t world_at(const world_t *world, uint32_t block, uint32_t height);
/* The node's head is this block now, or was it for a moment. */
void world_move(world_t *world, uint32_t node, uint32_t block);
void world_move_all(world_t *world, uint32_t block);
/* Shows what the nodes say of themselves. */
void world_show(world_t *world);
/* Answers a read. */
void world_answer(world_t *world, const vd_read_record_t *read);
/* One turn with the newest heads; its reads are answered. Was there anything to do? */
bool world_step(world_t *world);
/* Goes on until nothing is told any longer; returns what was. */
const char *world_settle(world_t *world);
uint32_t world_times(const char *text, const char *part);
const vd_watched_chain_t *world_state(const world_t *world);
/* All that are not silent and do not lie are known to be where they are. */
void world_expect_heads(const world_t *world);
/* What the events say is the state, from the start and from any stored state on. */
void world_expect_lawful(world_t *world);

#endif
