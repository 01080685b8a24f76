/* static_kind.c: sources that stand in the configuration; without any, this machine as "local". */
#include "kind.h"

#include "wire/auth.h"
#include "wire/message.h"
#include "wire/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE             "providers.static"
#define KEY               "sources"
#define LISTING_BYTES_MAX (VD_SOURCES_MAX * 256)

static const vd_config_row_t source_rows[] = {
    {.key = "name", .type = VD_CONFIG_STR, .help = "unique name of the source"},
    {.key = "adapter", .type = VD_CONFIG_STR, .help = "how it is read: file, http or exec"},
    {.key = "address",
     .type = VD_CONFIG_STR,
     .fallback = "\"\"",
     .help = "where it is, in the adapter's terms"},
    {.key = "auth",
     .type = VD_CONFIG_STR,
     .fallback = "\"\"",
     .help = "who the reader is: basic USER:env(NAME) or bearer env(NAME)"},
    {.key = "labels", .type = VD_CONFIG_TABLE, .help = "texts by name"},
    {.key = "spec", .type = VD_CONFIG_TABLE, .help = "whatever the observers want to know of it"},
    {.key = NULL},
};

static const vd_config_row_t table_rows[] = {
    {.key = KEY,
     .type = VD_CONFIG_ROWS,
     .help = "sources that are always there; without any, this machine as \"local\"",
     .rows = source_rows},
    {.key = NULL},
};

static const vd_config_table_t table = {
    .path = TABLE, .help = "Sources that stand in this file.", .rows = table_rows};

typedef struct vd_static {
    vd_provider_host_t host;
    vd_buffer_t sources;
} vd_static_t;

static bool is_empty_map(vd_bytes_t map)
{
    return map.size == 1 && map.data[0] == 0x80;
}

/* Is row `at` a source of its own name? False with text in `error`. */
static bool check_row(const vd_config_t *config, size_t at, char *error, size_t error_size)
{
    const char *name = vd_config_row_str(config, TABLE, KEY, at, "name");
    const char *adapter = vd_config_row_str(config, TABLE, KEY, at, "adapter");
    if (!vd_name_valid(vd_str(name)) || !vd_name_valid(vd_str(adapter))) {
        snprintf(
            error, error_size,
            "[[%s.%s]] number %zu: \"%s\" or \"%s\" is not a name: 1 to %d letters, digits or any "
            "of _ . - : # / @",
            TABLE, KEY, at + 1, name, adapter, VD_NAME_BYTES_MAX);
        return false;
    }
    /* The text itself is not told: it may hold what should have stood in the environment. */
    vd_str_t auth = vd_str(vd_config_row_str(config, TABLE, KEY, at, "auth"));
    if (auth.size > 0 && vd_auth_parse(auth, NULL) != VD_OK) {
        snprintf(error, error_size,
                 "[[%s.%s]] number %zu (\"%s\"): its auth must be written basic USER:env(NAME) or "
                 "bearer env(NAME), with the secret in the environment's NAME",
                 TABLE, KEY, at + 1, name);
        return false;
    }
    for (size_t i = 0; i < at; i++) {
        if (strcmp(name, vd_config_row_str(config, TABLE, KEY, i, "name")) != 0)
            continue;
        snprintf(error, error_size,
                 "[[%s.%s]] numbers %zu and %zu are both named \"%s\": rename one", TABLE, KEY,
                 i + 1, at + 1, name);
        return false;
    }
    return true;
}

static vd_status_t write_row(const vd_config_t *config, size_t at, vd_buffer_t *out)
{
    vd_buffer_t labels, spec;
    vd_buffer_init(&labels, VD_SPEC_BYTES_MAX);
    vd_buffer_init(&spec, VD_SPEC_BYTES_MAX);
    vd_config_row_value(config, TABLE, KEY, at, "labels", &labels);
    vd_config_row_value(config, TABLE, KEY, at, "spec", &spec);
    vd_source_record_t record = {
        .name = vd_str(vd_config_row_str(config, TABLE, KEY, at, "name")),
        .adapter = vd_str(vd_config_row_str(config, TABLE, KEY, at, "adapter")),
        .address = vd_str(vd_config_row_str(config, TABLE, KEY, at, "address")),
        .auth = vd_str(vd_config_row_str(config, TABLE, KEY, at, "auth")),
    };
    if (!is_empty_map(vd_buffer_view(&labels)))
        record.labels = vd_buffer_view(&labels);
    if (!is_empty_map(vd_buffer_view(&spec)))
        record.spec = vd_buffer_view(&spec);
    vd_status_t status = VD_TOO_LARGE;
    if (!labels.full && !spec.full)
        status = vd_record_encode(VD_RECORD_source, &record, out);
    vd_buffer_free(&labels);
    vd_buffer_free(&spec);
    return out->full ? VD_TOO_LARGE : status;
}

static void write_local(vd_buffer_t *out)
{
    vd_source_record_t record = {
        .name = vd_str("local"), .adapter = vd_str("file"), .address = vd_str("/")};
    vd_write_array(out, 1);
    vd_status_t status = vd_record_encode(VD_RECORD_source, &record, out);
    assert(status == VD_OK);
}

static bool write_all(const vd_config_t *config, vd_buffer_t *out, char *error, size_t error_size)
{
    size_t count = vd_config_row_count(config, TABLE, KEY);
    if (count == 0) {
        write_local(out);
        return true;
    }
    if (count > VD_SOURCES_MAX) {
        snprintf(error, error_size, "[[%s.%s]]: %zu sources are more than %d", TABLE, KEY, count,
                 VD_SOURCES_MAX);
        return false;
    }
    vd_write_array(out, (uint32_t)count);
    for (size_t at = 0; at < count; at++) {
        if (!check_row(config, at, error, error_size))
            return false;
        if (write_row(config, at, out) == VD_OK)
            continue;
        snprintf(error, error_size,
                 "[[%s.%s]] number %zu: its labels, spec or address are too large", TABLE, KEY,
                 at + 1);
        return false;
    }
    return true;
}

static void close_static(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_static_t *self = *self_pointer;
    if (self == NULL)
        return;
    vd_buffer_free(&self->sources);
    free(self);
    *self_pointer = NULL;
}

static void *open_static(const vd_provider_host_t *host, char *error, size_t error_size)
{
    assert(host != NULL && host->done != NULL);
    void *self = calloc(1, sizeof(vd_static_t));
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    vd_static_t *made = self;
    made->host = *host;
    vd_buffer_init(&made->sources, LISTING_BYTES_MAX);
    if (!write_all(host->config, &made->sources, error, error_size))
        close_static(&self);
    return self;
}

static void list(void *arg)
{
    vd_static_t *self = arg;
    vd_listing_t listing = {.status = VD_OK, .sources = vd_buffer_view(&self->sources)};
    self->host.done(self->host.arg, &listing);
}

const vd_provider_kind_t vd_static_kind = {
    .name = "static",
    .summary = "Sources that stand in the configuration.",
    .table = &table,
    .refresh_ms = 60000,
    .open = open_static,
    .list = list,
    .close = close_static,
};
