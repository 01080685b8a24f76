/* fetch.c: libcurl, driven so that it can be told to stop. */
#include "fetch.h"

#include "wire/auth.h"
#include "wire/limits.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct vd_fetching {
    const vd_fetch_t *what;
    CURL *handle;
    CURLM *multi;
    struct curl_slist *headers;
    vd_buffer_t *content;
    size_t room; /* for the rest of the content */
    bool too_large;
    char detail[CURL_ERROR_SIZE];
} vd_fetching_t;

void vd_fetch_begin(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

const char *vd_fetch_check(const char *url)
{
    assert(url != NULL);
    size_t skip = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t host = skip > 0 ? strcspn(url + skip, "/?#") : 0;
    if (host == 0)
        return "it must be written http://HOST[:PORT][/PATH] or https://...";
    if (memchr(url + skip, '@', host) != NULL)
        return "it must not name a user: say who asks with the key \"auth\"";
    if (strlen(url) > VD_FETCH_URL_BYTES_MAX)
        return "it is too long";
    for (const char *at = url; *at != 0; at++)
        if (*at <= 0x20 || *at > 0x7e)
            return "bytes that have no place in a URL have to be written as %XX";
    return NULL;
}

static size_t take(char *data, size_t size, size_t count, void *arg)
{
    vd_fetching_t *self = arg;
    size *= count;
    self->too_large = size > self->room || !vd_buffer_add(self->content, data, size);
    if (self->too_large)
        return 0;
    self->room -= size;
    return size;
}

static vd_status_t set_auth(vd_fetching_t *self, char *error, size_t error_size)
{
    vd_auth_t auth = {0};
    char name[VD_AUTH_NAME_BYTES_MAX + 1], user[VD_AUTH_USER_BYTES_MAX + 1];
    if (self->what->auth[0] == 0)
        return VD_OK;
    if (vd_auth_parse(vd_str(self->what->auth), &auth) != VD_OK ||
        !vd_str_copy(name, sizeof name, auth.name) || !vd_str_copy(user, sizeof user, auth.user)) {
        snprintf(error, error_size, "its auth is not written as it must be");
        return VD_MALFORMED;
    }
    const char *secret = getenv(name);
    if (secret == NULL) {
        snprintf(error, error_size,
                 "the provider's environment has no %s: export it, then vedette up", name);
        return VD_DENIED;
    }
    curl_easy_setopt(self->handle, CURLOPT_HTTPAUTH,
                     auth.bearer ? (long)CURLAUTH_BEARER : (long)CURLAUTH_BASIC);
    if (auth.bearer) {
        curl_easy_setopt(self->handle, CURLOPT_XOAUTH2_BEARER, secret);
    } else {
        curl_easy_setopt(self->handle, CURLOPT_USERNAME, user);
        curl_easy_setopt(self->handle, CURLOPT_PASSWORD, secret);
    }
    return VD_OK;
}

static bool set_headers(vd_fetching_t *self)
{
    static const char *const lines[] = {"Accept: application/json",
                                        "Expect:", "Content-Type: application/json"};
    for (int i = 0; i < (self->what->body != NULL ? 3 : 1); i++) {
        struct curl_slist *longer = curl_slist_append(self->headers, lines[i]);
        if (longer == NULL)
            return false;
        self->headers = longer;
    }
    curl_easy_setopt(self->handle, CURLOPT_HTTPHEADER, self->headers);
    return true;
}

static bool prepare(vd_fetching_t *self)
{
    self->handle = curl_easy_init();
    self->multi = curl_multi_init();
    if (self->handle == NULL || self->multi == NULL || !set_headers(self))
        return false;
    CURL *handle = self->handle;
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "vedette/" VD_VERSION);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, self->detail);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, self);
    if (self->what->ca_file[0] != 0)
        curl_easy_setopt(handle, CURLOPT_CAINFO, self->what->ca_file);
    if (self->what->body != NULL)
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, self->what->body);
    return curl_easy_setopt(handle, CURLOPT_URL, self->what->url) == CURLE_OK &&
           curl_multi_add_handle(self->multi, handle) == CURLM_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static vd_status_t transfer(vd_fetching_t *self, char *error, size_t error_size)
{
    int64_t deadline = now_ms() + self->what->timeout_ms;
    struct curl_waitfd cancel = {.fd = self->what->cancel, .events = CURL_WAIT_POLLIN};
    int running = 1;
    while (curl_multi_perform(self->multi, &running) == CURLM_OK && running > 0) {
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            snprintf(error, error_size, "no answer within %lld ms",
                     (long long)self->what->timeout_ms);
            return VD_TIMED_OUT;
        }
        cancel.revents = 0;
        curl_multi_poll(self->multi, &cancel, 1, (int)left, NULL);
        if (cancel.revents != 0) {
            snprintf(error, error_size, "cancelled");
            return VD_CANCELLED;
        }
    }
    return VD_OK;
}

static vd_status_t judge(vd_fetching_t *self, char *error, size_t error_size)
{
    int left = 0;
    long code = 0;
    const CURLMsg *message = curl_multi_info_read(self->multi, &left);
    CURLcode result = message != NULL ? message->data.result : CURLE_FAILED_INIT;
    curl_easy_getinfo(self->handle, CURLINFO_RESPONSE_CODE, &code);
    if (self->too_large) {
        snprintf(error, error_size, "the answer is over %d bytes", VD_SOURCE_LIST_BYTES_MAX);
        return VD_TOO_LARGE;
    }
    if (result != CURLE_OK) {
        snprintf(error, error_size, "%.300s",
                 self->detail[0] != 0 ? self->detail : curl_easy_strerror(result));
        return result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST
                   ? VD_UNREACHABLE
                   : VD_FAILED;
    }
    if (code == 200)
        return VD_OK;
    snprintf(error, error_size, "HTTP %ld%s", code,
             code == 401 || code == 403 ? ": it wants to know who asks: set the key \"auth\""
             : code / 100 == 3          ? ": it leads elsewhere: set the key to that place"
                                        : "");
    return code == 401 || code == 403 ? VD_DENIED : VD_FAILED;
}

vd_status_t vd_fetch(const vd_fetch_t *what, vd_buffer_t *content, char *error, size_t error_size)
{
    assert(what != NULL && what->auth != NULL && what->ca_file != NULL && content != NULL);
    char why[512] = "out of memory";
    vd_fetching_t self = {.what = what, .content = content, .room = VD_SOURCE_LIST_BYTES_MAX};
    vd_status_t status = VD_NO_MEMORY;
    if (prepare(&self))
        status = set_auth(&self, why, sizeof why);
    if (status == VD_OK)
        status = transfer(&self, why, sizeof why);
    if (status == VD_OK)
        status = judge(&self, why, sizeof why);
    if (status != VD_OK)
        snprintf(error, error_size, "%.300s: %s", what->url, why);
    if (self.multi != NULL && self.handle != NULL)
        curl_multi_remove_handle(self.multi, self.handle);
    curl_easy_cleanup(self.handle);
    curl_multi_cleanup(self.multi);
    curl_slist_free_all(self.headers);
    return status;
}
