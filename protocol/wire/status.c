/* status.c: names, texts and exit codes of the statuses, from status.def. */
#include "wire/status.h"

#include <errno.h>

const char *vd_status_name(vd_status_t status)
{
    switch (status) {
#define VD_STATUS(name, number, wire, exit_code, text)                                             \
    case VD_##name:                                                                                \
        return wire;
#include "wire/status.def"
#undef VD_STATUS
    }
    return "unknown";
}

const char *vd_status_text(vd_status_t status)
{
    switch (status) {
#define VD_STATUS(name, number, wire, exit_code, text)                                             \
    case VD_##name:                                                                                \
        return text;
#include "wire/status.def"
#undef VD_STATUS
    }
    return "unknown status";
}

int vd_status_exit_code(vd_status_t status)
{
    switch (status) {
#define VD_STATUS(name, number, wire, exit_code, text)                                             \
    case VD_##name:                                                                                \
        return exit_code;
#include "wire/status.def"
#undef VD_STATUS
    }
    return 1;
}

vd_status_t vd_status_of_name(vd_str_t name)
{
    static const vd_status_t all[] = {
#define VD_STATUS(name, number, wire, exit_code, text) VD_##name,
#include "wire/status.def"
#undef VD_STATUS
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (vd_str_is(name, vd_status_name(all[i])))
            return all[i];
    return VD_FAILED;
}

vd_status_t vd_status_of_errno(int number)
{
    switch (number) {
    case 0:
        return VD_OK;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return VD_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return VD_DENIED;
    case ENOENT:
    case ENOTDIR:
        return VD_NOT_FOUND;
    case EEXIST:
        return VD_EXISTS;
    case ENOMEM:
        return VD_NO_MEMORY;
    case ETIMEDOUT:
        return VD_TIMED_OUT;
    case EBUSY:
    case EADDRINUSE:
        return VD_BUSY;
    default:
        return VD_IO;
    }
}
