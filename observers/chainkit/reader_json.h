/* reader_json.h: what the readers of JSON share: values at named places, or the error that says what is
 * wrong there. */
#ifndef VD_READER_JSON_H
#define VD_READER_JSON_H

#include "chainkit/reader.h"
#include "json/json.h"

/* Where the reading is. The first error stays. */
typedef struct vd_place {
    char path[96]; /* "block.txs[3]" */
    char *error;
    size_t error_size;
} vd_place_t;

/* Reads one object (or, if `array`, array) within the bounds, into answer->json. NULL with the
 * error. */
const json_t *vd_answer_open(vd_answer_t *answer, vd_bytes_t content, bool array, char *error,
                             size_t error_size);
/* Says what is wrong at `key` of the place; returns false. */
bool vd_place_fail(const vd_place_t *place, const char *key, const char *wrong);
/* The place below this one: key, and number unless it is negative. */
vd_place_t vd_place_at(const vd_place_t *place, const char *key, int64_t number);
/* Required values of an object. False with the error. */
bool vd_place_id(const vd_place_t *place, const json_t *object, const char *key, vd_str_t *id);
bool vd_place_u64(const vd_place_t *place, const json_t *object, const char *key, uint64_t max,
                  uint64_t *value);
const json_t *vd_place_object(const vd_place_t *place, const json_t *object, const char *key);
const json_t *vd_place_array(const vd_place_t *place, const json_t *object, const char *key,
                             size_t max);
/* Rows of an answer, freed with it. NULL without memory, with the error. */
void *vd_answer_rows(vd_answer_t *answer, unsigned which, size_t count, size_t size,
                     const vd_place_t *place);

#endif
