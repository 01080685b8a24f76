/* fuzz_commit.c: commits as a stream brings them. */
#include "fuzz.h"
#include "wire/commit.h"

enum { RUNS_MAX = 256 };

void fuzz_one(vd_bytes_t input)
{
    static vd_commit_run_t runs[RUNS_MAX];
    static vd_commit_run_t again[RUNS_MAX];
    vd_commit_t commit, second;
    vd_buffer_t out;
    vd_buffer_init(&out, 8 << 20);
    while (vd_commit_next(&input, &commit, runs, RUNS_MAX) == VD_OK) {
        FUZZ_HOLDS(commit.run_count <= RUNS_MAX && commit.runs == runs);
        vd_commit_follows(0, &commit);
        uint32_t chain = vd_commit_chain(7, &commit);
        vd_buffer_clear(&out);
        vd_commit_write(&out, &commit);
        vd_bytes_t bytes = vd_buffer_view(&out);
        FUZZ_HOLDS(vd_commit_next(&bytes, &second, again, RUNS_MAX) == VD_OK);
        FUZZ_HOLDS(second.index == commit.index && second.run_count == commit.run_count);
        FUZZ_HOLDS(vd_commit_chain(7, &second) == chain);
    }
    vd_buffer_free(&out);
}
