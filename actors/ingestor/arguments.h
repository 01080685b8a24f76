/* arguments.h: the arguments that the ingestor has beside those of every actor.
 *
 * 1. --read-only[=DIR]: serve the store in DIR (its own, if left out), and write nothing at all.
 * 2. --repair=DIR --into=NEW: make a new store of what can be read of the one in DIR, and end.
 */
#ifndef VD_ARGUMENTS_H
#define VD_ARGUMENTS_H

#include <stdbool.h>

#define VD_ARGUMENTS_HELP                                                                          \
    "  --read-only[=DIR]    serve the store in DIR for reading; not a byte of it changes\n"        \
    "  --repair=DIR         make a new store of what can be read of the one in DIR, and exit\n"    \
    "  --into=NEW           where the new store goes: a directory that is not there yet\n"

typedef struct vd_arguments {
    bool read_only;
    const char *store;  /* NULL: that of the runtime's directory */
    const char *repair; /* NULL: do not */
    const char *into;
} vd_arguments_t;

/* Takes its own arguments out of argv. False with the reason on standard error. */
bool vd_arguments_take(int *argc, char **argv, vd_arguments_t *out);

#endif
