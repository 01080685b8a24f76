/* link_asks.c: the threads that read the past, and that ask what else screens want to know. */
#include "tui/link_impl.h"
#include "tui/link_past.h"
#include "tui/link_why.h"
#include "wire/value.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAST_MS = 30000, READ_MS = 10000, STORY_BYTES = 4 * VD_FRAME_BYTES_MAX };

/* The next ask; waits for one. False: the link ends. */
static bool next(tui_link_t *self, tui_ask_list_t *list, tui_ask_t *ask)
{
    pthread_mutex_lock(&self->lock);
    list->running = list->cancelled = 0;
    while (!self->stopping && list->count == 0)
        pthread_cond_wait(&self->wake, &self->lock);
    bool found = !self->stopping;
    if (found) {
        *ask = list->asks[list->first];
        list->first = (list->first + 1) % TUI_LINK_ASKS;
        list->count--;
        list->running = ask->number;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static bool is_cancelled(tui_link_t *self, const tui_ask_list_t *list)
{
    pthread_mutex_lock(&self->lock);
    bool cancelled = self->stopping || list->cancelled == list->running;
    pthread_mutex_unlock(&self->lock);
    return cancelled;
}

/* ---- ranges of events ---- */

typedef struct tui_reader {
    tui_link_t *link;
    vd_client_t *client;
    vd_buffer_t batch;
} tui_reader_t;

static void send_part(tui_reader_t *self, uint64_t number)
{
    if (self->batch.size == 0)
        return;
    tui_input_t input = {.kind = TUI_INPUT_ANSWER, .number = number, .more = true};
    input.value = vd_buffer_view(&self->batch);
    tui_queue_put(self->link->queue, &input);
    vd_buffer_clear(&self->batch);
}

static void send_missing(tui_reader_t *self, uint64_t number, vd_status_t status,
                         const vd_follow_event_t *event)
{
    tui_input_t input = {.kind = TUI_INPUT_ANSWER, .number = number, .more = true};
    send_part(self, number);
    input.status = status;
    input.seq = event->seq;
    input.count = event->missing;
    input.text = vd_client_error(self->client);
    tui_queue_put(self->link->queue, &input);
}

/* A stream of its own for each range: one that stands idle would be dropped as a slow reader. */
static vd_status_t read_range(tui_reader_t *self, const tui_ask_t *ask)
{
    uint64_t next = ask->seq, end = ask->seq + ask->count;
    vd_follow_t *follow = NULL;
    vd_follow_options_t options = {.session = ask->name,
                                   .from = VD_FROM_SEQ,
                                   .seq = ask->seq,
                                   .only = VD_ONLY_COMMITS,
                                   .name = "tui-past"};
    vd_status_t status = vd_follow_new(&follow, self->client, &options, READ_MS);
    while (status == VD_OK && next < end) {
        vd_follow_event_t event = {0};
        status = vd_follow_next(follow, READ_MS, &event);
        if (status == VD_OK) {
            tui_events_add(&self->batch, vd_str(event.session), event.seq,
                           vd_bytes(event.raw.data, event.raw.size));
            next = event.seq + 1;
        } else if (status == VD_PRUNED || status == VD_CORRUPT) {
            send_missing(self, ask->number, status, &event);
            next = event.missing > 0 ? event.seq + event.missing : next;
            status = VD_OK;
        }
        if (self->batch.size > TUI_LINK_BATCH_BYTES)
            send_part(self, ask->number);
        if (is_cancelled(self->link, &self->link->reads))
            status = VD_CANCELLED;
    }
    vd_follow_destroy(&follow);
    if (status != VD_CANCELLED)
        send_part(self, ask->number);
    if (status != VD_SESSION_CLOSED && status != VD_NOT_FOUND)
        return status;
    return next > ask->seq ? VD_OK : VD_PRUNED; /* it was heard of, and is not there any more */
}

void *tui_link_read(void *link)
{
    tui_reader_t self = {.link = link};
    tui_ask_t ask;
    self.client = vd_client_new(self.link->dir);
    vd_buffer_init(&self.batch, TUI_LINK_BATCH_BYTES + 2 * VD_EVENT_BYTES_MAX);
    while (self.client != NULL && next(self.link, &self.link->reads, &ask)) {
        vd_buffer_free(&ask.bytes);
        vd_status_t status = ask.count > 0 ? read_range(&self, &ask) : VD_CANCELLED;
        vd_buffer_clear(&self.batch);
        const char *text = status == VD_OK          ? NULL
                           : status == VD_CANCELLED ? "another moment was wished for"
                                                    : vd_client_error(self.client);
        tui_link_answer(self.link, ask.number, status, text, vd_bytes(NULL, 0));
    }
    vd_client_destroy(&self.client);
    vd_buffer_free(&self.batch);
    return NULL;
}

/* ---- everything else ---- */

static vd_status_t control(vd_client_t *client, const tui_ask_t *ask, char *said, size_t size)
{
    vd_message_t message = {.id = VD_MESSAGE_CONTROL};
    vd_reply_t reply;
    message.control.verb = vd_str(ask->word);
    message.control.actor = vd_str(ask->name);
    vd_status_t status =
        tui_link_request(client, "supervisor", "control", &message, true, TUI_LINK_ASK_MS, &reply);
    snprintf(said, size, "%s %s: under way", ask->word, ask->name);
    return status;
}

static vd_status_t steer(vd_client_t *client, const tui_ask_t *ask, char *said, size_t size)
{
    vd_message_t message = {.id = VD_MESSAGE_STEER};
    vd_reply_t reply;
    message.steer.verb = vd_str(ask->word);
    message.steer.name = vd_str(ask->name);
    message.steer.id = ask->id;
    vd_status_t status = tui_link_request(client, ask->at[0] != 0 ? ask->at : "ingestor", "streams",
                                          &message, true, TUI_LINK_ASK_MS, &reply);
    snprintf(said, size, "%s %s: done", ask->word, ask->name[0] != 0 ? ask->name : ask->confirm);
    return status;
}

static vd_status_t carry_out(vd_client_t *client, const tui_ask_t *ask, vd_blob_t *value,
                             char *said, size_t size)
{
    vd_past_options_t moment = {.session = ask->word[0] != 0 ? ask->word : NULL, .seq = ask->seq};
    vd_blob_t arguments = {ask->bytes.data, ask->bytes.size};
    switch (ask->kind) {
    case TUI_ASK_PAST:
        return vd_client_past(client, ask->name, &moment, PAST_MS, value);
    case TUI_ASK_SNAPSHOT:
        return vd_client_snapshot(client, ask->name, TUI_LINK_ASK_MS, value);
    case TUI_ASK_LAYOUT:
        return vd_client_query(client, ask->name, "layout", arguments, TUI_LINK_ASK_MS, value);
    case TUI_ASK_QUERY:
        return vd_client_query(client, ask->name, ask->word, arguments, TUI_LINK_ASK_MS, value);
    case TUI_ASK_SESSIONS:
        return vd_client_sessions(client, NULL, (uint32_t)ask->count, TUI_LINK_ASK_MS, value);
    case TUI_ASK_CONTROL:
        return control(client, ask, said, size);
    case TUI_ASK_STEER:
        return steer(client, ask, said, size);
    default:
        return VD_UNSUPPORTED;
    }
}

static void answer_why(tui_link_t *self, vd_client_t *client, const tui_ask_t *ask)
{
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t story;
    vd_buffer_init(&story, STORY_BYTES);
    vd_status_t status = tui_link_why(client, ask->name, ask->seq, !self->offline, &story, error);
    tui_link_answer(self, ask->number, status, error,
                    status == VD_OK ? vd_buffer_view(&story) : vd_bytes(NULL, 0));
    vd_buffer_free(&story);
}

/* Where there is no runtime, an observer is started when it is asked about the past. */
static vd_status_t wake(tui_link_t *self, tui_past_observers_t *observers, const tui_ask_t *ask,
                        char error[VD_TEXT_BYTES_MAX + 1])
{
    bool asked = ask->kind == TUI_ASK_PAST || ask->kind == TUI_ASK_LAYOUT;
    if (!self->offline || !asked)
        return VD_OK;
    return tui_past_observer_start(observers, self->dir, ask->name, error);
}

void *tui_link_others(void *link)
{
    tui_link_t *self = link;
    tui_past_observers_t observers = {0};
    vd_client_t *client = vd_client_new(self->dir);
    tui_ask_t ask;
    while (client != NULL && next(self, &self->others, &ask)) {
        char said[VD_TEXT_BYTES_MAX + 1] = "";
        vd_blob_t value = {0};
        if (ask.kind == TUI_ASK_WHY) {
            answer_why(self, client, &ask);
            vd_buffer_free(&ask.bytes);
            continue;
        }
        vd_status_t status = wake(self, &observers, &ask, said);
        bool awake = status == VD_OK;
        if (awake)
            status = carry_out(client, &ask, &value, said, sizeof said);
        vd_buffer_free(&ask.bytes);
        const char *text = status == VD_OK || !awake ? said : vd_client_error(client);
        tui_link_answer(self, ask.number, status, text,
                        status == VD_OK ? vd_bytes(value.data, value.size) : vd_bytes(NULL, 0));
    }
    tui_past_observers_end(&observers);
    vd_client_destroy(&client);
    return NULL;
}
