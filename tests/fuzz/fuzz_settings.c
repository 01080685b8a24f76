/* fuzz_settings.c: configuration files with the tables that processes really have, and what they make of them. */
#include "fuzz.h"
#include "kit/actor.h"
#include "kit/config.h"
#include "kit/endpoint.h"
#include "kit/streams.h"
#include "settings.h"
#include "wire/value.h"

enum { TABLES_MAX = 16 };

static size_t all(vd_config_table_t tables[TABLES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < VD_ACTOR_TABLES; i++)
        tables[count++] = vd_actor_tables[i];
    for (size_t i = 0; i < VD_SETTINGS_TABLES; i++)
        tables[count++] = vd_settings_tables[i];
    tables[count++] = vd_streams_table;
    return count;
}

/* What the supervisor starts is bounded and named, whatever the file says. */
static void supervisor(const vd_config_t *config)
{
    static vd_supervisor_setup_t setup;
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    memset(&setup, 0, sizeof setup);
    if (vd_settings_read(config, "", &setup, error, sizeof error) != VD_OK) {
        FUZZ_HOLDS(error[0] != 0);
        return;
    }
    FUZZ_HOLDS(setup.pollers_max >= 1 && setup.pollers_max <= VD_SUPERVISOR_POLLERS_MAX);
    FUZZ_HOLDS(setup.fixed_count <= VD_SUPERVISOR_FIXED_MAX);
    FUZZ_HOLDS(setup.policy.intensity_restarts >= 1 &&
               setup.policy.intensity_restarts <= VD_CHILD_DEATHS_MAX);
    for (uint32_t i = 0; i < setup.fixed_count; i++) {
        FUZZ_HOLDS(setup.fixed[i].name[0] != 0 && setup.fixed[i].program[0] != 0);
        FUZZ_HOLDS(setup.fixed[i].rank < VD_RANKS);
        for (uint32_t j = 0; j < i; j++)
            FUZZ_HOLDS(strcmp(setup.fixed[i].name, setup.fixed[j].name) != 0);
    }
    FUZZ_HOLDS(vd_settings_log_bytes_max(config) > 0);
}

static void endpoints(const vd_config_t *config)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    size_t count = vd_config_list_count(config, "network", "bind");
    for (size_t i = 0; i < count; i++) {
        const char *text = vd_config_list_at(config, "network", "bind", i);
        const char *endpoint = strchr(text, '=');
        if (endpoint != NULL && vd_endpoint_check(endpoint + 1, true, error, sizeof error) != VD_OK)
            FUZZ_HOLDS(error[0] != 0);
    }
}

void fuzz_one(vd_bytes_t input)
{
    vd_config_table_t tables[TABLES_MAX];
    size_t count = all(tables);
    vd_config_t *config = NULL;
    vd_buffer_t errors;
    vd_buffer_init(&errors, 1 << 20);
    if (vd_config_parse("fuzz", input, tables, count, &config, &errors) == VD_OK) {
        supervisor(config);
        endpoints(config);
    } else {
        FUZZ_HOLDS(errors.size > 0);
    }
    vd_config_destroy(&config);
    vd_buffer_free(&errors);
}
