/* script.h: what is to be broken, as text: the faults that there are, and lines of a script.
 *
 * 1. A line is `[after DURATION] FAULT TARGET [ARGUMENT...] [+ FAULT TARGET [ARGUMENT...]]...`. What is
 *    joined by + begins at once. A # begins a comment; a line without words means nothing.
 * 2. Arguments that are left out at the end have the defaults of faults.def.
 * 3. A line that was parsed and formatted means the same when it is parsed again.
 * 4. No two faults of a line change the same thing: each would undo the other.
 * 5. Pure: it knows no runtime. Whether there is such a target is found out when the fault begins.
 */
#ifndef CHAOS_SCRIPT_H
#define CHAOS_SCRIPT_H

#include "wire/limits.h"
#include "wire/run.h"
#include "wire/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum chaos_kind {
#define CHAOS_FAULT(id, name, arguments, kinds, needs, help, more, example) CHAOS_##id,
#include "chaos/faults.def"
#undef CHAOS_FAULT
    CHAOS_KINDS,
} chaos_kind_t;

enum {
    CHAOS_STEPS_MAX = 8, /* faults of one line */
    CHAOS_LINE_BYTES = 4096,
    CHAOS_ERROR_BYTES = 512,
    CHAOS_NUMBER_MAX = 1000000000,
    CHAOS_SHIFT_MIN_MS = 20000, /* of a clock: less cannot be told from the delay of an answer */
};

/* A row of faults.def. */
typedef struct chaos_row {
    const char *name, *arguments, *kinds, *help, *more, *example;
    bool prepared; /* only in a runtime of `chaos up` */
} chaos_row_t;

typedef struct chaos_step {
    chaos_kind_t kind;
    char target[VD_NAME_BYTES_MAX + 1]; /* an actor; "supervisor"; "all" for the clock */
    char port[VD_NAME_BYTES_MAX + 1];   /* of garbage and hostile; empty: each that it has */
    uint64_t number;                    /* n or b; 0 where the fault has none */
    int64_t for_ms;                     /* d; 0 where the fault has none */
    int64_t shift_ms;                   /* o; likewise */
} chaos_step_t;

typedef struct chaos_line {
    int64_t after_ms; /* behind the end of the line before */
    size_t count;
    chaos_step_t steps[CHAOS_STEPS_MAX];
} chaos_line_t;

const chaos_row_t *chaos_row(chaos_kind_t kind);
/* CHAOS_KINDS when there is none of this name. */
chaos_kind_t chaos_kind_of(const char *name);
/* The fault that was probably meant; NULL: none is near. */
const char *chaos_nearest(const char *name);
/* VD_OK, with count 0 for a line without words; VD_USAGE with the reason and the remedy in `error`
 * (CHAOS_ERROR_BYTES). */
vd_status_t chaos_line_parse(const char *text, chaos_line_t *line, char *error);
/* The line as text, in `out` (CHAOS_LINE_BYTES). */
void chaos_line_format(const chaos_line_t *line, char *out);
/* One fault of it with its arguments. Returns the bytes it takes, as snprintf. */
int chaos_step_format(const chaos_step_t *step, char *out, size_t size);

#endif
