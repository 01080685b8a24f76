/* source.c: checking sources. */
#include "source.h"

#include "wire/auth.h"
#include "wire/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_empty(vd_bytes_t value)
{
    vd_value_t read;
    return value.size == 0 ||
           (vd_value_of(value, &read) &&
            (read.kind == VD_KIND_NIL || (read.kind == VD_KIND_MAP && read.count == 0)));
}

static bool are_texts_by_name(vd_bytes_t labels)
{
    vd_value_t map, key, value;
    if (!vd_value_of(labels, &map) || map.kind != VD_KIND_MAP)
        return false;
    vd_bytes_t rest = map.bytes;
    for (uint32_t i = 0; i < map.count; i++)
        if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &value) ||
            key.kind != VD_KIND_STR || value.kind != VD_KIND_STR)
            return false;
    return true;
}

static vd_status_t refuse(vd_status_t status, char *error, size_t error_size, const char *text)
{
    snprintf(error, error_size, "%s", text);
    return status;
}

static vd_status_t check_value(vd_bytes_t value, const char *what, char *error, size_t error_size)
{
    if (value.size > VD_SPEC_BYTES_MAX) {
        snprintf(error, error_size, "%s take %zu bytes; at most %d", what, value.size,
                 VD_SPEC_BYTES_MAX);
        return VD_TOO_LARGE;
    }
    vd_status_t status = vd_scan_exact(value, VD_SOURCE_DEPTH_MAX);
    if (status != VD_OK)
        snprintf(error, error_size, "%s: %s; at most %d levels", what, vd_status_text(status),
                 VD_SOURCE_DEPTH_MAX);
    return status;
}

static vd_status_t check_names(const vd_source_record_t *record, char *error, size_t error_size)
{
    const vd_str_t names[] = {record->name, record->adapter};
    for (int i = 0; i < 2; i++) {
        if (vd_name_valid(names[i]))
            continue;
        snprintf(error, error_size,
                 "%s \"%.*s\" is not a name: 1 to %d letters, digits or any of _ . - : # / @",
                 i == 0 ? "name" : "adapter", (int)(names[i].size > 100 ? 100 : names[i].size),
                 names[i].size > 0 ? (const char *)names[i].data : "", VD_NAME_BYTES_MAX);
        return VD_MALFORMED;
    }
    return VD_OK;
}

vd_status_t vd_source_write(const vd_source_record_t *record, vd_buffer_t *out, char *error,
                            size_t error_size)
{
    assert(record != NULL && out != NULL && error != NULL && error_size > 0);
    vd_source_record_t clean = *record;
    clean.provider = clean.poller = vd_str(NULL);
    clean.inc = 0;
    vd_status_t status = check_names(&clean, error, error_size);
    /* The text itself is not told: it may hold what should have stood in the environment. */
    if (status == VD_OK && clean.auth.size > 0 && vd_auth_parse(clean.auth, NULL) != VD_OK)
        status = refuse(VD_MALFORMED, error, error_size,
                        "its auth must be written basic USER:env(NAME) or bearer env(NAME), with "
                        "the secret in the environment's NAME");
    if (status == VD_OK && clean.labels.size > 0)
        status = check_value(clean.labels, "labels", error, error_size);
    if (status == VD_OK && clean.spec.size > 0)
        status = check_value(clean.spec, "spec", error, error_size);
    if (status != VD_OK)
        return status;
    if (is_empty(clean.labels))
        clean.labels = vd_str(NULL);
    else if (!are_texts_by_name(clean.labels))
        return refuse(VD_MALFORMED, error, error_size, "labels must be texts by name");
    if (is_empty(clean.spec))
        clean.spec = vd_str(NULL);
    if (clean.address.size > VD_TEXT_BYTES_MAX)
        return refuse(VD_TOO_LARGE, error, error_size, "the address is too long");
    status = vd_record_encode(VD_RECORD_source, &clean, out);
    if (status != VD_OK || out->full)
        return refuse(VD_TOO_LARGE, error, error_size, "the sources are too large altogether");
    return VD_OK;
}

static int compare(const void *a, const void *b)
{
    const vd_str_t *left = a, *right = b;
    size_t size = left->size < right->size ? left->size : right->size;
    int order = size > 0 ? memcmp(left->data, right->data, size) : 0;
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

bool vd_sources_unique(vd_bytes_t sources, char *twice)
{
    vd_value_t array, row;
    bool read = vd_value_of(sources, &array);
    assert(read && array.kind == VD_KIND_ARRAY);
    twice[0] = 0;
    vd_str_t *names = calloc((size_t)array.count + 1, sizeof *names);
    if (names == NULL)
        return false;
    size_t count = 0;
    vd_bytes_t rest = array.bytes;
    while (count < array.count && vd_value_next(&rest, &row))
        names[count++] = vd_value_get_str(&row, "name");
    qsort(names, count, sizeof *names, compare);
    bool unique = true;
    for (size_t i = 1; i < count && unique; i++) {
        unique = compare(&names[i - 1], &names[i]) != 0;
        if (!unique)
            vd_str_copy(twice, VD_NAME_BYTES_MAX + 1, names[i]);
    }
    free(names);
    return unique;
}
