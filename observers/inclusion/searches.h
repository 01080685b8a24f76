/* searches.h: the blocks that a turn's answers hold, and which watched transactions are in each. */
#ifndef VD_SEARCHES_H
#define VD_SEARCHES_H

#include "txs.h"

#include "observer.h"

typedef struct vd_search {
    char id[VD_TX_ID_SIZE];
    char parent[VD_TX_ID_SIZE];
    const vd_sample_record_t *cause;
    bool told;
    uint32_t count, room;
    uint32_t *found; /* places in the table of transactions */
} vd_search_t;

typedef struct vd_searches {
    uint32_t count, room;
    vd_search_t *list;
} vd_searches_t;

/* NULL when there is none of this block. */
vd_search_t *vd_searches_find(const vd_searches_t *self, vd_str_t id);
/* NULL without memory. Valid until the next one is added. */
vd_search_t *vd_searches_add(vd_searches_t *self, vd_str_t id, vd_str_t parent,
                             const vd_sample_record_t *cause);
/* The transaction at this place is in it. False without memory. */
bool vd_search_found(vd_search_t *self, uint32_t tx);
void vd_searches_free(vd_searches_t *self);

#endif
