/* etcd_kind.c: the members of an etcd cluster, asked of any of them. */
#include "fetch.h"
#include "lookup.h"
#include "members.h"
#include "wire/auth.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENDPOINTS_MAX = 32 };
#define LIST_PATH "/v3/cluster/member/list"

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("etcd"),
    {.key = "endpoints",
     .type = VD_CONFIG_LIST,
     .fallback = "[]",
     .help = "client URLs of members; one after the other is asked until one answers"},
    {.key = "auth",
     .type = VD_CONFIG_STR,
     .fallback = "\"\"",
     .help = "who asks: basic USER:env(NAME) or bearer env(NAME)"},
    {.key = "ca_file",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"\"",
     .help = "whom to trust with https; \"\": whom the system trusts"},
    VD_LOOKUP_ROWS("\"5s\"", "\"5s\"", "\"\"", "address of members; \"\": their client URL"),
    {.key = NULL},
};

typedef struct vd_etcd {
    vd_lookup_t lookup;
    const char *auth, *ca_file;
    unsigned count;
    char urls[ENDPOINTS_MAX][VD_FETCH_URL_BYTES_MAX + sizeof LIST_PATH];
    atomic_uint *good; /* who answered last: it is asked first */
} vd_etcd_t;

static vd_status_t ask(const vd_etcd_t *self, unsigned at, int64_t timeout_ms,
                       const vd_lookup_work_t *work)
{
    vd_fetch_t what = {.url = self->urls[at],
                       .auth = self->auth,
                       .ca_file = self->ca_file,
                       .body = "{}",
                       .timeout_ms = timeout_ms,
                       .cancel = work->cancel};
    char problem[VD_TEXT_BYTES_MAX] = "";
    vd_buffer_t text;
    vd_buffer_init(&text, VD_SOURCE_LIST_BYTES_MAX + 65536);
    vd_status_t status = vd_fetch(&what, &text, work->error, work->error_size);
    if (status == VD_OK) {
        status = vd_members_parse(vd_buffer_view(&text), &self->lookup.form, work->out, problem,
                                  sizeof problem);
        if (status != VD_OK) {
            vd_buffer_clear(work->out);
            snprintf(work->error, work->error_size, "%.300s: %.700s", what.url, problem);
        }
    }
    vd_buffer_free(&text);
    return status;
}

/* Each endpoint gets its share of the time that is left, so that one that hangs does not take it
 * all. */
static vd_status_t run(const void *arg, const vd_lookup_work_t *work)
{
    const vd_etcd_t *self = arg;
    unsigned first = atomic_load(self->good);
    vd_status_t status = VD_TIMED_OUT;
    for (unsigned i = 0; i < self->count; i++) {
        unsigned at = (first + i) % self->count;
        int64_t left_ms = vd_lookup_left_ms(work);
        if (left_ms == 0)
            break;
        status = ask(self, at, left_ms / (self->count - i) + 1, work);
        if (status == VD_OK)
            atomic_store(self->good, at);
        if (status == VD_OK || status == VD_CANCELLED)
            break;
    }
    return status;
}

static void close_etcd(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_etcd_t *self = *self_pointer;
    if (self != NULL && vd_lookup_close(&self->lookup)) {
        free(self->good);
        free(self);
    }
    *self_pointer = NULL;
}

static bool read_endpoints(vd_etcd_t *self, const vd_provider_host_t *host, char *error,
                           size_t error_size)
{
    const vd_config_t *config = vd_actor_config(host->actor);
    size_t count = vd_config_list_count(config, host->table, "endpoints");
    if (count == 0 || count > ENDPOINTS_MAX) {
        snprintf(error, error_size,
                 "[%s] needs the key \"endpoints\": 1 to %d client URLs of members", host->table,
                 ENDPOINTS_MAX);
        return false;
    }
    self->count = (unsigned)count;
    for (size_t at = 0; at < count; at++) {
        const char *url = vd_config_list_at(config, host->table, "endpoints", at);
        const char *why = vd_fetch_check(url);
        if (why != NULL) {
            snprintf(error, error_size, "%s.endpoints, number %zu: %s", host->table, at + 1, why);
            return false;
        }
        size_t size = strlen(url);
        while (size > 0 && url[size - 1] == '/')
            size--;
        snprintf(self->urls[at], sizeof self->urls[at], "%.*s" LIST_PATH, (int)size, url);
    }
    return true;
}

static bool read_auth(vd_etcd_t *self, const vd_provider_host_t *host, char *error,
                      size_t error_size)
{
    const vd_config_t *config = vd_actor_config(host->actor);
    self->auth = vd_config_str(config, host->table, "auth");
    self->ca_file = vd_config_str(config, host->table, "ca_file");
    if (self->auth[0] == 0 || vd_auth_parse(vd_str(self->auth), NULL) == VD_OK)
        return true;
    snprintf(error, error_size,
             "%s.auth must be written basic USER:env(NAME) or bearer env(NAME), with the secret in "
             "the environment's NAME",
             host->table);
    return false;
}

static void *open_etcd(const vd_provider_host_t *host, char *error, size_t error_size)
{
    void *self = calloc(1, sizeof(vd_etcd_t));
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    vd_etcd_t *made = self;
    made->good = calloc(1, sizeof *made->good);
    vd_fetch_begin();
    if (!vd_lookup_open(&made->lookup, host, run, error, error_size) ||
        !read_endpoints(made, host, error, error_size) ||
        !read_auth(made, host, error, error_size)) {
        close_etcd(&self);
    } else if (made->good == NULL) {
        snprintf(error, error_size, "out of memory");
        close_etcd(&self);
    }
    return self;
}

const vd_provider_kind_t vd_etcd_kind = {
    .name = "etcd",
    .summary = "The members of an etcd cluster.",
    .rows = rows,
    .open = open_etcd,
    .refresh_ms = vd_lookup_refresh_ms,
    .list = vd_lookup_list,
    .close = close_etcd,
};
