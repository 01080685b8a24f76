/* diff.h: what is different between two snapshots, by paths as expressions write them.
 *
 * 1. A row is the map {path, before, after}. A path is one of EXPRESSIONS.md: it begins at the state,
 *    and gives `before` over the one snapshot and `after` over the other.
 * 2. Maps are compared by key, lists by place; below a map or list that only one side has there are
 *    no rows of their own. What is not there is nil, as in an expression.
 * 3. Numbers are equal by their value, whatever their kind; everything else by kind and bytes. A map
 *    with a key that is no text is one value.
 * 4. Pure, and bounded: by the room in the buffer and by VD_EXPRESSION_WORK_MAX bytes looked at.
 */
#ifndef VD_DIFF_H
#define VD_DIFF_H

#include "wire/limits.h"
#include "wire/value.h"

/* Appends the array of rows for the states of two snapshots (maps with the key "state"; any bytes at
 * all). VD_OK; VD_TOO_LARGE when it does not fit or takes too much: what is appended is then not
 * one. */
vd_status_t vd_diff(vd_bytes_t before, vd_bytes_t after, vd_buffer_t *rows);

#endif
