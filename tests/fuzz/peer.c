/* peer.c: what the decoders in C make of cases on stdin, a line each, for peers.py: KIND and one or two inputs in
 * hexadecimal ("-": empty); answered with a line: ok or a status, and what was read. */
#include "diff/diff.h"
#include "expression/expression.h"
#include "layout/layout.h"
#include "wire/commit.h"
#include "wire/message.h"
#include "wire/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 1 << 20, RUNS_MAX = 4096 };

static int nibble(int c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* In memory of its own size, so that a sanitizer sees a read beyond its end. */
static vd_bytes_t unhex(const char *text)
{
    size_t size = text[0] == '-' ? 0 : strlen(text) / 2;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    if (bytes == NULL)
        abort();
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    return vd_bytes(bytes, size);
}

static void message(vd_bytes_t header, vd_bytes_t body)
{
    vd_message_t read;
    vd_status_t status = vd_message_decode(header, body, vd_bytes(NULL, 0), &read);
    if (status == VD_OK)
        printf("ok %s %" PRIu64 "\n", vd_message_name(read.id), read.correlation);
    else
        printf("%s\n", vd_status_name(status));
}

static void run(vd_bytes_t bytes)
{
    vd_entry_t entry;
    uint64_t count = 0;
    bool good = true;
    vd_status_t status;
    while ((status = vd_run_next(&bytes, &entry)) == VD_OK) {
        count++;
        good = good && vd_crc32c(0, entry.event) == entry.crc;
        if (!good)
            break;
    }
    if (!good)
        printf("bad_crc\n");
    else if (status == VD_NOT_FOUND)
        printf("ok %" PRIu64 "\n", count);
    else
        printf("%s\n", vd_status_name(status));
}

/* Where it cannot be told because a digest is not known, its own. */
static uint32_t chain_of(const vd_commit_t *commit)
{
    for (uint32_t i = 0; i < commit->run_count; i++)
        if (commit->runs[i].absent == VD_CORRUPT && commit->runs[i].digest == 0)
            return commit->chain;
    return vd_commit_chain(7, commit);
}

static void commits(vd_bytes_t bytes)
{
    static vd_commit_run_t runs[RUNS_MAX];
    vd_commit_t commit;
    vd_status_t status;
    char text[4096] = "";
    size_t size = 0;
    while ((status = vd_commit_next(&bytes, &commit, runs, RUNS_MAX)) == VD_OK && size < 4000)
        size += (size_t)snprintf(text + size, sizeof text - size, " %" PRIu64 ":%u:%08x",
                                 commit.index, commit.run_count, chain_of(&commit));
    if (status == VD_NOT_FOUND)
        printf("ok%s\n", text);
    else
        printf("%s\n", vd_status_name(status));
}

static void expression(vd_bytes_t text)
{
    static vd_expression_t read;
    vd_expression_error_t error;
    if (vd_expression_parse(&read, text, &error) == VD_OK)
        printf("ok\n");
    else
        printf("error %u\n", (unsigned)error.column);
}

static void layout(vd_bytes_t value)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    vd_layout_t *read = vd_layout_new(value, error, sizeof error);
    printf("%s\n", read != NULL ? "ok" : "error");
    vd_layout_destroy(&read);
}

static void difference(vd_bytes_t before, vd_bytes_t after)
{
    vd_buffer_t rows;
    vd_buffer_init(&rows, 4 << 20);
    vd_status_t status = vd_diff(before, after, &rows);
    if (status == VD_OK) {
        printf("ok ");
        for (size_t i = 0; i < rows.size; i++)
            printf("%02x", rows.data[i]);
        printf("\n");
    } else {
        printf("%s\n", vd_status_name(status));
    }
    vd_buffer_free(&rows);
}

static void answer(const char *kind, vd_bytes_t first, vd_bytes_t second)
{
    if (strcmp(kind, "message") == 0)
        message(first, second);
    else if (strcmp(kind, "value") == 0)
        printf("%s\n", vd_status_name(vd_scan_exact(first, VD_DEPTH_MAX)));
    else if (strcmp(kind, "run") == 0)
        run(first);
    else if (strcmp(kind, "commits") == 0)
        commits(first);
    else if (strcmp(kind, "expression") == 0)
        expression(first);
    else if (strcmp(kind, "layout") == 0)
        layout(first);
    else
        difference(first, second);
}

int main(void)
{
    static char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *rest = line, *kind = strsep(&rest, " \n");
        char *first = strsep(&rest, " \n"), *second = strsep(&rest, " \n");
        if (first == NULL || second == NULL)
            return 2;
        vd_bytes_t one = unhex(first), other = unhex(second);
        answer(kind, one, other);
        free((void *)one.data);
        free((void *)other.data);
    }
    return 0;
}
