/* emit_model.c: producers, the sequencer and its store under faults, from one seed.
 *
 *   emit [--seeds N] [--from SEED] [--seed SEED [--trace]]
 */
#include "producer_node.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PRODUCERS = 4, TWICE_EVERY = 16 };

typedef struct model {
    vd_world_t *world;
    vd_oracle_t *oracle;
    vd_model_ingestor_t ingestor;
    vd_model_producer_t producers[PRODUCERS]; /* the last one takes the name of the first */
    int64_t chaos_until_us;
    int64_t fault_us_max;
    bool curses; /* lets appends with the events of one session fail */
} model_t;

static char running[128]; /* how to run the current seed again */

/* An assertion of a core has failed: say which seed it was. */
static void on_abort(int number)
{
    ssize_t written = write(STDERR_FILENO, running, strlen(running));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static void fault(vd_world_t *world, void *arg, uint64_t number)
{
    (void)number;
    model_t *self = arg;
    int64_t now_us = vd_world_now(world).mono_us;
    if (now_us >= self->chaos_until_us)
        return;
    vd_model_producer_t *producer = &self->producers[vd_world_random(world, PRODUCERS)];
    switch (vd_world_random(world, 7)) {
    case 0:
        vd_node_kill(world, self->ingestor.node);
        break;
    case 1:
        vd_node_kill(world, producer->node);
        break;
    case 2:
        vd_world_cut(world, producer->node, self->ingestor.node,
                     now_us + (int64_t)vd_world_random(world, 3000000));
        break;
    case 3:
    case 4:
        vd_model_producer_forge(producer);
        break;
    case 5:
        if (!self->curses || self->ingestor.cursed[0] != 0 || !producer->session_open)
            break;
        memcpy(self->ingestor.cursed, producer->session, sizeof producer->session);
        vd_oracle_curse(self->oracle, producer->session);
        break;
    default:
        if (!vd_node_is_up(self->producers[PRODUCERS - 1].node) && vd_world_chance(world, 300))
            vd_node_boot(world, self->producers[PRODUCERS - 1].node);
        break;
    }
    vd_world_later(world, (int64_t)vd_world_random(world, (uint64_t)self->fault_us_max), NULL,
                   fault, self, 0);
}

static void set_up(model_t *self, uint64_t seed, FILE *trace)
{
    vd_world_t *world = self->world = vd_world_new(seed, trace);
    self->oracle = vd_oracle_new();
    vd_weather_t weather = {.lose = (uint32_t)vd_world_random(world, 250),
                            .repeat = (uint32_t)vd_world_random(world, 150),
                            .slow = (uint32_t)vd_world_random(world, 60),
                            .delay_min_us = 20,
                            .tear = (uint32_t)vd_world_random(world, 4)};
    weather.delay_max_us = 20 + (uint32_t)vd_world_random(world, 40000);
    if (vd_world_chance(world, 300)) { /* frames keep their order, as in a healthy connection */
        weather.delay_min_us = weather.delay_max_us;
        weather.slow = 0;
    }
    vd_world_weather(world, &weather);
    self->curses = vd_world_chance(world, 300);
    self->fault_us_max = 100000 + (int64_t)vd_world_random(world, 2000000);
    self->chaos_until_us = 4000000 + (int64_t)vd_world_random(world, 6000000);
    self->ingestor = (vd_model_ingestor_t){
        .fail = vd_world_chance(world, 500) ? (uint32_t)vd_world_random(world, 30) : 0,
        .append_us_max = 100 + (int64_t)vd_world_random(world, 50000),
        .prune_keep = vd_world_chance(world, 500) ? 1 + vd_world_random(world, 4) : 0,
        .prune_older_ms = vd_world_chance(world, 300) ? 1 + vd_world_random(world, 3000) : 0,
        .restarts = true};
    vd_model_ingestor_start(&self->ingestor, world, self->oracle);
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        vd_model_producer_t *producer = &self->producers[i];
        bool rival = i + 1 == PRODUCERS;
        *producer = (vd_model_producer_t){.ingestor = &self->ingestor,
                                          .oracle = self->oracle,
                                          .offers = true,
                                          .restarts = !rival};
        producer->events_max = 1 + (uint32_t)vd_world_random(world, 8);
        producer->pause_us_max = 2000 + (int64_t)vd_world_random(world, 80000);
        snprintf(producer->name, sizeof producer->name, "node%" PRIu32, i);
        snprintf(producer->producer, sizeof producer->producer, "producer%" PRIu32, rival ? 0 : i);
        vd_model_producer_add(producer, world);
        if (!rival)
            vd_node_boot(world, producer->node);
    }
    vd_world_later(world, self->fault_us_max, NULL, fault, self, 0);
}

/* Faults end, work ends, and everything has to come to rest with an outcome. */
static void come_to_rest(model_t *self)
{
    vd_world_run(self->world, self->chaos_until_us);
    vd_world_note(self->world, "the faults end");
    vd_weather_t calm = {.delay_min_us = 100, .delay_max_us = 100};
    vd_world_weather(self->world, &calm);
    self->ingestor.fail = 0;
    vd_world_run(self->world, self->chaos_until_us + 1000000);
    vd_world_note(self->world, "the work ends");
    for (uint32_t i = 0; i < PRODUCERS; i++)
        self->producers[i].offers = false;
    vd_world_run(self->world, self->chaos_until_us + 20000000);
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        vd_model_producer_t *producer = &self->producers[i];
        if (vd_node_is_up(producer->node) && vd_emit_pending(producer->emit) > 0)
            vd_oracle_fail(self->oracle, "%s still waits for %" PRIu64 " events", producer->name,
                           vd_emit_pending(producer->emit));
        if (vd_node_is_up(producer->node) && !producer->opened)
            vd_oracle_fail(self->oracle, "%s could not open", producer->name);
    }
    if (self->ingestor.store == NULL)
        vd_oracle_fail(self->oracle, "the ingestor is down at the end");
    else
        vd_oracle_finish(self->oracle, self->ingestor.store);
}

/* Runs one seed; false, with the failure printed, when something that must hold did not. */
static bool run_seed(uint64_t seed, FILE *trace, bool quiet, uint64_t *sum)
{
    model_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    snprintf(running, sizeof running, "run again: tests/model/run --seed %" PRIu64 " --trace\n",
             seed);
    set_up(self, seed, trace);
    come_to_rest(self);
    *sum = vd_world_sum(self->world);
    const char *failure = vd_oracle_failure(self->oracle);
    vd_oracle_sums_t sums = vd_oracle_sums(self->oracle);
    if (failure != NULL)
        fprintf(stderr, "seed %" PRIu64 ": %s\n%s", seed, failure, running);
    else if (!quiet)
        printf("seed %" PRIu64 ": %" PRIu64 " steps, %" PRIu64 " frames (%" PRIu64
               " stored, %" PRIu64 " rejected, %" PRIu64 " existing, %" PRIu64 " fenced, %" PRIu64
               " unknown), %" PRIu64 " events in %" PRIu64 " commits of %" PRIu64
               " sessions (%" PRIu64 " pruned, %" PRIu64 " given up), %" PRIu64
               " failed appends told %" PRIu64 " times, sum %016" PRIx64 "\n",
               seed, vd_world_steps(self->world), sums.frames, sums.stored, sums.rejected,
               sums.existing, sums.fenced, sums.unknown, sums.events, sums.commits, sums.sessions,
               sums.pruned, sums.given_up, self->ingestor.failures, sums.notices, *sum);
    bool good = failure == NULL;
    self->ingestor.restarts = false;
    vd_world_destroy(&self->world);
    vd_model_ingestor_free(&self->ingestor);
    vd_oracle_destroy(&self->oracle);
    free(self);
    return good;
}

static bool run_seeds(uint64_t from, uint64_t count)
{
    uint64_t bad = 0;
    for (uint64_t seed = from; seed < from + count; seed++) {
        uint64_t sum, again;
        if (!run_seed(seed, NULL, true, &sum)) {
            bad++;
            continue;
        }
        if (seed % TWICE_EVERY != 0)
            continue;
        if (!run_seed(seed, NULL, true, &again) || sum != again) {
            fprintf(stderr, "seed %" PRIu64 " does not give the same run twice\n", seed);
            bad++;
        }
    }
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " failed\n", count, from, bad);
    return bad == 0;
}

int main(int argc, char **argv)
{
    uint64_t seeds = 0, from = 1, seed = 0, sum;
    bool one = false, trace = false;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--seeds") == 0 && more) {
            seeds = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--from") == 0 && more) {
            from = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && more) {
            one = true;
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--trace") == 0) {
            trace = true;
        } else {
            fprintf(stderr, "usage: run [--seeds N] [--from SEED] | --seed SEED [--trace]\n");
            return 2;
        }
    }
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (one)
        return run_seed(seed, trace ? stdout : NULL, false, &sum) ? 0 : 1;
    return run_seeds(from, seeds > 0 ? seeds : 100) ? 0 : 1;
}
