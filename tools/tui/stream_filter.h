/* stream_filter.h: which events of a stream are shown: see stream.h, law 5. */
#ifndef TUI_STREAM_FILTER_H
#define TUI_STREAM_FILTER_H

#include "wire/run.h"

enum { TUI_FILTER_WORDS = 16, TUI_FILTER_TEXT = 96 };

typedef enum tui_word_kind { TUI_WORD_TEXT = 1, TUI_WORD_TYPE, TUI_WORD_SEQ } tui_word_kind_t;

typedef struct tui_word {
    tui_word_kind_t kind;
    bool inverted;
    bool plain; /* a text that stands in the bytes of the data as it stands in JSON */
    char text[TUI_FILTER_TEXT + 1];
    uint64_t from, to;
} tui_word_t;

typedef struct tui_stream_filter {
    tui_word_t words[TUI_FILTER_WORDS];
    int count;
    bool inverted;    /* all of it */
    vd_buffer_t json; /* of whoever has it: frees it */
} tui_stream_filter_t;

/* Reads a filter; leaves the buffer as it is. False with the text of what is wrong. */
bool tui_stream_filter_read(tui_stream_filter_t *self, const char *text, char *error, size_t size);
bool tui_stream_filter_match(tui_stream_filter_t *self, uint64_t seq, vd_bytes_t raw);

#endif
