/* cmd_source.c: `source ls` and `source providers`: what is observed and who says so, as the broker
 * knows it and as the pollers read it. */
#include "cli.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    POLLERS_MAX = 64,
    READINGS_MS = 2000,
    READINGS_BYTES_MAX = 16 * VD_FRAME_BYTES_MAX,
};

/* What the readings of one source come to. */
typedef struct figures {
    uint64_t reads, failures, took_us;
    int64_t age_ms; /* of the reading that is oldest; -1: one was never read */
    int64_t error_at_ms;
    vd_str_t error, status;
} figures_t;

static const cli_column_t columns[] = {
    {"SOURCE", "name", false, NULL},           {"ADAPTER", "adapter", false, NULL},
    {"ADDRESS", "address", false, NULL},       {"PROVIDER", "provider", false, NULL},
    {"POLLER", "poller", false, NULL},         {"READS", "reads", true, NULL},
    {"AGE", "age_ms", true, cli_format_span},  {"LATENCY", "latency_ms", true, NULL},
    {"STATUS", "status", false, NULL},         {"FAILURES", "failures", true, NULL},
    {"LAST ERROR", "last_error", false, NULL},
};

static const cli_column_t provider_columns[] = {
    {"PROVIDER", "name", false, NULL},
    {"SOURCES", "sources", true, NULL},
    {"AGE", "age_ms", true, cli_format_span},
    {"ERROR", "error", false, NULL},
};

enum { PROVIDER_COLUMNS = sizeof provider_columns / sizeof *provider_columns };

static int64_t get_i64(const vd_value_t *map, const char *key, int64_t fallback)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) ? vd_value_i64(&value, fallback) : fallback;
}

static void add_reading(figures_t *figures, const vd_value_t *reading)
{
    int64_t age_ms = get_i64(reading, "age_ms", -1);
    int64_t error_at_ms = get_i64(reading, "error_at_ms", 0);
    uint64_t took_us = vd_value_get_u64(reading, "took_us", 0);
    vd_str_t status = vd_value_get_str(reading, "status");
    figures->failures += vd_value_get_u64(reading, "failures", 0);
    figures->took_us = took_us > figures->took_us ? took_us : figures->took_us;
    if (figures->reads == 0)
        figures->age_ms = age_ms;
    else if (age_ms < 0 || (figures->age_ms >= 0 && age_ms > figures->age_ms))
        figures->age_ms = age_ms < 0 ? -1 : age_ms;
    if (figures->reads == 0 || !vd_str_is(status, "ok"))
        figures->status = status;
    if (error_at_ms > figures->error_at_ms) {
        figures->error_at_ms = error_at_ms;
        figures->error = vd_value_get_str(reading, "error");
    }
    figures->reads++;
}

/* Everything the pollers told, by source: with thousands of them, looking through all for each would
 * take long. */
typedef struct reading {
    vd_str_t source;
    vd_value_t row;
} reading_t;

typedef struct readings {
    reading_t *list;
    size_t count;
} readings_t;

static int compare_names(vd_str_t a, vd_str_t b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Those of one source stay in the order in which they were told. */
static int compare_readings(const void *left, const void *right)
{
    const reading_t *a = left, *b = right;
    int order = compare_names(a->source, b->source);
    return order != 0 ? order
                      : (a->row.raw.data > b->row.raw.data) - (a->row.raw.data < b->row.raw.data);
}

/* Views into `told`, one list after the other. */
static readings_t sort_readings(const vd_buffer_t *told)
{
    readings_t self = {NULL, 0};
    size_t room = 0;
    vd_value_t list, row;
    for (int round = 0; round < 2; round++) {
        vd_bytes_t lists = vd_buffer_view(told);
        self.list = round == 1 ? calloc(room + 1, sizeof *self.list) : NULL;
        while (vd_value_next(&lists, &list)) {
            vd_bytes_t rest = list.bytes;
            while (list.kind == VD_KIND_ARRAY && vd_value_next(&rest, &row)) {
                room += round == 0;
                if (self.list != NULL)
                    self.list[self.count++] = (reading_t){vd_value_get_str(&row, "source"), row};
            }
        }
    }
    if (self.count > 0)
        qsort(self.list, self.count, sizeof *self.list, compare_readings);
    return self;
}

/* Adds up the readings of one source. */
static figures_t figures_of(const readings_t *readings, vd_str_t source)
{
    figures_t figures = {.age_ms = -1};
    size_t low = 0, high = readings->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_names(readings->list[middle].source, source) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < readings->count && vd_bytes_equal(readings->list[low].source, source); low++)
        add_reading(&figures, &readings->list[low].row);
    return figures;
}

static void write_row(vd_buffer_t *out, const vd_source_record_t *source,
                      const vd_value_t *provider, const figures_t *figures)
{
    vd_write_map(out, 15);
    vd_write_pair_str(out, "name", source->name);
    vd_write_pair_str(out, "adapter", source->adapter);
    vd_write_pair_str(out, "address", source->address);
    vd_write_pair_str(out, "provider", source->provider);
    vd_write_pair_u64(out, "provider_age_ms", vd_value_get_u64(provider, "age_ms", 0));
    vd_write_pair_str(out, "provider_error", vd_value_get_str(provider, "error"));
    vd_write_pair_str(out, "poller", source->poller);
    vd_write_pair_u64(out, "inc", source->inc);
    vd_write_pair_u64(out, "reads", figures->reads);
    vd_write_text(out, "age_ms");
    if (figures->age_ms >= 0)
        vd_write_i64(out, figures->age_ms);
    else
        vd_write_nil(out);
    vd_write_text(out, "latency_ms");
    if (figures->reads > 0)
        vd_write_f64(out, (double)figures->took_us / 1000);
    else
        vd_write_nil(out);
    vd_write_pair_str(out, "status",
                      figures->reads > 0         ? figures->status
                      : source->poller.size == 0 ? vd_str("no poller")
                                                 : vd_str("not read"));
    vd_write_pair_u64(out, "failures", figures->failures);
    vd_write_pair_str(out, "last_error", figures->error);
    vd_write_text(out, "labels");
    if (source->labels.size > 0)
        vd_write_raw(out, source->labels);
    else
        vd_write_map(out, 0);
}

/* Asks every poller that reads a source, once each. One that does not answer is told and left
 * out. */
static void collect_readings(cli_t *cli, vd_bytes_t sources, vd_buffer_t *readings)
{
    char pollers[POLLERS_MAX][VD_NAME_BYTES_MAX + 1];
    size_t count = 0;
    vd_value_t array, row;
    vd_source_record_t source;
    vd_value_of(sources, &array);
    vd_bytes_t rest = array.bytes;
    while (count < POLLERS_MAX && vd_value_next(&rest, &row)) {
        if (vd_record_decode(row.raw, VD_RECORD_source, &source) != VD_OK ||
            source.poller.size == 0)
            continue;
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = vd_str_is(source.poller, pollers[i]);
        if (!known)
            vd_str_copy(pollers[count++], sizeof pollers[0], source.poller);
    }
    for (size_t i = 0; i < count; i++) {
        vd_blob_t value;
        vd_status_t status =
            vd_client_get(cli->client, pollers[i], "requests", "readings", READINGS_MS, &value);
        if (status == VD_OK)
            vd_buffer_add(readings, value.data, value.size);
        else
            cli_say(cli, "%s", vd_client_error(cli->client));
    }
}

/* The membership as the broker tells it, kept in `out`: the answer dies with the next question.
 * False with *code set. */
static bool get_membership(cli_t *cli, vd_buffer_t *out, vd_value_t *map, int *code)
{
    vd_blob_t blob;
    if (!cli_actor_runs(cli, "broker", code))
        return false;
    vd_status_t status =
        vd_client_get(cli->client, "broker", "control", "membership", CLI_TIMEOUT_MS, &blob);
    if (status != VD_OK) {
        *code = cli_fail_client(cli, status);
        return false;
    }
    if (vd_buffer_add(out, blob.data, blob.size) && vd_value_of(vd_buffer_view(out), map))
        return true;
    *code = cli_fail(cli, VD_MALFORMED, "the broker's membership is not understood");
    return false;
}

static vd_bytes_t get_array(const vd_value_t *map, const char *key)
{
    static const uint8_t empty[] = {0x90};
    vd_value_t array;
    if (vd_value_get(map, key, &array) && array.kind == VD_KIND_ARRAY)
        return array.raw;
    return vd_bytes(empty, sizeof empty);
}

/* The provider's row; false when there is none. */
static bool find_provider(vd_bytes_t providers, vd_str_t name, vd_value_t *row)
{
    vd_value_t array;
    vd_bytes_t rest = vd_value_of(providers, &array) ? array.bytes : vd_bytes(NULL, 0);
    while (vd_value_next(&rest, row))
        if (vd_bytes_equal(vd_value_get_str(row, "name"), name))
            return true;
    return false;
}

/* Those that could not list their sources, below the sources: what is shown is their last good
 * set. */
static void print_troubled(cli_t *cli, vd_bytes_t providers)
{
    vd_buffer_t rows;
    vd_value_t array, row;
    uint32_t count = 0;
    vd_buffer_init(&rows, VD_FRAME_BYTES_MAX);
    for (int round = 0; round < 2; round++) {
        vd_bytes_t rest = vd_value_of(providers, &array) ? array.bytes : vd_bytes(NULL, 0);
        if (round == 1)
            vd_write_array(&rows, count);
        while (vd_value_next(&rest, &row)) {
            bool troubled = vd_value_get_str(&row, "error").size > 0;
            count += round == 0 && troubled;
            if (round == 1 && troubled)
                vd_write_raw(&rows, row.raw);
        }
    }
    if (count > 0 && cli->output == CLI_TABLE) {
        putchar('\n');
        cli_print_rows(cli, vd_buffer_view(&rows), provider_columns, PROVIDER_COLUMNS);
    }
    vd_buffer_free(&rows);
}

static void write_rows(const vd_value_t *sources, vd_bytes_t providers, const vd_buffer_t *told,
                       vd_buffer_t *rows)
{
    readings_t readings = sort_readings(told);
    vd_bytes_t rest = sources->bytes;
    vd_value_t row, provider;
    vd_write_array(rows, sources->count);
    while (vd_value_next(&rest, &row)) {
        vd_source_record_t source = {0};
        if (vd_record_decode(row.raw, VD_RECORD_source, &source) != VD_OK)
            source = (vd_source_record_t){.name = vd_str("?")};
        if (!find_provider(providers, source.provider, &provider))
            provider = (vd_value_t){.kind = VD_KIND_NIL};
        figures_t figures = figures_of(&readings, source.name);
        write_row(rows, &source, &provider, &figures);
    }
    free(readings.list);
}

static int list(cli_t *cli)
{
    vd_buffer_t membership, readings, rows;
    vd_value_t map, sources;
    int code = 1;
    vd_buffer_init(&membership, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&readings, READINGS_BYTES_MAX);
    vd_buffer_init(&rows, READINGS_BYTES_MAX);
    if (get_membership(cli, &membership, &map, &code) &&
        vd_value_of(get_array(&map, "sources"), &sources)) {
        vd_bytes_t providers = get_array(&map, "providers");
        collect_readings(cli, sources.raw, &readings);
        write_rows(&sources, providers, &readings, &rows);
        if (sources.count == 0)
            cli_say(cli, "no source is known; a broker that has just started is told them within "
                         "seconds");
        code =
            cli_print_rows(cli, vd_buffer_view(&rows), columns, sizeof columns / sizeof *columns);
        print_troubled(cli, providers);
    }
    vd_buffer_free(&membership);
    vd_buffer_free(&readings);
    vd_buffer_free(&rows);
    return code;
}

static int list_providers(cli_t *cli)
{
    vd_buffer_t membership;
    vd_value_t map;
    int code = 1;
    vd_buffer_init(&membership, VD_FRAME_BYTES_MAX);
    if (get_membership(cli, &membership, &map, &code))
        code =
            cli_print_rows(cli, get_array(&map, "providers"), provider_columns, PROVIDER_COLUMNS);
    vd_buffer_free(&membership);
    return code;
}

int cmd_source(cli_t *cli)
{
    static const cli_verb_t verbs[] = {
        {"ls", "", 0, 0, false, list},
        {"providers", "", 0, 0, false, list_providers},
        {"add", "NAME --address A", 1, 1, true, cli_source_add},
        {"rm", "NAME", 1, 1, true, cli_source_rm},
    };
    return cli_run_verb(cli, verbs, sizeof verbs / sizeof *verbs);
}
