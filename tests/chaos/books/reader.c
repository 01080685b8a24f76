/* reader.c: follows through libvedette and writes a history that outlives it.
 *
 * Usage: chaos_reader KIND DIR NAME SESSION BOOK [VIA], with SESSION * for all; SIGTERM ends it. VIA is a relay, or
 * "relay" for any. KIND:
 *   live      from the start
 *   durable   from the place that the store keeps under NAME; after a death it may be shown again what it was shown
 *             since that was kept
 *   exact     the place is kept in the book, together with what was shown: shown is shown once
 */
#include "book.h"
#include "wire/run.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedette.h>

enum {
    BEGIN_MS = 60000,
    TURN_MS = 100,
    PAUSE_MS = 20,
    KEEP_EACH = 256, /* events */
};

typedef struct reader {
    const char *dir, *name, *session, *via;
    bool durable, exact;
    vd_client_t *client;
    vd_follow_t *follow;
    book_t book;
    uint64_t unkept; /* shown since the place was kept */
} reader_t;

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    stopping = number;
}

static vd_status_t begin(reader_t *self)
{
    const char *place = self->exact ? book_go_back(&self->book) : "";
    if (self->durable && self->book.head->count > 0)
        book_append(&self->book, &(book_record_t){.state = BOOK_LIFE});
    vd_follow_options_t options = {.session = self->session,
                                   .from = place[0] != 0 ? VD_FROM_POSITION : VD_FROM_START,
                                   .position = place,
                                   .name = self->name,
                                   .durable = self->durable ? self->name : NULL,
                                   .via = self->via};
    vd_status_t status = VD_UNREACHABLE;
    for (int waited_ms = 0; waited_ms < BEGIN_MS && !stopping; waited_ms += PAUSE_MS) {
        status = vd_follow_new(&self->follow, self->client, &options, BEGIN_MS);
        if (status != VD_UNREACHABLE && status != VD_UNKNOWN_SESSION)
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    return status;
}

static void keep(reader_t *self)
{
    char place[VD_POSITION_TEXT_MAX];
    if (!self->exact || self->unkept == 0 || vd_follow_position(self->follow, place) != VD_OK)
        return;
    book_keep(&self->book, place);
    self->unkept = 0;
}

static void take(reader_t *self, const vd_follow_event_t *event)
{
    uint32_t crc = vd_crc32c(0, vd_bytes(event->raw.data, event->raw.size));
    book_show(&self->book, event->session, event->seq, crc);
    if (++self->unkept >= KEEP_EACH)
        keep(self);
}

/* One turn. VD_OK, or why it cannot go on. */
static vd_status_t turn(reader_t *self)
{
    vd_follow_event_t event;
    vd_status_t status = vd_follow_next(self->follow, TURN_MS, &event);
    switch (status) {
    case VD_OK:
        take(self, &event);
        return VD_OK;
    case VD_TIMED_OUT:
    case VD_CANCELLED:
        keep(self);
        return VD_OK;
    case VD_UNREACHABLE:
    case VD_UNKNOWN_SESSION:
    case VD_SESSION_CLOSED:
        poll(NULL, 0, PAUSE_MS);
        return VD_OK;
    case VD_PRUNED:
    case VD_CORRUPT:
    case VD_WENT_BACK:
    case VD_TOO_SLOW:
        self->book.head->told++;
        fprintf(stderr, "%s: told %s: %s\n", self->name, vd_client_status_name(status),
                vd_client_error(self->client));
        return VD_OK;
    default:
        return status;
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: chaos_reader live|durable|exact DIR NAME SESSION BOOK [VIA]\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc > 7)
        return usage();
    reader_t self = {.dir = argv[2],
                     .name = argv[3],
                     .session = argv[4],
                     .via = argc == 7 ? argv[6] : NULL,
                     .durable = strcmp(argv[1], "durable") == 0,
                     .exact = strcmp(argv[1], "exact") == 0};
    if (!self.durable && !self.exact && strcmp(argv[1], "live") != 0)
        return usage();
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    book_open(&self.book, argv[5], self.durable ? BOOK_AGAIN : BOOK_HISTORY, self.name,
              self.session);
    self.client = vd_client_new(self.dir);
    vd_status_t status = begin(&self);
    while (status == VD_OK && !stopping)
        status = turn(&self);
    if (status == VD_OK)
        keep(&self);
    else if (!stopping)
        fprintf(stderr, "%s: %s: %s\n", self.name, vd_client_status_name(status),
                vd_client_error(self.client));
    vd_follow_destroy(&self.follow);
    vd_client_destroy(&self.client);
    book_close(&self.book);
    return status == VD_OK || stopping ? 0 : 1;
}
