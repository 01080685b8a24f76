/* source.c: reads a store by the protocol, or by its own backend. */
#include "source.h"

#include "ingestor/store/store.h"
#include "wire/message.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <vedette.h>

enum { ANSWER_MS = 30000, PAUSE_MS = 50, TRIES = 600 };

__attribute__((format(printf, 1, 2), noreturn)) static void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("books: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

/* ---- by the protocol ---- */

typedef struct online {
    vd_client_t *client;
    vd_buffer_t body;
    vd_position_t position;
    vd_commit_run_t *runs;
} online_t;

static void ask(online_t *self, vd_reply_t *reply)
{
    vd_buffer_clear(&self->body);
    vd_write_map(&self->body, self->position.store[0] != 0 ? 4 : 0);
    if (self->position.store[0] != 0) {
        vd_write_pair_text(&self->body, "store", self->position.store);
        vd_write_pair_u64(&self->body, "index", self->position.index);
        vd_write_pair_u64(&self->body, "offset", self->position.offset);
        vd_write_pair_u64(&self->body, "chain", self->position.chain);
    }
    vd_request_t request = {.actor = "ingestor",
                            .port = "read",
                            .id = VD_MESSAGE_FETCH,
                            .body = self->body.data,
                            .body_size = self->body.size};
    vd_status_t status = VD_FAILED;
    for (int tries = 0; tries < TRIES; tries++) {
        status = vd_client_request(self->client, &request, ANSWER_MS, reply);
        if (status != VD_UNREACHABLE && status != VD_NOT_READY && status != VD_BUSY)
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    if (status != VD_OK)
        give_up("the ingestor does not answer FETCH: %s", vd_client_error(self->client));
    if (reply->id != VD_MESSAGE_COMMITS)
        give_up("behind commit %llu FETCH is answered with %s",
                (unsigned long long)self->position.index, vd_message_name(reply->id));
}

/* Goes on behind an answer. False at the head. */
static bool advance(online_t *self, const vd_reply_t *reply)
{
    vd_value_t body;
    if (!vd_value_of(vd_bytes(reply->body.data, reply->body.size), &body) ||
        !vd_str_copy(self->position.store, sizeof self->position.store,
                     vd_value_get_str(&body, "store")))
        give_up("an answer to FETCH cannot be read");
    self->position.index = vd_value_get_u64(&body, "index", 0);
    self->position.offset = vd_value_get_u64(&body, "offset", 0);
    self->position.chain = (uint32_t)vd_value_get_u64(&body, "chain", 0);
    return self->position.index < vd_value_get_u64(&body, "head", 0);
}

void source_online(const char *dir, source_fn *take, void *arg)
{
    online_t self = {.client = vd_client_new(dir),
                     .runs = calloc(VD_COMMIT_PIECES_MAX, sizeof *self.runs)};
    if (self.client == NULL || self.runs == NULL)
        give_up("no memory");
    vd_buffer_init(&self.body, VD_BODY_BYTES_MAX);
    for (bool more = true; more;) {
        vd_reply_t reply;
        vd_commit_t piece;
        vd_status_t status;
        ask(&self, &reply);
        vd_bytes_t payload = vd_bytes(reply.payload.data, reply.payload.size);
        while ((status = vd_commit_next(&payload, &piece, self.runs, VD_COMMIT_PIECES_MAX)) ==
               VD_OK)
            take(arg, &piece);
        if (status != VD_NOT_FOUND)
            give_up("commits behind %llu cannot be read", (unsigned long long)self.position.index);
        more = advance(&self, &reply);
    }
    vd_buffer_free(&self.body);
    free(self.runs);
    vd_client_destroy(&self.client);
}

/* ---- from the files ---- */

void source_offline(const char *dir, source_fn *take, void *arg)
{
    char text[VD_TEXT_BYTES_MAX] = "";
    vd_store_options_t options = {.mode = VD_STORE_READ};
    vd_store_t *store = NULL;
    vd_store_cursor_t *cursor = NULL;
    vd_store_tail_t tail;
    vd_commit_t commit;
    vd_status_t status = vd_store_open("leveldb", dir, &options, &store, text, sizeof text);
    if (status != VD_OK)
        give_up("%s: %s", dir, text);
    vd_store_tail(store, &tail);
    status = vd_store_cursor_new(store, &cursor);
    if (status == VD_OK)
        status = vd_store_cursor_seek(cursor, tail.first_index, NULL);
    while (status == VD_OK &&
           (status = vd_store_cursor_next(cursor, &commit, text, sizeof text)) == VD_OK)
        take(arg, &commit);
    if (status != VD_NOT_FOUND)
        give_up("%s: %s: %s", dir, vd_status_text(status), text);
    vd_store_cursor_destroy(&cursor);
    vd_store_close(&store);
}
