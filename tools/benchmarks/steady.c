/* steady.c: events at a steady rate into a session that is there, each with a token that a screen shows. */
#include "benchmarks/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedette.h>

#define TYPE "bench_token"

enum { DIGITS = 8, CHECKS = 26 };

/* {"token": "T00000042c"}: half of one and half of another on a screen is no token, for the letter
 * at the end is that of its digits. */
static size_t make_data(uint8_t *data, size_t number)
{
    char token[32];
    size_t check = 0;
    int size = snprintf(token, sizeof token, "T%0*zu", DIGITS, number);
    for (int i = 1; i < size; i++)
        check += (size_t)i * (size_t)(token[i] - '0');
    token[size++] = (char)('a' + (int)(check % CHECKS));
    uint8_t *at = data;
    memcpy(at, "\x81\xa5token", 7);
    at += 7;
    *at++ = (uint8_t)(0xa0 | size);
    memcpy(at, token, (size_t)size);
    return (size_t)(at - data) + (size_t)size;
}

static void check(vd_client_t *client, vd_status_t status)
{
    if (status != VD_OK)
        vd_bench_fail("%s: %s", vd_client_status_text(status), vd_client_error(client));
}

static void wait_until(vd_producer_t *producer, double due_us)
{
    for (double rest; (rest = due_us - vd_bench_now_us()) > 0;) {
        if (rest > 1500 && vd_producer_pending(producer) > 0)
            vd_producer_wait(producer, 1);
        else
            usleep((unsigned)rest);
    }
}

static void emit_all(vd_client_t *client, vd_producer_t *producer, const char *session,
                     size_t count, double rate, double *emitted_us)
{
    double begun = vd_bench_now_us();
    for (size_t i = 0; i < count; i++) {
        uint8_t data[64];
        wait_until(producer, begun + (double)i * 1e6 / rate);
        vd_blob_t blob = {data, make_data(data, i)};
        emitted_us[i] = vd_bench_now_us();
        vd_status_t status;
        while ((status = vd_producer_emit(producer, session, TYPE, blob)) == VD_OVERLOADED)
            check(client, vd_producer_wait(producer, 10000));
        check(client, status);
        vd_producer_wait(producer, 0);
    }
    check(client, vd_producer_flush(producer, 10000));
}

/* Prints when each was emitted, in microseconds of the monotonic clock. */
int vd_bench_steady(int argc, char **argv)
{
    if (argc != 4)
        vd_bench_fail("steady wants DIR SESSION COUNT RATE");
    size_t count = vd_bench_count(argv[2]), rate = vd_bench_count(argv[3]);
    double *emitted_us = calloc(count, sizeof *emitted_us);
    vd_client_t *client = vd_client_new(argv[0]);
    vd_producer_t *producer = NULL;
    char name[64];
    snprintf(name, sizeof name, "vd-bench-%d", (int)getpid());
    check(client, vd_producer_open(&producer, client, name, NULL, NULL, 5000));
    emit_all(client, producer, argv[1], count, (double)rate, emitted_us);
    printf("{\"measurement\":\"steady\",\"count\":%zu,\"emitted_us\":[", count);
    for (size_t i = 0; i < count; i++)
        printf("%s%.0f", i ? "," : "", emitted_us[i]);
    printf("]}\n");
    free(emitted_us);
    vd_producer_destroy(&producer);
    vd_client_destroy(&client);
    return 0;
}
