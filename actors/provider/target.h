/* target.h: how targets that were found become sources: templates of addresses, and labels.
 *
 * 1. A target is HOST:PORT or HOST, an IPv6 address in brackets. Its source is named by it, without
 *    the brackets.
 * 2. In a template of an address, {target} stands for the target, {host} for its host and {port} for
 *    its port. Any other text in braces is a mistake.
 * 3. Labels that are configured are put on every source that has none of that name itself.
 */
#ifndef VD_PROVIDER_TARGET_H
#define VD_PROVIDER_TARGET_H

#include "wire/buffer.h"
#include "wire/limits.h"
#include "wire/status.h"

/* What a provider makes of what it finds. */
typedef struct vd_target_form {
    vd_str_t adapter;
    vd_str_t address;  /* a template; empty: as the list or the kind has it */
    vd_bytes_t labels; /* a map of texts by name, or empty */
} vd_target_form_t;

/* NULL, or why `address` is no template. */
const char *vd_target_check(vd_str_t address);
/* Writes the template with what `target` has to say into `out` (VD_TEXT_BYTES_MAX + 1 bytes), ended
 * by a zero byte. False when it does not fit. */
bool vd_target_fill(vd_str_t address, vd_str_t target, char *out);
/* Writes the name of the source that is a target into `out` (VD_TEXT_BYTES_MAX + 1 bytes). False
 * when it does not fit or holds a zero byte. */
bool vd_target_name(vd_str_t target, char *out);
/* Appends to `pairs` the label that `text` is, written KEY=TEXT. False when it is none. */
bool vd_label_write(vd_str_t text, vd_buffer_t *pairs);
/* Appends the map `own`, and those labels of the map `more` that it does not have. Either may be
 * empty. What is no map of texts is copied for vd_source_write to refuse. */
void vd_labels_join(vd_bytes_t own, vd_bytes_t more, vd_buffer_t *out);

#endif
