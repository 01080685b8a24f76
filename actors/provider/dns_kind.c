/* dns_kind.c: sources that stand under a name in the DNS, or in the machine's own list of hosts. */
#include "dns_answer.h"
#include "lookup.h"
#include "source_set.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOST_BYTES_MAX = 255, ANSWER_BYTES_MAX = 65535, TRIES = 2 };

static const vd_config_row_t types[] = {
    {.key = "A+AAAA", .help = "addresses"},
    {.key = "A", .help = "IPv4 addresses"},
    {.key = "AAAA", .help = "IPv6 addresses"},
    {.key = "SRV", .help = "hosts and ports"},
    {.key = NULL},
};

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("dns"),
    {.key = "host",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"\"",
     .help = "the name that is looked up; of SRV records like _http._tcp.example.com"},
    {.key = "type",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"A+AAAA\"",
     .help = "which records: A+AAAA, A, AAAA or SRV",
     .rows = types},
    {.key = "port",
     .type = VD_CONFIG_INT,
     .fallback = "0",
     .min = 0,
     .max = 65535,
     .help = "of the sources; SRV records have their own; 0: none"},
    {.key = "server",
     .type = VD_CONFIG_SHOWN,
     .fallback = "\"\"",
     .help = "name server that is asked, IPV4[:PORT]; \"\": as the machine resolves names"},
    VD_LOOKUP_ROWS("\"30s\"", "\"10s\"", "\"http://{target}\"", "address of sources"),
    {.key = NULL},
};

typedef struct vd_dns {
    vd_lookup_t lookup;
    char host[HOST_BYTES_MAX + 1];
    bool four, six, services;
    unsigned port;
    struct sockaddr_in server; /* its family is 0 when there is none */
    int timeout_s;
    char adapter[VD_NAME_BYTES_MAX + 1]; /* copies: a thread may be left behind with them */
    char address[VD_TEXT_BYTES_MAX + 1];
} vd_dns_t;

typedef struct vd_dns_run {
    vd_source_set_t set;
    const vd_lookup_work_t *work;
    vd_status_t status;
} vd_dns_run_t;

static bool found(void *arg, vd_str_t target)
{
    vd_dns_run_t *self = arg;
    char name[VD_TEXT_BYTES_MAX + 1];
    bool fits = vd_target_name(target, name);
    assert(fits);
    self->status = vd_source_set_add(&self->set, vd_str(name), target, target, vd_str(NULL),
                                     self->work->error, self->work->error_size);
    return self->status == VD_OK;
}

static vd_status_t fail(const vd_dns_t *self, const vd_lookup_work_t *work, const char *text)
{
    snprintf(work->error, work->error_size, "%s: %s", self->host, text);
    return VD_FAILED;
}

/* ---- as the machine resolves names ---- */

static vd_status_t look_up(const vd_dns_t *self, vd_dns_run_t *run)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *list = NULL;
    if (!self->four || !self->six)
        hints.ai_family = self->four ? AF_INET : AF_INET6;
    int result = getaddrinfo(self->host, NULL, &hints, &list);
    if (result != 0)
        return fail(self, run->work, gai_strerror(result));
    run->status = VD_OK;
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        char target[80];
        vd_bytes_t address;
        if (at->ai_family == AF_INET)
            address =
                vd_bytes(&((const struct sockaddr_in *)(const void *)at->ai_addr)->sin_addr, 4);
        else
            address =
                vd_bytes(&((const struct sockaddr_in6 *)(const void *)at->ai_addr)->sin6_addr, 16);
        vd_dns_target(address, self->port, target, sizeof target);
        if (!found(run, vd_str(target)))
            break;
    }
    freeaddrinfo(list);
    return run->status;
}

/* ---- asking name servers ---- */

/* Adds what there is of one type. VD_NOT_FOUND: there is nothing. */
static vd_status_t query(const vd_dns_t *self, res_state state, vd_dns_type_t type,
                         vd_dns_run_t *run)
{
    uint8_t *answer = malloc(ANSWER_BYTES_MAX);
    if (answer == NULL)
        return fail(self, run->work, "out of memory");
    int size = res_nquery(state, self->host, C_IN, (int)type, answer, ANSWER_BYTES_MAX);
    vd_status_t status = VD_NOT_FOUND;
    uint32_t before = run->set.count;
    if (size > ANSWER_BYTES_MAX)
        size = ANSWER_BYTES_MAX;
    if (size >= 0) {
        status = vd_dns_read(vd_bytes(answer, (size_t)size), type, self->port, found, run);
        if (status == VD_CANCELLED)
            status = run->status;
        else if (status != VD_OK)
            status = fail(self, run->work, "the name server's answer is malformed");
        else if (run->set.count == before && type != VD_DNS_SRV)
            status = VD_NOT_FOUND;
    } else if (state->res_h_errno != NO_DATA && state->res_h_errno != HOST_NOT_FOUND) {
        status = fail(self, run->work, "no name server gives an answer");
    }
    free(answer);
    return status;
}

static vd_status_t query_all(const vd_dns_t *self, res_state state, vd_dns_run_t *run)
{
    const struct {
        bool wanted;
        vd_dns_type_t type;
    } kinds[] = {{self->services, VD_DNS_SRV}, {self->four, VD_DNS_A}, {self->six, VD_DNS_AAAA}};
    bool any = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!kinds[i].wanted)
            continue;
        vd_status_t status = query(self, state, kinds[i].type, run);
        if (status != VD_OK && status != VD_NOT_FOUND)
            return status;
        any = any || status == VD_OK;
    }
    return any ? VD_OK : fail(self, run->work, "there are no such records under this name");
}

static vd_status_t ask_servers(const vd_dns_t *self, vd_dns_run_t *run)
{
    struct __res_state state;
    memset(&state, 0, sizeof state);
    if (res_ninit(&state) != 0)
        return fail(self, run->work, "the resolver cannot be set up");
    if (self->server.sin_family != 0) {
        state.nsaddr_list[0] = self->server;
        state.nscount = 1;
    }
    state.retrans = self->timeout_s;
    state.retry = TRIES;
    vd_status_t status = query_all(self, &state, run);
    res_nclose(&state);
    return status;
}

static vd_status_t run(const void *arg, const vd_lookup_work_t *work)
{
    const vd_dns_t *self = arg;
    vd_dns_run_t made = {.work = work};
    vd_source_set_init(&made.set, &self->lookup.form);
    bool ask = self->services || self->server.sin_family != 0;
    vd_status_t status = ask ? ask_servers(self, &made) : look_up(self, &made);
    if (status == VD_OK)
        status = vd_source_set_write(&made.set, work->out, work->error, work->error_size);
    vd_source_set_free(&made.set);
    return status;
}

/* ---- the kind ---- */

static void close_dns(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_dns_t *self = *self_pointer;
    if (self != NULL && vd_lookup_close(&self->lookup))
        free(self);
    *self_pointer = NULL;
}

static bool read_server(vd_dns_t *self, const char *text)
{
    char address[INET_ADDRSTRLEN] = "";
    unsigned port = 53;
    int end = 0;
    if (text[0] == 0)
        return true;
    if (sscanf(text, "%15[0-9.]%n", address, &end) != 1)
        return false;
    if (text[end] == ':' && text[end + 1] >= '0' && text[end + 1] <= '9') {
        int more = 0;
        if (sscanf(text + end + 1, "%5u%n", &port, &more) != 1)
            return false;
        end += 1 + more;
    }
    self->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return text[end] == 0 && port > 0 && port <= 65535 &&
           inet_pton(AF_INET, address, &self->server.sin_addr) == 1;
}

static void read_type(vd_dns_t *self, const char *type)
{
    self->services = strcmp(type, "SRV") == 0;
    self->four = strcmp(type, "A") == 0 || strcmp(type, "A+AAAA") == 0;
    self->six = strcmp(type, "AAAA") == 0 || strcmp(type, "A+AAAA") == 0;
}

static bool read_rows(vd_dns_t *self, const vd_provider_host_t *host, char *error,
                      size_t error_size)
{
    const vd_config_t *config = vd_actor_config(host->actor);
    const char *table = host->table, *server = vd_config_str(config, table, "server");
    vd_target_form_t *form = &self->lookup.form;
    self->port = (unsigned)vd_config_int(config, table, "port");
    self->timeout_s = (int)(self->lookup.timeout_ms / 1000 / TRIES);
    if (self->timeout_s < 1)
        self->timeout_s = 1;
    read_type(self, vd_config_str(config, table, "type"));
    vd_str_t name = vd_str(vd_config_str(config, table, "host"));
    if (name.size == 0 || !vd_str_copy(self->host, sizeof self->host, name))
        snprintf(error, error_size, "[%s] needs the key \"host\": a name of at most %d bytes",
                 table, HOST_BYTES_MAX);
    else if (!read_server(self, server))
        snprintf(error, error_size, "%s.server: \"%.40s\" must be written IPV4 or IPV4:PORT", table,
                 server);
    else if (!vd_str_copy(self->adapter, sizeof self->adapter, form->adapter) ||
             !vd_str_copy(self->address, sizeof self->address, form->address))
        snprintf(error, error_size, "[%s]: adapter or address is too long", table);
    else {
        form->adapter = vd_str(self->adapter);
        form->address = vd_str(self->address);
        return true;
    }
    return false;
}

static void *open_dns(const vd_provider_host_t *host, char *error, size_t error_size)
{
    void *self = calloc(1, sizeof(vd_dns_t));
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    vd_dns_t *made = self;
    if (!vd_lookup_open(&made->lookup, host, run, error, error_size) ||
        !read_rows(made, host, error, error_size))
        close_dns(&self);
    return self;
}

const vd_provider_kind_t vd_dns_kind = {
    .name = "dns",
    .summary = "Sources that stand under a name in the DNS.",
    .rows = rows,
    .open = open_dns,
    .refresh_ms = vd_lookup_refresh_ms,
    .list = vd_lookup_list,
    .close = close_dns,
};
