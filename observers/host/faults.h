/* faults.h: what went wrong, by stage, kept after recovery.
 *
 * 1. Each stage holds its last error with its time, and when it was over; a new one replaces it.
 * 2. A stage's errors never touch another stage's.
 */
#ifndef VD_FAULTS_H
#define VD_FAULTS_H

#include "wire/limits.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum vd_stage {
    VD_STAGE_MEMBERSHIP,
    VD_STAGE_READ,
    VD_STAGE_TURN,
    VD_STAGE_COMMIT,
    VD_STAGE_STATE,
    VD_STAGE_COUNT,
} vd_stage_t;

typedef struct vd_fault {
    char text[VD_TEXT_BYTES_MAX + 1]; /* empty: never */
    int64_t at_ms;                    /* when it began */
    int64_t recovered_ms;             /* 0: it still holds */
    uint64_t count;                   /* of all errors of the stage in this life */
} vd_fault_t;

typedef struct vd_faults {
    vd_fault_t stages[VD_STAGE_COUNT];
    uint64_t changes; /* grows when an error comes, changes or is over */
} vd_faults_t;

const char *vd_stage_name(vd_stage_t stage);
/* Records an error. Returns whether it is news: another text than before, or one that was over. */
bool vd_faults_set(vd_faults_t *self, vd_stage_t stage, int64_t wall_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The stage works again. Returns whether that is news. */
bool vd_faults_clear(vd_faults_t *self, vd_stage_t stage, int64_t wall_ms);
/* Does the stage have an error now? */
bool vd_faults_holds(const vd_faults_t *self, vd_stage_t stage);
/* The stage with the newest error, one that holds before one that is over; -1: there is none. */
int vd_faults_newest(const vd_faults_t *self);

#endif
