/* config.h: TOML configuration by tables of rows: key, type, default, bounds and help in one place.
 *
 * 1. A row is the one truth for parsing, defaults, validation, `config init` and the documentation.
 * 2. An unknown key is an error with file, line and the nearest known key; a value of the wrong
 *    type or out of bounds likewise. All errors of a file are told, not just the first.
 * 3. Each process checks the tables that it knows; a table is named by its TOML path ("pollers",
 *    "observers.host"). Tables of others are left alone.
 * 4. A string value env(NAME) is replaced by the environment's value; such values are secrets: they
 *    are never printed or logged. In the rows of an array of tables it stays as written, because
 *    rows travel to other processes and are shown; who uses such a text calls vd_config_env on it,
 *    as late as it can.
 * 5. In such a row every key without a fallback must be given, except those of type TABLE.
 */
#ifndef VD_CONFIG_H
#define VD_CONFIG_H

#include "wire/buffer.h"
#include "wire/status.h"

typedef enum vd_config_type {
    VD_CONFIG_STR = 1,
    VD_CONFIG_INT,
    VD_CONFIG_FLOAT,
    VD_CONFIG_BOOL,
    VD_CONFIG_DURATION, /* "250ms", "1s", "5m", "2h" or "1d"; milliseconds in C */
    VD_CONFIG_LIST,     /* array of strings, shown: env(NAME) is refused in it */
    VD_CONFIG_ROWS,     /* array of tables; read with vd_config_row_* ; `rows` names their keys */
    VD_CONFIG_TABLE,    /* in a row of ROWS: a table of any keys; read with vd_config_row_value */
    VD_CONFIG_SHOWN,    /* a STR that goes into logs, events or answers: env(NAME) is refused */
} vd_config_type_t;

typedef struct vd_config_row {
    const char *key;
    vd_config_type_t type;
    const char *fallback; /* as it would stand in the file; NULL: none */
    double min, max;      /* of numbers and durations (ms); both 0: any */
    const char *help;
    /* Of ROWS: the keys of one row; of SHOWN: the words that it may be, NULL: any. Ended by a NULL
     * key. */
    const struct vd_config_row *rows;
} vd_config_row_t;

typedef struct vd_config_table {
    const char *path; /* "pollers"; by this name the program asks for it */
    const char *help;
    const vd_config_row_t *rows; /* ended by a row with a NULL key */
    /* Where it stands in the file, when that is not its path: one of several of a kind. NULL:
     * there. */
    const char *section;
    bool example; /* stands for tables that people name themselves: printed as a comment */
} vd_config_table_t;

typedef struct vd_config vd_config_t;

/* Reads `file` (NULL: defaults alone) and checks the given tables. Errors are written to `errors`
 * as lines "file:line: text". VD_OK, VD_NOT_FOUND, or VD_CONFIG, also for what
 * cannot be read. */
vd_status_t vd_config_load(const char *file, const vd_config_table_t *tables, size_t count,
                           vd_config_t **self, vd_buffer_t *errors);
/* The same from text; `name` stands for the file in errors. */
vd_status_t vd_config_parse(const char *name, vd_str_t text, const vd_config_table_t *tables,
                            size_t count, vd_config_t **self, vd_buffer_t *errors);
void vd_config_destroy(vd_config_t **self);

/* Values; the default where the file has none, and without a default the empty text or 0. Asking
 * for a key without a row is a defect (assertion). */
const char *vd_config_str(const vd_config_t *self, const char *table, const char *key);
int64_t vd_config_int(const vd_config_t *self, const char *table, const char *key);
double vd_config_float(const vd_config_t *self, const char *table, const char *key);
bool vd_config_bool(const vd_config_t *self, const char *table, const char *key);
int64_t vd_config_duration_ms(const vd_config_t *self, const char *table, const char *key);
size_t vd_config_list_count(const vd_config_t *self, const char *table, const char *key);
const char *vd_config_list_at(const vd_config_t *self, const char *table, const char *key,
                              size_t at);
/* Rows of an array of tables. */
size_t vd_config_row_count(const vd_config_t *self, const char *table, const char *key);
const char *vd_config_row_str(const vd_config_t *self, const char *table, const char *key,
                              size_t at, const char *row_key);
/* The same for INT, DURATION (milliseconds) and BOOL (0 or 1). */
int64_t vd_config_row_int(const vd_config_t *self, const char *table, const char *key, size_t at,
                          const char *row_key);
/* A table in a row (labels, spec) as one MessagePack map, appended to `out`; an empty map when
 * absent. */
void vd_config_row_value(const vd_config_t *self, const char *table, const char *key, size_t at,
                         const char *row_key, vd_buffer_t *out);
/* The value that `text` stands for: of the environment when it is env(NAME) (NULL when NAME is not
 * set), else itself. */
const char *vd_config_env(const char *text);
/* Writes an error for each table and top-level key of the file that none of the given tables
 * covers. Returns how many. Only for a process that knows the tables of all (vedette config
 * check). */
size_t vd_config_unknown_tables(const vd_config_t *self, vd_buffer_t *errors);
/* A boolean in a table that another process reads and checks: `fallback` when the file has none. */
bool vd_config_foreign_bool(const vd_config_t *self, const char *table, const char *key,
                            bool fallback);
/* A text in such a table; NULL when there is none. *line (may be NULL): where it stands, or else
 * its table; 0 when neither is there. */
const char *vd_config_foreign_str(const vd_config_t *self, const char *table, const char *key,
                                  unsigned *line);
/* Names of the tables directly below `path` in the file ("observers" -> "host", "services"). */
size_t vd_config_children(const vd_config_t *self, const char *path, const char **names,
                          size_t room);

/* Prints the tables as a commented TOML file with every key at its default. */
void vd_config_print(const vd_config_table_t *tables, size_t count, vd_buffer_t *out);

#endif
