/* block_world.h: nodes of one chain that answer as hsd does, for the units of observers that read them.
 *
 * 1. Blocks are numbered; block 0 has height 0. A transaction is a number too; a block holds those that
 *    were put into it, whatever other blocks hold.
 * 2. A node has a head and a pool, and answers from them; a silent one times out.
 * 3. The observer is on the bench; each step is one turn on the newest samples, whose reads are answered.
 */
#ifndef VD_BLOCK_WORLD_H
#define VD_BLOCK_WORLD_H

#include "laws/observer_fixture.h"

enum { WORLD_BLOCKS = 2000, WORLD_NODES = 4, WORLD_TXS = 64, WORLD_ID_SIZE = 65 };

typedef struct vd_block_world {
    vd_bench_t bench;
    uint32_t node_count, block_count;
    int32_t parent[WORLD_BLOCKS];
    uint32_t height[WORLD_BLOCKS];
    uint64_t txs[WORLD_BLOCKS]; /* one bit each */
    uint32_t head[WORLD_NODES];
    uint64_t pool[WORLD_NODES];
    bool silent[WORLD_NODES];
    uint32_t blocks_read; /* whole blocks that were answered */
    vd_buffer_t text;     /* what was told since it was cleared */
} vd_block_world_t;

/* With nodes n0, n1, ... with the labels {app: chain, reader: hsd, `key`: words[node]}, without key the
 * first two. */
void vd_block_world_open(vd_block_world_t *self, const vd_observer_t *observer, const char *toml,
                         uint32_t nodes, const char *key, const char *const *words);
void vd_block_world_close(vd_block_world_t *self);
const char *vd_block_world_node(uint32_t node);
void vd_block_id(uint32_t block, char id[WORLD_ID_SIZE]);
void vd_world_tx_id(uint32_t tx, char id[WORLD_ID_SIZE]);

/* So many empty blocks on `on`; returns the last one. */
uint32_t vd_block_world_grow(vd_block_world_t *self, uint32_t on, uint32_t count);
/* One block on `on` with these transactions. */
uint32_t vd_block_world_mine(vd_block_world_t *self, uint32_t on, uint64_t txs);
uint32_t vd_block_world_ancestor(const vd_block_world_t *self, uint32_t block, uint32_t height);
void vd_block_world_all_at(vd_block_world_t *self, uint32_t block);
void vd_block_world_all_pool(vd_block_world_t *self, uint64_t txs);

/* New samples of everything that is read. */
void vd_block_world_show(vd_block_world_t *self);
/* Commits the turn at hand, and answers what it asked. Was there anything to do? */
bool vd_block_world_take(vd_block_world_t *self);
/* Shows, turns, and takes what came of it: was there anything to do? */
bool vd_block_world_step(vd_block_world_t *self);
/* Steps until nothing is told any longer; returns what was. */
const char *vd_block_world_settle(vd_block_world_t *self);
/* How often `part` is in `text`. */
uint32_t vd_times(const char *text, const char *part);
/* What the events say is the state: from the start, and from any stored state on. */
void vd_block_world_assert_lawful(vd_block_world_t *self);
/* The observer's snapshot, or what it answers to a question of one argument, as JSON. */
const char *vd_block_world_view(vd_block_world_t *self);
const char *vd_block_world_ask(vd_block_world_t *self, const char *name, const char *argument);

#endif
