/* tables.c: the configuration tables of every actor. */
#include "kit/actor.h"

static const vd_config_row_t runtime_rows[] = {
    {.key = "session_name",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"\"",
     .help = "a name for the sessions of this runtime, for people"},
    {.key = "log_level",
     .type = VD_CONFIG_SHOWN,
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

const vd_config_row_t vd_pollers_rows[] = {
    {.key = "max_processes",
     .type = VD_CONFIG_INT,
     .fallback = "8",
     .min = 1,
     .max = VD_POLLERS_MAX,
     .help = "as many pollers as sources, but at most so many"},
    {.key = "ca_file",
     .type = VD_CONFIG_STR,
     .fallback = "\"\"",
     .help =
         "certificates (PEM) that sources behind https are checked against; empty: the system's"},
    {.key = NULL},
};

const vd_config_table_t vd_pollers_table = {
    .path = "pollers", .help = "Processes that read sources", .rows = vd_pollers_rows};

const vd_config_row_t vd_relay_rows[] = {
    {.key = "processes",
     .type = VD_CONFIG_INT,
     .fallback = "0",
     .min = 0,
     .max = VD_RELAYS_MAX,
     .help = "so many relays, relay-1 and so on: each reads the stream once and serves many"},
    {.key = "upstream",
     .type = VD_CONFIG_STR,
     .fallback = "\"ingestor\"",
     .help = "the actor that relays read from, or its port read: \"tcp://127.0.0.1:7000\""},
    {.key = "recent_bytes",
     .type = VD_CONFIG_INT,
     .fallback = "33554432",
     .min = 65536,
     .max = 1073741824,
     .help = "the newest commits that a relay holds in memory"},
    {.key = "windows_bytes",
     .type = VD_CONFIG_INT,
     .fallback = "16777216",
     .min = 1048576,
     .max = 1073741824,
     .help = "older commits that a relay has asked for and holds for all who read there"},
    {.key = NULL},
};

const vd_config_table_t vd_relay_table = {
    .path = "relay", .help = "Processes that pass the stream on", .rows = vd_relay_rows};

const vd_config_row_t vd_auditor_rows[] = {
    {.key = "processes",
     .type = VD_CONFIG_INT,
     .fallback = "0",
     .min = 0,
     .max = 1,
     .help = "1: an auditor checks everything that is committed, live"},
    {.key = "from_start",
     .type = VD_CONFIG_BOOL,
     .fallback = "false",
     .help = "begin with the first commit that is held, not behind the newest one"},
    {.key = "canary",
     .type = VD_CONFIG_DURATION,
     .fallback = "\"0s\"",
     .min = 0,
     .max = 86400000,
     .help = "so often write an event into the session and look for it in the store; 0s: never"},
    {.key = NULL},
};

const vd_config_table_t vd_auditor_table = {
    .path = "auditor", .help = "The process that checks the others", .rows = vd_auditor_rows};
