/* table_items.c: cells of a table, and what a filter finds in them. */
#include "tui/table.h"

#include <stdarg.h>
#include <stdio.h>

void tui_item_text(tui_item_t *item, tui_tone_t tone, const char *text)
{
    tui_item_str(item, tone, vd_str(text));
}

void tui_item_str(tui_item_t *item, tui_tone_t tone, vd_str_t text)
{
    item->tone = tone;
    vd_str_copy(item->text, sizeof item->text, text);
}

void tui_item_number(tui_item_t *item, tui_tone_t tone, double number, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(item->text, sizeof item->text, format, arguments);
    va_end(arguments);
    item->tone = tone;
    item->has_number = true;
    item->number = number;
}

bool tui_filter_match(const char *filter, const char *text)
{
    bool inverted = filter[0] == '!';
    if (filter[inverted] == 0)
        return true;
    return (strcasestr(text, filter + inverted) != NULL) != inverted;
}
