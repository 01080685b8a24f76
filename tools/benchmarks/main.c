/* main.c: vd-bench measures one thing and prints it as one line of JSON; tools/bench runs and
 * compares. */
#include "benchmarks/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct vd_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} vd_command_t;

static const vd_command_t commands[] = {
    {"visible", vd_bench_visible,
     "DIR SESSION COUNT  one event at a time: emit to visible at a follower, us"},
    {"ingest", vd_bench_ingest,
     "DIR COUNT IN_FLIGHT FRAME SESSIONS  durable ingest of 256-byte events from one producer"},
    {"acknowledge", vd_bench_acknowledge,
     "DIR COUNT  one event at a time: emit to its receipt, us"},
    {"live", vd_bench_live,
     "DIR COUNT RATE [FOLLOWERS]  so many events a second: emit to visible in other processes, us"},
    {"fanout", vd_bench_fanout, "DIR COUNT READERS PROCESSES  each event to so many followers"},
    {"raw-fanout", vd_bench_raw_fanout,
     "DIR COUNT READERS PROCESSES  each message of a ZeroMQ PUB to so many SUB"},
    {"rejoin", vd_bench_rejoin,
     "DIR BACKLOG RATE  from the first event on until live alone is taken, while so many a second "
     "come, us"},
    {"steady", vd_bench_steady,
     "DIR SESSION COUNT RATE  so many events a second with tokens, and when each was emitted"},
    {"replay", vd_bench_replay, "DIR SESSION COUNT  read so many events that are stored"},
    {"recover", vd_bench_recover, "DIR PID  kill -9 to the first durable acknowledgement, us"},
    {"leveldb-write", vd_bench_leveldb_write,
     "DIR COUNT  256-byte values in synced batches of 256"},
    {"leveldb-read", vd_bench_leveldb_read, "DIR  read these in order"},
    {"roundtrip", vd_bench_roundtrip,
     "DIR COUNT  ZeroMQ DEALER to ROUTER of another process and back, us"},
    {"respond", vd_bench_respond, "  answer HTTP on loopback until stdin ends"},
    {"samples", vd_bench_samples,
     "REQUESTS SAMPLES FRAMES...  ask pollers for reads and take the samples until stdin ends"},
    {"wallets", vd_bench_wallets,
     "HEADERS WALLETS CHANGES  a chain with wallets in memory: its size, and head changes to "
     "balances, us"},
    {"sync", vd_bench_sync, "DIR COUNT  append 256 bytes and fdatasync, us"},
};

int main(int argc, char **argv)
{
    enum { COMMANDS = sizeof commands / sizeof *commands };
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    FILE *out = argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr;
    fprintf(out, "Usage: vd-bench COMMAND ARGUMENT...\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].help);
    return out == stdout ? 0 : 2;
}
