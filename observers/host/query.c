/* query.c: what the observer is asked beside its snapshot. */
#include "host_state.h"

#include <assert.h>
#include <stdio.h>

static const vd_query_row_t *find_row(const vd_observer_t *observer, vd_str_t name)
{
    const vd_query_row_t *row = observer->queries;
    while (row && row->name && !vd_str_is(name, row->name))
        row++;
    return row && row->name ? row : NULL;
}

static void write_rows(const vd_observer_t *observer, vd_buffer_t *out)
{
    uint32_t count = 0;
    const vd_query_row_t *rows = observer->queries;
    while (rows && rows[count].name)
        count++;
    vd_write_array(out, count);
    for (uint32_t at = 0; at < count; at++) {
        vd_write_map(out, 3);
        vd_write_pair_text(out, "name", rows[at].name);
        vd_write_pair_text(out, "arguments", rows[at].arguments);
        vd_write_pair_text(out, "help", rows[at].help);
    }
}

static void answer_unknown(vd_host_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    char names[VD_TEXT_BYTES_MAX / 2] = "";
    vd_str_t asked = input->message->query.name;
    size_t size = 0;
    for (const vd_query_row_t *row = self->observer->queries; row && row->name; row++) {
        int added = snprintf(names + size, sizeof names - size, "%s%s%s%s", size > 0 ? "; " : "",
                             row->name, row->arguments[0] ? " " : "", row->arguments);
        assert(added > 0);
        size = size + (size_t)added < sizeof names ? size + (size_t)added : sizeof names - 1;
    }
    vd_effects_reply_error(effects, input, VD_NOT_FOUND, "observer %s has no query '%.*s'; it %s%s",
                           self->name, (int)asked.size, (const char *)asked.data,
                           size > 0 ? "answers " : "answers none", names);
}

/* Nothing is known under the arguments: they are named, if they are short. */
static void answer_nothing(vd_host_t *self, const vd_input_t *input, const vd_query_row_t *row,
                           vd_effects_t *effects)
{
    enum { SHOWN_BYTES_MAX = 128 };
    vd_buffer_clear(&self->scratch);
    if (input->message->query.args.size > 0)
        vd_value_json(&self->scratch, input->message->query.args);
    vd_str_t asked = vd_buffer_view(&self->scratch);
    if (asked.size == 0 || asked.size > SHOWN_BYTES_MAX)
        asked = vd_str("what is asked");
    vd_effects_reply_error(effects, input, VD_NOT_FOUND,
                           "query %s of observer %s: nothing is known of %.*s", row->name,
                           self->name, (int)asked.size, (const char *)asked.data);
}

static void answer_failure(vd_host_t *self, const vd_input_t *input, const vd_query_row_t *row,
                           vd_status_t status, vd_effects_t *effects)
{
    if (status == VD_USAGE)
        vd_effects_reply_error(effects, input, status,
                               "query %s of observer %s: the arguments are: %s (%s)", row->name,
                               self->name, row->arguments[0] ? row->arguments : "none", row->help);
    else if (status == VD_NOT_FOUND)
        answer_nothing(self, input, row, effects);
    else
        vd_effects_reply_error(effects, input, status, "query %s of observer %s: %s", row->name,
                               self->name, vd_status_text(status));
}

void vd_host_answer_query(vd_host_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    assert(self && input && input->message->id == VD_MESSAGE_QUERY);
    const vd_query_body_t *query = &input->message->query;
    const vd_query_row_t *row = find_row(self->observer, query->name);
    vd_status_t status = VD_OK;
    vd_buffer_clear(&self->scratch);
    if (query->args.size > 0 && vd_scan_exact(query->args, VD_DEPTH_MAX) != VD_OK) {
        vd_effects_reply_error(effects, input, VD_MALFORMED, "the arguments are not one value");
        return;
    }
    if (vd_str_is(query->name, VD_QUERIES)) {
        write_rows(self->observer, &self->scratch);
    } else if (vd_str_is(query->name, VD_LAYOUT)) {
        vd_write_raw(&self->scratch, vd_buffer_view(&self->layout));
    } else if (!row) {
        answer_unknown(self, input, effects);
        return;
    } else {
        assert(self->observer->query);
        status = self->observer->query(self->state, self->samples, query->name, query->args,
                                       &self->scratch);
    }
    if (status == VD_OK && self->scratch.full)
        status = VD_TOO_LARGE;
    if (status != VD_OK) {
        answer_failure(self, input, row, status, effects);
        return;
    }
    vd_message_t answer = {.id = VD_MESSAGE_VALUE, .payload = vd_buffer_view(&self->scratch)};
    vd_effects_reply(effects, input, &answer);
}
