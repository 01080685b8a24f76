/* leveldb_tables.c: reading what LevelDB tells of its tables. */
#include "store/leveldb_tables.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int vd_leveldb_key_compare(const vd_key_t *a, const vd_key_t *b)
{
    int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static unsigned hex(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Reads 'KEY' @ NUMBER : TYPE with \xNN for what cannot be printed. Returns what follows the KEY;
 * NULL when it is none of ours. */
static const char *read_key(const char *text, const char *end, vd_key_t *key)
{
    key->size = 0;
    if (text == end || *text++ != '\'')
        return NULL;
    for (; text < end && key->size < VD_KEY_SIZE_MAX; text++) {
        if (*text == '\'' && end - text > 4 && memcmp(text, "' @ ", 4) == 0) {
            key->bytes[key->size] = 0;
            return text + 4;
        }
        char byte = *text;
        if (end - text > 4 && text[0] == '\\' && text[1] == 'x') {
            byte = (char)(hex(text[2]) << 4 | hex(text[3]));
            text += 3;
        }
        key->bytes[key->size++] = byte;
    }
    return NULL;
}

/* Reads NUMBER:SIZE[KEY .. KEY]. */
static bool read_span(const char *line, const char *end, vd_leveldb_span_t *span)
{
    const char *at = memchr(line, '[', (size_t)(end - line));
    at = at != NULL ? read_key(at + 1, end, &span->first) : NULL;
    while (at != NULL && end - at > 4 && memcmp(at, " .. ", 4) != 0)
        at++;
    return at != NULL && end - at > 4 && read_key(at + 4, end, &span->last) != NULL;
}

static bool add(vd_leveldb_tables_t *self, const vd_leveldb_span_t *span)
{
    if (self->count == self->room) {
        size_t room = self->room > 0 ? 2 * self->room : 64;
        vd_leveldb_span_t *spans = realloc(self->spans, room * sizeof *spans);
        if (spans == NULL)
            return false;
        self->spans = spans;
        self->room = room;
    }
    self->spans[self->count++] = *span;
    return true;
}

bool vd_leveldb_tables_list(vd_leveldb_tables_t *self, leveldb_t *db,
                            const vd_leveldb_range_t *range)
{
    static const char level_line[] = "--- level ";
    assert(vd_leveldb_key_compare(&range->from, &range->to) < 0);
    char *text = leveldb_property_value(db, "leveldb.sstables");
    vd_leveldb_span_t span = {0};
    bool room = text != NULL;
    self->count = 0;
    for (char *line = text, *end; room && *line != 0; line = *end != 0 ? end + 1 : end) {
        end = strchr(line, '\n');
        end = end != NULL ? end : line + strlen(line);
        if (strncmp(line, level_line, sizeof level_line - 1) == 0)
            span.level = (unsigned)strtoul(line + sizeof level_line - 1, NULL, 10);
        else if (read_span(line, end, &span) &&
                 vd_leveldb_key_compare(&span.first, &range->to) < 0 &&
                 vd_leveldb_key_compare(&span.last, &range->from) >= 0)
            room = add(self, &span);
    }
    leveldb_free(text);
    return room;
}

static const vd_key_t *later(const vd_key_t *a, const vd_key_t *b)
{
    return vd_leveldb_key_compare(a, b) > 0 ? a : b;
}

static const vd_key_t *earlier(const vd_key_t *a, const vd_key_t *b)
{
    return vd_leveldb_key_compare(a, b) < 0 ? a : b;
}

bool vd_leveldb_tables_shared(const vd_leveldb_tables_t *self, const vd_leveldb_range_t *range,
                              vd_key_t *key)
{
    for (size_t i = 0; i < self->count; i++) {
        const vd_leveldb_span_t *upper = &self->spans[i];
        for (size_t k = i + 1; k < self->count; k++) {
            const vd_leveldb_span_t *lower = &self->spans[k];
            assert(upper->level <= lower->level);
            if (upper->level == lower->level && upper->level > 0)
                continue;
            const vd_key_t *from = later(&range->from, later(&upper->first, &lower->first));
            const vd_key_t *to = earlier(&range->to, earlier(&upper->last, &lower->last));
            if (vd_leveldb_key_compare(from, to) >= 0 || from->size == VD_KEY_SIZE_MAX)
                continue;
            *key = *from; /* and a zero byte, which stands in no key: it is the next one */
            key->bytes[key->size++] = 0;
            key->bytes[key->size] = 0;
            return true;
        }
    }
    return false;
}

void vd_leveldb_tables_free(vd_leveldb_tables_t *self)
{
    free(self->spans);
    *self = (vd_leveldb_tables_t){0};
}
