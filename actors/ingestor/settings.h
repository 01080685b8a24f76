/* settings.h: the configuration of the ingestor. */
#ifndef VD_INGESTOR_SETTINGS_H
#define VD_INGESTOR_SETTINGS_H

#include "kit/config.h"
#include "sequencer.h"

#define VD_INGESTOR_TABLES 2
extern const vd_config_table_t vd_ingestor_tables[VD_INGESTOR_TABLES];

vd_store_options_t vd_ingestor_store_options(const vd_config_t *config);
/* Of commits in memory, for live streams. */
size_t vd_ingestor_recent_bytes(const vd_config_t *config);
vd_prune_limits_t vd_ingestor_prune_limits(const vd_config_t *config);

#endif
