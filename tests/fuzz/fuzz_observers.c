/* fuzz_observers.c: what sources may say to the observers, and what may stand in a kept state. */
#include "fuzz.h"
#include "laws/observer_fixture.h"

extern const vd_observer_t vd_machine_observer, vd_services_observer, vd_raft_observer,
    vd_chain_observer, vd_wallet_observer, vd_inclusion_observer, vd_sync_target_observer;

enum { TURNS_MAX = 6, SAMPLES_MAX = 16 };

static const struct {
    const vd_observer_t *observer;
    const char *labels; /* {app: .., reader: ..} as MessagePack */
} rows[] = {
    {&vd_machine_observer, "\x80"},
    {&vd_services_observer, "\x80"},
    {&vd_raft_observer, "\x81\xa3"
                        "app\xa4raft"},
    {&vd_raft_observer, "\x82\xa3"
                        "app\xa4raft\xa6reader\xa8openraft"},
    {&vd_chain_observer, "\x81\xa3"
                         "app\xa5"
                         "chain"},
    {&vd_chain_observer, "\x82\xa3"
                         "app\xa5"
                         "chain\xa6reader\xa5logos"},
    {&vd_wallet_observer, "\x81\xa3"
                          "app\xa5"
                          "chain"},
    {&vd_inclusion_observer, "\x81\xa3"
                             "app\xa5"
                             "chain"},
    {&vd_sync_target_observer, "\x81\xa3"
                               "app\xa5"
                               "chain"},
};

/* Every standing read, and every read that the turn asked for, is answered with a part of the input. */
static void answer(vd_bench_t *bench, vd_bytes_t *input)
{
    vd_read_record_t read;
    size_t count = vd_samples_count(bench->samples);
    for (size_t i = 0; i < count && i < SAMPLES_MAX; i++) {
        vd_sample_record_t sample = *vd_samples_at(bench->samples, i);
        char source[VD_NAME_BYTES_MAX + 1], op[VD_NAME_BYTES_MAX + 1];
        char target[VD_TEXT_BYTES_MAX + 1];
        vd_str_copy(source, sizeof source, sample.source);
        vd_str_copy(op, sizeof op, sample.op);
        vd_str_copy(target, sizeof target, sample.target);
        vd_bench_put_of(bench, source, op, target, "ok", fuzz_part(input));
    }
    vd_bytes_t rest = vd_buffer_view(&bench->turn.reads);
    for (int i = 0; i < SAMPLES_MAX && vd_bench_next_read(&rest, &read); i++)
        vd_bench_answer(bench, &read, "ok", fuzz_part(input));
}

static void state_from(const vd_bench_t *bench, vd_bytes_t bytes)
{
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) != VD_OK)
        return;
    void *state = vd_bench_fresh(bench);
    vd_buffer_t saved;
    vd_buffer_init(&saved, 64 << 20);
    if (bench->observer->load(state, bytes) == VD_OK) {
        bench->observer->save(state, &saved);
        bench->observer->view(state, bench->samples, &saved);
    }
    bench->observer->destroy(&state);
    vd_buffer_free(&saved);
}

void fuzz_one(vd_bytes_t input)
{
    uint8_t how = fuzz_byte(&input);
    size_t row = how % (sizeof rows / sizeof *rows);
    vd_bench_t bench;
    vd_buffer_t view;
    vd_buffer_init(&view, 64 << 20);
    vd_bench_open(&bench, rows[row].observer, "");
    vd_source_record_t node = {.name = vd_str("node"),
                               .adapter = vd_str("http"),
                               .address = vd_str("http://127.0.0.1:1"),
                               .inc = 2,
                               .labels = vd_str(rows[row].labels)};
    vd_bench_source(&bench, &node);
    if (how & 0x80)
        state_from(&bench, fuzz_part(&input));
    for (int turn = 0; turn < TURNS_MAX && input.size > 0; turn++) {
        answer(&bench, &input);
        if (vd_bench_turn(&bench) == VD_OK)
            vd_bench_commit(&bench);
        vd_buffer_clear(&view);
        bench.observer->view(bench.state, bench.samples, &view);
        FUZZ_HOLDS(view.full || vd_scan_exact(vd_buffer_view(&view), VD_DEPTH_MAX) == VD_OK);
        vd_bench_declare(&bench);
    }
    vd_bench_close(&bench);
    vd_buffer_free(&view);
}
