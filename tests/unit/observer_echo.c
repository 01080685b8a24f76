/* observer_echo.c: an event "word_said" is echoed; one that begins with _ is not; "many" is echoed
 * ECHO_MANY times. A snapshot {word, total} leads to an echo of the word, if it is another one, and
 * to as many "echo_filled" as are missing to the total. */
#include "unit/observer_echo.h"

#include <stdio.h>
#include <stdlib.h>

bool echo_fails;
uint32_t echo_turns, echo_idle_after = UINT32_MAX;

static vd_status_t echo_init(void **state, const vd_config_t *config, char *error, size_t size)
{
    (void)config, (void)error, (void)size;
    *state = calloc(1, sizeof(echo_t));
    return VD_OK;
}

static void echo_destroy(void **state)
{
    free(*state);
    *state = NULL;
}

static void echo_reads(const void *state, const vd_samples_t *samples,
                       const vd_source_record_t *source, vd_reads_t *reads)
{
    (void)state, (void)samples, (void)source, (void)reads;
}

static bool write_echo(vd_turn_t *turn, const char *type, const vd_sample_record_t *input,
                       vd_str_t text, uint64_t number)
{
    vd_buffer_t *data = vd_turn_scratch(turn);
    vd_write_map(data, 3);
    vd_write_pair_u64(data, "of", input->n);
    vd_write_pair_str(data, "text", text);
    vd_write_pair_u64(data, "number", number);
    return vd_turn_event(turn, type, vd_buffer_view(data), NULL);
}

static void turn_event(const echo_t *echo, const vd_sample_record_t *input, vd_turn_t *turn)
{
    vd_value_t word;
    if (!vd_str_is(input->target, "word_said") || !vd_value_of(input->content, &word))
        return;
    vd_str_t text = vd_value_str(&word);
    if (vd_str_is(text, "many")) {
        for (uint64_t at = echo->many_seq == input->n ? echo->many + 1 : 1; at <= ECHO_MANY; at++)
            if (!write_echo(turn, "echo_many", input, text, at))
                return;
    } else if (text.size > 0 && text.data[0] != '_') {
        write_echo(turn, "echo", input, text, 0);
    }
}

static void turn_snapshot(const echo_t *echo, const vd_sample_record_t *input, vd_turn_t *turn)
{
    vd_value_t map;
    if (!vd_value_of(input->content, &map))
        return;
    for (uint64_t at = echo->filled + 1; at <= vd_value_get_u64(&map, "total", 0); at++)
        if (!write_echo(turn, "echo_filled", input, vd_str(""), at))
            return;
    vd_str_t word = vd_value_get_str(&map, "word");
    if (!vd_str_is(word, echo->text))
        write_echo(turn, "echo", input, word, 0);
}

static vd_status_t echo_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_sample_record_t *input = vd_samples_input(samples);
    if (!input) {
        echo_idle_after = echo_turns < echo_idle_after ? echo_turns : echo_idle_after;
        return VD_OK;
    }
    echo_turns++;
    if (echo_fails)
        return vd_turn_fail(turn, VD_FAILED, "it is to fail");
    if (vd_str_is(input->op, VD_INPUT_OP_SNAPSHOT))
        turn_snapshot(state, input, turn);
    else
        turn_event(state, input, turn);
    return VD_OK;
}

static void echo_apply(void *state, const vd_event_t *event)
{
    echo_t *echo = state;
    vd_value_t data;
    if (!vd_value_of(event->data, &data))
        return;
    echo->count++;
    if (vd_str_is(event->type, "echo")) {
        vd_str_copy(echo->text, sizeof echo->text, vd_value_get_str(&data, "text"));
    } else if (vd_str_is(event->type, "echo_many")) {
        echo->many_seq = vd_value_get_u64(&data, "of", 0);
        echo->many = vd_value_get_u64(&data, "number", 0);
    } else {
        echo->filled = vd_value_get_u64(&data, "number", 0);
    }
}

static void echo_save(const void *state, vd_buffer_t *out)
{
    const echo_t *echo = state;
    vd_write_map(out, 5);
    vd_write_pair_text(out, "text", echo->text);
    vd_write_pair_u64(out, "count", echo->count);
    vd_write_pair_u64(out, "many_seq", echo->many_seq);
    vd_write_pair_u64(out, "many", echo->many);
    vd_write_pair_u64(out, "filled", echo->filled);
}

static void echo_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    (void)samples;
    echo_save(state, out);
}

static vd_status_t echo_load(void *state, vd_bytes_t bytes)
{
    echo_t *echo = state;
    vd_value_t map;
    if (!vd_value_of(bytes, &map) || map.kind != VD_KIND_MAP)
        return VD_MALFORMED;
    vd_str_copy(echo->text, sizeof echo->text, vd_value_get_str(&map, "text"));
    echo->count = vd_value_get_u64(&map, "count", 0);
    echo->many_seq = vd_value_get_u64(&map, "many_seq", 0);
    echo->many = vd_value_get_u64(&map, "many", 0);
    echo->filled = vd_value_get_u64(&map, "filled", 0);
    return VD_OK;
}

const vd_observer_t echo_observer = {.name = "echo",
                                     .collects = true,
                                     .init = echo_init,
                                     .destroy = echo_destroy,
                                     .reads = echo_reads,
                                     .turn = echo_turn,
                                     .apply = echo_apply,
                                     .view = echo_view,
                                     .save = echo_save,
                                     .load = echo_load};
