/* children.h: the other executables of Vedette: found beside this one, and asked about their
 * configuration. */
#ifndef VD_CLI_CHILDREN_H
#define VD_CLI_CHILDREN_H

#include "cli.h"

enum { CLI_EXECUTABLES_MAX = 64 };

typedef struct cli_executables {
    size_t count;
    char paths[CLI_EXECUTABLES_MAX][1024];
} cli_executables_t;

/* Finds every executable vedette-* beside this one, by name. */
void cli_executables(cli_executables_t *out);
/* Runs one and collects stdout and stderr. Returns its exit code, -1 when it could not be run or
 * did not
 * end within 10 s. */
int cli_run(const char *path, const char *const *arguments, vd_buffer_t *out, vd_buffer_t *errors);

#endif
