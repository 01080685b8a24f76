/* http_kind.c: sources that a service lists: a document fetched over HTTP again and again. */
#include "fetch.h"
#include "lookup.h"
#include "source_list.h"
#include "wire/auth.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("http"),
    {.key = "url",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"\"",
     .help = "answers with [{\"targets\": [..], \"labels\"}], as for Prometheus' http_sd, or "
             "[{\"name\", \"address\", \"adapter\", \"auth\", \"labels\", \"spec\"}]"},
    {.key = "auth",
     .type = VD_CONFIG_STR,
     .fallback = "\"\"",
     .help = "who asks: basic USER:env(NAME) or bearer env(NAME)"},
    {.key = "ca_file",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"\"",
     .help = "whom to trust with https; \"\": whom the system trusts"},
    VD_LOOKUP_ROWS("\"30s\"", "\"10s\"", "\"\"",
                   "address of targets; \"\": http://{target}, or https:// with the label "
                   "__scheme__"),
    {.key = NULL},
};

typedef struct vd_http {
    vd_lookup_t lookup;
    const char *url, *auth, *ca_file;
} vd_http_t;

static vd_status_t run(const void *arg, const vd_lookup_work_t *work)
{
    const vd_http_t *self = arg;
    vd_fetch_t what = {.url = self->url,
                       .auth = self->auth,
                       .ca_file = self->ca_file,
                       .timeout_ms = vd_lookup_left_ms(work),
                       .cancel = work->cancel};
    char problem[VD_TEXT_BYTES_MAX] = "";
    vd_buffer_t text;
    vd_buffer_init(&text, VD_SOURCE_LIST_BYTES_MAX + 65536);
    vd_status_t status = vd_fetch(&what, &text, work->error, work->error_size);
    if (status == VD_OK) {
        status = vd_source_list_parse_as(vd_buffer_view(&text), &self->lookup.form, work->out,
                                         problem, sizeof problem);
        if (status != VD_OK)
            snprintf(work->error, work->error_size, "%.300s: %.700s", self->url, problem);
    }
    vd_buffer_free(&text);
    return status;
}

static void close_http(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_http_t *self = *self_pointer;
    if (self != NULL && vd_lookup_close(&self->lookup))
        free(self);
    *self_pointer = NULL;
}

static bool check(const vd_http_t *self, char *error, size_t error_size)
{
    const char *table = self->lookup.host.table;
    const char *why = vd_fetch_check(self->url);
    if (self->url[0] == 0)
        snprintf(error, error_size, "[%s] needs the key \"url\": where the sources are listed",
                 table);
    else if (why != NULL)
        snprintf(error, error_size, "%s.url: %s", table, why);
    else if (self->auth[0] != 0 && vd_auth_parse(vd_str(self->auth), NULL) != VD_OK)
        snprintf(
            error, error_size,
            "%s.auth must be written basic USER:env(NAME) or bearer env(NAME), with the secret "
            "in the environment's NAME",
            table);
    else
        return true;
    return false;
}

static void *open_http(const vd_provider_host_t *host, char *error, size_t error_size)
{
    void *self = calloc(1, sizeof(vd_http_t));
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    vd_http_t *made = self;
    const vd_config_t *config = vd_actor_config(host->actor);
    made->url = vd_config_str(config, host->table, "url");
    made->auth = vd_config_str(config, host->table, "auth");
    made->ca_file = vd_config_str(config, host->table, "ca_file");
    vd_fetch_begin();
    if (!vd_lookup_open(&made->lookup, host, run, error, error_size) ||
        !check(made, error, error_size))
        close_http(&self);
    return self;
}

const vd_provider_kind_t vd_http_kind = {
    .name = "http",
    .summary = "Sources that a service lists over HTTP.",
    .rows = rows,
    .open = open_http,
    .refresh_ms = vd_lookup_refresh_ms,
    .list = vd_lookup_list,
    .close = close_http,
};
