/* producer.c: writes numbered events at a steady rate through libvedette, and keeps its own ledger
 * on stdout.
 *
 * Usage: chaos_producer DIR NAME SESSION PER_SECOND; SIGTERM ends it. The ledger has one line for each change:
 *   taken N                 the library has taken event N
 *   acknowledged N S:SEQ    on disk (SEQ 0: a later acknowledgement covered it)
 *   rejected N STATUS       never stored
 *   unknown N               no receipt when it ended, or one that says fenced: who has taken its name knows
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vedette.h>

enum {
    OPEN_MS = 30000,
    FLUSH_MS = 30000,
    TURN_MS = 5,
    BURST = 64, /* events that are made up for at once after an outage */
};

typedef struct ledger {
    uint64_t taken;
    uint64_t told; /* highest number with a receipt: they come in order */
    int broken;
} ledger_t;

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    stopping = number;
}

static void on_receipt(void *arg, const vd_receipt_t *receipt)
{
    ledger_t *ledger = arg;
    if (receipt->token != ledger->told + 1) {
        fprintf(stderr, "receipt %" PRIu64 " after %" PRIu64 "\n", receipt->token, ledger->told);
        ledger->broken = 1;
    }
    ledger->told = receipt->token;
    if (receipt->status == VD_OK)
        printf("acknowledged %" PRIu64 " %s:%" PRIu64 "\n", receipt->token, receipt->session,
               receipt->seq);
    else if (receipt->status == VD_FENCED)
        printf("unknown %" PRIu64 "\n", receipt->token);
    else
        printf("rejected %" PRIu64 " %s\n", receipt->token, vd_client_status_name(receipt->status));
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Emits the next event. False when the library takes none now. */
static vd_status_t emit_next(vd_client_t *client, vd_producer_t *producer, const char *name,
                             const char *session, ledger_t *ledger)
{
    char json[160];
    vd_blob_t data;
    int size =
        snprintf(json, sizeof json, "{\"p\":\"%s\",\"n\":%" PRIu64 "}", name, ledger->taken + 1);
    vd_status_t status = vd_client_pack(client, json, (size_t)size, &data);
    if (status == VD_OK)
        status = vd_producer_emit(producer, session, "chaos", data);
    if (status == VD_OK)
        printf("taken %" PRIu64 "\n", ++ledger->taken);
    return status;
}

/* Emits at the rate until a signal comes. Returns how it ended: VD_OK for the signal. */
static vd_status_t run(vd_client_t *client, vd_producer_t *producer, char **argv, ledger_t *ledger)
{
    double rate = atof(argv[4]);
    double due = now_s();
    while (!stopping) {
        vd_status_t status = VD_OK;
        double now = now_s();
        if (due < now - BURST / rate)
            due = now - BURST / rate;
        for (; status == VD_OK && due <= now; due += 1 / rate)
            status = emit_next(client, producer, argv[2], argv[3], ledger);
        if (status != VD_OK && status != VD_OVERLOADED && status != VD_TIMED_OUT)
            return status;
        status = vd_producer_wait(producer, TURN_MS);
        if (status == VD_NOT_FOUND)
            poll(NULL, 0, TURN_MS);
        else if (status != VD_OK && status != VD_TIMED_OUT && status != VD_CANCELLED)
            return status;
        fflush(stdout);
    }
    return VD_OK;
}

int main(int argc, char **argv)
{
    if (argc != 5 || atof(argv[4]) <= 0) {
        fprintf(stderr, "usage: chaos_producer DIR NAME SESSION PER_SECOND\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    ledger_t ledger = {0};
    vd_client_t *client = vd_client_new(argv[1]);
    vd_producer_t *producer = NULL;
    vd_status_t status = vd_producer_open(&producer, client, argv[2], on_receipt, &ledger, OPEN_MS);
    if (status == VD_OK)
        status = run(client, producer, argv, &ledger);
    if (status == VD_OK)
        status = vd_producer_flush(producer, FLUSH_MS);
    if (status != VD_OK)
        fprintf(stderr, "%s: %s\n", vd_client_status_name(status), vd_client_error(client));
    for (uint64_t n = ledger.told + 1; n <= ledger.taken; n++)
        printf("unknown %" PRIu64 "\n", n);
    vd_producer_destroy(&producer);
    vd_client_destroy(&client);
    return status == VD_OK && !ledger.broken ? 0 : 1;
}
