/* read.h: a layout while it is read: where we are in it, and what is wrong there.
 *
 * 1. The first error is kept; nothing is read any more then, and every function returns at once.
 */
#ifndef VD_LAYOUT_READ_H
#define VD_LAYOUT_READ_H

#include "layout/layout.h"

enum { VD_LAYOUT_PLACE_SIZE = 128 };

typedef struct vd_layout_reader {
    vd_layout_t *out;
    char place[VD_LAYOUT_PLACE_SIZE]; /* "elements[2].columns[0].value" */
    size_t place_size;
    char *error;
    size_t error_size;
    bool of_item; /* `item` has a meaning here */
    bool failed;
} vd_layout_reader_t;

void vd_layout_fail(vd_layout_reader_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Goes to a key or, without one, to an element. Returns where to go back to. */
size_t vd_layout_enter(vd_layout_reader_t *self, const char *key, uint32_t at);
void vd_layout_leave(vd_layout_reader_t *self, size_t back);

/* Is it a map with no keys but these, which are separated by spaces? `thing` is its name. */
bool vd_layout_keys(vd_layout_reader_t *self, const vd_value_t *map, const char *thing,
                    const char *keys);
/* The values of keys; what is missing is empty, false, 0 or VD_LAYOUT_NONE. */
vd_str_t vd_layout_words(vd_layout_reader_t *self, const vd_value_t *map, const char *key);
bool vd_layout_flag(vd_layout_reader_t *self, const vd_value_t *map, const char *key);
uint16_t vd_layout_number(vd_layout_reader_t *self, const vd_value_t *map, const char *key,
                          uint16_t most);
int16_t vd_layout_expression(vd_layout_reader_t *self, const vd_value_t *map, const char *key,
                             bool wanted);
/* texts.c: a text of `map`: either pieces under the key `text` or an expression under `value`, which may
 * be NULL; and its title, width and tone. Returns its number. */
uint16_t vd_layout_cell(vd_layout_reader_t *self, const vd_value_t *map, const char *text,
                        const char *value);
int16_t vd_layout_parse(vd_layout_reader_t *self, vd_str_t text);

#endif
