/* settings.c: from names to the tables that say what may stand there. */
#include "settings.h"

#include "host.h"

#include <assert.h>
#include <stdio.h>

static const vd_config_row_t host_rows[] = {
    {"kind", VD_CONFIG_STR, "\"\"", 0, 0,
     "the observer that this table makes a further one of; empty: the one of the table's name",
     NULL},
    {"program", VD_CONFIG_STR, "\"\"", 0, 0,
     "path of an observer of your own, beginning beside this file; empty: the one that comes with "
     "Vedette",
     NULL},
    {"enabled", VD_CONFIG_BOOL, "true", 0, 0, "whether the supervisor runs this observer", NULL},
    {"interval", VD_CONFIG_DURATION, "\"1s\"", 10, 86400000, "between reads, and between turns",
     NULL},
    {"history", VD_CONFIG_INT, "600", 1, VD_FEED_HISTORY_ITEMS_MAX,
     "cycles that are held for readers of its changes", NULL},
    {"history_age", VD_CONFIG_DURATION, "\"10m\"", 1000, 86400000, "and for so long", NULL},
    {"history_bytes", VD_CONFIG_INT, "1048576", VD_HISTORY_BYTES_MIN, 64 * VD_HISTORY_BYTES_MIN,
     "and with so many bytes", NULL},
    {"snapshot_events", VD_CONFIG_INT, "10000", 0, 1000000000,
     "events after which the state is kept in the store, to restart from; 0: it is not kept", NULL},
    {"snapshot_interval", VD_CONFIG_DURATION, "\"1m\"", 100, 86400000,
     "after which a state that has changed is kept in any case", NULL},
    {"snapshots_keep", VD_CONFIG_INT, "32", 1, VD_STATES_MAX,
     "states of a session that are kept, the newest ones; of large ones fewer, 32 MiB in all",
     NULL},
    {0}};

static bool has_row(const vd_config_row_t *rows, const char *key)
{
    for (const vd_config_row_t *row = rows; row && row->key; row++)
        if (strcmp(row->key, key) == 0)
            return true;
    return false;
}

/* The host's rows and the observer's own, as one table; of equal keys the observer's counts. */
static void join_rows(const vd_observer_t *observer, vd_config_row_t *rows)
{
    size_t count = 0;
    for (const vd_config_row_t *row = host_rows; row->key; row++)
        if (!has_row(observer->config, row->key))
            rows[count++] = *row;
    for (const vd_config_row_t *row = observer->config; row && row->key; row++) {
        assert(count < VD_OBSERVER_ROWS_MAX);
        rows[count++] = *row;
    }
    rows[count] = (vd_config_row_t){0};
}

static void begin(vd_observer_settings_t *self, const vd_observer_t *observer)
{
    assert(self && observer && strlen(observer->name) <= VD_NAME_BYTES_MAX);
    *self = (vd_observer_settings_t){0};
    snprintf(self->path, sizeof self->path, "observers.%s", observer->name);
    join_rows(observer, self->rows);
}

static void add(vd_observer_settings_t *self, const vd_observer_t *observer, const char *name)
{
    if (self->count == VD_OBSERVER_TABLES_MAX)
        return;
    char *section = self->sections[self->count];
    snprintf(section, VD_OBSERVER_PATH_SIZE, "observers.%.*s", VD_NAME_BYTES_MAX, name);
    self->tables[self->count++] = (vd_config_table_t){
        .path = self->path, .help = observer->summary, .rows = self->rows, .section = section};
}

/* Does the table make a further one of this observer? It says so by its kind, or, to the one that is
 * run under its name, by the program alone. */
static bool is_further(const vd_config_t *config, const char *path, const vd_observer_t *observer,
                       bool run)
{
    const char *kind = vd_config_foreign_str(config, path, "kind", NULL);
    const char *program = vd_config_foreign_str(config, path, "program", NULL);
    if (kind && kind[0])
        return strcmp(kind, observer->name) == 0;
    return run && program && program[0];
}

/* The tables of further ones that `file` has: the one called `only`, or all (NULL). */
static void add_further(vd_observer_settings_t *self, const vd_observer_t *observer,
                        const char *file, const char *only)
{
    vd_config_t *config = NULL;
    vd_buffer_t errors;
    const char *names[VD_OBSERVER_TABLES_MAX];
    vd_buffer_init(&errors, 65536); /* what is wrong is told by whoever loads it with the tables */
    size_t count = 0;
    if (vd_config_load(file, NULL, 0, &config, &errors) == VD_OK)
        count = vd_config_children(config, "observers", names, VD_OBSERVER_TABLES_MAX);
    for (size_t at = 0; at < count; at++) {
        char path[VD_OBSERVER_PATH_SIZE];
        snprintf(path, sizeof path, "observers.%.*s", VD_NAME_BYTES_MAX, names[at]);
        if (only ? strcmp(names[at], only) != 0 : strcmp(names[at], observer->name) == 0)
            continue;
        if (is_further(config, path, observer, only != NULL))
            add(self, observer, names[at]);
    }
    vd_config_destroy(&config);
    vd_buffer_free(&errors);
}

void vd_observer_settings_of(vd_observer_settings_t *self, const vd_observer_t *observer,
                             const char *file, const char *name)
{
    begin(self, observer);
    if (name && strcmp(name, observer->name) != 0)
        add_further(self, observer, file, name);
    if (self->count == 0)
        add(self, observer, observer->name);
    self->tables[0].example = observer->on_demand;
    assert(self->count == 1);
}

void vd_observer_settings_of_file(vd_observer_settings_t *self, const vd_observer_t *observer,
                                  const char *file)
{
    begin(self, observer);
    add(self, observer, observer->name);
    add_further(self, observer, file, NULL);
}
