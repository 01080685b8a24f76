/* stream_filter.c: see stream_filter.h. */
#include "tui/stream_filter.h"

#include "vedette/text.h"
#include "wire/limits.h"

#include <stdio.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Words of letters stand in MessagePack as in JSON; numbers, and what JSON writes otherwise, do not. */
static bool is_plain(const char *text)
{
    bool letters = false;
    for (const char *c = text; *c != 0; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        letters = letters || letter;
        if (!letter && !(*c >= '0' && *c <= '9'))
            return false;
    }
    /* These may be part of what is no text: true, null, 1e9. */
    return letters && strlen(text) > 5;
}

static bool read_seq(tui_word_t *word, const char *text)
{
    char from[32] = "", to[32] = "";
    const char *dash = strchr(text, '-');
    size_t size = dash != NULL ? (size_t)(dash - text) : strlen(text);
    if (!vd_str_copy(from, sizeof from, vd_bytes(text, size)) ||
        !vd_str_copy(to, sizeof to, vd_str(dash != NULL ? dash + 1 : text)) ||
        (from[0] == 0 && to[0] == 0))
        return false;
    word->from = 0;
    word->to = UINT64_MAX;
    return (from[0] == 0 || cli_parse_number(from, &word->from)) &&
           (to[0] == 0 || cli_parse_number(to, &word->to));
}

static bool read_word(tui_word_t *word, vd_str_t text, char *error, size_t size)
{
    *word = (tui_word_t){.kind = TUI_WORD_TEXT};
    word->inverted = text.size > 1 && text.data[0] == '!';
    if (word->inverted)
        text = vd_bytes(text.data + 1, text.size - 1);
    vd_str_copy(word->text, sizeof word->text, text);
    if (strncmp(word->text, "type:", 5) == 0) {
        word->kind = TUI_WORD_TYPE;
        memmove(word->text, word->text + 5, strlen(word->text + 5) + 1);
        if (word->text[0] == 0)
            snprintf(error, size, "type: wants a glob, such as type:service_*");
        return word->text[0] != 0;
    }
    if (strncmp(word->text, "seq:", 4) == 0) {
        word->kind = TUI_WORD_SEQ;
        bool good = read_seq(word, word->text + 4);
        if (!good)
            snprintf(error, size, "%s: it is seq:A-B, seq:A-, seq:-B or seq:A", word->text);
        return good;
    }
    for (char *c = word->text; *c != 0; c++)
        *c = lower(*c);
    word->plain = is_plain(word->text);
    return true;
}

bool tui_stream_filter_read(tui_stream_filter_t *self, const char *text, char *error, size_t size)
{
    tui_stream_filter_t read = {.json = self->json};
    text += strspn(text, " ");
    /* A lone `!`, or one with a blank behind it, is for all of them. */
    if (text[0] == '!' && (text[1] == 0 || text[1] == ' ')) {
        read.inverted = text[1 + strspn(text + 1, " ")] != 0;
        text++;
    }
    while (*(text += strspn(text, " ")) != 0) {
        size_t length = strcspn(text, " ");
        if (read.count == TUI_FILTER_WORDS || length > TUI_FILTER_TEXT) {
            snprintf(error, size, "a filter has at most %d words of %d bytes", TUI_FILTER_WORDS,
                     TUI_FILTER_TEXT);
            return false;
        }
        if (!read_word(&read.words[read.count], vd_bytes(text, length), error, size))
            return false;
        read.count++;
        text += length;
    }
    *self = read;
    return true;
}

/* `text` is in lower case already. */
static bool contains(vd_str_t in, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at + size <= in.size; at++) {
        size_t same = 0;
        while (same < size && lower((char)in.data[at + same]) == text[same])
            same++;
        if (same == size)
            return true;
    }
    return false;
}

static bool holds(tui_stream_filter_t *self, const tui_word_t *word, uint64_t seq,
                  const vd_event_t *event, bool *formatted)
{
    if (word->kind == TUI_WORD_SEQ)
        return seq >= word->from && seq <= word->to;
    if (word->kind == TUI_WORD_TYPE)
        return vd_glob_match(vd_str(word->text), event->type);
    if (contains(event->type, word->text))
        return true;
    if (word->plain)
        return contains(event->data, word->text);
    if (!*formatted) {
        vd_buffer_clear(&self->json);
        self->json.full = false;
        vd_value_json(&self->json, event->data);
        *formatted = true;
    }
    return contains(vd_buffer_view(&self->json), word->text);
}

bool tui_stream_filter_match(tui_stream_filter_t *self, uint64_t seq, vd_bytes_t raw)
{
    vd_event_t event = {0};
    bool formatted = false, all = true;
    if (self->count == 0)
        return true;
    if (vd_event_read(raw, &event) != VD_OK)
        return false;
    for (int i = 0; i < self->count && all; i++)
        all = holds(self, &self->words[i], seq, &event, &formatted) != self->words[i].inverted;
    return all != self->inverted;
}
