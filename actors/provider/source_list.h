/* source_list.h: a list of sources as JSON text.
 *
 * 1. The text is one array. Each entry is a source of ours,
 *        {"name": "m1", "address": "http://127.0.0.1:2379", "adapter": "http", "auth": "..",
 *         "labels": {}, "spec": ..}
 *    (name is needed; adapter has a default), or a group of targets as file-based discovery of
 *    Prometheus has them,
 *        {"targets": ["127.0.0.1:2379"], "labels": {"job": "api"}}
 *    and each target is then a source.
 * 2. A target is named by itself (without the brackets of an IPv6 address), so that its name does
 *    not depend on its place in the list. Its address is http://TARGET, or https:// with the label
 *    __scheme__, or the target as it stands when it names a scheme or the adapter is not http.
 *    Labels that begin with __ are not passed on.
 * 3. The list is good as a whole or not at all: unknown keys, a name that is there twice and text
 *    that stops too early are errors. Size, depth and number of values are bounded before the text
 *    is taken apart.
 */
#ifndef VD_SOURCE_LIST_H
#define VD_SOURCE_LIST_H

#include "target.h"

/* Appends the sources of `text` to `out` as an array of source records with unique names. VD_OK, or
 * VD_MALFORMED, VD_TOO_DEEP, VD_TOO_LARGE or VD_NO_MEMORY with text in `error` that tells where. */
vd_status_t vd_source_list_parse(vd_str_t text, const char *adapter, vd_buffer_t *out, char *error,
                                 size_t error_size);
/* The same with a form: a template for the addresses of targets that name no scheme, and labels for
 * all sources. */
vd_status_t vd_source_list_parse_as(vd_str_t text, const vd_target_form_t *form, vd_buffer_t *out,
                                    char *error, size_t error_size);
/* Is JSON text small enough, in bytes, depth and number of values, to be taken apart? VD_OK, or
 * VD_MALFORMED (it is blank), VD_TOO_DEEP or VD_TOO_LARGE with text in `error`. */
vd_status_t vd_source_list_bounds(vd_str_t text, char *error, size_t error_size);
/* Appends an array of source records as such a text, one source a line. */
void vd_source_list_print(vd_bytes_t sources, vd_buffer_t *out);

#endif
