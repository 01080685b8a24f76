/* streams.c: the table [streams]. */
#include "kit/streams.h"

#include <assert.h>
#include <stdio.h>

#define LAG_MAX     1000000000000.0
#define COMMITS_MAX 4096

const vd_config_row_t vd_streams_rows[] = {
    {.key = "lag_far",
     .type = VD_CONFIG_INT,
     .fallback = "1000",
     .min = 1,
     .max = LAG_MAX,
     .help = "a subscriber that is more commits than this behind is sent batch_far in a frame"},
    {.key = "lag_middle",
     .type = VD_CONFIG_INT,
     .fallback = "100",
     .min = 1,
     .max = LAG_MAX,
     .help = "else, behind by more than this, batch_middle; less than lag_far"},
    {.key = "lag_near",
     .type = VD_CONFIG_INT,
     .fallback = "10",
     .min = 0,
     .max = LAG_MAX,
     .help = "else, behind by more than this, batch_near, and below batch_current; less than "
             "lag_middle"},
    {.key = "batch_far",
     .type = VD_CONFIG_INT,
     .fallback = "100",
     .min = 1,
     .max = COMMITS_MAX,
     .help = "commits in one frame, within what the subscriber asks for and the size of a frame"},
    {.key = "batch_middle",
     .type = VD_CONFIG_INT,
     .fallback = "20",
     .min = 1,
     .max = COMMITS_MAX,
     .help = "likewise"},
    {.key = "batch_near",
     .type = VD_CONFIG_INT,
     .fallback = "5",
     .min = 1,
     .max = COMMITS_MAX,
     .help = "likewise"},
    {.key = "batch_current",
     .type = VD_CONFIG_INT,
     .fallback = "1",
     .min = 1,
     .max = COMMITS_MAX,
     .help = "likewise"},
    {.key = "credit_deadline",
     .type = VD_CONFIG_DURATION,
     .fallback = "\"60s\"",
     .min = 0,
     .max = 86400000,
     .help = "a subscriber that has granted nothing for so long, while there is something to send, "
             "is dropped; 0s: none is for that"},
    {.key = "bytes_max",
     .type = VD_CONFIG_INT,
     .fallback = "8388608",
     .min = 4194304, /* subscribers grant more at half of that, at the latest */
     .max = 1073741824,
     .help = "bytes that one subscriber is sent between two of its signs of life, whatever it "
             "granted: no more of the memory here can be its"},
    {.key = NULL},
};

const vd_config_table_t vd_streams_table = {
    .path = "streams", .help = "What is sent to those who follow", .rows = vd_streams_rows};

void vd_streams_knobs(const vd_config_t *config, vd_publisher_knobs_t *knobs)
{
    static const char *const lags[VD_BATCH_STEPS] = {"lag_far", "lag_middle", "lag_near"};
    static const char *const batches[VD_BATCH_STEPS + 1] = {"batch_far", "batch_middle",
                                                            "batch_near", "batch_current"};
    assert(config != NULL && knobs != NULL);
    *knobs = vd_publisher_knobs_default;
    for (int i = 0; i < VD_BATCH_STEPS; i++)
        knobs->batch_lag[i] = (uint64_t)vd_config_int(config, "streams", lags[i]);
    for (int i = 0; i <= VD_BATCH_STEPS; i++)
        knobs->batch_commits[i] = (uint32_t)vd_config_int(config, "streams", batches[i]);
    knobs->credit_deadline_ms =
        (uint32_t)vd_config_duration_ms(config, "streams", "credit_deadline");
    knobs->bytes_max = (uint64_t)vd_config_int(config, "streams", "bytes_max");
}

vd_status_t vd_streams_check(const vd_config_t *config, char *error, size_t error_size)
{
    vd_publisher_knobs_t knobs;
    vd_streams_knobs(config, &knobs);
    for (int i = 0; i + 1 < VD_BATCH_STEPS; i++)
        if (knobs.batch_lag[i] <= knobs.batch_lag[i + 1]) {
            snprintf(error, error_size,
                     "streams: lag_far %llu, lag_middle %llu and lag_near %llu: each has to be "
                     "below the one before",
                     (unsigned long long)knobs.batch_lag[0], (unsigned long long)knobs.batch_lag[1],
                     (unsigned long long)knobs.batch_lag[2]);
            return VD_CONFIG;
        }
    return vd_publisher_knobs_check(&knobs, error, error_size);
}
