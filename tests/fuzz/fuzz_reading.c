/* fuzz_reading.c: what subscribers, tools and strangers may ask the reading side of the ingestor for. */
#include "kept.h"
#include "reading.h"
#include "stage.h"
#include "store/memory.h"
#include "stream/recent.h"
#include "wire/value.h"

enum { COMMITS = 6, EVENTS = 3, WRITES_MAX = VD_KEPT_WRITES };

typedef struct book {
    vd_memory_image_t *image;
    vd_store_t *store;
    vd_recent_t *recent;
    const vd_kept_write_t *writes[WRITES_MAX];
    uint64_t tokens[WRITES_MAX];
    uint32_t count;
} book_t;

/* ---- what there is to read ---- */

static void write_run(vd_buffer_t *run)
{
    vd_buffer_t event;
    vd_buffer_init(&event, 4096);
    for (int i = 0; i < EVENTS; i++) {
        vd_buffer_clear(&event);
        vd_event_write(&event, 1700000000000, i == 1 ? vd_str("count.up") : vd_str("thing"),
                       vd_bytes("\x81\xa1n\x05", 4), vd_bytes(NULL, 0));
        FUZZ_HOLDS(vd_run_add(run, vd_buffer_view(&event)));
    }
    vd_buffer_free(&event);
}

static void append(book_t *self)
{
    static const char *const names[] = {"s", "t"};
    vd_store_tail_t tail;
    vd_buffer_t run;
    char error[VD_TEXT_BYTES_MAX];
    vd_buffer_init(&run, 65536);
    write_run(&run);
    vd_store_tail(self->store, &tail);
    const char *name = names[tail.index % 2];
    vd_store_session_t session = {.state = VD_SESSION_ACTIVE, .started_ms = 1700000000000};
    bool begun = vd_store_session(self->store, name, &session) == VD_OK;
    strcpy(session.session, name);
    vd_commit_run_t row = {.session = vd_str(name),
                           .first_seq = (begun ? session.last_seq : 0) + 1,
                           .count = EVENTS,
                           .run = vd_buffer_view(&run)};
    vd_store_batch_t batch = {.commit = {.index = tail.index + 1,
                                         .time_ms = 1700000000000,
                                         .epoch = 1,
                                         .run_count = 1,
                                         .runs = &row},
                              .epoch_counter = 1};
    const vd_store_session_t *sessions[] = {&session};
    session.last_seq += EVENTS;
    session.last_ms = 1700000000000;
    session.last_index = tail.index + 1;
    session.bytes += run.size;
    batch.sessions = sessions;
    batch.session_count = 1;
    batch.commit.chain = vd_commit_chain(tail.chain, &batch.commit);
    FUZZ_HOLDS(vd_store_append(self->store, &batch, error, sizeof error) == VD_OK);
    vd_recent_add(self->recent, &batch.commit);
    vd_buffer_free(&run);
}

/* ---- what is asked ---- */

static void perform(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    book_t *self = stage->arg;
    if (effect->id != VD_KEPT_WRITE)
        return;
    FUZZ_HOLDS(self->count < WRITES_MAX);
    self->writes[self->count] = effect->object;
    self->tokens[self->count++] = effect->token;
}

static void complete(fuzz_stage_t *stage, uint8_t how, vd_bytes_t *input)
{
    book_t *self = stage->arg;
    char error[VD_TEXT_BYTES_MAX] = "";
    (void)input;
    if ((how & 0x08) != 0 || self->count == 0) {
        vd_input_t grown = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
        append(self);
        fuzz_stage_input(stage, &grown);
        return;
    }
    vd_input_t done = {.kind = VD_INPUT_DONE, .id = VD_KEPT_WRITE, .token = self->tokens[0]};
    done.status = vd_kept_perform(self->store, self->writes[0], error, sizeof error);
    done.result = error;
    self->count--;
    memmove(self->writes, self->writes + 1, self->count * sizeof self->writes[0]);
    memmove(self->tokens, self->tokens + 1, self->count * sizeof self->tokens[0]);
    fuzz_stage_input(stage, &done);
}

static void sent(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    static vd_commit_run_t runs[64];
    vd_commit_t commit;
    (void)stage;
    (void)effect;
    if (message->id == VD_MESSAGE_SESSION_ROWS)
        FUZZ_HOLDS(vd_scan_exact(message->payload, VD_DEPTH_MAX) == VD_OK);
    if (message->id != VD_MESSAGE_COMMITS)
        return;
    FUZZ_HOLDS(message->commits.index <= message->commits.head);
    vd_bytes_t rest = message->payload;
    while (rest.size > 0) {
        FUZZ_HOLDS(vd_commit_next(&rest, &commit, runs, 64) == VD_OK);
        for (uint32_t i = 0; i < commit.run_count; i++) {
            uint64_t bad = 0;
            FUZZ_HOLDS(commit.runs[i].run.size == 0 ||
                       vd_run_check(commit.runs[i].run, commit.runs[i].count, &bad) == VD_OK);
        }
    }
}

void fuzz_one(vd_bytes_t input)
{
    book_t own = {.image = vd_memory_image_new(5), .recent = vd_recent_new(65536)};
    fuzz_stage_t stage;
    vd_store_tail_t tail;
    FUZZ_HOLDS(own.image != NULL && own.recent != NULL &&
               vd_memory_image_open(own.image, &own.store) == VD_OK);
    vd_store_tail(own.store, &tail);
    vd_recent_begin(own.recent, tail.id, 0, 0);
    for (int i = 0; i < COMMITS; i++)
        append(&own);
    vd_reading_options_t options = {.recent = own.recent};
    vd_reading_t *reading = vd_reading_new(own.store, &options);
    fuzz_stage_open(&stage, vd_reading_step, reading);
    fuzz_stage_port(&stage, VD_READING_PORT, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_READING_PORT_STREAMS, FUZZ_ROUTER);
    stage.perform = perform;
    stage.complete = complete;
    stage.sent = sent;
    stage.arg = &own;
    stage.shares = true;
    fuzz_stage_run(&stage, &input);
    FUZZ_HOLDS(vd_reading_subscribers(reading) <= VD_SUBSCRIBERS_MAX);
    fuzz_stage_close(&stage);
    vd_reading_destroy(&reading);
    vd_recent_destroy(&own.recent);
    vd_store_close(&own.store);
    vd_memory_image_destroy(&own.image);
}
