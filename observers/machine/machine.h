/* machine.h: the observer named host: load, memory, pressure, disks and network of a machine. */
#ifndef VD_MACHINE_H
#define VD_MACHINE_H

#include "figures.h"
#include "marks.h"
#include "observer.h"

#define VD_INTERFACES_MAX 256 /* of one machine that are observed */
#define VD_DISKS_MAX      64
#define VD_IGNORED_MAX    16

extern const char vd_machine_layout[]; /* layout.json */
extern const vd_observer_t vd_machine_observer;

/* Two edges: a figure that reaches `raise` raises the alarm, one that comes back to `normal` ends
 * it. */
typedef struct vd_edges {
    double raise, normal;
} vd_edges_t;

typedef struct vd_machine {
    vd_marks_t marks;
    /* The configuration. */
    char glob[VD_TEXT_BYTES_MAX + 1];
    uint32_t hold; /* samples in a row */
    vd_edges_t load, memory, pressure, disk;
    int64_t disk_interval_ms;
    uint32_t ignored_count;
    char ignored[VD_IGNORED_MAX][VD_INTERFACE_SIZE];
} vd_machine_t;

/* Is the interface one that the configuration leaves out? */
bool vd_machine_ignores(const vd_machine_t *self, const char *interface);
/* Takes the next observed disk of a /proc/mounts text: each device once. */
typedef struct vd_disk_walk {
    vd_bytes_t all, rest;
    uint32_t count;
} vd_disk_walk_t;
bool vd_disk_next(vd_disk_walk_t *walk, vd_mount_t *mount);
/* The newest good sample of a read; NULL when the newest is none. */
const vd_sample_record_t *vd_machine_sample(const vd_samples_t *samples, vd_str_t source,
                                            const char *op, const char *target);
/* The read of an interface's state. */
void vd_machine_operstate(const char *interface, char *target, size_t size);

/* machine_turn.c and machine_view.c */
vd_status_t vd_machine_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
void vd_machine_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out);

#endif
