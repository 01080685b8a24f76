/* file_ops.h: what the file adapter can do, as blocking functions for a worker thread.
 *
 * 1. read: the whole content of the regular file `target` (files under /proc and /sys among them).
 *    Anything that is no regular file is refused before it is opened: opening a device or a FIFO
 *    can have effects. args {"match": glob} keeps the first line and those that match (* and ?), so
 *    that a few lines of a table can be had however long it is.
 * 2. space: statvfs of `target`: meta {total, free, avail: bytes; files, ffree: counts}, no
 *    content.
 * 3. links: `target` is a glob (components with * ? [] match names); content is the MessagePack
 *    array of [path, link target] of the symbolic links that match, in no order; args {"prefix":
 *    text} keeps those whose target begins so. Directories that may not be read are passed over;
 *    meta {links, denied} counts.
 * 4. A source's address is put before the target. Targets with a component .. are refused.
 * 5. More than bytes_max of content is VD_TOO_LARGE. `stop` is looked at between system calls.
 */
#ifndef VD_FILE_OPS_H
#define VD_FILE_OPS_H

#include "wire/buffer.h"
#include "wire/limits.h"
#include "wire/status.h"

#include <stdatomic.h>

typedef struct vd_file_job {
    /* What is wanted; strings end with a zero byte. */
    const char *op;
    const char *path;   /* address and target joined, see vd_file_path */
    const char *prefix; /* of links */
    const char *match;  /* of lines; "": the file as it is */
    uint64_t bytes_max;
    atomic_bool stop;
    /* What it gives. */
    vd_status_t status;
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t meta;
    vd_buffer_t content;
} vd_file_job_t;

extern const char *const vd_file_op_names[];

/* Joins address and target into `out`. VD_OK; VD_TOO_LARGE; VD_DENIED for a component .. */
vd_status_t vd_file_path(vd_str_t address, vd_str_t target, char *out, size_t size);
/* Carries out the job. `op` must be one of the names. */
void vd_file_run(vd_file_job_t *job);

#endif
