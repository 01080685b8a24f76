/* adapter.h: the contract of an adapter: how sources of one kind are read.
 *
 * 1. An adapter is a row of vd_adapters and a file. Its operations are told by name, so that the
 *    poller refuses what it cannot do without asking.
 * 2. `start` begins a read and returns at once; it copies what it keeps of the request. Each
 *    started read is answered through the host's `done` exactly once, on the loop's thread and not
 *    from inside `start`, unless it is cancelled before: then never.
 * 3. The poller keeps the deadline: what is not answered in time is cancelled. A read that cannot
 *    be interrupted goes on unseen, and what it gives is dropped; the adapter bounds how many of
 *    those there are.
 * 4. An error is a status and a text that names the thing and the remedy. Content never passes
 *    bytes_max.
 */
#ifndef VD_ADAPTER_H
#define VD_ADAPTER_H

#include "wire/buffer.h"
#include "wire/status.h"

struct _zloop_t;

typedef struct vd_read_request {
    uint64_t token;
    vd_str_t address; /* of the source */
    vd_str_t auth;    /* as written, without the secret: see wire/auth.h */
    vd_str_t op;
    vd_str_t target;
    vd_bytes_t args;    /* one MessagePack map, scanned; or empty */
    uint64_t bytes_max; /* of content */
} vd_read_request_t;

typedef struct vd_read_result {
    vd_status_t status;
    vd_str_t error;
    uint64_t took_us;
    vd_bytes_t meta; /* one MessagePack map; or empty */
    vd_bytes_t content;
} vd_read_result_t;

/* Tells a result; the bytes live until it returns. */
typedef void vd_adapter_done_fn(void *arg, uint64_t token, const vd_read_result_t *result);

typedef struct vd_adapter_host {
    struct _zloop_t *loop;
    vd_adapter_done_fn *done;
    void *arg;
    const char *ca_file; /* certificates to trust instead of the system's, or empty; outlives the
                            adapter */
} vd_adapter_host_t;

typedef struct vd_adapter {
    const char *name;
    const char *summary;
    const char *const *ops; /* ended by NULL */
    uint32_t out_max;       /* standing reads that may be out at once, above 0 */
    /* Makes the adapter ready. NULL without memory or descriptors. */
    void *(*open)(const vd_adapter_host_t *host);
    void (*start)(void *self, const vd_read_request_t *request);
    void (*cancel)(void *self, uint64_t token);
    void (*close)(void **self);
} vd_adapter_t;

#define VD_ADAPTERS_MAX 8

/* All adapters, ended by NULL. */
extern const vd_adapter_t *const vd_adapters[];
extern const vd_adapter_t vd_file_adapter;
extern const vd_adapter_t vd_http_adapter;
extern const vd_adapter_t vd_exec_adapter;

/* The place of adapter `name` in `adapters`, or -1. */
int vd_adapter_find(const vd_adapter_t *const *adapters, vd_str_t name);
bool vd_adapter_knows(const vd_adapter_t *adapter, vd_str_t op);

#endif
