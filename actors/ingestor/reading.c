/* reading.c: answering readers. */
#include "reading.h"

#include "facts.h"
#include "kept.h"
#include "store_source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIMER_STREAM = 1,
    FACTS_BYTES_MAX = 16777216, /* of runs that are read for the rows of one answer */
};

struct vd_reading {
    vd_store_t *store;
    vd_store_source_t *source;
    vd_publisher_t *publisher;
    vd_kept_t kept;
    vd_store_cursor_t *cursor; /* for facts and checks; NULL: not made yet */
    vd_reading_options_t options;
    vd_report_view_t view;
    vd_facts_t facts;
    vd_buffer_t rows, answer;
    /* The newest sessions that match. */
    uint32_t found_count, room;
    bool more; /* there is one beyond the room */
    vd_str_t state;
    vd_store_session_t found[VD_SESSION_ROWS_MAX];
};

vd_reading_t *vd_reading_new(vd_store_t *store, const vd_reading_options_t *options)
{
    static const vd_reading_options_t none = {0};
    const vd_reading_options_t *own = options != NULL ? options : &none;
    vd_reading_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->store = store;
    self->options = *own;
    vd_kept_init(&self->kept, store);
    self->source = vd_store_source_new(store);
    vd_publisher_options_t publisher = {.port = VD_READING_PORT,
                                        .admin_port = VD_READING_PORT_STREAMS,
                                        .timer = TIMER_STREAM,
                                        .source = &vd_store_source_calls,
                                        .source_arg = self->source,
                                        .recent = own->recent,
                                        .knobs = own->knobs,
                                        .news = own->news,
                                        .news_arg = own->news_arg};
    if (self->source != NULL)
        self->publisher = vd_publisher_new(&publisher);
    vd_buffer_init(&self->rows, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&self->answer, VD_FRAME_BYTES_MAX);
    vd_facts_init(&self->facts);
    if (self->publisher == NULL)
        vd_reading_destroy(&self);
    return self;
}

void vd_reading_destroy(vd_reading_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    vd_kept_free(&(*self)->kept);
    vd_publisher_destroy(&(*self)->publisher);
    vd_store_source_destroy(&(*self)->source);
    vd_buffer_free(&(*self)->rows);
    vd_buffer_free(&(*self)->answer);
    vd_facts_free(&(*self)->facts);
    if ((*self)->cursor != NULL)
        vd_store_cursor_destroy(&(*self)->cursor);
    free(*self);
    *self = NULL;
}

uint32_t vd_reading_subscribers(const vd_reading_t *self)
{
    return vd_publisher_subscribers(self->publisher);
}

const vd_publisher_totals_t *vd_reading_totals(const vd_reading_t *self)
{
    return vd_publisher_totals(self->publisher);
}

void vd_reading_set_view(vd_reading_t *self, const vd_report_view_t *view)
{
    assert(self != NULL && view != NULL);
    self->view = *view;
}

static vd_status_t make_cursor(vd_reading_t *self)
{
    return self->cursor != NULL ? VD_OK : vd_store_cursor_new(self->store, &self->cursor);
}

/* ---- sessions ---- */

static const char *state_name(vd_session_state_t state)
{
    switch (state) {
    case VD_SESSION_ACTIVE:
        return "active";
    case VD_SESSION_COMPLETED:
        return "completed";
    case VD_SESSION_FAILED:
        return "failed";
    case VD_SESSION_INTERRUPTED:
        return "interrupted";
    case VD_SESSION_PRUNED:
        return "pruned";
    }
    return "unknown";
}

static void write_row(vd_reading_t *self, const vd_store_session_t *session)
{
    const vd_facts_t *facts = &self->facts;
    bool open = session->state == VD_SESSION_ACTIVE || session->state == VD_SESSION_INTERRUPTED;
    char trouble[VD_TEXT_BYTES_MAX] = "";
    if (open && self->view.trouble != NULL)
        vd_trouble_read(self->view.trouble, trouble);
    vd_facts_read(&self->facts, self->store, self->cursor, session);
    vd_session_record_t row = {
        .session = vd_str(session->session),
        .name = vd_str(session->name),
        .state = vd_str(state_name(session->state)),
        .owner = vd_str(session->owner),
        .started_ms = session->started_ms,
        .ended_ms = session->ended_ms,
        .last_seq = session->last_seq,
        .last_index = session->last_index,
        .last_ms = session->last_ms,
        .labels = vd_bytes(session->labels, session->labels_size),
        .command = vd_str(facts->command),
        .continues = vd_str(facts->continues),
        .continued_by = vd_str(facts->continued_by),
        .text = vd_str(facts->text),
        .error = vd_str(facts->error),
        .status = vd_buffer_view(&facts->status),
        .bytes = session->bytes,
        .trouble = vd_str(trouble),
    };
    vd_status_t status = vd_record_encode(VD_RECORD_session, &row, &self->rows);
    assert(status == VD_OK);
}

static bool each_session(void *arg, const vd_store_session_t *session)
{
    vd_reading_t *self = arg;
    if (self->state.size > 0 && !vd_str_is(self->state, state_name(session->state)))
        return true;
    self->more = self->found_count == self->room;
    if (!self->more)
        self->found[self->found_count++] = *session;
    return !self->more;
}

/* Finds the sessions that SESSIONS asks for. */
static vd_status_t find_sessions(vd_reading_t *self, const vd_sessions_body_t *ask)
{
    char name[VD_NAME_BYTES_MAX + 1];
    vd_store_session_t session;
    self->found_count = 0;
    self->more = false;
    self->room = ask->rows_max == 0 ? 100 : VD_SESSION_ROWS_MAX;
    if (ask->rows_max > 0 && ask->rows_max < self->room)
        self->room = (uint32_t)ask->rows_max;
    self->state = ask->state;
    if (ask->session.size == 0) {
        vd_str_copy(name, sizeof name, ask->before);
        return vd_store_sessions_before(self->store, name, each_session, self);
    }
    vd_str_copy(name, sizeof name, ask->session);
    vd_status_t status = vd_store_session(self->store, name, &session);
    if (status == VD_OK)
        each_session(self, &session);
    return status == VD_NOT_FOUND ? VD_OK : status;
}

/* Puts the rows of what was found into self->answer: fewer when it takes much reading to make
 * them. Returns how many. */
static uint32_t write_rows(vd_reading_t *self)
{
    uint32_t count = 0;
    vd_buffer_clear(&self->rows);
    vd_buffer_clear(&self->answer);
    self->facts.read_bytes = 0;
    while (count < self->found_count && self->facts.read_bytes < FACTS_BYTES_MAX)
        write_row(self, &self->found[count++]);
    vd_write_array(&self->answer, count);
    vd_write_raw(&self->answer, vd_buffer_view(&self->rows));
    assert(!self->rows.full && !self->answer.full);
    return count;
}

static void on_sessions(vd_reading_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_sessions_body_t *ask = &input->message->sessions;
    vd_status_t status = make_cursor(self);
    if (status == VD_OK)
        status = find_sessions(self, ask);
    if (status == VD_PRUNED) {
        vd_effects_reply_error(effects, input, status, "session %.*s was pruned",
                               (int)ask->session.size, (const char *)ask->session.data);
        return;
    }
    if (status != VD_OK) {
        vd_effects_reply_error(effects, input, status, "the sessions cannot be listed: %s",
                               vd_status_text(status));
        return;
    }
    uint32_t count = write_rows(self);
    vd_message_t answer = {.id = VD_MESSAGE_SESSION_ROWS, .payload = vd_buffer_view(&self->answer)};
    answer.session_rows.count = count;
    answer.session_rows.more = self->more || count < self->found_count;
    vd_effects_reply(effects, input, &answer);
}

static void on_verify(vd_reading_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_status_t status = make_cursor(self);
    if (status == VD_OK)
        vd_report_verify(self->store, self->cursor, input, effects);
    else
        vd_effects_reply_error(effects, input, status, "the store cannot be checked now: %s",
                               vd_status_text(status));
}

static bool is_text(vd_str_t text)
{
    while (text.size > 0) {
        size_t size = vd_utf8_size(text);
        if (size == 0 || size > text.size)
            return false;
        text = vd_bytes(text.data + size, text.size - size);
    }
    return true;
}

static bool is_name_or_empty(vd_str_t name)
{
    return name.size == 0 || vd_name_valid(name);
}

/* What a relay tells of its subscribers: as if they were served here. */
static void on_news(vd_reading_t *self, vd_now_t now, const vd_subscriber_news_body_t *body,
                    vd_effects_t *effects)
{
    char where[VD_NAME_BYTES_MAX + 1], name[VD_NAME_BYTES_MAX + 1], from[VD_NAME_BYTES_MAX + 1],
        to[VD_NAME_BYTES_MAX + 1], text[VD_TEXT_BYTES_MAX];
    vd_str_copy(where, sizeof where, body->publisher);
    vd_str_copy(name, sizeof name, body->name);
    vd_str_copy(from, sizeof from, body->from);
    vd_str_copy(to, sizeof to, body->to);
    vd_str_copy(text, sizeof text, body->text);
    vd_publisher_news_t news = {.kind = body->status.size > 0 ? VD_NEWS_DROPPED : VD_NEWS_MODE,
                                .name = name,
                                .where = where,
                                .streams = "",
                                .before = from,
                                .mode = to,
                                .lag = body->lag,
                                .queue = body->queue,
                                .status = vd_status_of_name(body->status),
                                .text = text};
    bool dropped =
        news.status == VD_SILENT || news.status == VD_TOO_SLOW || news.status == VD_KICKED;
    bool sound = vd_name_valid(body->publisher) && is_name_or_empty(body->name) &&
                 is_name_or_empty(body->from) && is_name_or_empty(body->to) && is_text(body->text);
    if (self->options.news != NULL && sound && (dropped || news.kind == VD_NEWS_MODE))
        self->options.news(self->options.news_arg, now, &news, effects);
}

/* ---- the step ---- */

void vd_reading_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_reading_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    if (input->kind == VD_INPUT_STOP) {
        vd_effects_exit(effects, VD_OK, "%u subscribers",
                        vd_publisher_subscribers(self->publisher));
        return;
    }
    if (vd_publisher_step(self->publisher, now, input, effects))
        return;
    if (input->kind == VD_INPUT_MESSAGE && input->port == VD_READING_PORT_STREAMS) {
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "the port for streams takes SUBSCRIBERS and STEER");
        return;
    }
    if (vd_kept_step(&self->kept, now, input, effects) || input->kind != VD_INPUT_MESSAGE)
        return;
    switch (input->message->id) {
    case VD_MESSAGE_SESSIONS:
        on_sessions(self, input, effects);
        break;
    case VD_MESSAGE_SUBSCRIBER_NEWS:
        on_news(self, now, &input->message->subscriber_news, effects);
        break;
    case VD_MESSAGE_STORE:
        vd_report_store(self->store, &self->view, input, effects);
        break;
    case VD_MESSAGE_VERIFY:
        on_verify(self, input, effects);
        break;
    default:
        vd_effects_reply_error(
            effects, input, VD_UNSUPPORTED,
            "the port for reading takes START, CREDIT, STOP, FETCH, SESSIONS, STORE, VERIFY, "
            "SAVE_POSITION, LOAD_POSITION, SAVE_SNAPSHOT and LOAD_SNAPSHOT, and GET of positions");
    }
}
