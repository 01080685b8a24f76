/* static_kind.c: sources that stand in the configuration; without any, this machine as "local". */
#include "kind.h"
#include "source.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY "sources"

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

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("static"),
    {.key = KEY,
     .type = VD_CONFIG_ROWS,
     .help = "sources that are always there; provider static without any has this machine as "
             "\"local\"",
     .rows = source_rows},
    {.key = NULL},
};

typedef struct vd_static {
    vd_provider_host_t host;
    const vd_config_t *config;
    vd_buffer_t sources;
} vd_static_t;

/* Is there no row of this name before row `at`? False with text in `error`. */
static bool is_first(const vd_static_t *self, size_t at, char *error, size_t error_size)
{
    const char *table = self->host.table;
    const char *name = vd_config_row_str(self->config, table, KEY, at, "name");
    for (size_t i = 0; i < at; i++) {
        if (strcmp(name, vd_config_row_str(self->config, table, KEY, i, "name")) != 0)
            continue;
        snprintf(error, error_size,
                 "[[%s.%s]] numbers %zu and %zu are both named \"%s\": rename one", table, KEY,
                 i + 1, at + 1, name);
        return false;
    }
    return true;
}

static bool write_row(vd_static_t *self, size_t at, char *error, size_t error_size)
{
    const char *table = self->host.table;
    vd_buffer_t labels, spec;
    vd_buffer_init(&labels, VD_SPEC_BYTES_MAX);
    vd_buffer_init(&spec, VD_SPEC_BYTES_MAX);
    vd_config_row_value(self->config, table, KEY, at, "labels", &labels);
    vd_config_row_value(self->config, table, KEY, at, "spec", &spec);
    vd_source_record_t record = {
        .name = vd_str(vd_config_row_str(self->config, table, KEY, at, "name")),
        .adapter = vd_str(vd_config_row_str(self->config, table, KEY, at, "adapter")),
        .address = vd_str(vd_config_row_str(self->config, table, KEY, at, "address")),
        .auth = vd_str(vd_config_row_str(self->config, table, KEY, at, "auth")),
        .labels = vd_buffer_view(&labels),
        .spec = vd_buffer_view(&spec),
    };
    char problem[VD_TEXT_BYTES_MAX] = "";
    bool good = vd_source_write(&record, &self->sources, problem, sizeof problem) == VD_OK;
    if (!good)
        snprintf(error, error_size, "[[%s.%s]] number %zu: %.800s", table, KEY, at + 1, problem);
    vd_buffer_free(&labels);
    vd_buffer_free(&spec);
    return good;
}

static void write_local(vd_buffer_t *out)
{
    vd_source_record_t record = {
        .name = vd_str("local"), .adapter = vd_str("file"), .address = vd_str("/")};
    vd_write_array(out, 1);
    vd_status_t status = vd_record_encode(VD_RECORD_source, &record, out);
    assert(status == VD_OK);
}

static bool write_all(vd_static_t *self, char *error, size_t error_size)
{
    const char *table = self->host.table;
    size_t count = vd_config_row_count(self->config, table, KEY);
    if (count == 0 && strcmp(vd_actor_name(self->host.actor), "static") == 0) {
        write_local(&self->sources);
        return true;
    }
    if (count == 0 || count > VD_SOURCES_MAX) {
        snprintf(error, error_size, "[[%s.%s]]: %zu sources; it has 1 to %d", table, KEY, count,
                 VD_SOURCES_MAX);
        return false;
    }
    vd_write_array(&self->sources, (uint32_t)count);
    for (size_t at = 0; at < count; at++)
        if (!is_first(self, at, error, error_size) || !write_row(self, at, error, error_size))
            return false;
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
    made->config = vd_actor_config(host->actor);
    vd_buffer_init(&made->sources, VD_SOURCE_LIST_BYTES_MAX);
    if (!write_all(made, error, error_size))
        close_static(&self);
    return self;
}

static int64_t refresh_ms(const void *self)
{
    (void)self;
    return 60000;
}

static void list(void *arg)
{
    vd_static_t *self = arg;
    vd_listing_t listing = {.status = VD_OK, .sources = vd_buffer_view(&self->sources)};
    self->host.done(self->host.arg, &listing);
}

const vd_provider_kind_t vd_static_kind = {
    .name = "static",
    .summary = "Sources that stand in this file.",
    .rows = rows,
    .open = open_static,
    .refresh_ms = refresh_ms,
    .list = list,
    .close = close_static,
};
