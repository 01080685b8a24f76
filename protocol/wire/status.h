/* status.h: the one status type, its names and texts. The rows stand in status.def. */
#ifndef VD_STATUS_H
#define VD_STATUS_H

#include "wire/buffer.h"

#include <stdint.h>

#ifndef VD_STATUS_DEFINED /* the client's header, self-contained, has the same rows */
#define VD_STATUS_DEFINED
typedef enum vd_status {
#define VD_STATUS(name, number, wire, exit_code, text) VD_##name = number,
#include "wire/status.def"
#undef VD_STATUS
} vd_status_t;
#endif

/* The name on the wire, "ok"; "unknown" for a number without a row. Never NULL. */
const char *vd_status_name(vd_status_t status);
/* One phrase for people, "done". Never NULL. */
const char *vd_status_text(vd_status_t status);
/* The exit code of a command that ends with this status. */
int vd_status_exit_code(vd_status_t status);
/* The status with this name on the wire; VD_FAILED for a name without a row. */
vd_status_t vd_status_of_name(vd_str_t name);
/* The status of an errno value: ENOSPC is VD_NO_SPACE, EACCES is VD_DENIED, anything else VD_IO. */
vd_status_t vd_status_of_errno(int number);

#endif
