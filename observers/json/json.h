/* json.h: JSON from strangers, within bounds that are checked before anything is allocated for it.
 *
 * 1. Content beyond its bounds, in bytes, depth or number of values, is refused unread, whatever it
 *    is.
 * 2. A number is exact or refused: an unsigned integer of 64 bits may come as a number or as a
 *    decimal string, up to UINT64_MAX either way.
 */
#ifndef VD_JSON_H
#define VD_JSON_H

#include "wire/buffer.h"

#include <jansson.h>

typedef struct vd_json_bounds {
    size_t bytes_max;
    uint32_t depth_max;
    uint32_t values_max;
} vd_json_bounds_t;

/* What most of them stay far below. */
#define VD_JSON_BYTES_MAX  262144
#define VD_JSON_DEPTH_MAX  32
#define VD_JSON_VALUES_MAX 16384

/* Reads one object or array. NULL with the reason in `error`; to be given back with json_decref. */
json_t *vd_json_read(vd_bytes_t content, const vd_json_bounds_t *bounds, char *error,
                     size_t error_size);
/* Reads one object within the usual bounds. */
json_t *vd_json_object(vd_bytes_t content, char *error, size_t error_size);
/* The number under `key`. False when it is absent or not one. */
bool vd_json_u64(const json_t *object, const char *key, uint64_t *value);
/* A number, or a text of at most `size` - 1 bytes, as text. False when it is neither. */
bool vd_json_text(const json_t *value, char *text, size_t size);

#endif
