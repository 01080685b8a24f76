/* cmd_chaos.h: the verbs of `vedette chaos`, a file for each group.
 *
 * 1. What is broken, and how, stands in tools/chaos; here are words, options and output.
 */
#ifndef VD_CLI_CHAOS_H
#define VD_CLI_CHAOS_H

#include "cli.h"

#include "chaos/plan.h"
#include "chaos/world.h"

/* What a random run may do, read from the options. */
typedef struct chaos_choice {
    chaos_plan_setup_t setup;
    char names[CHAOS_PLAN_ACTORS][VD_NAME_BYTES_MAX + 1];
    const char *actors[CHAOS_PLAN_ACTORS];
} chaos_choice_t;

/* `world`: the runtime whose actors may be meant; NULL: those of --actors alone. Returns 0, or the exit
 * code with the error told. */
int chaos_choose(cli_t *cli, const chaos_world_t *world, chaos_choice_t *choice);
/* Tells when a plan that is over has ended short of what was asked for. Returns the exit code: 0 when it has not. */
int chaos_tell_short(cli_t *cli, const chaos_plan_t *plan);
/* Can this fault be had in the runtime that is up? `why` (CHAOS_ERROR_BYTES): what to do if not. */
bool chaos_can(const chaos_world_t *world, chaos_kind_t kind, char *why);
/* Whose the option is stands in front of its help, "run, up: ..."; a fault by itself is FAULT. */
#define CHAOS_FAULT_VERB "FAULT"
bool chaos_takes(const char *verb, const char *help);
int chaos_up(cli_t *cli);       /* chaos_up.c */
int chaos_run(cli_t *cli);      /* run, and a fault by itself (chaos_run.c) */
int chaos_schedule(cli_t *cli); /* chaos_choose.c */

#endif
