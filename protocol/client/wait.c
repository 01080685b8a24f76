/* wait.c: waits until an expression holds over the snapshot of an observer.
 *
 * The feed "state" tells of each turn; then the snapshot is asked for, once for each cycle. After
 * silence it is asked for all the same, and the supervisor is asked what became of the observer. */
#include "client/client_impl.h"
#include "expression/expression.h"
#include "wire/run.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    SILENCE_MS = 1000, /* after which is asked without being told */
    VALUE_SHOWN_MAX = 80,
    TEXT_ROOM = VD_TEXT_BYTES_MAX + 1,
};

typedef struct vd_waiting {
    vd_client_t *client;
    const char *observer;
    vd_watch_t *watch;
    int timeout_ms;
    int64_t deadline_us;
    bool seen;       /* a snapshot is in client->seen */
    uint64_t cycle;  /* of that snapshot */
    bool unlisted;   /* the supervisor has answered, and does not know the observer */
    char actor[256]; /* what the supervisor says of the observer; "" when all is well */
    vd_expression_t expression;
} vd_waiting_t;

/* Time that is left, SILENCE_MS at most. */
static int rest_ms(const vd_waiting_t *self)
{
    int64_t rest_us = self->deadline_us - vd_client_mono_us();
    if (rest_us <= 0)
        return 0;
    return rest_us < SILENCE_MS * 1000 ? (int)((rest_us + 999) / 1000) : SILENCE_MS;
}

/* ---- looking ---- */

/* Keeps a snapshot and evaluates it. VD_OK: it holds; VD_TIMED_OUT: not yet. */
static vd_status_t judge(vd_waiting_t *self, vd_blob_t value)
{
    vd_buffer_t *seen = &self->client->seen;
    vd_bytes_t bytes = vd_bytes(value.data, value.size);
    vd_value_t map, result;
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) != VD_OK || !vd_value_of(bytes, &map) ||
        map.kind != VD_KIND_MAP)
        return VD_TIMED_OUT;
    vd_buffer_clear(seen);
    self->seen = vd_buffer_add(seen, bytes.data, bytes.size);
    if (!self->seen)
        return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for the snapshot of %s",
                              self->observer);
    self->cycle = vd_value_get_u64(&map, "cycle", 0);
    self->unlisted = false;
    self->actor[0] = 0;
    vd_status_t status = vd_expression_evaluate(&self->expression, vd_buffer_view(seen), &result);
    if (status != VD_OK)
        return vd_client_fail(self->client, status,
                              "%s: evaluating \"%s\" looks at more than %d bytes; ask for less",
                              self->observer, self->expression.source, VD_EXPRESSION_WORK_MAX);
    return vd_expression_is_true(&result) ? VD_OK : VD_TIMED_OUT;
}

static vd_status_t ask_snapshot(vd_waiting_t *self)
{
    vd_blob_t value;
    vd_status_t status = vd_client_snapshot(self->client, self->observer, rest_ms(self), &value);
    return status == VD_OK ? judge(self, value) : status;
}

/* Asks the supervisor about the observer. VD_TIMED_OUT, or VD_NOT_FOUND: it is none. */
static vd_status_t ask_supervisor(vd_waiting_t *self)
{
    vd_blob_t value;
    vd_value_t rows, row;
    vd_child_record_t child;
    if (vd_client_get(self->client, "supervisor", "control", "lifecycle", rest_ms(self), &value) !=
            VD_OK ||
        !vd_value_of(vd_bytes(value.data, value.size), &rows) || rows.kind != VD_KIND_ARRAY)
        return VD_TIMED_OUT;
    self->unlisted = true;
    self->actor[0] = 0;
    while (vd_value_next(&rows.bytes, &row)) {
        if (vd_record_decode(row.raw, VD_RECORD_child, &child) != VD_OK ||
            !vd_str_is(child.name, self->observer) || vd_str_is(child.state, "gone"))
            continue;
        self->unlisted = false;
        if (!vd_str_is(child.kind, "observer"))
            return vd_client_fail(self->client, VD_NOT_FOUND, "%s is no observer but a %.*s",
                                  self->observer, (int)child.kind.size,
                                  (const char *)child.kind.data);
        if (!vd_str_is(child.state, "ready"))
            snprintf(self->actor, sizeof self->actor, "%.*s%s%.*s", (int)child.state.size,
                     (const char *)child.state.data, child.reason.size > 0 ? ": " : "",
                     (int)child.reason.size, (const char *)child.reason.data);
    }
    return VD_TIMED_OUT;
}

/* Does an item tell of something that the last snapshot does not show? Errors come within a
 * cycle. */
static bool is_news(const vd_waiting_t *self, vd_blob_t item)
{
    vd_value_t map, error;
    if (!self->seen || !vd_value_of(vd_bytes(item.data, item.size), &map))
        return true;
    return vd_value_get_u64(&map, "cycle", UINT64_MAX) > self->cycle ||
           vd_value_get(&map, "error", &error);
}

/* Waits for one thing to happen. VD_OK: the expression holds; VD_TIMED_OUT: not yet; else it
 * ends. */
static vd_status_t look(vd_waiting_t *self)
{
    vd_blob_t value;
    int is_snapshot = 0;
    vd_status_t status = vd_watch_next(self->watch, rest_ms(self), &value, &is_snapshot);
    if (status == VD_OK && is_snapshot != 0)
        return judge(self, value);
    if (status == VD_OK)
        return is_news(self, value) ? ask_snapshot(self) : VD_TIMED_OUT;
    if (status != VD_TIMED_OUT || rest_ms(self) == 0)
        return status;
    status = ask_supervisor(self);
    return status == VD_TIMED_OUT ? ask_snapshot(self) : status;
}

/* ---- telling ---- */

static void add_words(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends to a text of TEXT_ROOM bytes; what does not fit is cut. */
static void add_words(char *text, const char *format, ...)
{
    size_t size = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + size, TEXT_ROOM - size, format, args);
    va_end(args);
}

/* A value in a few words: short ones as JSON. */
static void add_value(char *text, const vd_value_t *value)
{
    vd_buffer_t json;
    vd_bytes_t nil = vd_bytes("\xc0", 1);
    vd_buffer_init(&json, (size_t)64 * VALUE_SHOWN_MAX); /* what does not fit is left out */
    vd_value_json(&json, value->raw.size > 0 ? value->raw : nil);
    size_t size = json.size;
    if (size > VALUE_SHOWN_MAX)
        for (size = VALUE_SHOWN_MAX; size > 0 && (json.data[size] & 0xc0) == 0x80; size--)
            continue;
    bool is_cut = size < json.size || json.full;
    if (is_cut && (value->kind == VD_KIND_ARRAY || value->kind == VD_KIND_MAP))
        add_words(text, "a %s of %u", value->kind == VD_KIND_ARRAY ? "list" : "map", value->count);
    else
        add_words(text, "%.*s%s", (int)size, json.data != NULL ? (const char *)json.data : "",
                  is_cut ? "..." : "");
    vd_buffer_free(&json);
}

static void add_error(char *text, const vd_value_t *snapshot)
{
    vd_value_t error, recovered;
    if (!vd_value_get(snapshot, "error", &error) || error.kind != VD_KIND_MAP)
        return;
    vd_str_t stage = vd_value_get_str(&error, "stage"), what = vd_value_get_str(&error, "text");
    bool is_over =
        vd_value_get(&error, "recovered_at", &recovered) && recovered.kind == VD_KIND_STR;
    add_words(text, "; its last error%s: %.*s: %.*s", is_over ? " (it has recovered)" : "",
              (int)stage.size, stage.size > 0 ? (const char *)stage.data : "",
              (int)(what.size < 300 ? what.size : 300),
              what.size > 0 ? (const char *)what.data : "");
}

static void add_seen(const vd_waiting_t *self, char *text)
{
    vd_bytes_t bytes = vd_buffer_view(&self->client->seen);
    vd_value_t map, value;
    vd_str_t path;
    uint16_t at = 0;
    int64_t at_ms = 0;
    vd_value_of(bytes, &map);
    add_words(text, "; last seen, in cycle %llu", (unsigned long long)self->cycle);
    if (vd_ts_parse(vd_value_get_str(&map, "at"), &at_ms)) {
        int64_t age_ms = vd_client_now().wall_ms - at_ms;
        add_words(text, ", %lld ms ago", (long long)(age_ms > 0 ? age_ms : 0));
    }
    for (const char *comma = ":";
         vd_expression_next_path(&self->expression, bytes, &at, &path, &value) &&
         strlen(text) < TEXT_ROOM - 400;
         comma = ",") {
        add_words(text, "%s %.*s = ", comma, (int)path.size, (const char *)path.data);
        add_value(text, &value);
    }
    add_error(text, &map);
}

static vd_status_t tell_timeout(vd_waiting_t *self)
{
    enum { EXPRESSION_SHOWN_MAX = 240 };
    char text[TEXT_ROOM] = "";
    if (!self->seen && self->unlisted)
        return vd_client_fail(
            self->client, VD_NOT_FOUND,
            "there is no observer '%s', and none came within %d ms; see: vedette ps",
            self->observer, self->timeout_ms);
    bool is_long = self->expression.source_size > EXPRESSION_SHOWN_MAX;
    add_words(text, "%s: \"%.*s%s\" was not true within %d ms", self->observer,
              EXPRESSION_SHOWN_MAX, self->expression.source, is_long ? "..." : "",
              self->timeout_ms);
    if (self->seen)
        add_seen(self, text);
    else
        add_words(text, "; nothing was heard of it");
    if (self->actor[0] != 0)
        add_words(text, "; it is %s", self->actor);
    return vd_client_fail(self->client, VD_TIMED_OUT, "%s", text);
}

/* ---- the call ---- */

static vd_status_t begin(vd_waiting_t *self, const char *expression)
{
    vd_expression_error_t error;
    if (expression == NULL ||
        vd_expression_parse(&self->expression, vd_str(expression), &error) != VD_OK)
        return vd_client_fail(self->client, VD_USAGE, "the expression, %s",
                              expression != NULL ? error.text : "there is none");
    vd_status_t status =
        vd_watch_new(&self->watch, self->client, self->observer, "requests", "changes", "state");
    return status == VD_OK ? ask_supervisor(self) : status;
}

vd_status_t vd_wait(vd_client_t *client, const char *observer, const char *expression,
                    int timeout_ms, vd_blob_t *snapshot)
{
    assert(client != NULL && snapshot != NULL);
    vd_waiting_t self = {.client = client,
                         .observer = observer,
                         .timeout_ms = timeout_ms,
                         .deadline_us = vd_client_deadline_us(timeout_ms)};
    *snapshot = (vd_blob_t){0};
    vd_status_t status = begin(&self, expression);
    bool is_over = false;
    while (status == VD_TIMED_OUT && !is_over) {
        is_over = rest_ms(&self) == 0; /* looks at what is at hand, at least once */
        status = look(&self);
    }
    if (status == VD_TIMED_OUT)
        status = tell_timeout(&self);
    vd_watch_destroy(&self.watch);
    if (self.seen && (status == VD_OK || status == VD_TIMED_OUT))
        *snapshot = (vd_blob_t){client->seen.data, client->seen.size};
    return status;
}
