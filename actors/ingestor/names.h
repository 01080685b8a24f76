/* names.h: a hash table of things that begin with their name (char [NAME_BYTES_MAX + 1]).
 *
 * 1. The table owns the array, not the things. Looking up allocates nothing.
 * 2. The order of a walk depends on the names and on nothing else that differs between runs.
 */
#ifndef VD_NAMES_H
#define VD_NAMES_H

#include "wire/buffer.h"
#include "wire/limits.h"

typedef struct vd_names {
    void **slots; /* NULL: free */
    uint32_t room;
    uint32_t count;
} vd_names_t;

void vd_names_free(vd_names_t *self);
/* The thing of this name, NULL if there is none. */
void *vd_names_get(const vd_names_t *self, vd_str_t name);
/* Adds a thing whose name is not in the table. False without memory. */
bool vd_names_put(vd_names_t *self, void *thing);
void vd_names_remove(vd_names_t *self, const void *thing);
/* Walks: begin with *at = 0; NULL at the end. The table must not change meanwhile. */
void *vd_names_next(const vd_names_t *self, uint32_t *at);

#endif
