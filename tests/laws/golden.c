/* golden.c: reading what is kept under tests/golden. */
#include "tests/laws/golden.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

size_t golden_sets(const char *kind, char paths[GOLDEN_SETS_MAX][512])
{
    char pattern[512];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/%s-*", VD_GOLDEN, kind);
    if (glob(pattern, GLOB_ONLYDIR, NULL, &found) != 0)
        fail_msg("%s: nothing golden is there", pattern);
    size_t count = found.gl_pathc;
    assert_true(count > 0 && count <= GOLDEN_SETS_MAX);
    for (size_t at = 0; at < count; at++)
        snprintf(paths[at], sizeof paths[at], "%s", found.gl_pathv[at]);
    globfree(&found);
    return count;
}

json_t *golden_json(const char *set, const char *name, bool as_float)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", set, name);
    json_t *value = json_load_file(path, as_float ? JSON_DECODE_INT_AS_REAL : 0, &error);
    if (value == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return value;
}

const char *golden_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL)
        fail_msg("no text %s", key);
    return text;
}

uint64_t golden_number(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    if (!json_is_number(number))
        fail_msg("no number %s", key);
    return json_is_integer(number) ? (uint64_t)json_integer_value(number)
                                   : (uint64_t)json_real_value(number);
}

vd_bytes_t golden_bytes(const char *hex)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t at = 0; at < size; at++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * at, "%2x", &byte), 1);
        bytes[at] = (uint8_t)byte;
    }
    return vd_bytes(bytes, size);
}
