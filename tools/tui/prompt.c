/* prompt.c: see prompt.h. */
#include "tui/prompt.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

void tui_prompt_open(tui_prompt_t *self, const char *title, const char *text,
                     const char *const *words)
{
    vd_str_copy(self->title, sizeof self->title, vd_str(title));
    vd_str_copy(self->text, sizeof self->text, vd_str(text));
    self->words = words;
}

/* Without the last character, all bytes of it. */
static void erase(char *text)
{
    size_t size = strlen(text);
    if (size > 0)
        size--;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    text[size] = 0;
}

static void erase_word(char *text)
{
    while (text[0] != 0 && text[strlen(text) - 1] == ' ')
        erase(text);
    while (text[0] != 0 && text[strlen(text) - 1] != ' ')
        erase(text);
}

static void add(char *text, size_t size, int key)
{
    unsigned code = (unsigned)key;
    char bytes[5] = {0};
    if (code < 0x80) {
        bytes[0] = (char)code;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
    } else {
        bytes[0] = (char)(0xf0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (code & 0x3f));
    }
    if (strlen(text) + strlen(bytes) < size)
        strcat(text, bytes);
}

/* Adds what all words that begin so have in common. */
static void complete(tui_prompt_t *self)
{
    const char *found = NULL;
    size_t typed = strlen(self->text), common = 0;
    for (size_t i = 0; self->words != NULL && self->words[i] != NULL; i++) {
        const char *word = self->words[i];
        if (strncmp(word, self->text, typed) != 0)
            continue;
        if (found == NULL)
            common = strlen(word);
        size_t same = 0;
        while (found != NULL && same < common && found[same] == word[same])
            same++;
        common = found == NULL ? common : same;
        found = found == NULL ? word : found;
    }
    if (found != NULL && common < sizeof self->text) {
        memcpy(self->text, found, common);
        self->text[common] = 0;
    }
}

tui_prompt_end_t tui_prompt_key(tui_prompt_t *self, int key)
{
    if (key == TUI_KEY_ENTER)
        return TUI_PROMPT_DONE;
    if (key == TUI_KEY_ESCAPE || (key == TUI_KEY_BACKSPACE && self->text[0] == 0))
        return TUI_PROMPT_LEFT;
    if (key == TUI_KEY_BACKSPACE)
        erase(self->text);
    else if (key == TUI_CTRL('w'))
        erase_word(self->text);
    else if (key == TUI_CTRL('u'))
        self->text[0] = 0;
    else if (key == TUI_KEY_TAB)
        complete(self);
    else if (key >= ' ' && key < TUI_KEY_UP)
        add(self->text, sizeof self->text, key);
    return TUI_PROMPT_OPEN;
}

void tui_prompt_draw(const tui_prompt_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    int title = tui_columns(vd_str(self->title));
    int text = tui_columns(vd_str(self->text));
    int x = title + text + 1 > box.width ? box.width - text - 1 - title : 0;
    tui_put(canvas, box, x, y, TUI_TITLE, self->title);
    tui_put(canvas, box, x + title, y, TUI_BOLD, self->text);
    int cursor = x + title + text;
    if (cursor >= 0 && cursor < box.width)
        tui_mark(canvas, (tui_box_t){box.x + cursor, box.y, 1, box.height}, y);
}
