/* test_observer_recorded.c: the laws of the observer contract on what real machines and clusters
 * said (tests/laws/recorded), for every observer.
 *
 * A recording is gone through many times, each cut otherwise: samples of several turns come before
 * one, turns are not committed, the observer ends at any point and goes on from a kept state or from
 * all events, with no sample left. Whatever the cuts, load(save(s)) + apply(later) is s, all events
 * on a fresh state are s, and then nothing is left to be told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "availability/availability.h"
#include "chain/chain.h"
#include "core/core.h"
#include "laws/observer_laws.h"
#include "laws/recording.h"
#include "machine/machine.h"
#include "raft/raft.h"
#include "services/services.h"

#include <stdio.h>
#include <stdlib.h>

enum { CUTS = 40 };

typedef struct subject {
    const vd_observer_t *observer;
    const char *recording;
    const char *toml;
    const char *const *wanted; /* types that the recording leads to, ended by NULL */
} subject_t;

typedef struct life {
    vd_bench_t bench;
    uint64_t seed;
    vd_bytes_t all, rest; /* of the recording */
    vd_bytes_t sources;   /* those of now */
    vd_buffer_t kept;     /* a state, */
    size_t kept_at;       /* and where in the log it was kept */
    uint32_t restarts;
} life_t;

static uint32_t below(life_t *life, uint32_t limit)
{
    return (uint32_t)(vd_random_next(&life->seed) % limit);
}

static vd_bytes_t read_recording(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VD_RECORDED, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing: laws/record makes it", path);
    uint8_t *bytes = malloc(VD_RECORDING_BYTES_MAX);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, VD_RECORDING_BYTES_MAX, file);
    assert_true(size > 0 && feof(file));
    fclose(file);
    return vd_bytes(bytes, size);
}

/* ---- what is before a turn ---- */

static bool is_among(vd_bytes_t sources, vd_str_t name)
{
    vd_value_t value;
    vd_source_record_t source;
    while (vd_value_next(&sources, &value)) {
        assert_int_equal(vd_record_decode(value.raw, VD_RECORD_source, &source), VD_OK);
        if (vd_bytes_equal(source.name, name))
            return true;
    }
    return false;
}

static void set_sources(life_t *life, vd_bytes_t sources)
{
    vd_samples_t *samples = life->bench.samples;
    vd_value_t value;
    vd_source_record_t source;
    life->sources = sources;
    for (uint32_t at = samples->source_count; at > 0; at--)
        if (!is_among(sources, samples->sources[at - 1]->record.name))
            vd_samples_drop_source(samples, samples->sources[at - 1]->record.name);
    while (vd_value_next(&sources, &value)) {
        assert_int_equal(vd_record_decode(value.raw, VD_RECORD_source, &source), VD_OK);
        vd_bench_source(&life->bench, &source);
    }
}

static void give(life_t *life, const vd_recorded_t *turn)
{
    vd_bench_t *bench = &life->bench;
    vd_bytes_t rest = turn->samples;
    vd_value_t value;
    vd_sample_record_t sample;
    bench->samples->complete = turn->complete;
    if (turn->has_sources)
        set_sources(life, turn->sources);
    while (vd_value_next(&rest, &value)) {
        assert_int_equal(vd_record_decode(value.raw, VD_RECORD_sample, &sample), VD_OK);
        vd_bench_put_recorded(bench, &sample);
    }
    if (turn->has_input) {
        bench->input = turn->input;
        bench->samples->input = &bench->input;
    }
    if (turn->at_ms > bench->wall_ms)
        bench->wall_ms = turn->at_ms;
}

/* Answers as was answered next, or else last, in the recording. */
static void answer(life_t *life, const vd_read_record_t *read)
{
    vd_bytes_t rest = life->all;
    vd_recorded_t turn;
    vd_value_t value;
    vd_sample_record_t sample, best = {.status = vd_str("timed_out")};
    vd_status_t status;
    bool found = false, next = false;
    while (!next && vd_recorded_next(&rest, &turn, &status))
        while (!next && vd_value_next(&turn.samples, &value)) {
            assert_int_equal(vd_record_decode(value.raw, VD_RECORD_sample, &sample), VD_OK);
            if (!vd_bytes_equal(sample.source, read->source) ||
                !vd_bytes_equal(sample.op, read->op) ||
                !vd_bytes_equal(sample.target, read->target))
                continue;
            best = sample;
            found = true;
            next = rest.size < life->rest.size;
        }
    char name[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(name, sizeof name, best.status);
    vd_bench_answer(&life->bench, read, name, found ? best.content : vd_bytes(NULL, 0));
}

/* ---- a life ---- */

static void keep(life_t *life)
{
    vd_buffer_clear(&life->kept);
    life->bench.observer->save(life->bench.state, &life->kept);
    assert_false(life->kept.full);
    life->kept_at = life->bench.log.size;
}

/* The process ends; the next one has the kept state and the events behind it, or all events. */
static void restart(life_t *life)
{
    vd_bench_t *bench = &life->bench;
    vd_bytes_t log = vd_buffer_view(&bench->log);
    void *state = vd_bench_fresh(bench);
    size_t from = 0;
    if (below(life, 3) > 0 && life->kept.size > 0) {
        assert_int_equal(bench->observer->load(state, vd_buffer_view(&life->kept)), VD_OK);
        from = life->kept_at;
    }
    vd_bench_apply(bench->observer, state, vd_bytes(log.data + from, log.size - from));
    vd_law_equal(bench, state);
    bench->observer->destroy(&bench->state);
    bench->state = state;
    bool complete = bench->samples->complete;
    vd_samples_destroy(&bench->samples);
    bench->samples = vd_samples_new();
    bench->samples->complete = complete;
    set_sources(life, life->sources);
    life->restarts++;
}

/* A turn that is committed, and those that follow it at once because it was full. */
static void run_turns(life_t *life)
{
    vd_bench_t *bench = &life->bench;
    do {
        vd_bytes_t reads;
        vd_read_record_t read;
        vd_law_pure(bench);
        vd_law_declared(bench);
        reads = vd_buffer_view(&bench->turn.reads);
        while (vd_bench_next_read(&reads, &read))
            answer(life, &read);
        vd_bench_commit(bench);
        vd_law_view(bench);
    } while (bench->turn.full);
    bench->samples->input = NULL;
}

/* Whatever waits for an answer gets it, then all is quiet. */
static void settle(life_t *life)
{
    for (int turns = 0; turns < 2 * VD_ANSWER_TURNS; turns++)
        run_turns(life);
    assert_int_equal(vd_bench_turn(&life->bench), VD_OK);
    assert_int_equal(life->bench.turn.count, 0);
    assert_int_equal(life->bench.turn.read_count, 0);
}

static void assert_told(const vd_bench_t *bench, const char *type)
{
    vd_bytes_t log = vd_buffer_view(&bench->log);
    vd_entry_t entry;
    vd_event_t event;
    while (vd_run_next(&log, &entry) == VD_OK) {
        assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
        if (vd_str_is(event.type, type))
            return;
    }
    fail_msg("no %s in all that %s told", type, bench->observer->name);
}

/* `whole`: as it was recorded, without cuts. Returns how often it was begun anew. */
static uint32_t live(const subject_t *subject, vd_bytes_t recording, uint64_t seed, bool whole)
{
    life_t life = {.seed = seed, .all = recording, .rest = recording};
    vd_recorded_t turn;
    vd_status_t status;
    vd_bench_open(&life.bench, subject->observer, subject->toml);
    life.bench.wall_ms = 0;
    vd_buffer_init(&life.kept, VD_SNAPSHOT_BYTES_MAX);
    set_sources(&life, vd_bytes(NULL, 0));
    while (vd_recorded_next(&life.rest, &turn, &status)) {
        give(&life, &turn);
        /* An input stays until its turn has succeeded; samples may wait for those that follow. */
        if (!whole && !turn.has_input && below(&life, 4) == 0)
            continue;
        if (!whole && below(&life, 8) == 0) {
            vd_law_pure(&life.bench); /* never committed: it is found again */
            if (!turn.has_input)
                continue;
        }
        run_turns(&life);
        if (!whole && below(&life, 6) == 0)
            keep(&life);
        if (!whole && below(&life, 10) == 0)
            restart(&life);
    }
    assert_int_equal(status, VD_OK);
    settle(&life);
    for (size_t at = 0; whole && subject->wanted[at]; at++)
        assert_told(&life.bench, subject->wanted[at]);
    vd_bench_assert_kept(&life.bench, &life.seed);
    vd_law_restart(&life.bench);
    vd_buffer_free(&life.kept);
    vd_bench_close(&life.bench);
    return life.restarts;
}

static void test_recorded(void **state)
{
    const subject_t *subject = *state;
    vd_bytes_t recording = read_recording(subject->recording);
    uint32_t restarts = live(subject, recording, 1, true);
    for (uint64_t seed = 1; seed <= CUTS; seed++) {
        print_message("%s seed %llu\n", subject->recording, (unsigned long long)seed);
        restarts += live(subject, recording, seed, false);
    }
    assert_true(restarts > CUTS);
    free((void *)recording.data);
}

int main(void)
{
    static const char *const of_machine[] = {
        "host_described",    "interface_added", "interface_up", "interface_down",
        "interface_removed", "disk_filling",    "disk_normal",  NULL};
    static const char *const of_services[] = {"services_listed", "service_appeared", "service_gone",
                                              NULL};
    static const char *const of_raft[] = {
        "member_joined", "member_unreachable", "member_recovered", "member_left",
        "leader_lost",   "leader_elected",     "term_advanced",    NULL};
    static const char *const of_availability[] = {"component_found", "outage_began", "outage_ended",
                                                  NULL};
    static const char *const of_cluster[] = {"component_found", "outage_began", "outage_ended",
                                             "component_dropped", NULL};
    static const char *const of_chain[] = {"block_discovered",
                                           "head_changed",
                                           "reorg",
                                           "node_syncing",
                                           "node_synced",
                                           "node_lagging",
                                           "node_caught_up",
                                           "finality_advanced",
                                           "node_removed",
                                           NULL};
    static subject_t chain = {&vd_chain_observer, "chain",
                              "[observers.chain]\nconfirmations = 20\nhistory = 40\n", of_chain};
    static subject_t machine = {&vd_machine_observer, "machine", "", of_machine};
    static subject_t services = {&vd_services_observer, "services", "", of_services};
    static subject_t raft = {&vd_raft_observer, "raft", "", of_raft};
    static subject_t availability = {&vd_availability_observer, "availability", "",
                                     of_availability};
    static subject_t cluster = {&vd_availability_observer, "availability_raft", "", of_cluster};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_recorded, &chain),
        cmocka_unit_test_prestate(test_recorded, &machine),
        cmocka_unit_test_prestate(test_recorded, &services),
        cmocka_unit_test_prestate(test_recorded, &raft),
        cmocka_unit_test_prestate(test_recorded, &availability),
        cmocka_unit_test_prestate(test_recorded, &cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
