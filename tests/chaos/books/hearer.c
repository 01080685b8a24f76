/* hearer.c: a bare SUB on what the ingestor publishes, with a history that outlives it.
 *
 * Usage: chaos_hearer hints|repairs DIR NAME SESSION BOOK [ENDPOINT]; SIGTERM ends it.
 *   hints    what is heard, with all its gaps; SESSION may be * for all
 *   repairs  the events of one session from its first on: what the hints leave out is asked for with FETCH
 */
#include "book.h"
#include "wire/commit.h"
#include "wire/message.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedette.h>
#include <zmq.h>

enum {
    QUIET_MS = 100,
    ANSWER_MS = 1000,
    RECONNECT_MS = 20,
    RECONNECT_MS_MAX = 200,
    FRAMES = 4, /* topic, header, body, payload */
};

typedef struct hearer {
    const char *name, *session;
    bool repairs, all;
    vd_client_t *client;
    void *context, *sub;
    zmq_msg_t frames[FRAMES];
    book_t book;
    uint64_t last; /* with `repairs`: everything up to this one is in the book */
    vd_buffer_t body;
    vd_commit_run_t *runs;
} hearer_t;

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    stopping = number;
}

static void open_sub(hearer_t *self, const char *endpoint)
{
    char topic[BOOK_NAME_SIZE + 8], own[512];
    int linger = 0, again = RECONNECT_MS, again_max = RECONNECT_MS_MAX;
    snprintf(topic, sizeof topic, "events/%s", self->all ? "" : self->session);
    snprintf(own, sizeof own, "ipc://%s/ingestor.events", vd_client_run_dir(self->client));
    self->context = zmq_ctx_new();
    self->sub = zmq_socket(self->context, ZMQ_SUB);
    zmq_setsockopt(self->sub, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(self->sub, ZMQ_RECONNECT_IVL, &again, sizeof again);
    zmq_setsockopt(self->sub, ZMQ_RECONNECT_IVL_MAX, &again_max, sizeof again_max);
    zmq_setsockopt(self->sub, ZMQ_SUBSCRIBE, topic, strlen(topic));
    if (zmq_connect(self->sub, endpoint != NULL ? endpoint : own) != 0) {
        fprintf(stderr, "%s: cannot connect to %s\n", self->name, endpoint);
        exit(2);
    }
}

/* Takes the parts of one message. Their number, 0 when there is none now. */
static int receive(hearer_t *self)
{
    int count = 0;
    for (;;) {
        zmq_msg_t *frame = &self->frames[count < FRAMES ? count : FRAMES - 1];
        if (zmq_msg_recv(frame, self->sub, ZMQ_DONTWAIT) < 0)
            return 0;
        count++;
        if (!zmq_msg_more(frame))
            return count;
    }
}

static vd_bytes_t bytes_of(zmq_msg_t *frame)
{
    return vd_bytes(zmq_msg_data(frame), zmq_msg_size(frame));
}

/* The hint that was received, if it is one. */
static bool hint_of(hearer_t *self, int count, vd_message_t *message, char *session)
{
    vd_bytes_t none = vd_bytes(NULL, 0);
    if (count < 3 || count > FRAMES ||
        vd_message_decode(bytes_of(&self->frames[1]), bytes_of(&self->frames[2]),
                          count == FRAMES ? bytes_of(&self->frames[3]) : none, message) != VD_OK ||
        message->id != VD_MESSAGE_COMMITTED_RUN ||
        !vd_str_copy(session, VD_NAME_BYTES_MAX + 1, message->committed_run.session))
        return false;
    return self->all || strcmp(session, self->session) == 0;
}

/* Writes down what a run brings: with `repairs` what comes next, else everything. */
static void take(hearer_t *self, const char *session, uint64_t first, vd_bytes_t run)
{
    vd_entry_t entry;
    for (uint64_t seq = first; vd_run_next(&run, &entry) == VD_OK; seq++) {
        if (self->repairs && seq != self->last + 1)
            continue;
        self->last = seq;
        book_show(&self->book, session, seq, vd_crc32c(0, entry.event));
    }
}

static void take_commits(hearer_t *self, vd_bytes_t payload)
{
    vd_commit_t commit;
    while (vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX) == VD_OK)
        for (uint32_t i = 0; i < commit.run_count; i++)
            if (commit.runs[i].absent == VD_OK && vd_str_is(commit.runs[i].session, self->session))
                take(self, self->session, commit.runs[i].first_seq, commit.runs[i].run);
}

/* Asks for everything that is stored behind the last event. */
static void repair(hearer_t *self)
{
    for (bool more = true; more && !stopping;) {
        vd_buffer_clear(&self->body);
        vd_write_map(&self->body, 2);
        vd_write_pair_text(&self->body, "session", self->session);
        vd_write_pair_u64(&self->body, "seq", self->last + 1);
        vd_request_t request = {.actor = "ingestor",
                                .port = "read",
                                .id = VD_MESSAGE_FETCH,
                                .body = self->body.data,
                                .body_size = self->body.size};
        vd_reply_t reply;
        vd_value_t body;
        uint64_t before = self->last;
        /* The ingestor is away, or there is nothing behind the last event yet. */
        if (vd_client_request(self->client, &request, ANSWER_MS, &reply) != VD_OK ||
            reply.id != VD_MESSAGE_COMMITS ||
            !vd_value_of(vd_bytes(reply.body.data, reply.body.size), &body))
            return;
        take_commits(self, vd_bytes(reply.payload.data, reply.payload.size));
        more = self->last > before &&
               vd_value_get_u64(&body, "index", 0) < vd_value_get_u64(&body, "head", 0);
    }
}

static void hear(hearer_t *self)
{
    int count;
    while (!stopping && (count = receive(self)) > 0) {
        vd_message_t message;
        char session[VD_NAME_BYTES_MAX + 1];
        if (!hint_of(self, count, &message, session))
            continue;
        uint64_t first = message.committed_run.first;
        if (self->repairs && (first > self->last + 1 || message.payload.size == 0))
            repair(self);
        take(self, session, first, message.payload);
    }
}

static void run(hearer_t *self)
{
    uint64_t count = self->book.head->count;
    self->last = self->repairs && count > 0 ? book_record(&self->book, count)->seq : 0;
    while (!stopping) {
        zmq_pollitem_t item = {.socket = self->sub, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, QUIET_MS) > 0)
            hear(self);
        else if (self->repairs)
            repair(self);
    }
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc > 7 ||
        (strcmp(argv[1], "hints") != 0 && strcmp(argv[1], "repairs") != 0)) {
        fprintf(stderr, "usage: chaos_hearer hints|repairs DIR NAME SESSION BOOK [ENDPOINT]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    hearer_t self = {.name = argv[3],
                     .session = argv[4],
                     .repairs = strcmp(argv[1], "repairs") == 0,
                     .all = strcmp(argv[4], "*") == 0};
    assert(!self.repairs || !self.all);
    self.runs = calloc(VD_COMMIT_PIECES_MAX, sizeof *self.runs);
    self.client = vd_client_new(argv[2]);
    vd_buffer_init(&self.body, VD_BODY_BYTES_MAX);
    for (int i = 0; i < FRAMES; i++)
        zmq_msg_init(&self.frames[i]);
    book_open(&self.book, argv[5], self.repairs ? BOOK_HISTORY : BOOK_HINTS, self.name,
              self.session);
    open_sub(&self, argc == 7 ? argv[6] : NULL);
    run(&self);
    for (int i = 0; i < FRAMES; i++)
        zmq_msg_close(&self.frames[i]);
    zmq_close(self.sub);
    zmq_ctx_term(self.context);
    vd_buffer_free(&self.body);
    free(self.runs);
    vd_client_destroy(&self.client);
    book_close(&self.book);
    return 0;
}
