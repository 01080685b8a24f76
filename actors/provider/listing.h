/* listing.h: what a kind of provider found out: the whole set of sources, or why not. */
#ifndef VD_LISTING_H
#define VD_LISTING_H

#include "wire/buffer.h"
#include "wire/status.h"

typedef struct vd_listing {
    vd_status_t status;
    vd_str_t error;
    vd_bytes_t sources; /* VD_OK: a MessagePack array of source records with unique names */
} vd_listing_t;

#endif
