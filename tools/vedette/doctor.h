/* doctor.h: the checks of `vedette doctor` and the rows they add up to. */
#ifndef VD_CLI_DOCTOR_H
#define VD_CLI_DOCTOR_H

#include "cli.h"

#include "wire/paths.h"

typedef struct doctor {
    vd_buffer_t rows; /* maps, one after the other */
    uint32_t count, bad;
    bool is_up;          /* a supervisor answers */
    uint64_t supervisor; /* its pid */
} doctor_t;

/* Adds a row: state is ok, warn or bad. */
void doctor_add(doctor_t *doctor, const char *check, const char *state, const char *remedy,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Length, owner and mode of the directory of the sockets, and sockets that nobody listens at. */
void doctor_check_run_dir(doctor_t *doctor, const vd_paths_t *paths);
/* Processes of a runtime in this directory that no supervisor looks after. */
void doctor_check_processes(doctor_t *doctor, const vd_paths_t *paths);
/* Space, writing and the time of an fdatasync in the directory of the store. */
void doctor_check_store(doctor_t *doctor, const vd_paths_t *paths);

#endif
