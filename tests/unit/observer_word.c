/* observer_word.c: an observer of one word. */
#include "unit/observer_world.h"

#include <assert.h>
#include <stdlib.h>

static vd_status_t word_init(void **state, const vd_config_t *config, char *error, size_t size)
{
    (void)config, (void)error, (void)size;
    *state = calloc(1, sizeof(word_t));
    return VD_OK;
}

static void word_destroy(void **state)
{
    free(*state);
    *state = NULL;
}

static void word_reads(const void *state, const vd_samples_t *samples,
                       const vd_source_record_t *source, vd_reads_t *reads)
{
    (void)state, (void)samples, (void)source;
    vd_reads_add(reads, "read", "word", 0);
}

static vd_status_t word_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const word_t *word = state;
    const vd_sample_record_t *sample = vd_samples_find(samples, vd_str("one"), "read", "word");
    if (!sample || !vd_str_is(sample->status, "ok") || vd_str_is(sample->content, word->text))
        return VD_OK;
    if (vd_str_is(sample->content, "bad"))
        return vd_turn_fail(turn, VD_FAILED, "a bad word");
    if (vd_str_is(sample->content, "ask")) {
        const vd_sample_record_t *more = vd_samples_find(samples, vd_str("one"), "read", "more");
        if (!more) {
            vd_turn_read(turn, vd_str("one"), "read", "more");
            return VD_OK;
        }
        vd_buffer_t *data = vd_turn_scratch(turn);
        vd_write_str(data, more->status);
        vd_turn_event(turn, "word_changed", vd_buffer_view(data), more);
        return VD_OK;
    }
    vd_buffer_t *data = vd_turn_scratch(turn);
    vd_write_str(data, sample->content);
    vd_turn_event(turn, "word_changed", vd_buffer_view(data), sample);
    return VD_OK;
}

static void word_apply(void *state, const vd_event_t *event)
{
    word_t *word = state;
    vd_value_t value;
    if (vd_value_of(event->data, &value))
        vd_str_copy(word->text, sizeof word->text, vd_value_str(&value));
    word->applied++;
}

static void word_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const word_t *word = state;
    (void)samples;
    vd_write_map(out, 1);
    vd_write_pair_text(out, "word", word->text);
}

static const vd_query_row_t word_queries[] = {
    {"letters", "FROM", "the letters from the one at FROM on"},
    {"word", "", "the word"},
    {0},
};

static vd_status_t word_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                              vd_bytes_t args, vd_buffer_t *out)
{
    const word_t *word = state;
    vd_value_t list, from = {.kind = VD_KIND_NIL};
    (void)samples;
    if (vd_str_is(name, "word")) {
        vd_write_text(out, word->text);
        return VD_OK;
    }
    assert(vd_str_is(name, "letters")); /* others never come here */
    if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY ||
        !vd_value_next(&list.bytes, &from) || from.kind != VD_KIND_U64)
        return VD_USAGE;
    if (from.u64 > strlen(word->text))
        return VD_NOT_FOUND;
    vd_write_text(out, word->text + from.u64);
    return VD_OK;
}

size_t word_padding;
bool word_load_refuses;
uint32_t word_loads;

static void word_save(const void *state, vd_buffer_t *out)
{
    const word_t *word = state;
    vd_write_map(out, 3);
    vd_write_pair_text(out, "word", word->text);
    vd_write_pair_u64(out, "applied", word->applied);
    uint8_t *padding = calloc(1, word_padding + 1);
    vd_write_text(out, "padding");
    vd_write_bin(out, vd_bytes(padding, word_padding));
    free(padding);
}

static vd_status_t word_load(void *state, vd_bytes_t bytes)
{
    word_t *word = state;
    vd_value_t value;
    word_loads++;
    if (word_load_refuses || vd_scan_exact(bytes, VD_DEPTH_MAX) != VD_OK ||
        !vd_value_of(bytes, &value))
        return VD_MALFORMED;
    vd_str_copy(word->text, sizeof word->text, vd_value_get_str(&value, "word"));
    word->applied = (uint32_t)vd_value_get_u64(&value, "applied", 0);
    return VD_OK;
}

vd_observer_t word_observer = {.name = "word",
                               .init = word_init,
                               .destroy = word_destroy,
                               .reads = word_reads,
                               .turn = word_turn,
                               .apply = word_apply,
                               .view = word_view,
                               .layout = "{\"elements\":[{\"text\":\"the word is {word}\"}]}",
                               .queries = word_queries,
                               .query = word_query,
                               .save = word_save,
                               .load = word_load};
