/* golden.h: reading what is kept under tests/golden. */
#ifndef VD_TESTS_GOLDEN_H
#define VD_TESTS_GOLDEN_H

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/buffer.h"

#include <jansson.h>

#define GOLDEN_SETS_MAX 64

/* The paths of all sets of a kind ("frames", "store"), oldest first. Fails when there is none.
 * Returns how many. */
size_t golden_sets(const char *kind, char paths[GOLDEN_SETS_MAX][512]);
/* A file of a set as JSON. Numbers that may be over 63 bits are read as floats with `as_float`. */
json_t *golden_json(const char *set, const char *name, bool as_float);
/* The text of a member; fails when there is none. */
const char *golden_text(const json_t *object, const char *key);
uint64_t golden_number(const json_t *object, const char *key);
/* The bytes that hex text stands for; freed by the caller. */
vd_bytes_t golden_bytes(const char *hex);

#endif
