/* chaos_choose.c: what a random run may do, and the script that a seed means. */
#include "cmd_chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { EVERY_MS = 2000, COUNT = 10 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_actor(cli_t *cli, chaos_choice_t *choice, vd_str_t name)
{
    size_t at = choice->setup.actor_count;
    if (at == CHAOS_PLAN_ACTORS)
        return cli_fail(cli, VD_USAGE, "more than %d actors; choose with --actors",
                        CHAOS_PLAN_ACTORS);
    if (!vd_name_valid(name) || !vd_str_copy(choice->names[at], sizeof choice->names[at], name))
        return cli_fail(cli, VD_USAGE, "--actors: '%.*s' is no actor's name", (int)name.size,
                        (const char *)name.data);
    for (size_t i = 0; i < at; i++)
        if (strcmp(choice->names[i], choice->names[at]) == 0)
            return cli_fail(cli, VD_USAGE, "--actors: %s stands there twice", choice->names[at]);
    choice->actors[at] = choice->names[at];
    choice->setup.actor_count++;
    return 0;
}

/* The next of the words that a comma joins. */
static bool next_word(const char **rest, vd_str_t *word)
{
    if (*rest == NULL)
        return false;
    size_t size = strcspn(*rest, ",");
    *word = vd_bytes(*rest, size);
    *rest = (*rest)[size] == ',' ? *rest + size + 1 : NULL;
    return true;
}

static int tell_unknown(cli_t *cli, const chaos_world_t *world, const char *name)
{
    char text[CHAOS_ERROR_BYTES];
    chaos_world_unknown(world, name, text, sizeof text);
    return cli_fail(cli, VD_NOT_FOUND, "--actors: %s", text);
}

static int choose_actors(cli_t *cli, const chaos_world_t *world, chaos_choice_t *choice)
{
    const char *rest = cli_value(cli, "actors", NULL);
    vd_str_t word;
    int code = 0;
    while (code == 0 && next_word(&rest, &word)) {
        code = add_actor(cli, choice, word);
        if (code != 0)
            break;
        const char *name = choice->names[choice->setup.actor_count - 1];
        if (world != NULL && strcmp(name, "supervisor") != 0 &&
            chaos_world_actor(world, name) == NULL)
            code = tell_unknown(cli, world, name);
    }
    if (cli_has(cli, "actors") || code != 0)
        return code;
    for (size_t i = 0; code == 0 && i < world->count; i++)
        if (world->actors[i].wanted)
            code = add_actor(cli, choice, vd_str(world->actors[i].name));
    return code != 0 ? code : add_actor(cli, choice, vd_str("supervisor"));
}

static int choose_faults(cli_t *cli, const chaos_world_t *world, chaos_choice_t *choice)
{
    char why[CHAOS_ERROR_BYTES];
    const char *rest = cli_value(cli, "faults", NULL);
    vd_str_t word;
    if (rest == NULL)
        for (int i = 0; i < CHAOS_KINDS; i++)
            choice->setup.kinds[i] = (i == CHAOS_KILL || !cli_has(cli, "kills")) &&
                                     (world == NULL || chaos_can(world, (chaos_kind_t)i, why));
    while (next_word(&rest, &word)) {
        char name[64];
        chaos_kind_t kind =
            vd_str_copy(name, sizeof name, word) ? chaos_kind_of(name) : CHAOS_KINDS;
        if (kind == CHAOS_KINDS) {
            const char *nearest = chaos_nearest(name);
            return cli_fail(cli, VD_USAGE, "--faults: there is no fault '%s'%s%s%s", name,
                            nearest != NULL ? "; did you mean " : "; see: vedette chaos list",
                            nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        }
        if (world != NULL && !chaos_can(world, kind, why))
            return cli_fail(cli, VD_UNSUPPORTED, "--faults %s: %s", name, why);
        choice->setup.kinds[kind] = true;
    }
    return 0;
}

/* Can a fault that `kills`, or any one, come at all? */
static bool any_fits(const chaos_plan_setup_t *setup, bool kills)
{
    for (int kind = 0; kind < CHAOS_KINDS; kind++)
        for (size_t i = 0; setup->kinds[kind] && i < setup->actor_count; i++)
            if ((!kills || chaos_plan_kills((chaos_kind_t)kind)) &&
                chaos_plan_fits((chaos_kind_t)kind, setup->actors[i], setup->mute[i]))
                return true;
    return false;
}

static int check_fit(cli_t *cli, const chaos_plan_setup_t *setup)
{
    if (!any_fits(setup, false))
        return cli_fail(cli, VD_USAGE, "none of these faults can be aimed at any of these actors");
    if (setup->kills > 0 && setup->count == 0 && setup->for_ms == 0 && !any_fits(setup, true))
        return cli_fail(cli, VD_USAGE,
                        "--kills counts deaths, and none of these faults is one: add kill, "
                        "crash_loop or missing_executable to --faults, or use --count");
    return 0;
}

int chaos_choose(cli_t *cli, const chaos_world_t *world, chaos_choice_t *choice)
{
    chaos_plan_setup_t *setup = &choice->setup;
    *choice = (chaos_choice_t){0};
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint64_t)cli_wall_ms();
    if (!cli_number(cli, "seed", seed % 1000000, &setup->seed) ||
        !cli_number(cli, "kills", 0, &setup->kills) ||
        !cli_number(cli, "count", 0, &setup->count) ||
        !cli_duration(cli, "every", EVERY_MS, &setup->every_ms) ||
        !cli_duration(cli, "for", 0, &setup->for_ms))
        return vd_status_exit_code(VD_USAGE);
    const struct {
        const char *option;
        bool none;
    } limits[] = {
        {"kills", setup->kills == 0}, {"count", setup->count == 0}, {"for", setup->for_ms == 0}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (cli_has(cli, limits[i].option) && limits[i].none)
            return cli_fail(cli, VD_USAGE,
                            "--%s 0: nothing would be made; leave it out, or say more",
                            limits[i].option);
    if (setup->kills == 0 && setup->count == 0 && setup->for_ms == 0)
        setup->count = COUNT;
    if (setup->for_ms > 0 && setup->every_ms == 0)
        return cli_fail(cli, VD_USAGE,
                        "--for goes with a time between faults; --every 0 has none: "
                        "say how many with --count or --kills");
    int code = choose_actors(cli, world, choice);
    code = code == 0 ? choose_faults(cli, world, choice) : code;
    if (code != 0)
        return code;
    setup->actors = choice->actors;
    qsort(choice->actors, setup->actor_count, sizeof *choice->actors, by_name);
    for (size_t i = 0; world != NULL && i < setup->actor_count; i++) {
        size_t at = 0;
        const char *port;
        setup->mute[i] = !chaos_world_port(world, setup->actors[i], &at, &port);
    }
    return check_fit(cli, setup);
}

int chaos_tell_short(cli_t *cli, const chaos_plan_t *plan)
{
    const chaos_plan_setup_t *setup = &plan->setup;
    if (plan->count == 0 && setup->for_ms > 0 && plan->at_ms > setup->for_ms)
        return cli_fail(cli, VD_FAILED,
                        "no fault comes within --for: make it longer, or --every "
                        "shorter");
    if (chaos_plan_whole(plan))
        return 0;
    if (setup->kills > 0)
        return cli_fail(cli, VD_FAILED,
                        "%" PRIu64 " of %" PRIu64 " deaths: none of --faults fits the rest",
                        plan->kills, setup->kills);
    return cli_fail(cli, VD_FAILED,
                    "the schedule ends after %s: none of --faults fits any actor any more",
                    CLI_COUNT(plan->count, "fault"));
}

int chaos_schedule(cli_t *cli)
{
    static chaos_world_t world;
    static chaos_choice_t choice;
    static chaos_plan_t plan;
    char error[CHAOS_ERROR_BYTES], text[CHAOS_LINE_BYTES];
    chaos_line_t line;
    if (!cli_has(cli, "seed"))
        return cli_fail(cli, VD_USAGE, "schedule prints what a seed means: --seed N");
    /* With the actors given it is told without a runtime, too. */
    vd_status_t status = chaos_world_open(&world, cli->client, cli->dir, error);
    if (status != VD_OK && (status != VD_UNREACHABLE || !cli_has(cli, "actors")))
        return cli_fail(cli, status, "%s", error);
    bool asks = status == VD_OK;
    int code = chaos_choose(cli, asks ? &world : NULL, &choice);
    if (code == 0) {
        chaos_plan_init(&plan, &choice.setup);
        printf("# seed %" PRIu64 "\n", choice.setup.seed);
        while (chaos_plan_next(&plan, &line)) {
            chaos_line_format(&line, text);
            puts(text);
        }
        code = chaos_tell_short(cli, &plan);
    }
    chaos_world_close(&world);
    return code;
}
