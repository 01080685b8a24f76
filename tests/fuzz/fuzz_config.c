/* fuzz_config.c: configuration files. */
#include "fuzz.h"
#include "kit/config.h"
#include "wire/limits.h"
#include "wire/value.h"

static const vd_config_row_t source_rows[] = {
    {.key = "name", .type = VD_CONFIG_STR, .help = "stable name"},
    {.key = "adapter", .type = VD_CONFIG_STR, .fallback = "\"file\"", .help = "adapter"},
    {.key = "weight", .type = VD_CONFIG_INT, .fallback = "3", .min = 1, .max = 9, .help = "weight"},
    {.key = "every", .type = VD_CONFIG_DURATION, .fallback = "\"2s\"", .help = "interval"},
    {.key = "labels", .type = VD_CONFIG_TABLE, .help = "labels"},
    {.key = NULL},
};

static const vd_config_row_t rows[] = {
    {.key = "text", .type = VD_CONFIG_STR, .fallback = "\"some\"", .help = "a text"},
    {.key = "number", .type = VD_CONFIG_INT, .fallback = "8", .min = 1, .max = 64, .help = "n"},
    {.key = "factor", .type = VD_CONFIG_FLOAT, .fallback = "1.5", .max = 10, .help = "a factor"},
    {.key = "enabled", .type = VD_CONFIG_BOOL, .fallback = "true", .help = "a switch"},
    {.key = "interval", .type = VD_CONFIG_DURATION, .fallback = "\"1s\"", .help = "an interval"},
    {.key = "list", .type = VD_CONFIG_LIST, .fallback = "[\"a\"]", .help = "a list"},
    {.key = "sources", .type = VD_CONFIG_ROWS, .help = "sources", .rows = source_rows},
    {.key = NULL},
};

static void read_all(const vd_config_t *config)
{
    vd_buffer_t labels;
    vd_buffer_init(&labels, 1 << 20);
    FUZZ_HOLDS(vd_config_str(config, "part", "text") != NULL);
    int64_t number = vd_config_int(config, "part", "number");
    FUZZ_HOLDS(number >= 1 && number <= 64);
    vd_config_float(config, "part", "factor");
    vd_config_bool(config, "part", "enabled");
    vd_config_duration_ms(config, "part", "interval");
    size_t count = vd_config_list_count(config, "part", "list");
    for (size_t i = 0; i < count; i++)
        FUZZ_HOLDS(vd_config_list_at(config, "part", "list", i) != NULL);
    count = vd_config_row_count(config, "part", "sources");
    for (size_t i = 0; i < count; i++) {
        FUZZ_HOLDS(vd_config_row_str(config, "part", "sources", i, "name") != NULL);
        int64_t weight = vd_config_row_int(config, "part", "sources", i, "weight");
        FUZZ_HOLDS(weight >= 1 && weight <= 9);
        vd_buffer_clear(&labels);
        vd_config_row_value(config, "part", "sources", i, "labels", &labels);
        FUZZ_HOLDS(labels.full || vd_scan_exact(vd_buffer_view(&labels), VD_DEPTH_MAX) == VD_OK);
    }
    vd_buffer_free(&labels);
}

void fuzz_one(vd_bytes_t input)
{
    static const vd_config_table_t table = {.path = "part", .help = "a part", .rows = rows};
    const char *names[8];
    vd_config_t *config = NULL;
    vd_buffer_t errors;
    vd_buffer_init(&errors, 1 << 20);
    if (vd_config_parse("fuzz", input, &table, 1, &config, &errors) == VD_OK) {
        read_all(config);
        vd_config_children(config, "part", names, 8);
        vd_config_foreign_bool(config, "other", "enabled", true);
        vd_config_unknown_tables(config, &errors);
    } else {
        FUZZ_HOLDS(errors.size > 0);
    }
    vd_config_destroy(&config);
    vd_buffer_free(&errors);
}
