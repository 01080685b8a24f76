/* figures.h: the figures of a machine, parsed from the files in which Linux tells them.
 *
 * 1. Every parser takes a whole file and returns false when it is not of the expected form; then
 *    nothing is filled in.
 * 2. Sizes are bytes; kB of the kernel are 1024 of them. Shares are percent.
 */
#ifndef VD_FIGURES_H
#define VD_FIGURES_H

#include "wire/value.h"

#include <stdint.h>

#define VD_INTERFACE_SIZE 32
#define VD_MOUNT_SIZE     257
#define VD_FSTYPE_SIZE    32

/* /proc/loadavg */
typedef struct vd_load {
    double one, five, fifteen;
} vd_load_t;
bool vd_load_parse(vd_bytes_t text, vd_load_t *load);

/* /proc/meminfo */
typedef struct vd_memory {
    uint64_t total_bytes, available_bytes, swap_total_bytes, swap_free_bytes;
} vd_memory_t;
bool vd_memory_parse(vd_bytes_t text, vd_memory_t *memory);

/* /proc/stat: ticks of all processors since the start, and how many processors there are. */
typedef struct vd_processors {
    uint64_t all_ticks, idle_ticks;
    uint32_t count;
} vd_processors_t;
bool vd_processors_parse(vd_bytes_t text, vd_processors_t *processors);

/* /proc/pressure/...: the share of the last ten seconds in which some task waited. */
bool vd_pressure_parse(vd_bytes_t text, double *some_percent);

/* /proc/net/dev: takes one interface from the front; *text begins as the whole file. False at the
 * end. */
typedef struct vd_interface {
    char name[VD_INTERFACE_SIZE];
    uint64_t received_bytes, sent_bytes;
} vd_interface_t;
bool vd_interface_next(vd_bytes_t *text, vd_interface_t *interface);

/* /proc/mounts: takes one file system from the front that holds data of its own (no kernel file
 * system, no image that is full by nature). False at the end. */
typedef struct vd_mount {
    char device[VD_MOUNT_SIZE];
    char path[VD_MOUNT_SIZE];
    char type[VD_FSTYPE_SIZE];
} vd_mount_t;
bool vd_mount_next(vd_bytes_t *text, vd_mount_t *mount);

/* The answer to `space`: {total, free, avail} in bytes. */
typedef struct vd_space {
    uint64_t total_bytes, free_bytes, available_bytes;
    double used_percent; /* of what users may fill, as df tells it */
} vd_space_t;
bool vd_space_parse(vd_bytes_t meta, vd_space_t *space);

/* An interface's operstate: does it say that nothing gets through? */
bool vd_operstate_is_down(vd_bytes_t text);

#endif
