/* run_lines.h: cuts a stream of bytes into lines of bounded length, and makes text of them.
 *
 * 1. A line ends with a line feed, which is not part of it, nor is a carriage return before it. Any
 *    other byte is, zeroes too.
 * 2. Of a line at most `max` bytes are kept; how many were left out is counted. It is cut between
 *    characters where it is UTF-8.
 * 3. Memory is that of one line, whatever comes.
 */
#ifndef VD_RUN_LINES_H
#define VD_RUN_LINES_H

#include "wire/buffer.h"

typedef struct run_line {
    vd_bytes_t bytes; /* until the next call */
    uint64_t cut;     /* bytes left out at its end */
    bool unended;     /* the stream ended within it */
} run_line_t;

typedef struct run_lines {
    uint8_t *data;
    size_t max, size;
    uint64_t cut;
    bool begun;    /* some byte of the line has come */
    bool returned; /* the last byte was a carriage return, which is not in data */
} run_lines_t;

/* False without memory. */
bool run_lines_init(run_lines_t *self, size_t max);
void run_lines_free(run_lines_t *self);
/* Takes bytes from the front of `rest`, up to the end of a line. True when it is there, in `line`;
 * false when all bytes were taken. */
bool run_lines_take(run_lines_t *self, vd_bytes_t *rest, run_line_t *line);
/* The stream has ended. True when that left a line without an end. */
bool run_lines_end(run_lines_t *self, run_line_t *line);

/* Appends bytes as UTF-8: every byte that belongs to no character becomes U+FFFD. Returns whether
 * there was none. */
bool run_text(vd_bytes_t bytes, vd_buffer_t *out);

#endif
