/* manual_core.c: the list of sources that were added by hand. */
#include "manual_core.h"

#include "source.h"
#include "source_list.h"
#include "wire/run.h"

#include <assert.h>
#include <stdio.h>

void vd_manual_init(vd_manual_t *self)
{
    assert(self != NULL);
    *self = (vd_manual_t){.trouble = "the list was not read yet"};
    vd_buffer_init(&self->sources, VD_SOURCE_LIST_BYTES_MAX);
    vd_buffer_init(&self->next, VD_SOURCE_LIST_BYTES_MAX);
    vd_buffer_init(&self->text, VD_SOURCE_LIST_BYTES_MAX);
}

void vd_manual_free(vd_manual_t *self)
{
    vd_buffer_free(&self->sources);
    vd_buffer_free(&self->next);
    vd_buffer_free(&self->text);
}

/* ---- lists ---- */

static bool find(vd_bytes_t list, vd_str_t name, vd_value_t *found)
{
    vd_value_t array;
    bool read = vd_value_of(list, &array);
    assert(read && array.kind == VD_KIND_ARRAY);
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, found))
        if (vd_bytes_equal(vd_value_get_str(found, "name"), name))
            return true;
    return false;
}

static uint32_t count_of(vd_bytes_t list)
{
    vd_value_t array;
    bool read = vd_value_of(list, &array);
    assert(read && array.kind == VD_KIND_ARRAY);
    return array.count;
}

/* Writes self->next: the list with the sources of `fresh` in place of those with their names and
 * behind the others. */
static void merge(vd_manual_t *self, vd_bytes_t fresh)
{
    vd_value_t old, row, other;
    uint32_t count = count_of(vd_buffer_view(&self->sources));
    vd_value_of(fresh, &old);
    vd_bytes_t rest = old.bytes;
    while (vd_value_next(&rest, &row))
        count += !find(vd_buffer_view(&self->sources), vd_value_get_str(&row, "name"), &other);
    vd_buffer_clear(&self->next);
    vd_write_array(&self->next, count);
    rest = old.bytes;
    vd_value_of(vd_buffer_view(&self->sources), &old);
    vd_bytes_t kept = old.bytes;
    while (vd_value_next(&kept, &row))
        vd_write_raw(&self->next,
                     find(fresh, vd_value_get_str(&row, "name"), &other) ? other.raw : row.raw);
    while (vd_value_next(&rest, &row))
        if (!find(vd_buffer_view(&self->sources), vd_value_get_str(&row, "name"), &other))
            vd_write_raw(&self->next, row.raw);
}

/* Writes self->next: the list without the source `name`, which is in it. */
static void leave_out(vd_manual_t *self, vd_str_t name)
{
    vd_value_t array, row;
    vd_value_of(vd_buffer_view(&self->sources), &array);
    assert(array.count > 0);
    vd_buffer_clear(&self->next);
    vd_write_array(&self->next, array.count - 1);
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row))
        if (!vd_bytes_equal(vd_value_get_str(&row, "name"), name))
            vd_write_raw(&self->next, row.raw);
}

/* ---- requests ---- */

/* Writes self->text, and reads it back: what comes out is what will be there after a restart. */
static vd_status_t print(vd_manual_t *self, char *error, size_t error_size)
{
    vd_buffer_t back;
    vd_buffer_clear(&self->text);
    vd_source_list_print(vd_buffer_view(&self->next), &self->text);
    if (self->text.full || self->next.full) {
        snprintf(error, error_size, "the list would take over %d bytes", VD_SOURCE_LIST_BYTES_MAX);
        return VD_TOO_LARGE;
    }
    vd_buffer_init(&back, VD_SOURCE_LIST_BYTES_MAX);
    vd_status_t status = vd_source_list_parse(vd_buffer_view(&self->text), VD_MANUAL_ADAPTER, &back,
                                              error, error_size);
    if (status == VD_OK && !vd_bytes_equal(vd_buffer_view(&back), vd_buffer_view(&self->next))) {
        snprintf(error, error_size,
                 "address, labels or spec hold what JSON cannot: bytes, text that is not UTF-8, "
                 "numbers that are not finite or packed too wide");
        status = VD_MALFORMED;
    }
    vd_buffer_free(&back);
    return status;
}

static void begin_save(vd_manual_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status = print(self, error, sizeof error);
    if (status != VD_OK) {
        vd_effects_reply_error(effects, input, status, "%s", error);
        return;
    }
    self->saving = true;
    self->peer = input->peer;
    self->correlation = input->message->correlation;
    vd_effects_do(effects, VD_MANUAL_SAVE, 0, self);
}

static void reply_done(const vd_input_t *input, const char *text, vd_effects_t *effects)
{
    vd_message_t done = {.id = VD_MESSAGE_DONE, .done = {.text = vd_str(text)}};
    vd_effects_reply(effects, input, &done);
}

/* Writes the rows of a request as an array. */
static vd_status_t take_rows(vd_bytes_t rows, vd_buffer_t *out, char *error, size_t error_size)
{
    vd_source_record_t record;
    char twice[VD_NAME_BYTES_MAX + 1];
    vd_status_t status;
    vd_write_array(out, vd_rows_count(rows));
    while ((status = vd_rows_next(&rows, VD_RECORD_source, &record)) == VD_OK) {
        status = vd_source_write(&record, out, error, error_size);
        if (status != VD_OK)
            return status;
    }
    if (status != VD_NOT_FOUND) {
        snprintf(error, error_size, "a row is not a source: %s", vd_status_text(status));
        return status;
    }
    if (vd_sources_unique(vd_buffer_view(out), twice))
        return VD_OK;
    snprintf(error, error_size, "two sources are named %s", twice);
    return VD_MALFORMED;
}

static void add(vd_manual_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_buffer_t fresh;
    vd_buffer_init(&fresh, VD_SOURCE_LIST_BYTES_MAX);
    vd_status_t status = take_rows(input->message->source_add.sources, &fresh, error, sizeof error);
    if (status != VD_OK) {
        vd_effects_reply_error(effects, input, status, "%s", error);
        vd_buffer_free(&fresh);
        return;
    }
    uint32_t before = count_of(vd_buffer_view(&self->sources));
    merge(self, vd_buffer_view(&fresh));
    vd_buffer_free(&fresh);
    uint32_t count = self->next.full ? 0 : count_of(vd_buffer_view(&self->next));
    bool same = vd_bytes_equal(vd_buffer_view(&self->next), vd_buffer_view(&self->sources));
    snprintf(self->words, sizeof self->words, "%s",
             count > before ? "added"
             : same         ? "it is there already"
                            : "changed");
    if (same && !self->unsure)
        reply_done(input, self->words, effects);
    else if (count > VD_SOURCES_ADDED_MAX)
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "%u sources were added by hand, at most %d can be: remove some, or "
                               "list them in a file (providers of kind file)",
                               before, VD_SOURCES_ADDED_MAX);
    else
        begin_save(self, input, effects);
}

static void take_out(vd_manual_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_str_t name = input->message->source_remove.name;
    vd_value_t row;
    if (!find(vd_buffer_view(&self->sources), name, &row)) {
        vd_effects_reply_error(effects, input, VD_NOT_FOUND,
                               "no source %.*s was added by hand; see: vedette source ls",
                               (int)name.size, name.size > 0 ? (const char *)name.data : "");
        return;
    }
    leave_out(self, name);
    snprintf(self->words, sizeof self->words, "removed");
    begin_save(self, input, effects);
}

static void take_request(vd_manual_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    uint16_t id = input->message->id;
    if (id != VD_MESSAGE_SOURCE_ADD && id != VD_MESSAGE_SOURCE_REMOVE)
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "a provider takes SOURCE_ADD and SOURCE_REMOVE");
    else if (!self->loaded)
        vd_effects_reply_error(effects, input, VD_NOT_READY, "%s; repair or remove it",
                               self->trouble);
    else if (self->saving)
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "another change is being saved; send again");
    else if (id == VD_MESSAGE_SOURCE_ADD)
        add(self, input, effects);
    else
        take_out(self, input, effects);
}

static void take_saved(vd_manual_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    assert(self->saving && input->id == VD_MANUAL_SAVE);
    self->saving = false;
    self->unsure = input->status != VD_OK;
    vd_message_t answer = {.id = VD_MESSAGE_DONE, .correlation = self->correlation};
    answer.done.text = vd_str(self->words);
    if (input->status == VD_OK) {
        vd_buffer_t old = self->sources;
        self->sources = self->next;
        self->next = old;
    } else {
        const char *text = input->result;
        answer.id = VD_MESSAGE_ERROR;
        answer.error.status = vd_str(vd_status_name(input->status));
        answer.error.text = vd_str(text);
        vd_effects_log(effects, VD_ERROR, "the list of sources was not saved: %s", text);
    }
    vd_effects_send(effects, VD_MANUAL_CONTROL, &self->peer, &answer);
}

void vd_manual_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_manual_t *self = state;
    assert(self != NULL && self->sources.cap > 0);
    assert(!self->loaded || self->sources.size > 0);
    (void)now;
    switch (input->kind) {
    case VD_INPUT_MESSAGE:
        take_request(self, input, effects);
        break;
    case VD_INPUT_DONE:
        take_saved(self, input, effects);
        break;
    case VD_INPUT_STOP:
        vd_effects_exit(effects, VD_OK, "%s", "");
        break;
    case VD_INPUT_START:
    case VD_INPUT_TIMER:
        break;
    }
}
