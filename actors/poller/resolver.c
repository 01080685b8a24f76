/* resolver.c: names, what is known of them, and the threads that look them up. */
#include "resolver.h"

#include "http_url.h"
#include "worker_pool.h"

#include "core/hash.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#define WORKERS       16
#define NAMES_MAX     8192
#define BUCKETS       4096
#define GOOD_US       30000000
#define STALE_US      300000000
#define BAD_US        500000
#define ADDRESSES_MAX 8
#define THREAD_BYTES  262144

typedef struct vd_lookup {
    vd_work_t work; /* first: the pool knows no more */
    char host[VD_HTTP_HOST_BYTES_MAX + 1];
    bool good;
    char text[VD_RESOLVED_BYTES_MAX];
} vd_lookup_t;

typedef struct vd_name {
    struct vd_name *next;
    char host[VD_HTTP_HOST_BYTES_MAX + 1];
    bool resolving, known, good;
    int64_t until_us; /* what is known counts so long */
    int64_t stale_us; /* and, when it is good, so long while it is refreshed */
    char text[VD_RESOLVED_BYTES_MAX];
} vd_name_t;

struct vd_resolver {
    vd_pool_t *pool;
    uint64_t token;
    uint32_t count;
    vd_name_t *buckets[BUCKETS];
};

/* Adds one address in text; false when there is no room. */
static bool add_address(char *text, const struct addrinfo *info)
{
    char address[INET6_ADDRSTRLEN];
    bool six = info->ai_family == AF_INET6;
    const void *raw = six ? (const void *)&((struct sockaddr_in6 *)(void *)info->ai_addr)->sin6_addr
                          : (const void *)&((struct sockaddr_in *)(void *)info->ai_addr)->sin_addr;
    if (inet_ntop(info->ai_family, raw, address, sizeof address) == NULL)
        return true;
    size_t used = strlen(text);
    int size = snprintf(text + used, VD_RESOLVED_BYTES_MAX - used, "%s%s%s%s", used > 0 ? "," : "",
                        six ? "[" : "", address, six ? "]" : "");
    if (used + (size_t)size < VD_RESOLVED_BYTES_MAX)
        return true;
    text[used] = 0;
    return false;
}

/* Is it localhost or below it? RFC 6761, 6.3: such names are this machine's, whoever is asked. */
static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t size = strlen(host), own = sizeof name - 1;
    return size >= own && strcasecmp(host + size - own, name) == 0 &&
           (size == own || host[size - own - 1] == '.');
}

static void look_up(vd_work_t *work)
{
    vd_lookup_t *self = (vd_lookup_t *)work;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(self->host, NULL, &hints, &list);
    self->text[0] = 0;
    int count = 0;
    for (const struct addrinfo *info = list; code == 0 && info != NULL; info = info->ai_next)
        if ((info->ai_family == AF_INET || info->ai_family == AF_INET6) &&
            (count++ == ADDRESSES_MAX || !add_address(self->text, info)))
            break;
    if (list != NULL)
        freeaddrinfo(list);
    /* The system may know better; one without /etc/hosts does not know it at all. */
    if (self->text[0] == 0 && is_localhost(self->host))
        snprintf(self->text, sizeof self->text, "127.0.0.1,[::1]");
    self->good = self->text[0] != 0;
    if (!self->good)
        snprintf(self->text, sizeof self->text, "%s",
                 code != 0 ? gai_strerror(code) : "it has no address");
}

static void give_up(vd_work_t *work)
{
    (void)work; /* a look-up cannot be interrupted */
}

static void release(vd_work_t *work)
{
    free(work);
}

vd_resolver_t *vd_resolver_new(void)
{
    vd_resolver_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_pool_spec_t spec = {.workers = WORKERS,
                           .stack_bytes = THREAD_BYTES,
                           .run = look_up,
                           .give_up = give_up,
                           .release = release};
    self->pool = vd_pool_new(&spec);
    if (self->pool == NULL) {
        free(self);
        return NULL;
    }
    return self;
}

void vd_resolver_destroy(vd_resolver_t **self_pointer)
{
    assert(self_pointer != NULL);
    vd_resolver_t *self = *self_pointer;
    if (self == NULL)
        return;
    vd_pool_destroy(&self->pool);
    for (int i = 0; i < BUCKETS; i++)
        while (self->buckets[i] != NULL) {
            vd_name_t *name = self->buckets[i];
            self->buckets[i] = name->next;
            free(name);
        }
    free(self);
    *self_pointer = NULL;
}

int vd_resolver_fd(const vd_resolver_t *self)
{
    assert(self != NULL);
    return vd_pool_fd(self->pool);
}

static vd_name_t **bucket_of(vd_resolver_t *self, const char *host)
{
    return &self->buckets[vd_hash(0, vd_str(host)) % BUCKETS];
}

static vd_name_t *find(vd_resolver_t *self, const char *host)
{
    vd_name_t *name = *bucket_of(self, host);
    while (name != NULL && strcmp(name->host, host) != 0)
        name = name->next;
    return name;
}

/* Forgets names that nobody has asked for since they ceased to count. */
static void forget_old(vd_resolver_t *self, int64_t now_us)
{
    for (int i = 0; i < BUCKETS; i++)
        for (vd_name_t **at = &self->buckets[i]; *at != NULL;) {
            vd_name_t *name = *at;
            if (name->resolving || name->until_us > now_us) {
                at = &name->next;
                continue;
            }
            *at = name->next;
            free(name);
            self->count--;
        }
}

static vd_name_t *add(vd_resolver_t *self, const char *host, int64_t now_us)
{
    if (self->count == NAMES_MAX)
        forget_old(self, now_us);
    vd_name_t *name = self->count < NAMES_MAX ? calloc(1, sizeof *name) : NULL;
    if (name == NULL)
        return NULL;
    bool copied = vd_str_copy(name->host, sizeof name->host, vd_str(host));
    assert(copied);
    vd_name_t **bucket = bucket_of(self, host);
    name->next = *bucket;
    *bucket = name;
    self->count++;
    return name;
}

static bool begin(vd_resolver_t *self, vd_name_t *name)
{
    assert(!name->resolving);
    vd_lookup_t *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL)
        return false;
    memcpy(lookup->host, name->host, sizeof lookup->host);
    lookup->work.token = ++self->token;
    name->resolving = true;
    vd_pool_start(self->pool, &lookup->work);
    return true;
}

vd_resolved_t vd_resolver_ask(vd_resolver_t *self, const char *host, int64_t now_us,
                              const char **text)
{
    assert(self != NULL && host != NULL && text != NULL);
    *text = "too many names are known, or there is no memory for one more";
    vd_name_t *name = find(self, host);
    if (name == NULL)
        name = add(self, host, now_us);
    if (name == NULL)
        return VD_UNRESOLVED;
    bool fresh = name->known && name->until_us > now_us;
    if (!fresh && !name->resolving && !begin(self, name))
        return VD_UNRESOLVED;
    *text = name->text;
    if (fresh || (name->known && name->good && name->stale_us > now_us))
        return name->good ? VD_RESOLVED : VD_UNRESOLVED;
    return VD_RESOLVING;
}

void vd_resolver_take(vd_resolver_t *self, int64_t now_us)
{
    assert(self != NULL);
    vd_lookup_t *lookup;
    while ((lookup = (vd_lookup_t *)vd_pool_take(self->pool)) != NULL) {
        vd_name_t *name = find(self, lookup->host);
        assert(name != NULL && name->resolving);
        name->resolving = false;
        name->known = true;
        name->good = lookup->good;
        name->until_us = now_us + (lookup->good ? GOOD_US : BAD_US);
        name->stale_us = now_us + STALE_US;
        memcpy(name->text, lookup->text, sizeof name->text);
        free(lookup);
    }
}

void vd_resolver_doubt(vd_resolver_t *self, const char *host)
{
    assert(self != NULL && host != NULL);
    vd_name_t *name = find(self, host);
    if (name != NULL && name->good)
        name->until_us = 0;
}
