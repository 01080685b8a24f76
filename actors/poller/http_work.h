/* http_work.h: one read over HTTP: what was asked, how far it is, and what came.
 *
 * 1. A work is used again by later reads; it keeps its handle and the memory of ordinary reads.
 * 2. It is set up for one transfer at a time: a redirect sets it up anew. Nothing that says who
 *    reads, and no header of the read, goes to another origin than the source's own.
 * 3. The secret of `auth` is looked up in the environment for each transfer, and stands nowhere but
 *    in libcurl's handle.
 */
#ifndef VD_HTTP_WORK_H
#define VD_HTTP_WORK_H

#include "adapter.h"
#include "http_message.h"
#include "http_url.h"

#include <curl/curl.h>

#define VD_HTTP_REDIRECTS_MAX 5

typedef struct vd_http_work {
    struct vd_http_work *next; /* of the list that it is in */
    uint64_t token;
    CURL *handle;
    bool added;           /* a transfer is under way */
    uint64_t place_hash;  /* that it was added with */
    struct vd_conn *conn; /* that it is under way on, without libcurl */
    bool waiting;         /* for its name to be resolved */
    bool post, foreign, too_large;
    uint64_t bytes_max;
    int64_t started_us;
    uint32_t redirects;
    vd_status_t status; /* of a read that ends without a transfer */
    vd_buffer_t bytes;  /* a copy of what was asked */
    vd_str_t address, auth;
    vd_http_args_t args;
    vd_http_place_t home, place; /* of the source, and where the read goes now */
    char url[VD_HTTP_URL_BYTES_MAX + 1];
    struct curl_slist *headers, *names;
    vd_buffer_t head, content;
    size_t head_bytes;            /* that came, kept or not */
    char detail[CURL_ERROR_SIZE]; /* of libcurl */
    char error[256];
} vd_http_work_t;

/* NULL without memory. */
vd_http_work_t *vd_http_work_new(void);
/* Takes over the handle that transfers need: before the first of them. */
void vd_http_work_equip(vd_http_work_t *self, CURL *handle);
void vd_http_work_destroy(vd_http_work_t **self);
/* Gives back what an extraordinary read has left. */
void vd_http_work_clear(vd_http_work_t *self);

/* Takes in what is asked. False with status and error set when it cannot be. */
bool vd_http_work_take(vd_http_work_t *self, const vd_read_request_t *request, int64_t now_us);
/* Sets the handle up for a transfer to self->place; `addresses` of its name, NULL for a literal.
 * False with status and error set when it cannot be. */
bool vd_http_work_prepare(vd_http_work_t *self, const char *addresses);
/* Is the answer a redirect that is followed? Then the work stands at the new place. */
bool vd_http_work_follow(vd_http_work_t *self, CURLcode code);
/* The error of a read that ends now; the text names the source. */
void vd_http_work_fail(vd_http_work_t *self, vd_status_t status, const char *why);
/* What the transfer has come to; `meta` is cleared and written. */
void vd_http_work_result(vd_http_work_t *self, CURLcode code, vd_buffer_t *meta,
                         vd_read_result_t *result);

#endif
