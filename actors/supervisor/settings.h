/* settings.h: what the configuration says about the supervisor: policy, and which actors are
 * wanted.
 *
 * 1. Observers are those that come with Vedette and those that the file has a table for
 *    (observers.NAME), unless enabled = false; observer NAME is run by vedette-observer-KIND --name
 *    NAME, with KIND its key `kind`, or else its name, or by the key `program`: a path, which
 *    begins at the directory of the file unless it is absolute.
 * 2. Providers are "static", "manual" and those that the file has a table for (providers.NAME,
 *    whatever their kind), unless enabled = false; each is a process of its own.
 * 3. Relays are relay-1 to relay-N, N being relay.processes; there is an auditor if auditor.processes
 *    is 1.
 */
#ifndef VD_SUPERVISOR_SETTINGS_H
#define VD_SUPERVISOR_SETTINGS_H

#include "kit/config.h"
#include "supervisor.h"

#define VD_SETTINGS_TABLES 4
extern const vd_config_table_t vd_settings_tables[VD_SETTINGS_TABLES];

/* Fills policy, pollers_max, session_name and the fixed children from the configuration, which was
 * read from `file` (empty: none). VD_OK, or VD_CONFIG with text in `error`. */
vd_status_t vd_settings_read(const vd_config_t *config, const char *file,
                             vd_supervisor_setup_t *setup, char *error, size_t error_size);
/* How much the log of an actor may hold before it is rotated. */
int64_t vd_settings_log_bytes_max(const vd_config_t *config);

#endif
