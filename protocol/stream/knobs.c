/* knobs.c: what can be tuned of a publisher, and what makes no sense. */
#include "stream/publisher.h"

#include <assert.h>
#include <stdio.h>

const vd_publisher_knobs_t vd_publisher_knobs_default = {
    .batch_lag = {1000, 100, 10},
    .batch_commits = {100, 20, 5, 1},
    .credit_deadline_ms = VD_CREDIT_DEADLINE_MS,
    .bytes_max = VD_SUBSCRIBER_BYTES_MAX,
    .live_bytes_max = 8u * 1024 * 1024,
    .step_bytes_max = 1024u * 1024,
    .yield_bytes_max = 256u * 1024,
    .replay_bytes_per_s_max = 48u * 1024 * 1024,
};

vd_status_t vd_publisher_knobs_check(const vd_publisher_knobs_t *knobs, char *text,
                                     size_t text_size)
{
    assert(knobs != NULL && text != NULL && text_size > 0);
    for (int i = 0; i + 1 < VD_BATCH_STEPS; i++)
        if (knobs->batch_lag[i] <= knobs->batch_lag[i + 1]) {
            snprintf(text, text_size,
                     "batch_lag: %llu is followed by %llu; give the highest lag first",
                     (unsigned long long)knobs->batch_lag[i],
                     (unsigned long long)knobs->batch_lag[i + 1]);
            return VD_CONFIG;
        }
    for (int i = 0; i <= VD_BATCH_STEPS; i++)
        if (knobs->batch_commits[i] == 0) {
            snprintf(text, text_size, "batch_commits: 0 commits in a frame; give at least 1");
            return VD_CONFIG;
        }
    if (knobs->bytes_max == 0 || knobs->live_bytes_max == 0 || knobs->step_bytes_max == 0 ||
        knobs->yield_bytes_max == 0) {
        snprintf(text, text_size,
                 "bytes_max, live_bytes_max, step_bytes_max and yield_bytes_max: 0 bytes; give at "
                 "least 1");
        return VD_CONFIG;
    }
    return VD_OK;
}
