/* settings.h: the configuration of the ingestor. */
#ifndef VD_INGESTOR_SETTINGS_H
#define VD_INGESTOR_SETTINGS_H

#include "kit/config.h"
#include "sequencer.h"

extern const vd_config_table_t vd_ingestor_table;

vd_store_options_t vd_ingestor_store_options(const vd_config_t *config);
vd_prune_limits_t vd_ingestor_prune_limits(const vd_config_t *config);

#endif
