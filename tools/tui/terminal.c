/* terminal.c: see terminal.h; ncurses is known here alone. */
#include "tui/terminal.h"
#include "tui/keys.h"

#include <assert.h>
#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>
#undef tone /* a capability of terminals, to those who wrote it */

struct tui_terminal {
    SCREEN *screen;
    tui_canvas_t *shown;
    tui_cell_t *cells; /* as they were written */
    int width, height;
    bool whole; /* everything has to be written */
    attr_t looks[TUI_TONES];
};

bool tui_terminal_usable(char *error, size_t size)
{
    const char *term = getenv("TERM");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        snprintf(error, size, "%s is no terminal; for pipes there is: vedette top -b",
                 isatty(STDIN_FILENO) ? "stdout" : "stdin");
    else if (term == NULL || *term == 0)
        snprintf(error, size,
                 "TERM is not set: the kind of the terminal is not known; set it, or "
                 "use: vedette top -b");
    else
        return true;
    return false;
}

bool tui_terminal_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void choose_looks(tui_terminal_t *self)
{
    static const short colors[TUI_TONES] = {
        [TUI_PLAIN] = -1,         [TUI_DIM] = -1,           [TUI_BOLD] = -1,
        [TUI_TITLE] = COLOR_BLUE, [TUI_GOOD] = COLOR_GREEN, [TUI_WARN] = COLOR_YELLOW,
        [TUI_BAD] = COLOR_RED,    [TUI_ACCENT] = COLOR_CYAN};
    static const attr_t attributes[TUI_TONES] = {
        [TUI_DIM] = A_DIM, [TUI_BOLD] = A_BOLD, [TUI_TITLE] = A_BOLD, [TUI_BAD] = A_BOLD};
    const char *plain = getenv("NO_COLOR");
    bool colored = (plain == NULL || *plain == 0) && has_colors() && start_color() == OK;
    if (colored)
        use_default_colors();
    for (int i = 0; i < TUI_TONES; i++) {
        self->looks[i] = attributes[i];
        if (colored && colors[i] >= 0 && init_pair((short)(i + 1), colors[i], -1) == OK)
            self->looks[i] |= (attr_t)COLOR_PAIR(i + 1);
    }
}

static void take(void)
{
    raw(); /* Ctrl-C and Ctrl-Z are keys */
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
}

tui_terminal_t *tui_terminal_open(char *error, size_t size)
{
    const char *term = getenv("TERM");
    tui_terminal_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error, size, "no memory");
        return NULL;
    }
    /* One whose cursor cannot be moved shows nothing. */
    int known = 0;
    bool moves = setupterm(NULL, STDOUT_FILENO, &known) == OK && tigetstr("cup") != NULL;
    set_escdelay(25); /* what follows Esc that late is another key */
    self->screen = moves ? newterm(NULL, stdout, stdin) : NULL;
    if (self->screen == NULL) {
        snprintf(
            error, size,
            "the terminal '%s' (TERM) %s; set TERM to one that is right, such as xterm, or use: "
            "vedette top -b",
            term != NULL ? term : "",
            known == 1 ? "has no cursor that can be moved" : "is not known here");
        free(self);
        return NULL;
    }
    choose_looks(self);
    take();
    self->whole = true;
    return self;
}

void tui_terminal_close(tui_terminal_t **self)
{
    if (*self == NULL)
        return;
    endwin();
    delscreen((*self)->screen);
    free((*self)->cells);
    free(*self);
    *self = NULL;
}

void tui_terminal_size(tui_terminal_t *self, int *width, int *height)
{
    struct winsize size;
    (void)self;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *width = size.ws_col;
        *height = size.ws_row;
        if (*width != COLS || *height != LINES)
            resizeterm(*height, *width);
    } else {
        *width = COLS;
        *height = LINES;
    }
}

static int special(wint_t key)
{
    static const struct {
        wint_t from;
        int to;
    } keys[] = {
        {KEY_UP, TUI_KEY_UP},         {KEY_DOWN, TUI_KEY_DOWN},
        {KEY_LEFT, TUI_KEY_LEFT},     {KEY_RIGHT, TUI_KEY_RIGHT},
        {KEY_PPAGE, TUI_KEY_PAGE_UP}, {KEY_NPAGE, TUI_KEY_PAGE_DOWN},
        {KEY_HOME, TUI_KEY_HOME},     {KEY_END, TUI_KEY_END},
        {KEY_ENTER, TUI_KEY_ENTER},   {KEY_BACKSPACE, TUI_KEY_BACKSPACE},
        {KEY_DC, TUI_KEY_BACKSPACE},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].from == key)
            return keys[i].to;
    return 0;
}

int tui_terminal_key(tui_terminal_t *self)
{
    wint_t key;
    (void)self;
    int kind = get_wch(&key);
    if (kind == ERR)
        return -1;
    if (kind == KEY_CODE_YES)
        return special(key);
    if (key == '\r')
        return TUI_KEY_ENTER;
    return key == '\b' ? TUI_KEY_BACKSPACE : (int)key;
}

static void write_cell(const tui_terminal_t *self, int x, int y, const tui_cell_t *cell)
{
    wchar_t wide[TUI_CELL_BYTES + 1];
    cchar_t made;
    attr_t look = self->looks[cell->tone];
    if (cell->text[0] == 0) /* the second half of a wide one */
        return;
    if (cell->marked)
        look |= A_REVERSE;
    size_t count = mbstowcs(wide, cell->text, TUI_CELL_BYTES);
    if (count == (size_t)-1 || count == 0) {
        wide[0] = L'?';
        count = 1;
    }
    if (count > CCHARW_MAX)
        count = CCHARW_MAX;
    wide[count] = 0;
    if (setcchar(&made, wide, look & A_ATTRIBUTES & ~A_COLOR, (short)PAIR_NUMBER(look), NULL) == OK)
        mvadd_wch(y, x, &made);
}

static bool same_cell(const tui_cell_t *a, const tui_cell_t *b)
{
    return a->tone == b->tone && a->marked == b->marked && strcmp(a->text, b->text) == 0;
}

static bool take_size(tui_terminal_t *self, int width, int height)
{
    if (self->cells != NULL && width == self->width && height == self->height)
        return true;
    tui_cell_t *cells = calloc((size_t)width * (size_t)height, sizeof *cells);
    if (cells == NULL)
        return false;
    free(self->cells);
    self->cells = cells;
    self->width = width;
    self->height = height;
    self->whole = true;
    return true;
}

void tui_terminal_show(tui_terminal_t *self, const tui_canvas_t *canvas)
{
    int width = tui_canvas_width(canvas), height = tui_canvas_height(canvas), changed = 0;
    if (!take_size(self, width, height))
        return;
    if (self->whole)
        erase();
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const tui_cell_t *cell = tui_canvas_at(canvas, x, y);
            tui_cell_t *shown = &self->cells[(size_t)y * (size_t)width + (size_t)x];
            if (!self->whole && same_cell(cell, shown))
                continue;
            write_cell(self, x, y, cell);
            *shown = *cell;
            changed++;
        }
    if (self->whole)
        clearok(stdscr, TRUE);
    self->whole = false;
    if (changed > 0)
        refresh();
}

void tui_terminal_redraw(tui_terminal_t *self)
{
    self->whole = true;
}

static bool write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written <= 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

bool tui_terminal_copy(tui_terminal_t *self, vd_str_t text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    vd_buffer_t out;
    (void)self;
    vd_buffer_init(&out, text.size * 2 + 64);
    vd_buffer_add(&out, "\033]52;c;", 7);
    for (size_t i = 0; i < text.size; i += 3) {
        uint32_t bits = 0;
        char four[4];
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (i + j < text.size ? text.data[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            four[j] = i + j > text.size ? '=' : digits[bits >> (18 - 6 * j) & 63];
        vd_buffer_add(&out, four, 4);
    }
    vd_buffer_add(&out, "\a", 1);
    bool written = !out.full && write_all((const char *)out.data, out.size);
    vd_buffer_free(&out);
    return written;
}

void tui_terminal_suspend(tui_terminal_t *self)
{
    endwin();
    raise(SIGSTOP);
    take();
    tui_terminal_redraw(self);
    refresh();
}
