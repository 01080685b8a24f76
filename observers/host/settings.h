/* settings.h: the tables of the configuration that an observer's program knows.
 *
 * 1. A table whose `kind` is the observer's name makes a further one of it, under the table's name,
 *    and configures it; one without a kind that names its `program` likewise, for the process that is
 *    run under its name. Under any other name it is configured by observers.<observer's name>.
 * 2. The program asks for its keys as observers.<observer's name>, whatever it runs as.
 */
#ifndef VD_OBSERVER_SETTINGS_H
#define VD_OBSERVER_SETTINGS_H

#include "observer.h"

#define VD_OBSERVER_ROWS_MAX   64
#define VD_OBSERVER_TABLES_MAX 64
#define VD_OBSERVER_PATH_SIZE  (VD_NAME_BYTES_MAX + 16)

typedef struct vd_observer_settings {
    char path[VD_OBSERVER_PATH_SIZE];
    char sections[VD_OBSERVER_TABLES_MAX][VD_OBSERVER_PATH_SIZE];
    vd_config_row_t rows[VD_OBSERVER_ROWS_MAX + 1];
    vd_config_table_t tables[VD_OBSERVER_TABLES_MAX];
    size_t count;
} vd_observer_settings_t;

/* For the actor `name` (NULL: the observer's own). `file` may be NULL. */
void vd_observer_settings_of(vd_observer_settings_t *self, const vd_observer_t *observer,
                             const char *file, const char *name);
/* For everyone that `file` (may be NULL) has of this kind, to check it as a whole. */
void vd_observer_settings_of_file(vd_observer_settings_t *self, const vd_observer_t *observer,
                                  const char *file);

#endif
