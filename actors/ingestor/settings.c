/* settings.c: the table [ingestor]. */
#include "settings.h"

#include "kit/streams.h"

#include <assert.h>
#include <string.h>

static const vd_config_row_t durabilities[] = {{.key = "power"}, {.key = "process"}, {.key = NULL}};

static const vd_config_row_t rows[] = {
    {.key = "durability",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"power\"",
     .rows = durabilities,
     .help = "what is acknowledged outlives a power cut (power: synced before), or only the death "
             "of the process (process)"},
    {.key = "prune_older_than",
     .type = VD_CONFIG_DURATION,
     .fallback = "\"0s\"",
     .min = 0,
     .max = 3650.0 * 86400000,
     .help = "sessions that ended so long ago are pruned; 0s: none are for their age"},
    {.key = "prune_keep",
     .type = VD_CONFIG_INT,
     .fallback = "0",
     .min = 0,
     .max = 1000000000,
     .help =
         "of the sessions that have ended the newest so many stay; 0: none are pruned for their "
         "number. With both, what is old and not among the newest is pruned"},
    {.key = "recent_bytes",
     .type = VD_CONFIG_INT,
     .fallback = "8388608",
     .min = 65536,
     .max = 1073741824,
     .help = "the newest commits that are held in memory for live streams, while anybody reads"},
    {.key = NULL},
};

const vd_config_table_t vd_ingestor_tables[VD_INGESTOR_TABLES] = {
    {.path = "ingestor", .help = "The event store", .rows = rows},
    {.path = "streams", .help = "What is sent to those who follow", .rows = vd_streams_rows},
};

size_t vd_ingestor_recent_bytes(const vd_config_t *config)
{
    return (size_t)vd_config_int(config, "ingestor", "recent_bytes");
}

vd_store_options_t vd_ingestor_store_options(const vd_config_t *config)
{
    const char *durability = vd_config_str(config, "ingestor", "durability");
    bool process = strcmp(durability, "process") == 0;
    assert(process || strcmp(durability, "power") == 0);
    return (vd_store_options_t){.durability =
                                    process ? VD_DURABILITY_PROCESS : VD_DURABILITY_POWER};
}

vd_prune_limits_t vd_ingestor_prune_limits(const vd_config_t *config)
{
    return (vd_prune_limits_t){
        .older_than_ms = (uint64_t)vd_config_duration_ms(config, "ingestor", "prune_older_than"),
        .keep = (uint64_t)vd_config_int(config, "ingestor", "prune_keep")};
}
