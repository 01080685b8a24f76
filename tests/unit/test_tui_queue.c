/* test_tui_queue.c: inputs that go from many threads to one: none is lost, each in its order. */
#include "tui/link_queue.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PUTTERS = 4, PUTS = 5000, ROOM = 4096 };

typedef struct putter {
    tui_queue_t *queue;
    uint64_t number, puts;
} putter_t;

static void *put(void *arg)
{
    putter_t *self = arg;
    bool taken = true;
    while (taken && self->puts < PUTS) {
        char text[32];
        uint64_t value = self->number * PUTS + self->puts;
        snprintf(text, sizeof text, "%llu", (unsigned long long)value);
        tui_input_t input = {.kind = TUI_INPUT_LINK, .number = self->number, .seq = self->puts};
        input.text = text;
        /* Some without a value, and some that are larger than all the room. */
        input.value = vd_bytes(&value, self->puts % 3 == 0 ? 0 : sizeof value);
        uint8_t large[2 * ROOM] = {0};
        if (self->puts % 500 == 1) {
            memcpy(large, &value, sizeof value);
            input.value = vd_bytes(large, sizeof large);
        }
        taken = tui_queue_put(self->queue, &input);
        self->puts += taken;
    }
    return NULL;
}

static bool is_readable(const tui_queue_t *queue, int timeout_ms)
{
    struct pollfd item = {.fd = tui_queue_fd(queue), .events = POLLIN};
    return poll(&item, 1, timeout_ms) == 1;
}

static void expect(const tui_parcel_t *parcel, uint64_t next[PUTTERS])
{
    const tui_input_t *input = &parcel->input;
    char text[32];
    assert_true(input->number < PUTTERS);
    assert_int_equal(input->seq, next[input->number]++);
    uint64_t value = input->number * PUTS + input->seq, told;
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    assert_string_equal(input->text, text);
    if (input->value.size > 0) {
        memcpy(&told, input->value.data, sizeof told);
        assert_int_equal(told, value);
    }
}

static void start(pthread_t threads[PUTTERS], putter_t putters[PUTTERS], tui_queue_t *queue)
{
    for (size_t i = 0; i < PUTTERS; i++) {
        putters[i] = (putter_t){.queue = queue, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, put, &putters[i]), 0);
    }
}

static void test_many_put_one_takes(void **state)
{
    (void)state;
    pthread_t threads[PUTTERS];
    putter_t putters[PUTTERS];
    uint64_t next[PUTTERS] = {0};
    tui_queue_t *queue = tui_queue_new(ROOM);
    assert_non_null(queue);
    assert_false(is_readable(queue, 0));
    start(threads, putters, queue);
    for (size_t taken = 0; taken < PUTTERS * PUTS;) {
        assert_true(is_readable(queue, 60000));
        tui_parcel_t *parcel = tui_queue_take(queue);
        if (parcel == NULL)
            continue;
        expect(parcel, next);
        free(parcel);
        taken++;
    }
    for (size_t i = 0; i < PUTTERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_null(tui_queue_take(queue));
    assert_false(is_readable(queue, 0));
    tui_queue_destroy(&queue);
    assert_null(queue);
}

/* Who waits for room is let go when it is closed; what was put before can still be taken. */
static void test_closed_while_it_is_full(void **state)
{
    (void)state;
    pthread_t threads[PUTTERS];
    putter_t putters[PUTTERS];
    uint64_t next[PUTTERS] = {0}, puts = 0;
    tui_queue_t *queue = tui_queue_new(ROOM);
    assert_non_null(queue);
    start(threads, putters, queue);
    assert_true(is_readable(queue, 60000));
    tui_queue_close(queue);
    for (size_t i = 0; i < PUTTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(putters[i].puts < PUTS); /* there was no room for so many */
        puts += putters[i].puts;
    }
    assert_true(puts > 0);
    tui_parcel_t *parcel = tui_queue_take(queue);
    assert_non_null(parcel);
    expect(parcel, next);
    free(parcel);
    tui_input_t input = {.kind = TUI_INPUT_TICK};
    assert_false(tui_queue_put(queue, &input));
    tui_queue_destroy(&queue); /* with what is still in it */
    tui_queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_put_one_takes),
        cmocka_unit_test(test_closed_while_it_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
