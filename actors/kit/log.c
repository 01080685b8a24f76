/* log.c: one line for each event of a process, repeats counted instead of written. */
#include "kit/log.h"

#include "wire/run.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_REPEAT_MS = 5000,
    LOG_REPEATS_TRACKED = 16,
    LOG_BURST_LINES = 400,
    LOG_LINES_PER_S = 100,
};

typedef struct vd_repeat {
    vd_level_t level;
    int64_t since_ms;
    uint64_t left_out;
    char text[VD_TEXT_BYTES_MAX + 1];
} vd_repeat_t;

static struct {
    pthread_mutex_t lock;
    char actor[VD_NAME_BYTES_MAX + 1];
    vd_level_t level;
    bool json;
    vd_repeat_t
        *repeats; /* allocated with the first line: pages that are not needed are not touched */
    size_t next;
    int64_t budget_at_ms;
    int64_t budget;
    uint64_t left_out;
} log_state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = VD_INFO, .actor = "vedette"};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_labels[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

bool vd_level_parse(const char *text, vd_level_t *level)
{
    assert(text != NULL && level != NULL);
    for (int at = VD_DEBUG; at <= VD_ERROR; at++)
        if (strcmp(text, level_names[at]) == 0) {
            *level = (vd_level_t)at;
            return true;
        }
    return false;
}

void vd_log_open(const char *actor, vd_level_t level, bool json)
{
    assert(actor != NULL && level <= VD_ERROR);
    pthread_mutex_lock(&log_state.lock);
    vd_str_copy(log_state.actor, sizeof log_state.actor, vd_str(actor));
    log_state.level = level;
    log_state.json = json;
    pthread_mutex_unlock(&log_state.lock);
}

static void write_line(vd_level_t level, const char *text)
{
    char ts[VD_TS_SIZE];
    vd_ts_format(clock_ms(CLOCK_REALTIME), ts);
    char line[VD_TEXT_BYTES_MAX * 2];
    vd_buffer_t out;
    vd_buffer_init(&out, 16384);
    if (log_state.json) {
        vd_buffer_t map;
        vd_buffer_init(&map, 8192);
        vd_write_map(&map, 4);
        vd_write_pair_text(&map, "ts", ts);
        vd_write_pair_text(&map, "level", level_names[level]);
        vd_write_pair_text(&map, "actor", log_state.actor);
        vd_write_pair_text(&map, "text", text);
        vd_value_json(&out, vd_buffer_view(&map));
        vd_buffer_add(&out, "\n", 1);
        vd_buffer_free(&map);
    } else {
        int size = snprintf(line, sizeof line, "%s %s %s: %s\n", ts, level_labels[level],
                            log_state.actor, text);
        assert(size > 0 && (size_t)size < sizeof line);
        vd_buffer_add(&out, line, (size_t)size);
    }
    /* A log that nobody takes must not stop the process. A pipe that is ready takes PIPE_BUF
     * bytes. */
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    assert(out.size <= PIPE_BUF); /* a text at its limit, every byte of it three in JSON */
    if (poll(&ready, 1, 0) != 1 || write(STDERR_FILENO, out.data, out.size) < 0)
        log_state.left_out++;
    vd_buffer_free(&out);
}

static void write_repeat(vd_repeat_t *repeat)
{
    char text[VD_TEXT_BYTES_MAX + 64];
    snprintf(text, sizeof text, "%.900s (%llu times more)", repeat->text,
             (unsigned long long)repeat->left_out);
    write_line(repeat->level, text);
    repeat->left_out = 0;
}

/* Whether `text` was written lately; counts it if so. Else it is remembered in place of the
 * oldest. */
static bool is_repeat(vd_level_t level, const char *text, int64_t now_ms)
{
    if (log_state.repeats == NULL)
        log_state.repeats = calloc(LOG_REPEATS_TRACKED, sizeof *log_state.repeats);
    if (log_state.repeats == NULL)
        return false;
    for (size_t at = 0; at < LOG_REPEATS_TRACKED; at++) {
        vd_repeat_t *repeat = &log_state.repeats[at];
        if (repeat->since_ms == 0 || repeat->level != level || strcmp(repeat->text, text) != 0)
            continue;
        if (now_ms - repeat->since_ms < LOG_REPEAT_MS) {
            repeat->left_out++;
            return true;
        }
        if (repeat->left_out > 0)
            write_repeat(repeat);
        repeat->since_ms = now_ms;
        return false;
    }
    vd_repeat_t *oldest = &log_state.repeats[log_state.next];
    log_state.next = (log_state.next + 1) % LOG_REPEATS_TRACKED;
    if (oldest->left_out > 0)
        write_repeat(oldest);
    oldest->level = level;
    oldest->since_ms = now_ms;
    vd_str_copy(oldest->text, sizeof oldest->text, vd_str(text));
    return false;
}

static bool within_budget(vd_level_t level, int64_t now_ms)
{
    if (log_state.budget_at_ms == 0) {
        log_state.budget_at_ms = now_ms;
        log_state.budget = LOG_BURST_LINES;
    }
    int64_t earned = (now_ms - log_state.budget_at_ms) * LOG_LINES_PER_S / 1000;
    if (earned > 0) {
        log_state.budget_at_ms = now_ms;
        log_state.budget += earned;
        if (log_state.budget > LOG_BURST_LINES)
            log_state.budget = LOG_BURST_LINES;
    }
    assert(log_state.budget <= LOG_BURST_LINES);
    if (level == VD_ERROR || log_state.budget > 0) {
        log_state.budget -= log_state.budget > 0;
        return true;
    }
    log_state.left_out++;
    return false;
}

void vd_log(vd_level_t level, const char *format, ...)
{
    assert(level <= VD_ERROR && format != NULL);
    if (level < log_state.level)
        return;
    char text[VD_TEXT_BYTES_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c != 0; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
    pthread_mutex_lock(&log_state.lock);
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    if (!is_repeat(level, text, now_ms) && within_budget(level, now_ms))
        write_line(level, text);
    pthread_mutex_unlock(&log_state.lock);
}

void vd_log_flush(bool end)
{
    pthread_mutex_lock(&log_state.lock);
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    for (size_t at = 0; log_state.repeats != NULL && at < LOG_REPEATS_TRACKED; at++) {
        vd_repeat_t *repeat = &log_state.repeats[at];
        bool due = end || now_ms - repeat->since_ms >= LOG_REPEAT_MS;
        if (repeat->left_out > 0 && due)
            write_repeat(repeat);
    }
    if (log_state.left_out > 0 && (end || log_state.budget > 0)) {
        char text[128];
        snprintf(text, sizeof text,
                 "%llu lines were left out of this log: too many at once, or nobody took them",
                 (unsigned long long)log_state.left_out);
        log_state.left_out = 0;
        write_line(VD_WARN, text);
    }
    if (end) {
        free(log_state.repeats);
        log_state.repeats = NULL;
    }
    pthread_mutex_unlock(&log_state.lock);
}
