/* actor_config.h: the configuration that every actor has: its own tables and the common ones. */
#ifndef VD_ACTOR_CONFIG_H
#define VD_ACTOR_CONFIG_H

#include "kit/shell.h"

/* Reads `file` (NULL: defaults) with the common tables and those of `spec`. Errors go to standard
 * error. The caller destroys *config. */
vd_status_t vd_actor_config_load(const vd_actor_spec_t *spec, const char *file,
                                 vd_config_t **config);
/* Prints all tables with their defaults to standard output. */
void vd_actor_config_print(const vd_actor_spec_t *spec);
/* Binds the further endpoints that the table `network` has for ports of actor `name`. VD_OK, or
 * VD_BUSY or VD_CONFIG with the reason logged. */
vd_status_t vd_actor_config_bind(const vd_config_t *config, const char *name, vd_shell_t *shell);

#endif
