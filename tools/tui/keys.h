/* keys.h: keys as numbers: what a terminal reads and a screen is told.
 *
 * 1. A key that writes a character is that character's code point; the others are beyond Unicode.
 */
#ifndef TUI_KEYS_H
#define TUI_KEYS_H

enum {
    TUI_KEY_TAB = '\t',
    TUI_KEY_ENTER = '\n',
    TUI_KEY_ESCAPE = 27,
    TUI_KEY_BACKSPACE = 127,
    TUI_KEY_UP = 0x110000,
    TUI_KEY_DOWN,
    TUI_KEY_LEFT,
    TUI_KEY_RIGHT,
    TUI_KEY_PAGE_UP,
    TUI_KEY_PAGE_DOWN,
    TUI_KEY_HOME,
    TUI_KEY_END,
    TUI_KEY_REDRAW, /* Ctrl-L: everything is drawn anew */
};

#define TUI_CTRL(letter) ((letter)&0x1f)

#endif
