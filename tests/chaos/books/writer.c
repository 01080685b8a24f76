/* writer.c: a producer of many events at a steady rate through libvedette, with a ledger that outlives it.
 *
 * Usage: chaos_writer [options] DIR NAME SESSION PER_SECOND BOOK; SIGTERM ends it. Started again with the same
 * name and book it goes on behind the last event that it may have emitted.
 *   -f EVENTS   in a frame, which has one receipt (1: events are emitted one by one)
 *   -b BYTES    of an event
 *   -e SESSION  one frame of 32 goes into this one
 *   -r          frames have records: after a death those without a receipt are emitted again
 *   -u          SESSION is the runtime's own: when it is closed, the next one is asked for
 */
#include "book.h"
#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <vedette.h>

enum {
    OPEN_MS = 30000,
    FLUSH_MS = 30000,
    STATUS_MS = 300,
    TURN_MS = 4,
    LATE_MS_MAX = 250, /* so much is made up for at once after an outage */
    FRAME_MAX = 256,   /* events */
    STRAY_EACH = 32,   /* frames */
    EVENT_BYTES = 256, /* where nothing else is said */
    EVENT_BYTES_MAX = 4096,
    ENVELOPE_BYTES = 45, /* of an event, around its data */
};

typedef struct writer {
    const char *name, *ended;
    char session[BOOK_NAME_SIZE];
    double rate;
    uint32_t frame, bytes;
    int records, of_runtime;
    vd_client_t *client;
    vd_producer_t *producer;
    book_t book;
    uint64_t base;   /* events before this life, or before what it emits again */
    uint64_t next;   /* the event that is emitted next */
    uint64_t before; /* events of the lives before */
    uint64_t tokens; /* receipts so far */
    int closed;      /* the session was */
    int broken;
    uint8_t data[FRAME_MAX][EVENT_BYTES_MAX];
} writer_t;

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    stopping = number;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- receipts ---- */

/* The sequence of event `i` of a frame, as far as its receipt tells it. */
static uint64_t seq_of(const writer_t *self, const vd_receipt_t *receipt, uint32_t i)
{
    if (receipt->seq == 0)
        return 0;
    return receipt->status == VD_EXISTS ? receipt->seq + i : receipt->seq - (self->frame - 1 - i);
}

static void note(book_record_t *record, const vd_receipt_t *receipt, uint64_t seq)
{
    bool stored = receipt->status == VD_OK || receipt->status == VD_EXISTS;
    record->seq = seq;
    record->status = (uint8_t)receipt->status;
    /* The state last: a death in between leaves the event as taken. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    record->state = stored                         ? BOOK_COMMITTED
                    : receipt->status == VD_FENCED ? BOOK_FENCED
                                                   : BOOK_REJECTED;
}

static void on_receipt(void *arg, const vd_receipt_t *receipt)
{
    writer_t *self = arg;
    if (receipt->token != ++self->tokens) {
        fprintf(stderr, "%s: receipt %" PRIu64 " comes as number %" PRIu64 "\n", self->name,
                receipt->token, self->tokens);
        self->broken = 1;
        return;
    }
    uint64_t before = self->base + (receipt->token - 1) * self->frame;
    for (uint32_t i = 0; i < self->frame; i++)
        note(book_record(&self->book, before + 1 + i), receipt, seq_of(self, receipt, i));
    if (receipt->status == VD_OK || receipt->status == VD_EXISTS)
        self->book.head->committed += self->frame;
    else if (receipt->status != VD_FENCED)
        self->book.head->rejected += self->frame;
    self->closed |= receipt->status == VD_SESSION_CLOSED;
}

/* ---- events ---- */

/* {"p": name, "n": n, "f": bytes that only this event has}. */
static size_t pack(const writer_t *self, uint64_t n, uint8_t *to)
{
    size_t name_size = strlen(self->name), at = 0;
    static const uint8_t key_n[] = {0xa1, 'n', 0xcf}, key_f[] = {0xa1, 'f', 0xc5};
    to[at++] = 0x83;
    to[at++] = 0xa1;
    to[at++] = 'p';
    to[at++] = (uint8_t)(0xa0 + name_size);
    memcpy(to + at, self->name, name_size);
    at += name_size;
    memcpy(to + at, key_n, sizeof key_n);
    at += sizeof key_n;
    for (int shift = 56; shift >= 0; shift -= 8)
        to[at++] = (uint8_t)(n >> shift);
    memcpy(to + at, key_f, sizeof key_f);
    at += sizeof key_f;
    size_t used = ENVELOPE_BYTES + at + 2;
    size_t fill = self->bytes > used ? self->bytes - used : 0;
    to[at++] = (uint8_t)(fill >> 8);
    to[at++] = (uint8_t)fill;
    uint64_t word = n * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < fill; i++)
        to[at++] = (uint8_t)(word >> i % 8 * 8);
    return at;
}

/* Where frame `number` goes. */
static const char *target(const writer_t *self, uint64_t number)
{
    bool stray = self->ended != NULL && number % STRAY_EACH == STRAY_EACH - 1;
    return stray ? self->ended : self->session;
}

/* Writes the next frame down as taken; what has a receipt already keeps it. */
static void write_down(writer_t *self, const char *session, const vd_new_event_t *events)
{
    uint16_t number = book_session(&self->book, session);
    for (uint32_t i = 0; i < self->frame; i++) {
        vd_bytes_t data = vd_bytes(events[i].data.data, events[i].data.size);
        book_record_t *record = book_record(&self->book, self->next + i);
        if (record->state <= BOOK_TAKEN || self->next > self->before)
            *record = (book_record_t){.crc = vd_crc32c(0, data),
                                      .session = number,
                                      .state = BOOK_TAKEN,
                                      .status = (uint8_t)self->book.head->lives};
    }
    uint64_t count = self->next + self->frame - 1;
    if (count > self->book.head->count)
        book_count(&self->book, count);
}

/* Emits the next frame. VD_OK, or why the library takes none now. */
static vd_status_t emit_next(writer_t *self)
{
    vd_new_event_t events[FRAME_MAX];
    uint64_t number = (self->next - 1) / self->frame;
    const char *session = target(self, number);
    for (uint32_t i = 0; i < self->frame; i++) {
        size_t size = pack(self, self->next + i, self->data[i]);
        events[i] = (vd_new_event_t){.type = "chaos", .data = {self->data[i], size}};
    }
    char record[BOOK_NAME_SIZE + 24];
    snprintf(record, sizeof record, "%s:%" PRIu64, self->name, number);
    write_down(self, session, events);
    vd_status_t status =
        self->frame == 1 && !self->records
            ? vd_producer_emit(self->producer, session, "chaos", events[0].data)
            : vd_producer_emit_frame(self->producer, session, self->records ? record : NULL, events,
                                     self->frame);
    if (status == VD_OK)
        self->next += self->frame;
    return status;
}

/* The runtime's own session, as its supervisor says. */
static void ask_session(writer_t *self)
{
    vd_request_t request = {.actor = "supervisor", .port = "control", .id = 114};
    vd_reply_t reply;
    vd_value_t body;
    if (vd_client_request(self->client, &request, STATUS_MS, &reply) == VD_OK &&
        vd_value_of(vd_bytes(reply.body.data, reply.body.size), &body))
        vd_str_copy(self->session, sizeof self->session, vd_value_get_str(&body, "session"));
    self->closed = 0;
}

/* ---- a life ---- */

/* Where this life begins: behind everything of the lives before, or with records at the first event without a
 * receipt. Receipts come in order, so that those without are the last ones. */
static void begin(writer_t *self)
{
    uint64_t count = self->book.head->count;
    assert(count % self->frame == 0);
    self->before = self->base = count;
    while (self->records && self->base > 0 &&
           book_record(&self->book, self->base - self->frame + 1)->state == BOOK_TAKEN)
        self->base -= self->frame;
    /* A frame whose receipt was being written down has its beginning told and its end not. */
    if (self->records && self->base > 0 &&
        book_record(&self->book, self->base)->state == BOOK_TAKEN)
        self->base -= self->frame;
    self->next = self->base + 1;
}

/* Is there something of a life before that is to be emitted again? */
static bool is_owing(const writer_t *self)
{
    return self->next <= self->before;
}

/* Takes in what has come. */
static vd_status_t take_in(writer_t *self)
{
    vd_status_t status;
    while ((status = vd_producer_wait(self->producer, 0)) == VD_OK)
        continue;
    bool fine = status == VD_NOT_FOUND || status == VD_TIMED_OUT || status == VD_CANCELLED;
    return fine ? VD_OK : status;
}

/* Emits at the rate until a signal comes. Returns how it ended: VD_OK for the signal. */
static vd_status_t run(writer_t *self)
{
    double each_s = self->frame / self->rate, due = now_s();
    double late_s_max = LATE_MS_MAX / 1e3 + each_s;
    while ((!stopping || is_owing(self)) && !self->broken) {
        vd_status_t status = VD_OK;
        double now = now_s();
        if (due < now - late_s_max)
            due = now - late_s_max;
        if (self->closed && self->of_runtime)
            ask_session(self);
        for (; status == VD_OK && due <= now; due += each_s)
            status = emit_next(self);
        if (status != VD_OK && status != VD_OVERLOADED && status != VD_TIMED_OUT)
            return status;
        status = take_in(self);
        if (status != VD_OK)
            return status;
        poll(NULL, 0, TURN_MS);
    }
    return VD_OK;
}

/* Takes the name, whatever happens to the ingestor meanwhile. VD_CANCELLED: there is nothing to do any more. */
static vd_status_t open_producer(writer_t *self)
{
    vd_status_t status = VD_CANCELLED;
    double deadline = now_s() + OPEN_MS / 1e3;
    while (now_s() < deadline && (!stopping || is_owing(self))) {
        status =
            vd_producer_open(&self->producer, self->client, self->name, on_receipt, self, OPEN_MS);
        if (status != VD_UNREACHABLE && status != VD_CANCELLED)
            break;
        poll(NULL, 0, TURN_MS);
    }
    return status;
}

/* Everything that was emitted in this life has its receipt. */
static void check_receipts(writer_t *self)
{
    uint64_t emitted = (self->next - 1 - self->base) / self->frame;
    if (self->tokens == emitted)
        return;
    fprintf(stderr, "%s: %" PRIu64 " receipts for %" PRIu64 " emits\n", self->name, self->tokens,
            emitted);
    self->broken = 1;
}

static vd_status_t live(writer_t *self)
{
    vd_status_t status = open_producer(self);
    if (status == VD_CANCELLED && stopping)
        return VD_OK;
    if (status == VD_OK && self->of_runtime)
        ask_session(self);
    if (status == VD_OK)
        status = run(self);
    if (status == VD_OK && vd_producer_flush(self->producer, FLUSH_MS) == VD_TIMED_OUT)
        status = VD_TIMED_OUT;
    if (status == VD_OK)
        check_receipts(self);
    if (status == VD_OK && !is_owing(self)) /* written down and not taken: never was */
        book_count(&self->book, self->next - 1);
    return status;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: chaos_writer [-f EVENTS] [-b BYTES] [-e SESSION] [-r] [-u] DIR NAME SESSION "
            "PER_SECOND BOOK\n");
    return 2;
}

int main(int argc, char **argv)
{
    static writer_t self = {.frame = 1, .bytes = EVENT_BYTES};
    int option;
    while ((option = getopt(argc, argv, "f:b:e:ru")) != -1) {
        if (option == 'f')
            self.frame = (uint32_t)atoi(optarg);
        else if (option == 'b')
            self.bytes = (uint32_t)atoi(optarg);
        else if (option == 'e')
            self.ended = optarg;
        else if (option == 'r')
            self.records = 1;
        else if (option == 'u')
            self.of_runtime = 1;
        else
            return usage();
    }
    argv += optind;
    if (argc - optind != 5 || atof(argv[3]) <= 0 || self.frame == 0 || self.frame > FRAME_MAX ||
        self.bytes > EVENT_BYTES_MAX || strlen(argv[1]) > 31)
        return usage();
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    self.name = argv[1];
    snprintf(self.session, sizeof self.session, "%s", argv[2]);
    self.rate = atof(argv[3]);
    book_open(&self.book, argv[4], BOOK_LEDGER, self.name, self.session);
    begin(&self);
    self.client = vd_client_new(argv[0]);
    vd_status_t status = live(&self);
    if (status != VD_OK)
        fprintf(stderr, "%s: %s: %s\n", self.name, vd_client_status_name(status),
                vd_client_error(self.client));
    vd_producer_destroy(&self.producer);
    vd_client_destroy(&self.client);
    book_close(&self.book);
    return status == VD_OK && !self.broken ? 0 : 1;
}
