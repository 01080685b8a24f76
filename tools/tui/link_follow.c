/* link_follow.c: the thread that follows a session at its head. */
#include "tui/link_impl.h"
#include "wire/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    EVENTS_PER_LOOK = 64, /* at most, while more are at hand, between looks at clock and wishes */
    LINGER_FROM = 8,      /* events in a batch from which on it is worth to wait for more */
    LINGER_MS = 8,
    RETRY_MS = 250,
};

typedef struct tui_head {
    tui_link_t *link;
    vd_client_t *client;
    vd_follow_t *follow;
    bool wishing;                        /* another session is to be opened */
    tui_ask_t wish;                      /* ... this one */
    int64_t wish_due_ms;                 /* when to look for it again */
    char wished[VD_NAME_BYTES_MAX + 1];  /* what was opened; "": the newest active one */
    char session[VD_NAME_BYTES_MAX + 1]; /* that is followed */
    uint64_t last_seq;                   /* when it was opened: up to here it is catching up */
    uint64_t seq;                        /* the newest that was heard */
    vd_buffer_t batch;
    size_t batch_count;
    int64_t batch_since_ms; /* its first event was taken */
    bool closed;
} tui_head_t;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(tui_head_t *self, tui_input_kind_t kind, vd_status_t status, const char *text,
                 vd_bytes_t value)
{
    tui_input_t input = {.kind = kind, .status = status, .text = text, .value = value};
    tui_queue_put(self->link->queue, &input);
}

static void flush(tui_head_t *self)
{
    if (self->batch_count == 0)
        return;
    tui_input_t input = {.kind = TUI_INPUT_EVENTS,
                         .status = VD_OK,
                         .seq = self->last_seq,
                         .more = self->seq < self->last_seq,
                         .value = vd_buffer_view(&self->batch)};
    tui_queue_put(self->link->queue, &input);
    vd_buffer_clear(&self->batch);
    self->batch_count = 0;
}

/* The record of the session that is meant, in a store that nobody writes to the newest one. */
static vd_status_t find(tui_head_t *self, vd_session_record_t *record, vd_blob_t *row)
{
    const char *name = self->wishing ? self->wish.name : self->wished;
    const char *wished = name[0] != 0 ? name : NULL;
    vd_status_t status = vd_client_session(self->client, wished, TUI_LINK_ASK_MS, row);
    if (status == VD_OK)
        return vd_record_decode(vd_bytes(row->data, row->size), VD_RECORD_session, record);
    if (wished != NULL || !self->link->offline)
        return status;
    status = vd_client_sessions(self->client, NULL, 1, TUI_LINK_ASK_MS, row);
    vd_bytes_t rest = vd_bytes(row->data, row->size);
    return status == VD_OK ? vd_rows_next(&rest, VD_RECORD_session, record) : status;
}

/* Of which session the record is asked for again and again. */
static void set_followed(tui_head_t *self, vd_str_t session)
{
    vd_str_copy(self->session, sizeof self->session, session);
    pthread_mutex_lock(&self->link->lock);
    memcpy(self->link->followed, self->session, sizeof self->link->followed);
    pthread_mutex_unlock(&self->link->lock);
}

/* What was followed is over. */
static void opened(tui_head_t *self, const vd_session_record_t *record, const vd_blob_t *row)
{
    vd_buffer_clear(&self->batch);
    self->batch_count = 0;
    set_followed(self, record->session);
    self->last_seq = record->last_seq;
    self->seq = 0;
    tell(self, TUI_INPUT_OPENED, VD_OK, self->session, vd_bytes(row->data, row->size));
    if (self->wishing) {
        memcpy(self->wished, self->wish.name, sizeof self->wished);
        tui_link_answer(self->link, self->wish.number, VD_OK, NULL, vd_bytes(NULL, 0));
    }
    self->wishing = self->closed = false;
    vd_follow_destroy(&self->follow);
}

/* What cannot be opened is said. While something else is followed, or was, that stays, and nobody waits for
 * a session that there is none of; the newest one may be about to begin. */
static void failed(tui_head_t *self, vd_status_t status)
{
    bool has_other = self->wishing && (self->follow != NULL || self->closed);
    if (status == VD_UNREACHABLE || status == VD_TIMED_OUT ||
        (has_other && self->wish.name[0] == 0))
        return;
    const char *text = vd_client_error(self->client);
    if (self->wishing)
        tui_link_answer(self->link, self->wish.number, status, text, vd_bytes(NULL, 0));
    self->wish.number = 0; /* once is enough */
    if (has_other)
        self->wishing = false;
    else
        tell(self, TUI_INPUT_CLOSED, status, text, vd_bytes(NULL, 0));
}

/* Opens the session that is wished for, or the same one again. */
static bool open(tui_head_t *self)
{
    vd_session_record_t record = {0};
    vd_blob_t row = {0};
    vd_status_t status = find(self, &record, &row);
    if (status == VD_OK) {
        opened(self, &record, &row);
        bool newest = self->wished[0] == 0 && vd_str_is(record.state, "active");
        vd_follow_options_t options = {
            .session = newest ? NULL : self->session, .from = VD_FROM_SEQ, .seq = 1, .name = "tui"};
        if (newest)
            options.from = VD_FROM_START;
        status = vd_follow_new(&self->follow, self->client, &options, TUI_LINK_ASK_MS);
    }
    if (status != VD_OK)
        failed(self, status);
    return status == VD_OK;
}

static void missing(tui_head_t *self, vd_status_t status, const vd_follow_event_t *event)
{
    flush(self);
    tui_input_t input = {.kind = TUI_INPUT_EVENTS, .status = status};
    input.seq = event->seq;
    input.count = event->missing;
    input.text = vd_client_error(self->client);
    if (event->missing > 0)
        self->seq = event->seq + event->missing - 1;
    input.more = status == VD_WENT_BACK || self->seq < self->last_seq;
    tui_queue_put(self->link->queue, &input);
}

static void take(tui_head_t *self, const vd_follow_event_t *event)
{
    if (self->batch_count == 0)
        self->batch_since_ms = now_ms();
    if (strcmp(event->session, self->session) != 0) { /* it goes on in another */
        flush(self);
        set_followed(self, vd_str(event->session));
        self->last_seq = self->seq = 0;
    }
    vd_str_t session = vd_str(event->session);
    vd_bytes_t raw = vd_bytes(event->raw.data, event->raw.size);
    if (!tui_events_add(&self->batch, session, event->seq, raw)) {
        flush(self);
        tui_events_add(&self->batch, session, event->seq, raw);
    }
    self->seq = event->seq;
    self->batch_count++;
    if (self->batch.size > TUI_LINK_BATCH_BYTES)
        flush(self);
}

/* Takes an event and those that are at hand behind it. VD_OK: look again. */
static vd_status_t take_at_hand(tui_head_t *self, vd_follow_event_t *event)
{
    vd_status_t status = VD_OK;
    for (int left = EVENTS_PER_LOOK; status == VD_OK && left > 0; left--) {
        take(self, event);
        if (left > 1)
            status = vd_follow_next(self->follow, 0, event);
    }
    return status == VD_TIMED_OUT ? VD_OK : status;
}

/* One look at the stream; what is at hand goes out together, and soon, however fast more comes. */
static void look(tui_head_t *self)
{
    vd_follow_event_t event = {0};
    int64_t held_ms = self->batch_count > 0 ? now_ms() - self->batch_since_ms : 0;
    if (held_ms >= LINGER_MS) {
        flush(self);
        held_ms = 0;
    }
    int wait_ms = self->batch_count == 0             ? TUI_LINK_LOOK_MS
                  : self->batch_count >= LINGER_FROM ? (int)(LINGER_MS - held_ms)
                                                     : 0;
    vd_status_t status = vd_follow_next(self->follow, wait_ms, &event);
    if (status == VD_OK)
        status = take_at_hand(self, &event);
    switch (status) {
    case VD_OK:
        break;
    case VD_PRUNED:
    case VD_CORRUPT:
        missing(self, status, &event);
        break;
    case VD_TIMED_OUT:
    case VD_CANCELLED:
    case VD_TOO_SLOW:
        flush(self);
        break;
    case VD_UNREACHABLE:
    case VD_UNKNOWN_SESSION:
        flush(self);
        tui_link_sleep(self->link, RETRY_MS);
        break;
    case VD_WENT_BACK:
        missing(self, status, &event);
        vd_follow_destroy(&self->follow); /* and from its first event again */
        break;
    default: /* closed, kicked */
        flush(self);
        self->closed = true;
        tell(self, TUI_INPUT_CLOSED, status, vd_client_error(self->client), vd_bytes(NULL, 0));
        break;
    }
}

/* Is another session wished for? */
static void take_wish(tui_head_t *self)
{
    pthread_mutex_lock(&self->link->lock);
    if (self->link->opening) {
        self->wish = self->link->opened;
        self->wishing = true;
        self->wish_due_ms = 0;
    }
    self->link->opening = false;
    pthread_mutex_unlock(&self->link->lock);
}

/* Until another session is there, the one before is followed. */
static void go_on(tui_head_t *self)
{
    bool due = self->wishing && now_ms() >= self->wish_due_ms;
    bool lost = !self->wishing && self->follow == NULL && !self->closed;
    if ((due || lost) && !open(self))
        self->wish_due_ms = now_ms() + RETRY_MS;
    if (self->follow != NULL && !self->closed)
        look(self);
    else
        tui_link_sleep(self->link, RETRY_MS);
}

void *tui_link_follow(void *link)
{
    tui_head_t self = {.link = link};
    self.client = vd_client_new(self.link->dir);
    vd_buffer_init(&self.batch, TUI_LINK_BATCH_BYTES + 2 * VD_EVENT_BYTES_MAX);
    while (self.client != NULL && !tui_link_stopping(self.link)) {
        take_wish(&self);
        go_on(&self);
    }
    vd_follow_destroy(&self.follow);
    vd_client_destroy(&self.client);
    vd_buffer_free(&self.batch);
    return NULL;
}
