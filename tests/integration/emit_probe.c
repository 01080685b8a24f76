/* emit_probe.c DIR CASE NAME: emits more than is answered at once, through the public header alone,
 * and checks that each emit has its own receipt, in order, with the right status and sequence.
 * Prints what it took as "taken N"; ends with 0 when all was right.
 *
 *   mixed       single events of two sessions, records and frames between them
 *   closed      a session ends in the middle
 *   fenced      somebody else takes the name NAME while much is out
 *   overloaded  until no more is taken; "full N" then, and it goes on when a line comes on stdin
 *   few         30 events and nothing else, until a line comes on stdin
 *   many        "ready", and when a line comes on stdin 150000 events, 3000 of them out at a time
 *   other       100 events; then only a follow on the same client goes on
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedette.h>

enum { EMITS_MAX = 200000, WAIT_MS = 60000 };

typedef struct expected {
    vd_status_t status;
    uint64_t seq;
} expected_t;

static vd_client_t *client;
static vd_producer_t *producer;
static expected_t emits[EMITS_MAX + 1]; /* by token */
static uint64_t taken, told, with_seq, fenced;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", vd_client_error(client));
    exit(1);
}

static void want(const char *what, vd_status_t status, vd_status_t wanted)
{
    if (status != wanted)
        fail("%s is %s, not %s", what, vd_client_status_name(status),
             vd_client_status_name(wanted));
}

static void on_receipt(void *arg, const vd_receipt_t *receipt)
{
    (void)arg;
    if (receipt->token != ++told)
        fail("receipt %" PRIu64 " comes as number %" PRIu64, receipt->token, told);
    const expected_t *emit = &emits[receipt->token];
    if (receipt->status == VD_FENCED)
        fenced++;
    else if (receipt->status != emit->status || fenced > 0)
        fail("receipt %" PRIu64 " says %s", told, vd_client_status_name(receipt->status));
    if (receipt->status != VD_OK || receipt->seq == 0)
        return;
    with_seq++;
    if (receipt->seq != emit->seq)
        fail("receipt %" PRIu64 " says sequence %" PRIu64 ", not %" PRIu64, told, receipt->seq,
             emit->seq);
}

static vd_blob_t number(uint64_t value)
{
    char json[32];
    vd_blob_t data;
    int size = snprintf(json, sizeof json, "{\"n\":%" PRIu64 "}", value);
    want("pack", vd_client_pack(client, json, (size_t)size, &data), VD_OK);
    return data;
}

static void took(vd_status_t status, uint64_t seq)
{
    emits[++taken] = (expected_t){status, seq};
}

static vd_status_t emit(const char *session, uint64_t seq)
{
    vd_status_t status = vd_producer_emit(producer, session, "probe", number(seq));
    if (status == VD_OK)
        took(VD_OK, seq);
    return status;
}

static void emit_all(const char *session, uint64_t *seq, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        want("emit", emit(session, ++*seq), VD_OK);
}

static void start(const char *session)
{
    want("start", vd_producer_start_session(producer, session, NULL, 0), VD_OK);
    took(VD_OK, 1);
}

static void flush(void)
{
    want("flush", vd_producer_flush(producer, WAIT_MS), VD_OK);
    if (told != taken || vd_producer_pending(producer) != 0)
        fail("%" PRIu64 " of %" PRIu64 " receipts", told, taken);
}

static void wait_for_line(void)
{
    char line[16];
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        fail("no line on stdin");
}

static void run_mixed(void)
{
    uint64_t a = 1, b = 1;
    char record[32];
    start("a");
    start("b");
    for (unsigned i = 0; i < 40; i++) {
        emit_all("a", &a, 150 + i);
        snprintf(record, sizeof record, "r%u", i);
        want("record", vd_producer_emit_record(producer, "a", record, "probe", number(++a)), VD_OK);
        took(VD_OK, a);
        emit_all("a", &a, 3);
        emit_all("b", &b, 70);
        vd_new_event_t frame[2] = {{.type = "probe"}, {.type = "probe"}};
        want("frame", vd_producer_emit_frame(producer, "b", NULL, frame, 2), VD_OK);
        b += 2;
        took(VD_OK, b);
        if (vd_producer_emit(producer, "b", "No Type", number(0)) != VD_BAD_EVENT)
            fail("a type with blanks is taken");
        emit_all("b", &b, 1);
        if (i % 8 == 7 && vd_producer_wait(producer, WAIT_MS) != VD_OK)
            fail("wait");
    }
    flush();
    if (with_seq == 0)
        fail("%" PRIu64 " receipts have a sequence", with_seq);
}

static void run_closed(void)
{
    uint64_t seq = 1;
    start("a");
    emit_all("a", &seq, 200);
    want("end", vd_producer_end_session(producer, "a", 0, NULL), VD_OK);
    took(VD_OK, ++seq);
    for (unsigned i = 0; i < 200; i++) {
        want("late", emit("a", 0), VD_OK);
        emits[taken].status = VD_SESSION_CLOSED;
    }
    want("flush", vd_producer_flush(producer, WAIT_MS), VD_SESSION_CLOSED);
    flush();
}

static void run_fenced(const char *dir, const char *name)
{
    uint64_t seq = 1;
    vd_client_t *second = vd_client_new(dir);
    vd_producer_t *successor = NULL;
    start("a");
    flush();
    emit_all("a", &seq, 500);
    want("open", vd_producer_open(&successor, second, name, NULL, NULL, WAIT_MS), VD_OK);
    emit_all("a", &seq, 100);
    want("flush", vd_producer_flush(producer, WAIT_MS), VD_FENCED);
    if (told != taken || fenced < 100 || vd_producer_pending(producer) != 0)
        fail("%" PRIu64 " of %" PRIu64 " receipts, %" PRIu64 " fenced", told, taken, fenced);
    want("emit", emit("a", 0), VD_FENCED);
    vd_producer_destroy(&successor);
    vd_client_destroy(&second);
}

static void run_overloaded(void)
{
    uint64_t seq = 1;
    start("a");
    flush();
    printf("ready\n");
    wait_for_line();
    vd_status_t status;
    while (taken < EMITS_MAX && (status = emit("a", seq + 1)) == VD_OK)
        seq++;
    want("emit", status, VD_OVERLOADED);
    want("emit", emit("a", seq + 1), VD_OVERLOADED);
    printf("full %" PRIu64 "\n", vd_producer_pending(producer));
    wait_for_line();
    emit_all("a", &seq, 0);
    flush();
    emit_all("a", &seq, 100);
    flush();
}

static void run_few(void)
{
    uint64_t seq = 1;
    start("a");
    flush();
    emit_all("a", &seq, 30);
    printf("taken %" PRIu64 "\n", taken);
    wait_for_line();
    flush();
}

static void run_many(void)
{
    uint64_t seq = 1;
    start("a");
    flush();
    printf("ready\n");
    wait_for_line();
    while (taken < 150000) {
        while (vd_producer_pending(producer) >= 3000)
            want("wait", vd_producer_wait(producer, WAIT_MS), VD_OK);
        emit_all("a", &seq, 1);
    }
    flush();
}

static void run_other(void)
{
    uint64_t seq = 1;
    vd_follow_t *follow = NULL;
    vd_follow_options_t options = {.session = "a", .from = VD_FROM_START};
    vd_follow_event_t event = {0};
    start("a");
    flush();
    emit_all("a", &seq, 100);
    want("follow", vd_follow_new(&follow, client, &options, WAIT_MS), VD_OK);
    for (uint64_t i = 1; i <= seq; i++) {
        want("next", vd_follow_next(follow, WAIT_MS, &event), VD_OK);
        if (event.seq != i)
            fail("event %" PRIu64 " comes as number %" PRIu64, event.seq, i);
    }
    vd_follow_destroy(&follow);
    flush();
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    client = vd_client_new(argv[1]);
    if (client == NULL)
        return 1;
    want("open", vd_producer_open(&producer, client, argv[3], on_receipt, NULL, WAIT_MS), VD_OK);
    if (strcmp(argv[2], "mixed") == 0)
        run_mixed();
    else if (strcmp(argv[2], "closed") == 0)
        run_closed();
    else if (strcmp(argv[2], "fenced") == 0)
        run_fenced(argv[1], argv[3]);
    else if (strcmp(argv[2], "overloaded") == 0)
        run_overloaded();
    else if (strcmp(argv[2], "few") == 0)
        run_few();
    else if (strcmp(argv[2], "many") == 0)
        run_many();
    else if (strcmp(argv[2], "other") == 0)
        run_other();
    else
        fail("no case %s", argv[2]);
    printf("taken %" PRIu64 "\n", taken);
    vd_producer_destroy(&producer);
    vd_client_destroy(&client);
    return 0;
}
