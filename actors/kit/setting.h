/* setting.h: one value of the configuration, read from a TOML node by its row. Private to config.c
 * and its helpers. */
#ifndef VD_SETTING_H
#define VD_SETTING_H

#include "kit/config.h"
#include "kit/toml_shim.h"

typedef struct vd_setting {
    char *text;         /* STR, and each item of a LIST */
    int64_t number;     /* INT, DURATION in milliseconds, BOOL */
    double real;        /* FLOAT */
    vd_buffer_t packed; /* TABLE: a MessagePack map */
    size_t count;       /* LIST: items; ROWS: rows */
    struct vd_setting
        *items; /* LIST: `count`; ROWS: `count` times the keys of a row, one row after the other */
} vd_setting_t;

/* Where errors go: lines "name:line: text". */
typedef struct vd_complaints {
    const char *name;
    vd_buffer_t *out;
    size_t count;
} vd_complaints_t;

void vd_complain(vd_complaints_t *self, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

size_t vd_rows_length(const vd_config_row_t *rows);
/* Reads `node` as `row` demands; `path` names it in errors ("pollers.max_processes"). In a row of
 * ROWS (`in_row`) env(NAME) stays as written. False when complaints were made; `setting` may be
 * freed in any case. */
bool vd_setting_read(vd_setting_t *setting, const vd_config_row_t *row, const vd_toml_node_t *node,
                     const char *path, bool in_row, vd_complaints_t *complaints);
/* Takes the fallback of the row. A fallback that is not valid is a defect (assertion). */
void vd_setting_default(vd_setting_t *setting, const vd_config_row_t *row);
void vd_setting_free(vd_setting_t *setting, const vd_config_row_t *row);
/* The known key that is nearest to `key` by edit distance; NULL when none is near. */
const char *vd_nearest_key(const char *key, const char *const *known, size_t count);
/* Complains about an unknown key, naming the nearest known one or all of them. */
void vd_complain_unknown(vd_complaints_t *self, unsigned line, const char *what, const char *key,
                         const char *where, const char *const *known, size_t count);

#endif
