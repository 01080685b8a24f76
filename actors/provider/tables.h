/* tables.h: the configuration tables of providers, whose names are those that the file gives them.
 *
 * 1. Each provider has a table providers.NAME; static and manual have one that nobody needs to
 *    write.
 * 2. A provider that runs under a name knows its own table alone; a check of the whole file (no
 *    name) knows those of all.
 */
#ifndef VD_PROVIDER_TABLES_H
#define VD_PROVIDER_TABLES_H

#include "kind.h"

#define VD_PROVIDER_TABLES_MAX (VD_PROVIDERS_MAX + 2)
#define VD_PROVIDER_PATH_BYTES (VD_NAME_BYTES_MAX + sizeof "providers.")

typedef struct vd_provider_tables {
    size_t count;
    vd_config_table_t tables[VD_PROVIDER_TABLES_MAX];
    char paths[VD_PROVIDER_TABLES_MAX][VD_PROVIDER_PATH_BYTES];
} vd_provider_tables_t;

/* The kind called `name`; NULL when there is none. */
const vd_provider_kind_t *vd_provider_kind(const char *name);
/* Makes the tables of the providers that `file` (NULL: none) configures, or of `name` alone unless
 * it is NULL. What is wrong with their kinds goes to `errors`, one line each; a file that cannot be
 * read counts as empty. False when something is wrong. */
bool vd_provider_tables_read(vd_provider_tables_t *self, const char *file, const char *name,
                             vd_buffer_t *errors);
/* Makes the tables for people to read: those of the providers that are always there, and an example
 * of each other kind. */
void vd_provider_tables_show(vd_provider_tables_t *self);
/* The kind of provider `name` in a configuration that was checked with its tables. */
const vd_provider_kind_t *vd_provider_kind_of(const vd_config_t *config, const char *name);

#endif
