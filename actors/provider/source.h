/* source.h: what may be announced as a source: checked and written in one place for all kinds.
 *
 * 1. Name and adapter are names, labels are a map of texts by name, labels and spec nest at most
 *    SOURCE_DEPTH_MAX. An empty map of labels or spec is left out.
 * 2. Sources are the same if their written bytes are.
 */
#ifndef VD_PROVIDER_SOURCE_H
#define VD_PROVIDER_SOURCE_H

#include "wire/message.h"

/* Checks a record from outside and appends it to `out` without what the broker sets. VD_OK, or
 * VD_MALFORMED, VD_TOO_DEEP or VD_TOO_LARGE with text in `error` that names the field. */
vd_status_t vd_source_write(const vd_source_record_t *record, vd_buffer_t *out, char *error,
                            size_t error_size);
/* Is no name in an array of sources there twice? Otherwise false and the name in `twice`
 * (VD_NAME_BYTES_MAX + 1 bytes). False with an empty name: no memory. */
bool vd_sources_unique(vd_bytes_t sources, char *twice);

#endif
