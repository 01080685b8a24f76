/* toml_shim.h: a C view of a TOML document, on toml++.
 *
 * 1. Nodes and strings live as long as the document.
 * 2. Tables are walked in the order of their keys. Dates and times have kind OTHER: nothing here
 *    uses them.
 */
#ifndef VD_TOML_SHIM_H
#define VD_TOML_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum vd_toml_kind {
    VD_TOML_TABLE = 1,
    VD_TOML_ARRAY,
    VD_TOML_STR,
    VD_TOML_INT,
    VD_TOML_FLOAT,
    VD_TOML_BOOL,
    VD_TOML_OTHER,
} vd_toml_kind_t;

typedef struct vd_toml vd_toml_t;
typedef struct vd_toml_node vd_toml_node_t;

/* Parses `size` bytes. NULL when they are not TOML, with a text in `error` and the line (from 1; 0:
 * unknown). */
vd_toml_t *vd_toml_parse(const char *text, size_t size, char *error, size_t error_size,
                         unsigned *line);
void vd_toml_destroy(vd_toml_t **self);
const vd_toml_node_t *vd_toml_root(const vd_toml_t *self);

vd_toml_kind_t vd_toml_kind(const vd_toml_node_t *node);
/* The line where it stands, from 1; 0: unknown. */
unsigned vd_toml_line(const vd_toml_node_t *node);
/* Entries of a table or array; 0 of anything else. */
size_t vd_toml_count(const vd_toml_node_t *node);
/* Entry `at` of a table (with its key, when `key` is not NULL) or array. NULL behind the last. */
const vd_toml_node_t *vd_toml_at(const vd_toml_node_t *node, size_t at, const char **key);
/* The entry of a table under a key. NULL when there is none or the node is no table. */
const vd_toml_node_t *vd_toml_get(const vd_toml_node_t *node, const char *key);
/* Values of scalars of the right kind; "" or 0 of any other. Strings may hold zero bytes: see
 * `size`. */
const char *vd_toml_str(const vd_toml_node_t *node, size_t *size);
int64_t vd_toml_int(const vd_toml_node_t *node);
double vd_toml_float(const vd_toml_node_t *node);
bool vd_toml_bool(const vd_toml_node_t *node);

#ifdef __cplusplus
}
#endif

#endif
