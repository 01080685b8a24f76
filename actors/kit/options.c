/* options.c: the options that every actor has. */
#include "kit/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>

typedef struct vd_option_row {
    const char *name;
    const char *argument; /* NULL: none */
    int letter;
    const char *help;
} vd_option_row_t;

static const vd_option_row_t rows[] = {
    {"dir", "DIR", 'd', "directory of the runtime (VEDETTE_DIR; by default the user's own)"},
    {"name", "NAME", 'n', "name of this actor"},
    {"config", "FILE", 'c', "configuration in TOML"},
    {"session", "ID", 's', "session of the runtime"},
    {"log-level", "LEVEL", 'l', "debug, info, warn or error"},
    {"log-json", NULL, 'j', "log lines of JSON"},
    {"check-config", NULL, 'k', "check the configuration and exit"},
    {"print-config", NULL, 'p', "print every key with its default and exit"},
    {"version", NULL, 'V', "print the version and exit"},
    {"help", NULL, 'h', "print this help and exit"},
};

enum { ROWS = sizeof rows / sizeof *rows };

static void take(vd_options_t *options, int letter, const char *argument)
{
    switch (letter) {
    case 'd':
        options->dir = argument;
        break;
    case 'n':
        options->name = argument;
        break;
    case 'c':
        options->config = argument;
        break;
    case 's':
        options->session = argument;
        break;
    case 'l':
        options->log_level = argument;
        break;
    case 'j':
        options->log_json = true;
        break;
    case 'k':
        options->check_config = true;
        break;
    case 'p':
        options->print_config = true;
        break;
    case 'V':
        options->version = true;
        break;
    default:
        assert(letter == 'h');
        options->help = true;
    }
}

vd_status_t vd_options_parse(int argc, char **argv, vd_options_t *options)
{
    assert(argc > 0 && argv != NULL && options != NULL);
    *options = (vd_options_t){.session = ""};
    struct option table[ROWS + 1] = {{0}};
    for (int at = 0; at < ROWS; at++)
        table[at] =
            (struct option){.name = rows[at].name,
                            .has_arg = rows[at].argument != NULL ? required_argument : no_argument,
                            .val = rows[at].letter};
    optind = 0; /* a fresh scan, also for a second call in one process */
    int letter;
    while ((letter = getopt_long(argc, argv, "d:n:c:h", table, NULL)) != -1) {
        if (letter == '?') {
            fprintf(stderr, "see %s --help\n", argv[0]);
            return VD_USAGE;
        }
        take(options, letter, optarg);
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument %s: see --help\n", argv[0], argv[optind]);
        return VD_USAGE;
    }
    return VD_OK;
}

void vd_options_help(const char *program, const char *kind, const char *default_name,
                     const char *more)
{
    assert(program != NULL && kind != NULL);
    printf("usage: %s [options]\n\nThe %s of a Vedette runtime (actor \"%s\" by default). It is "
           "started by the supervisor:\nsee vedette up.\n\n",
           program, kind, default_name);
    for (int at = 0; at < ROWS; at++) {
        char option[32];
        snprintf(option, sizeof option, "--%s%s%s", rows[at].name,
                 rows[at].argument != NULL ? " " : "",
                 rows[at].argument != NULL ? rows[at].argument : "");
        printf("  %-20s %s\n", option, rows[at].help);
    }
    fputs(more != NULL ? more : "", stdout);
}
