/* value.h: MessagePack values: scanning, reading without a copy, writing into a buffer.
 *
 * 1. Bytes from outside are scanned before anything else looks at them: every count and length is
 *    checked against the bytes that remain, and the depth against a limit. Scanning allocates
 *    nothing.
 * 2. Reading works on scanned bytes and gives views into them. On bytes that were never scanned it
 *    is still memory-safe: it stops at what does not fit.
 * 3. Writing goes into a vd_buffer, each value in its shortest form; an overfull buffer is noticed
 *    once, at the end.
 * 4. Integers keep their sign: an unsigned value above INT64_MAX has kind U64 and no i64 reading.
 */
#ifndef VD_VALUE_H
#define VD_VALUE_H

#include "wire/buffer.h"
#include "wire/status.h"

typedef enum vd_kind {
    VD_KIND_NIL = 1,
    VD_KIND_BOOL,
    VD_KIND_U64, /* any non-negative integer */
    VD_KIND_I64, /* a negative integer */
    VD_KIND_F64,
    VD_KIND_STR,
    VD_KIND_BIN,
    VD_KIND_ARRAY,
    VD_KIND_MAP,
    VD_KIND_EXT,
} vd_kind_t;

typedef struct vd_value {
    vd_kind_t kind;
    uint32_t count; /* ARRAY: elements; MAP: pairs */
    union {
        bool boolean;
        uint64_t u64;
        int64_t i64;
        double f64;
    };
    vd_bytes_t
        bytes;      /* STR, BIN, EXT: the content; ARRAY, MAP: the elements, one after the other */
    vd_bytes_t raw; /* the whole value as it stands on the wire */
} vd_value_t;

/* Scans the first value of `bytes`. Returns VD_OK and its size, VD_MALFORMED or VD_TOO_DEEP. */
vd_status_t vd_scan(vd_bytes_t bytes, unsigned depth_max, size_t *size);
/* The same, and nothing may follow the value (VD_MALFORMED). */
vd_status_t vd_scan_exact(vd_bytes_t bytes, unsigned depth_max);

/* Reads the value at the front of `rest` and moves `rest` behind it. False at the end or at what is
 * not MessagePack. Strings are not checked for UTF-8. */
bool vd_value_next(vd_bytes_t *rest, vd_value_t *value);
/* The same with a limit of its own: false also for a value that is nested deeper. */
bool vd_value_next_within(vd_bytes_t *rest, vd_value_t *value, unsigned depth_max);
/* Reads the single value that `bytes` holds. */
bool vd_value_of(vd_bytes_t bytes, vd_value_t *value);
/* Finds the value under string key `key` of a MAP. False when absent or when `map` is no map. */
bool vd_value_get(const vd_value_t *map, const char *key, vd_value_t *value);
/* The value as a number or text; `fallback` when it is of another kind or does not fit. */
uint64_t vd_value_u64(const vd_value_t *value, uint64_t fallback);
int64_t vd_value_i64(const vd_value_t *value, int64_t fallback);
double vd_value_f64(const vd_value_t *value, double fallback);
vd_str_t vd_value_str(const vd_value_t *value);
/* Shorthands: the field `key` of a MAP as a number or text. */
uint64_t vd_value_get_u64(const vd_value_t *map, const char *key, uint64_t fallback);
double vd_value_get_f64(const vd_value_t *map, const char *key, double fallback);
vd_str_t vd_value_get_str(const vd_value_t *map, const char *key);

void vd_write_nil(vd_buffer_t *out);
void vd_write_bool(vd_buffer_t *out, bool value);
void vd_write_u64(vd_buffer_t *out, uint64_t value);
void vd_write_i64(vd_buffer_t *out, int64_t value);
void vd_write_f64(vd_buffer_t *out, double value);
void vd_write_str(vd_buffer_t *out, vd_str_t text);
void vd_write_text(vd_buffer_t *out, const char *text);
void vd_write_bin(vd_buffer_t *out, vd_bytes_t bytes);
void vd_write_array(vd_buffer_t *out, uint32_t count);
void vd_write_map(vd_buffer_t *out, uint32_t pairs);
/* Appends bytes that are already MessagePack. */
void vd_write_raw(vd_buffer_t *out, vd_bytes_t bytes);
/* Shorthands: key and value of a map. */
void vd_write_pair_str(vd_buffer_t *out, const char *key, vd_str_t value);
void vd_write_pair_text(vd_buffer_t *out, const char *key, const char *value);
void vd_write_pair_u64(vd_buffer_t *out, const char *key, uint64_t value);
void vd_write_pair_i64(vd_buffer_t *out, const char *key, int64_t value);
void vd_write_pair_f64(vd_buffer_t *out, const char *key, double value);
void vd_write_pair_bool(vd_buffer_t *out, const char *key, bool value);

#endif
