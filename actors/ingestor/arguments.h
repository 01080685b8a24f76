/* arguments.h: the arguments that the ingestor has beside those of every actor.
 *
 * 1. --read-only[=DIR]: serve the store in DIR (its own, if left out), and write nothing at all.
 */
#ifndef VD_ARGUMENTS_H
#define VD_ARGUMENTS_H

#include <stdbool.h>

#define VD_ARGUMENTS_HELP                                                                          \
    "  --read-only[=DIR]    serve the store in DIR for reading; not a byte of it changes\n"

typedef struct vd_arguments {
    bool read_only;
    const char *store; /* NULL: that of the runtime's directory */
} vd_arguments_t;

/* Takes its own arguments out of argv. False with the reason on standard error. */
bool vd_arguments_take(int *argc, char **argv, vd_arguments_t *out);

#endif
