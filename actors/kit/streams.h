/* streams.h: the configuration table "streams": what the publishers of streams, ingestor and relay,
 * obey.
 */
#ifndef VD_STREAMS_H
#define VD_STREAMS_H

#include "kit/config.h"
#include "stream/publisher.h"

extern const vd_config_row_t vd_streams_rows[];
extern const vd_config_table_t vd_streams_table;

/* Reads the table. */
void vd_streams_knobs(const vd_config_t *config, vd_publisher_knobs_t *knobs);
/* Checks what the rows cannot say (vd_actor_spec_t.check). VD_OK, or VD_CONFIG with text. */
vd_status_t vd_streams_check(const vd_config_t *config, char *error, size_t error_size);

#endif
