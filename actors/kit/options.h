/* options.h: the command line of an actor. */
#ifndef VD_OPTIONS_H
#define VD_OPTIONS_H

#include "wire/status.h"

#include <stdbool.h>

typedef struct vd_options {
    const char *dir;       /* NULL: VEDETTE_DIR or the defaults */
    const char *name;      /* NULL: the actor's default */
    const char *config;    /* NULL: defaults */
    const char *session;   /* "" if none */
    const char *log_level; /* NULL: the configuration's */
    bool log_json, check_config, print_config, version, help;
} vd_options_t;

/* Parses. Views into argv. VD_OK, or VD_USAGE with the reason on standard error. */
vd_status_t vd_options_parse(int argc, char **argv, vd_options_t *options);
/* Prints what --help shows; `more` lines go at the end, NULL: none. */
void vd_options_help(const char *program, const char *kind, const char *default_name,
                     const char *more);

#endif
