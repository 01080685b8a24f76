/* table.c: see table.h. */
#include "tui/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { GAP = 2, PAGE_DEFAULT = 10 };

/* What a row is sorted by. */
typedef struct tui_place {
    size_t row;
    bool has_number;
    double number;
    char text[32];
} tui_place_t;

struct tui_table {
    const tui_column_t *columns;
    int column_count;
    bool hidden[TUI_TABLE_COLUMNS_MAX];
    tui_list_t rows;
    size_t *shown; /* rows in the order in which they are shown */
    size_t shown_count, shown_room;
    size_t chosen; /* place among those */
    size_t top;
    char key[TUI_TABLE_KEY_BYTES]; /* of the chosen row; empty: none yet */
    char filter[TUI_FILTER_BYTES];
    char sought[TUI_FILTER_BYTES]; /* the newest filter */
    int sort;                      /* column; below 0: none */
    bool down;
    bool choosing;
    int choice;
    int page; /* rows of the newest drawing */
};

tui_table_t *tui_table_new(const tui_column_t *columns, int count)
{
    assert(count > 0 && count <= TUI_TABLE_COLUMNS_MAX);
    tui_table_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->columns = columns;
    self->column_count = count;
    self->sort = -1;
    self->page = PAGE_DEFAULT;
    for (int i = 0; i < count; i++)
        self->hidden[i] = columns[i].optional;
    return self;
}

void tui_table_destroy(tui_table_t **self)
{
    if (*self == NULL)
        return;
    free((*self)->shown);
    free(*self);
    *self = NULL;
}

/* ---- which rows, and in which order ---- */

void tui_table_cell(const tui_table_t *self, size_t row, int column, tui_item_t *item)
{
    item->text[0] = 0;
    item->tone = TUI_PLAIN;
    item->has_number = false;
    item->number = 0;
    self->rows.cell(self->rows.context, row, column, item);
}

/* All cells of a row with a blank between them. */
static bool row_matches(const tui_table_t *self, const char *filter, size_t row)
{
    char text[TUI_TABLE_COLUMNS_MAX * 64];
    size_t size = 0;
    tui_item_t item;
    if (filter[0] == 0)
        return true;
    for (int i = 0; i < self->column_count && size < sizeof text - 1; i++) {
        tui_table_cell(self, row, i, &item);
        int added = snprintf(text + size, sizeof text - size, "%s ", item.text);
        size += added > 0 ? (size_t)added : 0;
    }
    return tui_filter_match(filter, text);
}

static int compare_places(const void *left, const void *right)
{
    const tui_place_t *a = left, *b = right;
    int order = 0;
    if (a->has_number != b->has_number)
        order = a->has_number ? -1 : 1;
    else if (a->has_number)
        order = (a->number > b->number) - (a->number < b->number);
    else
        order = strcasecmp(a->text, b->text);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static int compare_places_down(const void *left, const void *right)
{
    const tui_place_t *a = left, *b = right;
    tui_place_t x = *a, y = *b;
    x.row = y.row = 0;
    int order = compare_places(&y, &x);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static void sort_rows(tui_table_t *self)
{
    tui_item_t item;
    if (self->sort < 0 || self->shown_count < 2)
        return;
    tui_place_t *places = malloc(self->shown_count * sizeof *places);
    if (places == NULL)
        return;
    for (size_t i = 0; i < self->shown_count; i++) {
        tui_table_cell(self, self->shown[i], self->sort, &item);
        places[i] = (tui_place_t){self->shown[i], item.has_number, item.number, ""};
        vd_str_copy(places[i].text, sizeof places[i].text, vd_str(item.text));
    }
    qsort(places, self->shown_count, sizeof *places,
          self->down ? compare_places_down : compare_places);
    for (size_t i = 0; i < self->shown_count; i++)
        self->shown[i] = places[i].row;
    free(places);
}

static bool find_key(const tui_table_t *self, vd_str_t key, size_t *place)
{
    for (size_t i = 0; i < self->shown_count; i++)
        if (vd_bytes_equal(self->rows.key(self->rows.context, self->shown[i]), key)) {
            *place = i;
            return true;
        }
    return false;
}

static void choose(tui_table_t *self, size_t place)
{
    self->chosen = self->shown_count == 0      ? 0
                   : place < self->shown_count ? place
                                               : self->shown_count - 1;
    self->key[0] = 0;
    if (self->shown_count > 0)
        vd_str_copy(self->key, sizeof self->key,
                    self->rows.key(self->rows.context, self->shown[self->chosen]));
}

static void arrange(tui_table_t *self)
{
    size_t place = self->chosen;
    self->shown_count = 0;
    if (self->rows.count > self->shown_room) {
        size_t room = self->rows.count + self->rows.count / 4;
        size_t *shown = realloc(self->shown, room * sizeof *shown);
        if (shown == NULL)
            return;
        self->shown = shown;
        self->shown_room = room;
    }
    for (size_t i = 0; i < self->rows.count; i++)
        if (row_matches(self, self->filter, i))
            self->shown[self->shown_count++] = i;
    sort_rows(self);
    if (self->key[0] != 0)
        find_key(self, vd_str(self->key), &place);
    choose(self, place);
}

void tui_table_rows(tui_table_t *self, const tui_list_t *rows)
{
    assert(rows->count == 0 || (rows->key != NULL && rows->cell != NULL));
    self->rows = *rows;
    arrange(self);
}

void tui_table_filter(tui_table_t *self, const char *filter)
{
    if (filter == NULL)
        filter = "";
    if (strcmp(filter, self->filter) == 0)
        return;
    vd_str_copy(self->filter, sizeof self->filter, vd_str(filter));
    if (self->filter[0] != 0)
        memcpy(self->sought, self->filter, sizeof self->sought);
    arrange(self);
}

const char *tui_table_filtered(const tui_table_t *self)
{
    return self->filter;
}

void tui_table_sort(tui_table_t *self, int column, bool down)
{
    assert(column < self->column_count);
    self->sort = column;
    self->down = down;
    arrange(self);
}

bool tui_table_selected(const tui_table_t *self, size_t *row)
{
    if (self->shown_count == 0)
        return false;
    *row = self->shown[self->chosen];
    return true;
}

bool tui_table_select(tui_table_t *self, vd_str_t key)
{
    size_t place;
    if (!find_key(self, key, &place))
        return false;
    choose(self, place);
    return true;
}

size_t tui_table_shown(const tui_table_t *self)
{
    return self->shown_count;
}

size_t tui_table_count(const tui_table_t *self)
{
    return self->rows.count;
}

const tui_column_t *tui_table_columns(const tui_table_t *self, int *count)
{
    *count = self->column_count;
    return self->columns;
}

bool tui_table_choosing(const tui_table_t *self)
{
    return self->choosing;
}

/* ---- keys ---- */

static void move(tui_table_t *self, long by)
{
    long place = (long)self->chosen + by;
    choose(self, place < 0 ? 0 : (size_t)place);
}

/* To the next row that has what was sought, around the end. */
static void seek(tui_table_t *self, bool back)
{
    for (size_t i = 1; i <= self->shown_count; i++) {
        size_t step = back ? self->shown_count - i : i;
        size_t place = (self->chosen + step) % self->shown_count;
        if (row_matches(self, self->sought, self->shown[place])) {
            choose(self, place);
            return;
        }
    }
}

static void sort_next(tui_table_t *self)
{
    int column = self->sort;
    do
        column++;
    while (column < self->column_count && self->hidden[column]);
    tui_table_sort(self, column < self->column_count ? column : -1, false);
}

static bool key_choosing(tui_table_t *self, int key)
{
    if (key == TUI_KEY_UP || key == 'k')
        self->choice = self->choice > 0 ? self->choice - 1 : self->column_count - 1;
    else if (key == TUI_KEY_DOWN || key == 'j')
        self->choice = (self->choice + 1) % self->column_count;
    else if (key == ' ' && self->choice > 0) /* the first one says what a row is */
        self->hidden[self->choice] = !self->hidden[self->choice];
    else if (key == TUI_KEY_ENTER || key == TUI_KEY_ESCAPE || key == 'c')
        self->choosing = false;
    return true;
}

bool tui_table_key(tui_table_t *self, int key)
{
    if (self->choosing)
        return key_choosing(self, key);
    if (key == TUI_KEY_UP || key == 'k')
        move(self, -1);
    else if (key == TUI_KEY_DOWN || key == 'j')
        move(self, 1);
    else if (key == TUI_KEY_PAGE_UP)
        move(self, -self->page);
    else if (key == TUI_KEY_PAGE_DOWN)
        move(self, self->page);
    else if (key == TUI_KEY_HOME || key == 'g')
        choose(self, 0);
    else if (key == TUI_KEY_END || key == 'G')
        choose(self, self->shown_count);
    else if (key == 's')
        sort_next(self);
    else if (key == 'S')
        tui_table_sort(self, self->sort, !self->down);
    else if (key == 'c')
        self->choosing = true;
    else if (key == 'n' || key == 'N')
        seek(self, key == 'N');
    else
        return false;
    return true;
}

/* ---- drawing ---- */

static int width_of(const tui_column_t *column)
{
    int title = tui_columns(vd_str(column->title)) + 1; /* with the sign of its order */
    return column->width > title ? column->width : title;
}

/* Decides which columns are drawn and how wide: 0 is not. */
static void fit(const tui_table_t *self, int room, int widths[TUI_TABLE_COLUMNS_MAX])
{
    int total = 0, stretch = -1;
    for (int i = 0; i < self->column_count; i++) {
        widths[i] = self->hidden[i] ? 0 : width_of(&self->columns[i]);
        total += widths[i] > 0 ? widths[i] + GAP : 0;
    }
    while (total - GAP > room) {
        int least = 0;
        for (int i = 1; i < self->column_count; i++)
            if (widths[i] > 0 &&
                (least == 0 || self->columns[i].weight <= self->columns[least].weight))
                least = i;
        if (least == 0)
            break;
        total -= widths[least] + GAP;
        widths[least] = 0;
    }
    for (int i = 0; i < self->column_count; i++)
        if (widths[i] > 0 && self->columns[i].stretch)
            stretch = i;
    if (stretch < 0 && widths[0] > 0)
        stretch = total - GAP > room ? 0 : -1;
    if (stretch >= 0)
        widths[stretch] += room - (total - GAP);
    if (widths[0] > room)
        widths[0] = room;
}

static void draw_titles(const tui_table_t *self, tui_canvas_t *canvas, tui_box_t box,
                        const int *widths)
{
    int x = 0;
    for (int i = 0; i < self->column_count; i++) {
        const tui_column_t *column = &self->columns[i];
        if (widths[i] <= 0)
            continue;
        int title = tui_columns(vd_str(column->title));
        int sign = column->right ? widths[i] - title - 1 : title;
        tui_put_cell(canvas, box, x, 0, widths[i], column->right, TUI_TITLE, vd_str(column->title));
        if (self->sort == i && sign >= 0 && sign < widths[i])
            tui_put_glyph(canvas, box, x + sign, 0, TUI_TITLE, self->down ? TUI_DOWN : TUI_UP);
        x += widths[i] + GAP;
    }
}

static void draw_row(const tui_table_t *self, tui_canvas_t *canvas, tui_box_t box, int y,
                     size_t row, const int *widths)
{
    int x = 0;
    tui_item_t item;
    for (int i = 0; i < self->column_count; i++) {
        if (widths[i] <= 0)
            continue;
        tui_table_cell(self, row, i, &item);
        tui_put_cell(canvas, box, x, y, widths[i], self->columns[i].right, item.tone,
                     vd_str(item.text));
        x += widths[i] + GAP;
    }
}

static void draw_choice(const tui_table_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    enum { WIDTH = 28 };
    int width = box.width < WIDTH ? box.width : WIDTH;
    int height = box.height < self->column_count + 2 ? box.height : self->column_count + 2;
    tui_box_t inner = tui_within(box, box.width - width, 0, width, height);
    int first = self->choice >= height - 2 && height > 2 ? self->choice - (height - 3) : 0;
    for (int y = 0; y < height; y++)
        tui_put_cell(canvas, inner, 0, y, width, false, TUI_PLAIN, vd_str(""));
    tui_rule(canvas, inner, 0, "columns: Space, Esc");
    for (int i = first; i < self->column_count && i - first < height - 2; i++) {
        tui_putf(canvas, inner, 1, 1 + i - first, TUI_PLAIN, "[%c] %s", self->hidden[i] ? ' ' : 'x',
                 self->columns[i].title);
        if (i == self->choice)
            tui_mark(canvas, inner, 1 + i - first);
    }
    tui_rule(canvas, inner, height - 1, NULL);
}

void tui_table_draw(tui_table_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    int widths[TUI_TABLE_COLUMNS_MAX];
    if (box.width < 1 || box.height < 2)
        return;
    fit(self, box.width, widths);
    draw_titles(self, canvas, box, widths);
    self->page = box.height - 1;
    size_t page = (size_t)self->page;
    if (self->chosen < self->top)
        self->top = self->chosen;
    if (self->chosen >= self->top + page)
        self->top = self->chosen - page + 1;
    if (self->top + page > self->shown_count)
        self->top = self->shown_count > page ? self->shown_count - page : 0;
    for (size_t i = 0; i < page && self->top + i < self->shown_count; i++) {
        draw_row(self, canvas, box, (int)i + 1, self->shown[self->top + i], widths);
        if (self->top + i == self->chosen)
            tui_mark(canvas, box, (int)i + 1);
    }
    if (self->shown_count == 0 && self->rows.count > 0)
        tui_putf(canvas, box, 0, 1, TUI_DIM, "none of %zu is like \"%s\"; Esc shows all",
                 self->rows.count, self->filter);
    if (self->choosing)
        draw_choice(self, canvas, box);
}

/* ---- as text ---- */

static void add_padded(vd_buffer_t *out, const char *text, int width, bool right, bool last)
{
    int blanks = width - tui_columns(vd_str(text));
    for (int i = 0; right && i < blanks; i++)
        vd_buffer_add(out, " ", 1);
    vd_buffer_add(out, text, strlen(text));
    for (int i = 0; !right && !last && i < blanks; i++)
        vd_buffer_add(out, " ", 1);
    vd_buffer_add(out, last ? "\n" : "  ", last ? 1 : 2);
}

void tui_table_text(tui_table_t *self, vd_buffer_t *out)
{
    int widths[TUI_TABLE_COLUMNS_MAX], last = 0;
    tui_item_t item;
    for (int i = 0; i < self->column_count; i++) {
        widths[i] = tui_columns(vd_str(self->columns[i].title));
        last = self->hidden[i] ? last : i;
        for (size_t row = 0; row < self->shown_count && !self->hidden[i]; row++) {
            tui_table_cell(self, self->shown[row], i, &item);
            int width = tui_columns(vd_str(item.text));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (int i = 0; i < self->column_count; i++)
        if (!self->hidden[i])
            add_padded(out, self->columns[i].title, widths[i], self->columns[i].right, i == last);
    for (size_t row = 0; row < self->shown_count; row++)
        for (int i = 0; i < self->column_count; i++) {
            if (self->hidden[i])
                continue;
            tui_table_cell(self, self->shown[row], i, &item);
            add_padded(out, item.text, widths[i], self->columns[i].right, i == last);
        }
}

void tui_table_row_text(tui_table_t *self, vd_buffer_t *out)
{
    tui_item_t item;
    if (self->shown_count == 0)
        return;
    for (int i = 0; i < self->column_count; i++) {
        tui_table_cell(self, self->shown[self->chosen], i, &item);
        if (i > 0)
            vd_buffer_add(out, "\t", 1);
        vd_buffer_add(out, item.text, strlen(item.text));
    }
    vd_buffer_add(out, "\n", 1);
}
