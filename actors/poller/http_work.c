/* http_work.c: sets up transfers, follows redirects, names what has gone wrong. */
#include "http_work.h"

#include "wire/auth.h"
#include "wire/limits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define HEAD_BYTES_MAX  16384 /* kept */
#define HEADS_BYTES_MAX 65536 /* taken */
#define KEPT_BYTES      65536 /* of content: what is larger is given back */
#define HEADER_LINE_MAX 600

/* ---- what comes ---- */

static size_t take_content(char *data, size_t one, size_t size, void *arg)
{
    vd_http_work_t *self = arg;
    assert(one == 1);
    if (size > self->bytes_max || self->content.size > self->bytes_max - size) {
        self->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return vd_buffer_add(&self->content, data, size) ? size : CURL_WRITEFUNC_ERROR;
}

/* A new status line begins a new head. Lines beyond the bound are left out. */
static size_t take_head(char *data, size_t one, size_t size, void *arg)
{
    vd_http_work_t *self = arg;
    assert(one == 1);
    self->head_bytes += size;
    if (self->head_bytes > HEADS_BYTES_MAX)
        return 0;
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
        vd_buffer_clear(&self->head);
    else
        vd_buffer_add(&self->head, data, size);
    return size;
}

vd_http_work_t *vd_http_work_new(void)
{
    vd_http_work_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_buffer_init(&self->bytes, 2 * VD_TEXT_BYTES_MAX + VD_SPEC_BYTES_MAX + 1);
    vd_buffer_init(&self->head, HEAD_BYTES_MAX);
    vd_buffer_init(&self->content, VD_SAMPLE_BYTES_MAX);
    return self;
}

void vd_http_work_equip(vd_http_work_t *self, CURL *handle)
{
    assert(self->handle == NULL && handle != NULL);
    self->handle = handle;
    curl_easy_setopt(handle, CURLOPT_PRIVATE, self);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, self->detail);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_content);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, self);
}

static void free_lists(vd_http_work_t *self)
{
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->names);
    self->headers = self->names = NULL;
}

void vd_http_work_destroy(vd_http_work_t **self_pointer)
{
    assert(self_pointer != NULL);
    vd_http_work_t *self = *self_pointer;
    if (self == NULL)
        return;
    assert(!self->added && self->conn == NULL);
    curl_easy_cleanup(self->handle);
    free_lists(self);
    vd_buffer_free(&self->bytes);
    vd_buffer_free(&self->head);
    vd_buffer_free(&self->content);
    free(self);
    *self_pointer = NULL;
}

void vd_http_work_clear(vd_http_work_t *self)
{
    assert(self != NULL && !self->added);
    if (self->content.room > KEPT_BYTES)
        vd_buffer_free(&self->content);
    if (self->handle == NULL)
        return;
    /* The secret does not outlive its read. */
    curl_easy_setopt(self->handle, CURLOPT_PASSWORD, NULL);
    curl_easy_setopt(self->handle, CURLOPT_XOAUTH2_BEARER, NULL);
}

void vd_http_work_fail(vd_http_work_t *self, vd_status_t status, const char *why)
{
    assert(status != VD_OK && why != NULL);
    self->status = status;
    int size = (int)(self->address.size < 80 ? self->address.size : 80);
    snprintf(self->error, sizeof self->error, "%.*s: %s", size, (const char *)self->address.data,
             why);
    for (char *at = self->error; *at != 0; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

/* ---- what is asked ---- */

/* A copy of `bytes` behind what is in the buffer, which has the room for it. */
static vd_bytes_t keep(vd_buffer_t *buffer, vd_bytes_t bytes)
{
    size_t at = buffer->size;
    vd_buffer_add(buffer, bytes.data, bytes.size);
    assert(!buffer->full && buffer->size == at + bytes.size);
    return vd_bytes(buffer->data + at, bytes.size);
}

bool vd_http_work_take(vd_http_work_t *self, const vd_read_request_t *request, int64_t now_us)
{
    assert(!self->added && !self->waiting);
    self->token = request->token;
    self->started_us = now_us;
    self->bytes_max = request->bytes_max;
    self->post = vd_str_is(request->op, "post");
    self->foreign = false;
    self->redirects = 0;
    self->status = VD_OK;
    vd_buffer_clear(&self->bytes);
    self->address = vd_bytes(NULL, 0);
    if (vd_buffer_reserve(&self->bytes, request->address.size + request->auth.size +
                                            request->args.size + 1) == NULL) {
        vd_http_work_fail(self, VD_NO_MEMORY, "no memory for one more read");
        return false;
    }
    self->address = keep(&self->bytes, request->address);
    self->auth = keep(&self->bytes, request->auth);
    vd_bytes_t args = keep(&self->bytes, request->args);
    const char *why = vd_http_join(self->address, request->target, self->url);
    if (why == NULL)
        why = vd_http_place(vd_str(self->url), &self->place);
    if (why == NULL)
        why = vd_http_args(args, &self->args);
    if (why == NULL && self->args.has_body && !self->post)
        why = "a body needs the operation post";
    self->home = self->place;
    if (why != NULL && memchr(self->address.data, '@', self->address.size) != NULL)
        self->address.size = 0; /* it may hold a secret */
    if (why != NULL)
        vd_http_work_fail(self, VD_MALFORMED, why);
    return why == NULL;
}

static bool set_auth(vd_http_work_t *self)
{
    vd_auth_t auth = {0};
    curl_easy_setopt(self->handle, CURLOPT_USERNAME, NULL);
    curl_easy_setopt(self->handle, CURLOPT_PASSWORD, NULL);
    curl_easy_setopt(self->handle, CURLOPT_XOAUTH2_BEARER, NULL);
    if (self->auth.size == 0 || self->foreign)
        return true;
    char name[VD_AUTH_NAME_BYTES_MAX + 1], user[VD_AUTH_USER_BYTES_MAX + 1], why[256];
    if (vd_auth_parse(self->auth, &auth) != VD_OK || !vd_str_copy(name, sizeof name, auth.name) ||
        !vd_str_copy(user, sizeof user, auth.user)) {
        vd_http_work_fail(self, VD_MALFORMED, "its auth is not written as it must be");
        return false;
    }
    const char *secret = getenv(name);
    if (secret == NULL) {
        snprintf(why, sizeof why, "the poller's environment has no %s: export it, then vedette up",
                 name);
        vd_http_work_fail(self, VD_DENIED, why);
        return false;
    }
    curl_easy_setopt(self->handle, CURLOPT_HTTPAUTH,
                     auth.bearer ? (long)CURLAUTH_BEARER : (long)CURLAUTH_BASIC);
    if (auth.bearer) {
        curl_easy_setopt(self->handle, CURLOPT_XOAUTH2_BEARER, secret);
    } else {
        curl_easy_setopt(self->handle, CURLOPT_USERNAME, user);
        curl_easy_setopt(self->handle, CURLOPT_PASSWORD, secret);
    }
    return true;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* The headers of the read; for a body no waiting for leave to send it, and no type by default. */
static bool set_headers(vd_http_work_t *self)
{
    bool good = true, typed = false;
    vd_bytes_t headers = self->foreign ? vd_bytes(NULL, 0) : self->args.headers;
    char line[HEADER_LINE_MAX];
    while (good && vd_http_next_header(&headers, line, sizeof line)) {
        typed = typed || strncasecmp(line, "content-type:", 13) == 0;
        good = add_line(&self->headers, line);
    }
    if (self->post)
        good = good && add_line(&self->headers, "Expect:") &&
               (typed || add_line(&self->headers, "Content-Type:"));
    curl_easy_setopt(self->handle, CURLOPT_HTTPHEADER, self->headers);
    return good;
}

static bool set_names(vd_http_work_t *self, const char *addresses)
{
    char line[VD_HTTP_HOST_BYTES_MAX + 512];
    if (addresses != NULL) {
        int size =
            snprintf(line, sizeof line, "+%s:%u:%s", self->place.host, self->place.port, addresses);
        assert(size > 0 && (size_t)size < sizeof line);
        if (!add_line(&self->names, line))
            return false;
    }
    curl_easy_setopt(self->handle, CURLOPT_RESOLVE, self->names);
    return true;
}

bool vd_http_work_prepare(vd_http_work_t *self, const char *addresses)
{
    assert(!self->added && self->status == VD_OK);
    free_lists(self);
    vd_buffer_clear(&self->head);
    vd_buffer_clear(&self->content);
    self->too_large = false;
    self->head_bytes = 0;
    self->detail[0] = 0;
    if (!set_auth(self))
        return false;
    CURL *handle = self->handle;
    bool good = set_headers(self) && set_names(self, addresses) &&
                curl_easy_setopt(handle, CURLOPT_URL, self->url) == CURLE_OK;
    if (self->post) {
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)self->args.body.size);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS,
                         self->args.body.size > 0 ? (const char *)self->args.body.data : "");
    } else {
        curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)self->bytes_max);
    if (!good)
        vd_http_work_fail(self, VD_NO_MEMORY, "no memory for one more read");
    return good;
}

/* ---- redirects ---- */

static long code_of(const vd_http_work_t *self)
{
    long code = 0;
    curl_easy_getinfo(self->handle, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

bool vd_http_work_follow(vd_http_work_t *self, CURLcode curl_code)
{
    long code = code_of(self);
    char *to = NULL;
    if (curl_code != CURLE_OK || !vd_http_is_redirect(code) || vd_http_is_ok(&self->args, code))
        return false;
    curl_easy_getinfo(self->handle, CURLINFO_REDIRECT_URL, &to);
    if (to == NULL)
        return false;
    if (self->redirects == VD_HTTP_REDIRECTS_MAX) {
        vd_http_work_fail(self, VD_FAILED, "it redirects more than 5 times");
        return false;
    }
    if (strlen(to) > VD_HTTP_URL_BYTES_MAX || vd_http_place(vd_str(to), &self->place) != NULL) {
        vd_http_work_fail(self, VD_FAILED, "it redirects to what is no place of HTTP");
        return false;
    }
    strcpy(self->url, to);
    self->redirects++;
    self->foreign = self->foreign || !vd_http_same_origin(&self->home, &self->place);
    if (code <= 303)
        self->post = false;
    return true;
}

/* ---- results ---- */

static vd_status_t curl_status(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return VD_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return VD_TIMED_OUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
        return VD_DENIED;
    case CURLE_FILESIZE_EXCEEDED:
        return VD_TOO_LARGE;
    case CURLE_SSL_CACERT_BADFILE:
        return VD_CONFIG;
    case CURLE_OUT_OF_MEMORY:
        return VD_NO_MEMORY;
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer that is older than HTTP/1.0, or none at all */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_URL_MALFORMAT:
        return VD_MALFORMED;
    default:
        return VD_FAILED;
    }
}

static void fail_transfer(vd_http_work_t *self, CURLcode code)
{
    char why[CURL_ERROR_SIZE + 64];
    if (self->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        snprintf(why, sizeof why, "its answer is over %llu bytes",
                 (unsigned long long)self->bytes_max);
        vd_http_work_fail(self, VD_TOO_LARGE, why);
        return;
    }
    if (self->head_bytes > HEADS_BYTES_MAX) {
        snprintf(why, sizeof why, "its headers are over %d bytes", HEADS_BYTES_MAX);
        vd_http_work_fail(self, VD_TOO_LARGE, why);
        return;
    }
    snprintf(why, sizeof why, "%s%s",
             self->detail[0] != 0 ? self->detail : curl_easy_strerror(code),
             code == CURLE_PEER_FAILED_VERIFICATION ? " (see pollers.ca_file)" : "");
    /* libcurl names a broken chunk as it names a broken connection. */
    bool broken_chunk = code == CURLE_RECV_ERROR && strstr(self->detail, "chunk") != NULL;
    vd_http_work_fail(self, broken_chunk ? VD_MALFORMED : curl_status(code), why);
}

static void fail_code(vd_http_work_t *self, long code)
{
    char why[128];
    const char *hint = "";
    if (code == 401 || code == 403)
        hint = self->auth.size > 0 ? ": it refuses the source's auth"
                                   : ": it wants to know who reads: give the source an auth";
    snprintf(why, sizeof why, "it answered %ld%s", code, hint);
    vd_http_work_fail(self, vd_http_code_status(code), why);
}

void vd_http_work_result(vd_http_work_t *self, CURLcode code, vd_buffer_t *meta,
                         vd_read_result_t *result)
{
    assert(meta != NULL && result != NULL);
    long http = code_of(self);
    if (self->status == VD_OK && code != CURLE_OK)
        fail_transfer(self, code);
    else if (self->status == VD_OK && !vd_http_is_ok(&self->args, http))
        fail_code(self, http);
    vd_buffer_clear(meta);
    if (http > 0)
        vd_http_write_meta(http, self->redirects, vd_buffer_view(&self->head), meta);
    *result = (vd_read_result_t){.status = self->status, .meta = vd_buffer_view(meta)};
    if (self->status != VD_OK)
        result->error = vd_str(self->error);
    if (code == CURLE_OK)
        result->content = vd_buffer_view(&self->content);
}
