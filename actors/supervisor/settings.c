#include "settings.h"

#include "kit/actor.h"
#include "wire/run.h"

#include <assert.h>
#include <stdio.h>

#define DAY_MS 86400000

static_assert(VD_POLLERS_MAX == VD_SUPERVISOR_POLLERS_MAX, "the table allows what the core takes");

#define DURATION(name, value, least, text)                                                         \
    {                                                                                              \
        .key = name, .type = VD_CONFIG_DURATION, .fallback = value, .min = least, .max = DAY_MS,   \
        .help = text                                                                               \
    }

static const vd_config_row_t supervisor_rows[] = {
    DURATION("backoff_min", "\"100ms\"", 1, "wait before the second restart; the first is at once"),
    DURATION("backoff_max", "\"10s\"", 1, "the wait is doubled with each restart up to this"),
    DURATION("backoff_reset", "\"30s\"", 1, "an actor that was ready so long begins anew"),
    {.key = "intensity_restarts",
     .type = VD_CONFIG_INT,
     .fallback = "10",
     .min = 1,
     .max = VD_CHILD_DEATHS_MAX,
     .help = "with more early deaths in intensity_window an actor has failed and stays down"},
    DURATION("intensity_window", "\"60s\"", 1000, "over which early deaths are counted"),
    DURATION("start_timeout", "\"10s\"", 10, "an actor that is not ready by then is killed"),
    DURATION("stop_timeout", "\"5s\"", 10, "an actor that has not ended by then is killed"),
    DURATION("silence", "\"60s\"", 3000, "an actor without a sign of life for so long is killed"),
    {.key = "session_roll_after",
     .type = VD_CONFIG_DURATION,
     .fallback = "\"24h\"",
     .min = 1000,
     .max = 366LL * DAY_MS,
     .help = "a session so old is ended, and the next one goes on from it"},
    {.key = "session_roll_events",
     .type = VD_CONFIG_INT,
     .fallback = "10000000",
     .min = 16,
     .max = 1000000000000,
     .help = "likewise a session with so many events"},
    {.key = "log_bytes_max",
     .type = VD_CONFIG_INT,
     .fallback = "8388608",
     .min = 4096,
     .max = 1099511627776,
     .help = "bytes in the log of an actor; beyond, it is moved to .log.1"},
    {.key = NULL},
};

const vd_config_table_t vd_settings_tables[VD_SETTINGS_TABLES] = {
    {.path = "pollers", .help = "Processes that read sources", .rows = vd_pollers_rows},
    {.path = "relay", .help = "Processes that pass the stream on", .rows = vd_relay_rows},
    {.path = "auditor", .help = "The process that checks the others", .rows = vd_auditor_rows},
    {.path = "supervisor", .help = "How actors are started and stopped", .rows = supervisor_rows},
};

static const char *const own_observers[] = {"host", "services"};

static const char *const own_providers[] = {"static", "manual"};

#define OWN_OBSERVERS (sizeof own_observers / sizeof own_observers[0])
#define OWN_PROVIDERS (sizeof own_providers / sizeof own_providers[0])

static int64_t duration_us(const vd_config_t *config, const char *key)
{
    return vd_config_duration_ms(config, "supervisor", key) * 1000;
}

static void read_policy(const vd_config_t *config, vd_child_policy_t *policy)
{
    *policy = vd_child_policy_default();
    policy->backoff_min_us = duration_us(config, "backoff_min");
    policy->backoff_max_us = duration_us(config, "backoff_max");
    policy->backoff_reset_us = duration_us(config, "backoff_reset");
    policy->intensity_window_us = duration_us(config, "intensity_window");
    policy->start_timeout_us = duration_us(config, "start_timeout");
    policy->stop_timeout_us = duration_us(config, "stop_timeout");
    policy->silence_us = duration_us(config, "silence");
    policy->intensity_restarts =
        (uint32_t)vd_config_int(config, "supervisor", "intensity_restarts");
    if (policy->backoff_max_us < policy->backoff_min_us)
        policy->backoff_max_us = policy->backoff_min_us;
}

static bool is_known(const vd_supervisor_setup_t *setup, const char *name)
{
    for (uint32_t i = 0; i < setup->fixed_count; i++)
        if (strcmp(setup->fixed[i].name, name) == 0)
            return true;
    return false;
}

/* Adds a fixed child. False, with text in `error`, when its name cannot be. */
static bool add(vd_supervisor_setup_t *setup, const char *name, const char *kind,
                const char *program, uint8_t rank, char *error, size_t error_size)
{
    /* "vedette-observer-" and the name must fit the name of a program, and every socket's path its
     * limit. */
    bool fits = strlen(name) <= 32 && vd_type_valid(vd_str(name)) && name[0] != '.';
    bool taken = is_known(setup, name) || strncmp(name, "poller-", 7) == 0 ||
                 strcmp(name, "supervisor") == 0;
    if (!fits || taken) {
        (void)snprintf(error, error_size, "\"%.80s\" cannot be the name of an %s: %s", name, kind,
                       fits ? "an actor of this name exists already"
                            : "use 1 to 32 of a-z 0-9 _ . -");
        return false;
    }
    if (setup->fixed_count == VD_SUPERVISOR_FIXED_MAX) {
        (void)snprintf(error, error_size, "more than %d actors: \"%.80s\" is one too many",
                       VD_SUPERVISOR_FIXED_MAX, name);
        return false;
    }
    vd_fixed_child_t *one = &setup->fixed[setup->fixed_count++];
    (void)snprintf(one->name, sizeof one->name, "%s", name);
    (void)snprintf(one->kind, sizeof one->kind, "%s", kind);
    (void)snprintf(one->program, sizeof one->program, "%s", program);
    one->rank = rank;
    return true;
}

/* The observer's program, which the table names or its kind says. */
static bool find_program(const vd_config_t *config, const char *file, const char *table,
                         const char *kind, char out[VD_PROGRAM_SIZE], char *error,
                         size_t error_size)
{
    const char *path = vd_config_foreign_str(config, table, "program", NULL);
    const char *slash = strrchr(file, '/');
    int size;
    if (path == NULL || path[0] == 0)
        size = snprintf(out, VD_PROGRAM_SIZE, "vedette-observer-%.32s", kind);
    else if (path[0] == '/')
        size = snprintf(out, VD_PROGRAM_SIZE, "%s", path);
    else
        size = snprintf(out, VD_PROGRAM_SIZE, "%.*s/%s", slash != NULL ? (int)(slash - file) : 1,
                        slash != NULL ? file : ".", path);
    if (size > 0 && size < VD_PROGRAM_SIZE)
        return true;
    (void)snprintf(error, error_size, "[%s] program is a path of more than %d bytes", table,
                   VD_PROGRAM_SIZE - 1);
    return false;
}

static bool add_observer(const vd_config_t *config, const char *file, vd_supervisor_setup_t *setup,
                         const char *name, char *error, size_t error_size)
{
    char table[128];
    char program[VD_PROGRAM_SIZE];
    (void)snprintf(table, sizeof table, "observers.%.100s", name);
    const char *kind = vd_config_foreign_str(config, table, "kind", NULL);
    if (kind == NULL || kind[0] == 0)
        kind = name;
    if (strlen(kind) > 32 || !vd_type_valid(vd_str(kind))) {
        (void)snprintf(error, error_size, "[%s] kind \"%.80s\" cannot be the name of an observer",
                       table, kind);
        return false;
    }
    if (!vd_config_foreign_bool(config, table, "enabled", true))
        return true;
    if (!find_program(config, file, table, kind, program, error, error_size))
        return false;
    return add(setup, name, "observer", program, VD_RANK_OBSERVER, error, error_size);
}

static bool add_observers(const vd_config_t *config, const char *file, vd_supervisor_setup_t *setup,
                          char *error, size_t error_size)
{
    for (size_t i = 0; i < OWN_OBSERVERS; i++)
        if (!add_observer(config, file, setup, own_observers[i], error, error_size))
            return false;
    const char *names[VD_SUPERVISOR_FIXED_MAX];
    size_t count = vd_config_children(config, "observers", names, VD_SUPERVISOR_FIXED_MAX);
    for (size_t i = 0; i < count; i++) {
        bool own = false;
        for (size_t j = 0; j < OWN_OBSERVERS; j++)
            own = own || strcmp(names[i], own_observers[j]) == 0;
        if (!own && !add_observer(config, file, setup, names[i], error, error_size))
            return false;
    }
    return true;
}

static bool add_provider(const vd_config_t *config, vd_supervisor_setup_t *setup, const char *name,
                         char *error, size_t error_size)
{
    char table[128];
    (void)snprintf(table, sizeof table, "providers.%.100s", name);
    if (!vd_config_foreign_bool(config, table, "enabled", true))
        return true;
    if (strchr(name, '.') != NULL) {
        (void)snprintf(error, error_size,
                       "\"%.80s\" cannot be the name of a provider: it has a dot", name);
        return false;
    }
    return add(setup, name, "provider", "vedette-provider", VD_RANK_PROVIDER, error, error_size);
}

static bool add_providers(const vd_config_t *config, vd_supervisor_setup_t *setup, char *error,
                          size_t error_size)
{
    for (size_t i = 0; i < OWN_PROVIDERS; i++)
        if (!add_provider(config, setup, own_providers[i], error, error_size))
            return false;
    const char *names[VD_SUPERVISOR_FIXED_MAX];
    size_t count = vd_config_children(config, "providers", names, VD_SUPERVISOR_FIXED_MAX);
    for (size_t i = 0; i < count; i++) {
        bool own = false;
        for (size_t j = 0; j < OWN_PROVIDERS; j++)
            own = own || strcmp(names[i], own_providers[j]) == 0;
        if (!own && !add_provider(config, setup, names[i], error, error_size))
            return false;
    }
    return true;
}

static bool add_relays(const vd_config_t *config, vd_supervisor_setup_t *setup, char *error,
                       size_t error_size)
{
    int64_t count = vd_config_int(config, "relay", "processes");
    for (int64_t number = 1; number <= count; number++) {
        char name[32];
        (void)snprintf(name, sizeof name, "relay-%d", (int)number);
        if (!add(setup, name, "relay", "vedette-relay", VD_RANK_RELAY, error, error_size))
            return false;
    }
    return true;
}

static bool add_auditor(const vd_config_t *config, vd_supervisor_setup_t *setup, char *error,
                        size_t error_size)
{
    return vd_config_int(config, "auditor", "processes") == 0 ||
           add(setup, "auditor", "auditor", "vedette-auditor", VD_RANK_AUDITOR, error, error_size);
}

vd_status_t vd_settings_read(const vd_config_t *config, const char *file,
                             vd_supervisor_setup_t *setup, char *error, size_t error_size)
{
    assert(config && file && setup && error);
    read_policy(config, &setup->policy);
    setup->session_roll_us = duration_us(config, "session_roll_after");
    setup->session_roll_events =
        (uint64_t)vd_config_int(config, "supervisor", "session_roll_events");
    setup->pollers_max = (uint32_t)vd_config_int(config, "pollers", "max_processes");
    const char *name = vd_config_str(config, "runtime", "session_name");
    if (!vd_str_copy(setup->session_name, sizeof setup->session_name, vd_str(name))) {
        (void)snprintf(error, error_size, "runtime.session_name is longer than %d bytes",
                       VD_NAME_BYTES_MAX);
        return VD_CONFIG;
    }
    setup->fixed_count = 0;
    bool good =
        add(setup, "broker", "broker", "vedette-broker", VD_RANK_BROKER, error, error_size) &&
        add(setup, "ingestor", "ingestor", "vedette-ingestor", VD_RANK_INGESTOR, error,
            error_size) &&
        add_relays(config, setup, error, error_size) &&
        add_auditor(config, setup, error, error_size) &&
        add_providers(config, setup, error, error_size) &&
        add_observers(config, file, setup, error, error_size);
    return good ? VD_OK : VD_CONFIG;
}

int64_t vd_settings_log_bytes_max(const vd_config_t *config)
{
    return vd_config_int(config, "supervisor", "log_bytes_max");
}
