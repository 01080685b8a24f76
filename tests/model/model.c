/* model.c: runs seeds of the whole runtime.
 *
 *   model [--seeds N] [--from SEED] | --seed SEED [--trace] [--plan]
 *         [--without-faults LIST] [--without ACTOR]... [--chaos-ms MS] [--clear]
 *         [--repeats]
 */
#include "whole.h"

#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TWICE_EVERY = 64 };

static char running[128]; /* how to run the current seed again */

/* An assertion of a core has failed: say which seed it was. */
static void on_abort(int number)
{
    ssize_t written = write(STDERR_FILENO, running, strlen(running));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static const struct {
    const char *name;
    uint32_t bit;
} actors[] = {
    {"producers", WITHOUT_PRODUCERS}, {"readers", WITHOUT_READERS},
    {"beta", WITHOUT_SECOND_HOST},    {"strangers", WITHOUT_STRANGERS},
    {"rolls", WITHOUT_ROLLS},         {"followers", WITHOUT_FOLLOWERS},
    {"auditor", WITHOUT_AUDITOR},     {"streams", WITHOUT_STREAMS},
};

static void set_running(const vd_whole_options_t *options)
{
    snprintf(running, sizeof running, "run again: tests/model/run --seed %" PRIu64 " --trace\n",
             options->seed);
}

static bool run_one(const vd_whole_options_t *options, vd_whole_result_t *result)
{
    set_running(options);
    vd_whole_run(options, result);
    if (result->failure[0] == 0)
        return true;
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ": %s\n%s", options->seed, result->failure, running);
    return false;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Runs `count` seeds; with `stop`, up to the first that fails. */
static bool run_seeds(vd_whole_options_t options, uint64_t from, uint64_t count, bool stop)
{
    uint64_t bad = 0, events = 0, steps = 0, sum = 0, seeds = 0;
    int64_t simulated_us = 0;
    double begun_s = now_s();
    for (uint64_t seed = from; seed < from + count && !(stop && bad > 0); seed++) {
        vd_whole_result_t result, again;
        options.seed = seed;
        seeds++;
        bool good = run_one(&options, &result);
        if (good && seed % TWICE_EVERY == 0) {
            good = run_one(&options, &again);
            if (result.sum != again.sum || result.steps != again.steps) {
                fprintf(stderr, "seed %" PRIu64 " does not give the same run twice\n", seed);
                good = false;
            }
        }
        bad += !good;
        events += result.events;
        steps += result.steps;
        simulated_us += result.simulated_us;
        sum = (sum << 1 | sum >> 63) ^ result.sum;
    }
    double real_s = now_s() - begun_s;
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " failed; %.0f s simulated, %" PRIu64
           " steps, %" PRIu64 " events; %.1f s real, %.0f times as fast; sum %016" PRIx64 "\n",
           seeds, from, bad, (double)simulated_us / 1e6, steps, events, real_s,
           (double)simulated_us / 1e6 / real_s, sum);
    return bad == 0;
}

/* "1,4-7" as bits. */
static uint64_t read_list(const char *text)
{
    uint64_t bits = 0;
    while (*text != 0) {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (end == text)
            break;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long at = first; at <= last && at < WHOLE_FAULTS_MAX; at++)
            bits |= UINT64_C(1) << at;
        text = *end == ',' ? end + 1 : end;
    }
    return bits;
}

static uint32_t read_actor(const char *name)
{
    for (size_t i = 0; i < sizeof actors / sizeof *actors; i++)
        if (strcmp(actors[i].name, name) == 0)
            return actors[i].bit;
    fprintf(stderr, "there is no actor \"%s\" that can be left out\n", name);
    exit(2);
}

static int usage(void)
{
    fprintf(stderr, "usage: model [--seeds N] [--from SEED] [--stop] | --seed SEED [--trace] "
                    "[--plan]\n"
                    "             [--without-faults LIST] [--without ACTOR]... [--chaos-ms MS] "
                    "[--clear] [--repeats]\n");
    return 2;
}

int main(int argc, char **argv)
{
    vd_whole_options_t options = {.chaos_ms = -1};
    uint64_t seeds = 100, from = 1;
    bool one = false, plan = false, stop = false;
    /* Each life of an ingestor takes megabytes of zeroes of which it touches little: from the system
     * they cost nothing, from the heap a quarter of all time. */
    mallopt(M_MMAP_THRESHOLD, 262144);
    for (int i = 1; i < argc; i++) {
        const char *more = i + 1 < argc ? argv[i + 1] : NULL;
        const char *word = argv[i];
        if (strcmp(word, "--trace") == 0)
            options.trace = stdout;
        else if (strcmp(word, "--plan") == 0)
            plan = true;
        else if (strcmp(word, "--stop") == 0)
            stop = true;
        else if (strcmp(word, "--clear") == 0)
            options.clear = true;
        else if (strcmp(word, "--repeats") == 0)
            options.repeats = true;
        else if (more == NULL)
            return usage();
        else if (i++, strcmp(word, "--seeds") == 0)
            seeds = strtoull(more, NULL, 10);
        else if (strcmp(word, "--from") == 0)
            from = strtoull(more, NULL, 10);
        else if (strcmp(word, "--seed") == 0)
            one = true, options.seed = strtoull(more, NULL, 10);
        else if (strcmp(word, "--without-faults") == 0)
            options.without_faults = read_list(more);
        else if (strcmp(word, "--without") == 0)
            options.without_actors |= read_actor(more);
        else if (strcmp(word, "--chaos-ms") == 0)
            options.chaos_ms = strtoll(more, NULL, 10);
        else
            return usage();
    }
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (!one)
        return run_seeds(options, from, seeds, stop) ? 0 : 1;
    if (plan) {
        vd_whole_print_plan(&options, stdout);
        return 0;
    }
    vd_whole_result_t result;
    if (!run_one(&options, &result))
        return 1;
    printf("seed %" PRIu64 ": %" PRIu64 " steps, %" PRIu64 " events in %" PRIu64
           " commits, %.1f s simulated, %" PRIu32 " faults planned, sum %016" PRIx64 "\n",
           options.seed, result.steps, result.events, result.commits,
           (double)result.simulated_us / 1e6, result.faults, result.sum);
    return 0;
}
