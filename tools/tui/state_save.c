/* state_save.c: a state as one MessagePack array, and back. The same functions name the fields in both
 * directions. */
#include "core/hash.h"
#include "tui/state.h"
#include "tui/state_impl.h"
#include "wire/value.h"

#include <assert.h>

enum { FORM = 1, HEAD_BYTES = 5, ARRAY_LEAD = 0xdd };

static const int64_t last_second = 253402300799; /* of the year 9999 */

/* Writes into `out`; without it, reads from `in`. */
typedef struct pass {
    vd_buffer_t *out;
    vd_bytes_t in;
    uint32_t fields;
    bool bad;
} pass_t;

static vd_value_t next(pass_t *pass)
{
    vd_value_t value = {.kind = VD_KIND_NIL};
    pass->fields++;
    pass->bad = pass->bad || !vd_value_next(&pass->in, &value);
    return value;
}

static void pass_u64(pass_t *pass, uint64_t *number)
{
    if (pass->out != NULL) {
        vd_write_u64(pass->out, *number);
        pass->fields++;
        return;
    }
    vd_value_t value = next(pass);
    pass->bad = pass->bad || value.kind != VD_KIND_U64;
    *number = vd_value_u64(&value, 0);
}

static void pass_i64(pass_t *pass, int64_t *number)
{
    if (pass->out != NULL) {
        vd_write_i64(pass->out, *number);
        pass->fields++;
        return;
    }
    vd_value_t value = next(pass);
    pass->bad = pass->bad || (value.kind != VD_KIND_U64 && value.kind != VD_KIND_I64);
    *number = vd_value_i64(&value, 0);
}

/* A number from 0 to `most`. */
static uint64_t pass_small(pass_t *pass, uint64_t number, uint64_t most)
{
    pass_u64(pass, &number);
    pass->bad = pass->bad || number > most;
    return pass->bad ? 0 : number;
}

static void pass_bool(pass_t *pass, bool *truth)
{
    *truth = pass_small(pass, *truth, 1) == 1;
}

static void pass_text(pass_t *pass, char *text, size_t size)
{
    if (pass->out != NULL) {
        vd_write_text(pass->out, text);
        pass->fields++;
        return;
    }
    vd_value_t value = next(pass);
    pass->bad = pass->bad || value.kind != VD_KIND_STR || value.bytes.size >= size;
    tui_text_copy(text, size, vd_value_str(&value));
}

#define PASS_TEXT(pass, text) pass_text((pass), (text), sizeof(text))

/* ---- rows, without their names ---- */

typedef void row_fn(pass_t *pass, void *row);

static void pass_actor(pass_t *pass, void *row)
{
    tui_actor_t *actor = row;
    PASS_TEXT(pass, actor->kind);
    PASS_TEXT(pass, actor->error);
    actor->state = (tui_actor_state_t)pass_small(pass, actor->state, TUI_ACTOR_STATES - 1);
    pass_u64(pass, &actor->pid);
    pass_u64(pass, &actor->restarts);
    pass_u64(pass, &actor->deaths);
    pass_u64(pass, &actor->seq);
    pass_i64(pass, &actor->since_ms);
    pass_i64(pass, &actor->started_ms);
    pass_i64(pass, &actor->error_ms);
}

static void pass_source(pass_t *pass, void *row)
{
    tui_source_t *source = row;
    source->observer = (uint16_t)pass_small(pass, source->observer, TUI_OBSERVERS_MAX);
    pass_u64(pass, &source->sample);
    pass_u64(pass, &source->events);
    pass_u64(pass, &source->seq);
    pass_i64(pass, &source->last_ms);
    pass_i64(pass, &source->first_ms);
}

static void pass_observer(pass_t *pass, void *row)
{
    tui_observer_t *observer = row;
    PASS_TEXT(pass, observer->source);
    pass_u64(pass, &observer->turn);
    pass_u64(pass, &observer->events);
    pass_u64(pass, &observer->seq);
    pass_i64(pass, &observer->last_ms);
    pass_i64(pass, &observer->first_ms);
}

static void pass_subscriber(pass_t *pass, void *row)
{
    tui_subscriber_t *subscriber = row;
    PASS_TEXT(pass, subscriber->publisher);
    PASS_TEXT(pass, subscriber->mode);
    PASS_TEXT(pass, subscriber->before);
    PASS_TEXT(pass, subscriber->text);
    pass_bool(pass, &subscriber->dropped);
    pass_u64(pass, &subscriber->lag);
    pass_u64(pass, &subscriber->queue);
    pass_u64(pass, &subscriber->changes);
    pass_u64(pass, &subscriber->drops);
    pass_u64(pass, &subscriber->seq);
    pass_i64(pass, &subscriber->since_ms);
}

static void pass_type(pass_t *pass, void *row)
{
    tui_type_t *type = row;
    type->care = tui_state_care(vd_str(type->name));
    pass_u64(pass, &type->events);
    pass_u64(pass, &type->seq);
    pass_i64(pass, &type->last_ms);
}

static void pass_rows(pass_t *pass, tui_rows_t *rows, row_fn *fields)
{
    uint64_t count = pass_small(pass, rows->count, rows->max);
    for (uint64_t i = 0; i < count && !pass->bad; i++) {
        char name[TUI_NAME_BYTES + 1] = "";
        if (pass->out != NULL)
            memcpy(name, tui_rows_at(rows, i), sizeof name);
        PASS_TEXT(pass, name);
        if (pass->out == NULL && (pass->bad || tui_rows_find(rows, vd_str(name)) != NULL ||
                                  tui_rows_add(rows, vd_str(name)) == NULL))
            pass->bad = true;
        else
            fields(pass, tui_rows_at(rows, i));
    }
}

/* ---- the rest ---- */

static void pass_session(pass_t *pass, tui_session_t *session)
{
    PASS_TEXT(pass, session->id);
    PASS_TEXT(pass, session->name);
    PASS_TEXT(pass, session->command);
    PASS_TEXT(pass, session->status);
    PASS_TEXT(pass, session->text);
    PASS_TEXT(pass, session->continues);
    PASS_TEXT(pass, session->continued_by);
    session->state = (tui_session_state_t)pass_small(pass, session->state, TUI_SESSION_FAILED);
    pass_bool(pass, &session->owned);
    pass_i64(pass, &session->begun_ms);
    pass_i64(pass, &session->last_ms);
    pass_i64(pass, &session->clock_ms);
    pass_i64(pass, &session->ended_ms);
    pass_i64(pass, &session->exit);
    pass_i64(pass, &session->signal);
    pass_i64(pass, &session->duration_ms);
}

static void pass_totals(pass_t *pass, tui_totals_t *totals)
{
    pass_u64(pass, &totals->events);
    pass_u64(pass, &totals->seq);
    pass_u64(pass, &totals->missing);
    for (size_t i = 0; i < TUI_FAULT_KINDS; i++)
        pass_u64(pass, &totals->faults[i]);
    pass_u64(pass, &totals->actors_left_out);
    pass_u64(pass, &totals->sources_left_out);
    pass_u64(pass, &totals->observers_left_out);
    pass_u64(pass, &totals->subscribers_left_out);
    pass_u64(pass, &totals->types_left_out);
    pass_u64(pass, &totals->rows_replaced);
    pass_u64(pass, &totals->untold);
}

static void pass_faults(pass_t *pass, tui_state_t *self)
{
    pass_u64(pass, &self->fault_total);
    size_t count = tui_state_fault_count(self);
    for (uint64_t i = self->fault_total - count; i < self->fault_total && !pass->bad; i++) {
        tui_fault_t *fault = &self->faults[i % TUI_FAULTS_MAX];
        pass_u64(pass, &fault->seq);
        pass_i64(pass, &fault->at_ms);
        fault->kind = (tui_fault_kind_t)pass_small(pass, fault->kind, TUI_FAULT_KINDS - 1);
        PASS_TEXT(pass, fault->type);
        PASS_TEXT(pass, fault->name);
        PASS_TEXT(pass, fault->text);
    }
}

static void pass_rates(pass_t *pass, tui_state_t *self)
{
    pass_i64(pass, &self->rate_second);
    pass->bad = pass->bad || self->rate_second < -1 || self->rate_second > last_second;
    for (size_t i = 0; i < TUI_RATE_SECONDS; i++)
        self->rates[i] = (uint32_t)pass_small(pass, self->rates[i], UINT32_MAX);
}

static void pass_progress(pass_t *pass, tui_state_t *self)
{
    if (pass->out != NULL) {
        pass->fields++;
        if (self->has_progress)
            tui_progress_save(self->progress, pass->out);
        else
            vd_write_nil(pass->out);
        return;
    }
    vd_value_t value = next(pass);
    self->has_progress = !pass->bad && value.kind != VD_KIND_NIL;
    if (self->has_progress)
        pass->bad = tui_progress_load(self->progress, value.raw) != VD_OK;
}

static void pass_all(pass_t *pass, tui_state_t *self)
{
    pass_session(pass, &self->session);
    pass_totals(pass, &self->totals);
    pass_rows(pass, &self->actors, pass_actor);
    pass_rows(pass, &self->observers, pass_observer);
    pass_rows(pass, &self->sources, pass_source);
    pass_rows(pass, &self->subscribers, pass_subscriber);
    pass_rows(pass, &self->types, pass_type);
    pass_faults(pass, self);
    pass_rates(pass, self);
    pass_progress(pass, self);
}

/* The head of an array that says how many fields follow, in its long form: they are counted on the
 * way. */
static void write_head(uint8_t *head, uint32_t fields)
{
    head[0] = ARRAY_LEAD;
    for (size_t i = 1; i < HEAD_BYTES; i++)
        head[i] = (uint8_t)(fields >> (8 * (HEAD_BYTES - 1 - i)));
}

bool tui_state_save(const tui_state_t *self, vd_buffer_t *out)
{
    assert(self != NULL && out != NULL);
    static const uint8_t no_head[HEAD_BYTES];
    size_t begin = out->size;
    uint64_t form = FORM;
    if (!vd_buffer_add(out, no_head, sizeof no_head))
        return false;
    /* A pass that writes leaves what it goes through as it is. */
    pass_t pass = {.out = out};
    pass_u64(&pass, &form);
    pass_all(&pass, (tui_state_t *)(uintptr_t)self);
    if (out->full)
        return false;
    write_head(out->data + begin, pass.fields);
    return true;
}

vd_status_t tui_state_load(tui_state_t *self, vd_bytes_t saved)
{
    assert(self != NULL);
    tui_state_clear(self);
    vd_value_t all;
    uint64_t form = 0;
    pass_t pass = {.bad = self->has_progress || !vd_value_of(saved, &all) ||
                          all.kind != VD_KIND_ARRAY};
    if (!pass.bad) {
        pass.in = all.bytes;
        pass_u64(&pass, &form);
        pass.bad = pass.bad || form != FORM;
    }
    if (!pass.bad)
        pass_all(&pass, self);
    if (!pass.bad && pass.in.size == 0 && pass.fields == all.count)
        return VD_OK;
    tui_state_clear(self);
    return VD_MALFORMED;
}

uint64_t tui_state_hash(const tui_state_t *self)
{
    vd_buffer_t saved;
    vd_buffer_init(&saved, TUI_STATE_BYTES_MAX);
    uint64_t hash = tui_state_save(self, &saved) ? vd_hash(0, vd_buffer_view(&saved)) : 0;
    vd_buffer_free(&saved);
    return hash;
}
