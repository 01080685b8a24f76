/* tables.c: the configuration tables of every actor. */
#include "kit/actor.h"

static const vd_config_row_t runtime_rows[] = {
    {.key = "session_name",
     .type = VD_CONFIG_STR,
     .fallback = "\"\"",
     .help = "a name for the sessions of this runtime, for people"},
    {.key = "log_level",
     .type = VD_CONFIG_STR,
     .fallback = "\"info\"",
     .help = "lowest level that is logged: debug, info, warn or error"},
    {.key = NULL},
};

static const vd_config_row_t network_rows[] = {
    {.key = "bind",
     .type = VD_CONFIG_LIST,
     .fallback = "[]",
     .help =
         "further endpoints, \"ACTOR.PORT=tcp://127.0.0.1:7000\"; loopback only, not for control"},
    {.key = NULL},
};

const vd_config_table_t vd_actor_tables[VD_ACTOR_TABLES] = {
    {.path = "runtime", .help = "The runtime as a whole", .rows = runtime_rows},
    {.path = "network",
     .help = "Sockets beside those in the runtime's directory",
     .rows = network_rows},
};
