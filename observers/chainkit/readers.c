/* readers.c: the readers, one row each, and what those of JSON share. */
#include "chainkit/reader_json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const vd_reader_t *const readers[] = {&vd_hsd_reader, &vd_bcoin_reader, &vd_logos_reader};

const vd_reader_t *vd_reader_named(vd_str_t name)
{
    if (name.size == 0)
        return readers[0];
    for (size_t at = 0; at < sizeof readers / sizeof readers[0]; at++)
        if (vd_str_is(name, readers[at]->name))
            return readers[at];
    return NULL;
}

bool vd_is_chain_id(vd_str_t id)
{
    if (id.size != VD_CHAIN_ID_DIGITS)
        return false;
    for (size_t at = 0; at < id.size; at++)
        if (!(id.data[at] >= '0' && id.data[at] <= '9') &&
            !(id.data[at] >= 'a' && id.data[at] <= 'f'))
            return false;
    return true;
}

void vd_answer_free(vd_answer_t *self)
{
    assert(self);
    json_decref((json_t *)self->json);
    for (size_t at = 0; at < sizeof self->rows / sizeof self->rows[0]; at++)
        free(self->rows[at]);
    *self = (vd_answer_t){0};
}

const json_t *vd_answer_open(vd_answer_t *answer, vd_bytes_t content, bool array, char *error,
                             size_t error_size)
{
    static const vd_json_bounds_t bounds = {VD_ANSWER_BYTES_MAX, VD_ANSWER_DEPTH_MAX,
                                            VD_ANSWER_VALUES_MAX};
    assert(answer && !answer->json && error && error_size > 0);
    json_t *json = vd_json_read(content, &bounds, error, error_size);
    answer->json = json;
    if (!json || (array ? json_is_array(json) : json_is_object(json)))
        return json;
    snprintf(error, error_size, "an %s is expected, not this JSON", array ? "array" : "object");
    vd_answer_free(answer);
    return NULL;
}

bool vd_place_fail(const vd_place_t *place, const char *key, const char *wrong)
{
    snprintf(place->error, place->error_size, "%s%s%s %s", place->path,
             place->path[0] && key[0] ? "." : "", key, wrong);
    return false;
}

vd_place_t vd_place_at(const vd_place_t *place, const char *key, int64_t number)
{
    vd_place_t at = {.error = place->error, .error_size = place->error_size};
    const char *dot = place->path[0] && key[0] ? "." : "";
    if (number < 0)
        snprintf(at.path, sizeof at.path, "%.60s%s%.30s", place->path, dot, key);
    else
        snprintf(at.path, sizeof at.path, "%.50s%s%.20s[%lld]", place->path, dot, key,
                 (long long)number);
    return at;
}

bool vd_place_id(const vd_place_t *place, const json_t *object, const char *key, vd_str_t *id)
{
    const json_t *value = json_object_get(object, key);
    *id = vd_bytes(json_string_value(value), json_string_length(value));
    return vd_is_chain_id(*id) ||
           vd_place_fail(place, key, "is not an id of 64 lower-case hexadecimal digits");
}

bool vd_place_u64(const vd_place_t *place, const json_t *object, const char *key, uint64_t max,
                  uint64_t *value)
{
    return (vd_json_u64(object, key, value) && *value <= max) ||
           vd_place_fail(place, key, "is not a whole number in its range");
}

const json_t *vd_place_object(const vd_place_t *place, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_object(value))
        return value;
    vd_place_fail(place, key, "is not an object");
    return NULL;
}

const json_t *vd_place_array(const vd_place_t *place, const json_t *object, const char *key,
                             size_t max)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_array(value) && json_array_size(value) <= max)
        return value;
    vd_place_fail(place, key, json_is_array(value) ? "has too many elements" : "is not an array");
    return NULL;
}

void *vd_answer_rows(vd_answer_t *answer, unsigned which, size_t count, size_t size,
                     const vd_place_t *place)
{
    assert(which < sizeof answer->rows / sizeof answer->rows[0] && !answer->rows[which]);
    answer->rows[which] = calloc(count + 1, size);
    if (!answer->rows[which])
        vd_place_fail(place, "", "takes more memory than there is");
    return answer->rows[which];
}
