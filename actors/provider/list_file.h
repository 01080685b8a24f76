/* list_file.h: a list of sources in a file: read whole, and replaced so that a crash leaves the old
 * one or the new one. */
#ifndef VD_LIST_FILE_H
#define VD_LIST_FILE_H

#include "wire/buffer.h"
#include "wire/status.h"

/* Reads the file and appends its sources (source_list.h) to `out`. VD_OK, VD_NOT_FOUND, or why not;
 * `error` names the file. Nothing but a regular file is read, and no more than
 * SOURCE_LIST_BYTES_MAX. */
vd_status_t vd_list_file_read(const char *path, const char *adapter, vd_buffer_t *out, char *error,
                              size_t error_size);
/* Replaces the file by `text`, mode 0600; it is on disk, under its name, when this returns VD_OK.
 * After an error it is the old one or the new one; `error` names the file. */
vd_status_t vd_list_file_write(const char *path, vd_str_t text, char *error, size_t error_size);

#endif
