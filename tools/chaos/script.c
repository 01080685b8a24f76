/* script.c: lines of a script, read and written. */
#include "chaos/script.h"

#include "vedette/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, PLAIN = 0, PREPARED = 1 };

static const chaos_row_t rows[] = {
#define CHAOS_FAULT(id, name, arguments, kinds, needs, help, more, example)                        \
    {name, arguments, kinds, help, more, example, (needs) == PREPARED},
#include "chaos/faults.def"
#undef CHAOS_FAULT
};

typedef struct words {
    char text[CHAOS_LINE_BYTES];
    const char *list[WORDS_MAX];
    size_t count, at;
} words_t;

const chaos_row_t *chaos_row(chaos_kind_t kind)
{
    assert((unsigned)kind < CHAOS_KINDS);
    return &rows[kind];
}

chaos_kind_t chaos_kind_of(const char *name)
{
    for (int i = 0; i < CHAOS_KINDS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return (chaos_kind_t)i;
    return CHAOS_KINDS;
}

const char *chaos_nearest(const char *name)
{
    const char *names[CHAOS_KINDS];
    for (int i = 0; i < CHAOS_KINDS; i++)
        names[i] = rows[i].name;
    return cli_nearest(name, names, CHAOS_KINDS);
}

/* ---- reading ---- */

static vd_status_t split(const char *text, words_t *words, char *error)
{
    words->count = words->at = 0;
    size_t size = strcspn(text, "#\r\n");
    if (size >= sizeof words->text) {
        snprintf(error, CHAOS_ERROR_BYTES, "a line has at most %d bytes", CHAOS_LINE_BYTES - 1);
        return VD_USAGE;
    }
    memcpy(words->text, text, size);
    words->text[size] = 0;
    char *rest = words->text;
    for (char *word; (word = strsep(&rest, " \t")) != NULL;) {
        if (word[0] == 0)
            continue;
        if (words->count == WORDS_MAX) {
            snprintf(error, CHAOS_ERROR_BYTES, "a line has at most %d words", WORDS_MAX);
            return VD_USAGE;
        }
        words->list[words->count++] = word;
    }
    return VD_OK;
}

/* The next word of this fault; NULL at its end. */
static const char *next_word(words_t *words)
{
    if (words->at == words->count || strcmp(words->list[words->at], "+") == 0)
        return NULL;
    return words->list[words->at++];
}

static bool read_bytes(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMG";
    char number[32];
    size_t size = strlen(text);
    const char *unit = size > 0 ? strchr(units, text[size - 1]) : NULL;
    unsigned shift = unit != NULL && *unit != 0 ? 10 * (unsigned)(unit - units + 1) : 0;
    size -= shift > 0;
    if (size == 0 || size >= sizeof number)
        return false;
    memcpy(number, text, size);
    number[size] = 0;
    if (!cli_parse_number(number, bytes) || *bytes > (UINT64_MAX >> 1) >> shift)
        return false;
    *bytes <<= shift;
    return *bytes > 0;
}

/* An argument of a fault, as faults.def has it. */
typedef struct argument {
    char kind, fallback[32];
    uint64_t max; /* of a number */
} argument_t;

/* The argument that begins at *at, which goes on to the next one. False: there are no more. */
static bool next_argument(const char **at, argument_t *out)
{
    if (**at == 0)
        return false;
    const char *text = *at + 1;
    size_t size = strcspn(text, ",/");
    *out = (argument_t){.kind = **at, .max = CHAOS_NUMBER_MAX};
    assert(size < sizeof out->fallback);
    memcpy(out->fallback, text, size);
    if (text[size] == '/')
        out->max = strtoull(text + size + 1, NULL, 10);
    size = strcspn(text, ",");
    *at = text + size + (text[size] == ',');
    return true;
}

static bool read_argument(const argument_t *argument, const char *word, chaos_step_t *step)
{
    switch (argument->kind) {
    case 'n':
        return cli_parse_number(word, &step->number) && step->number > 0 &&
               step->number <= argument->max;
    case 'b':
        return read_bytes(word, &step->number);
    case 'd':
        return cli_parse_duration(word, &step->for_ms) && step->for_ms > 0;
    default:
        assert(argument->kind == 'o');
        if ((word[0] != '+' && word[0] != '-') || !cli_parse_duration(word + 1, &step->shift_ms) ||
            step->shift_ms < CHAOS_SHIFT_MIN_MS || step->shift_ms % 1000 != 0)
            return false;
        step->shift_ms = word[0] == '-' ? -step->shift_ms : step->shift_ms;
        return true;
    }
}

static void tell_expected(const argument_t *argument, char *out, size_t size)
{
    const char *text = "a number above 0";
    if (argument->kind == 'b')
        text = "a size such as 64M";
    else if (argument->kind == 'd')
        text = "a duration such as 500ms or 2s";
    else if (argument->kind == 'o')
        text = "a jump of at least 20s, in whole seconds, such as +1h or -1h";
    if (argument->kind == 'n' && argument->max < CHAOS_NUMBER_MAX)
        snprintf(out, size, "a number from 1 to %" PRIu64, argument->max);
    else
        snprintf(out, size, "%s", text);
}

/* The arguments of a fault behind its target; what is left out is as faults.def has it. */
static vd_status_t read_arguments(words_t *words, chaos_step_t *step, char *error)
{
    const chaos_row_t *row = chaos_row(step->kind);
    argument_t argument;
    for (const char *at = row->kinds; next_argument(&at, &argument);) {
        char expected[96];
        const char *given = next_word(words), *word = given != NULL ? given : argument.fallback;
        if (read_argument(&argument, word, step))
            continue;
        tell_expected(&argument, expected, sizeof expected);
        snprintf(error, CHAOS_ERROR_BYTES, "%s %s: %.64s is not %s; usage: %s %s", row->name,
                 step->target, word, expected, row->name, row->arguments);
        return VD_USAGE;
    }
    const char *more = next_word(words);
    if (more == NULL)
        return VD_OK;
    snprintf(error, CHAOS_ERROR_BYTES, "%s %s: %.64s is too much; usage: %s %s", row->name,
             step->target, more, row->name, row->arguments);
    return VD_USAGE;
}

/* Who is no actor, but may be a target where the row says so. */
static bool takes(const chaos_row_t *row, const char *target)
{
    size_t size = strlen(target);
    const char *at = strstr(row->arguments, target);
    return at != NULL && at[-1] == '|' && strchr(" |[", at[size]) != NULL;
}

static vd_status_t check_target(const chaos_step_t *step, char *error)
{
    const chaos_row_t *row = chaos_row(step->kind);
    if (strcmp(step->target, "supervisor") != 0 || takes(row, "supervisor"))
        return VD_OK;
    size_t used =
        (size_t)snprintf(error, CHAOS_ERROR_BYTES, "%s: not the supervisor, which has", row->name);
    const char *joint = " ";
    for (size_t i = 0; i < CHAOS_KINDS && used < CHAOS_ERROR_BYTES; i++) {
        if (!takes(&rows[i], "supervisor"))
            continue;
        used +=
            (size_t)snprintf(error + used, CHAOS_ERROR_BYTES - used, "%s%s", joint, rows[i].name);
        joint = ", ";
    }
    assert(used < CHAOS_ERROR_BYTES);
    snprintf(error + used, CHAOS_ERROR_BYTES - used, "; usage: %s %s", row->name, row->arguments);
    return VD_USAGE;
}

static vd_status_t read_target(const char *word, chaos_step_t *step, char *error)
{
    const chaos_row_t *row = chaos_row(step->kind);
    const char *dot = word != NULL ? strchr(word, '.') : NULL;
    bool ports = strstr(row->arguments, "[.PORT]") != NULL;
    if (word == NULL) {
        snprintf(error, CHAOS_ERROR_BYTES, "%s: whom? usage: %s %s", row->name, row->name,
                 row->arguments);
        return VD_USAGE;
    }
    size_t size = ports && dot != NULL ? (size_t)(dot - word) : strlen(word);
    if (!vd_name_valid(vd_bytes(word, size)) ||
        (ports && dot != NULL && !vd_name_valid(vd_str(dot + 1)))) {
        snprintf(error, CHAOS_ERROR_BYTES, "%s: %.64s is no actor's name; see: vedette ps",
                 row->name, word);
        return VD_USAGE;
    }
    bool whole = vd_str_copy(step->target, sizeof step->target, vd_bytes(word, size));
    whole = vd_str_copy(step->port, sizeof step->port,
                        ports && dot != NULL ? vd_str(dot + 1) : vd_str("")) &&
            whole;
    assert(whole);
    return check_target(step, error);
}

static vd_status_t read_step(words_t *words, chaos_step_t *step, char *error)
{
    const char *name = next_word(words);
    *step = (chaos_step_t){.kind = name != NULL ? chaos_kind_of(name) : CHAOS_KINDS};
    if (name == NULL) {
        snprintf(error, CHAOS_ERROR_BYTES, "a fault stands before and behind each +");
        return VD_USAGE;
    }
    if (step->kind == CHAOS_KINDS) {
        const char *nearest = chaos_nearest(name);
        snprintf(error, CHAOS_ERROR_BYTES, "there is no fault %.64s%s%s%s", name,
                 nearest != NULL ? "; did you mean " : "; see: vedette chaos list",
                 nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        return VD_USAGE;
    }
    vd_status_t status = read_target(next_word(words), step, error);
    return status == VD_OK ? read_arguments(words, step, error) : status;
}

/* What a fault changes and puts back, as the first fault that changes it; CHAOS_KINDS: it puts nothing back. */
static chaos_kind_t changed_by(const chaos_step_t *step)
{
    switch (step->kind) {
    case CHAOS_DISK_ERROR:
    case CHAOS_DISK_SLOW:
        return CHAOS_DISK_FULL;
    case CHAOS_STOP:
    case CHAOS_MISSING_EXECUTABLE:
    case CHAOS_DISK_FULL:
    case CHAOS_CLOCK:
    case CHAOS_DESCRIPTORS:
    case CHAOS_MEMORY:
        return step->kind;
    default:
        return CHAOS_KINDS;
    }
}

static bool collide(const chaos_step_t *a, const chaos_step_t *b)
{
    bool clock = a->kind == CHAOS_CLOCK;
    return changed_by(a) != CHAOS_KINDS && changed_by(a) == changed_by(b) &&
           (strcmp(a->target, b->target) == 0 ||
            (clock && (strcmp(a->target, "all") == 0 || strcmp(b->target, "all") == 0)));
}

/* Does the last fault of the line change what another one of it does? */
static vd_status_t check_last(const chaos_line_t *line, char *error)
{
    const chaos_step_t *last = &line->steps[line->count - 1];
    for (const chaos_step_t *step = line->steps; step < last; step++) {
        if (!collide(step, last))
            continue;
        snprintf(error, CHAOS_ERROR_BYTES,
                 "%s %s and %s %s in one line: each would undo the other; put them on two lines",
                 chaos_row(step->kind)->name, step->target, chaos_row(last->kind)->name,
                 last->target);
        return VD_USAGE;
    }
    return VD_OK;
}

vd_status_t chaos_line_parse(const char *text, chaos_line_t *line, char *error)
{
    words_t words;
    assert(text != NULL && line != NULL && error != NULL);
    *line = (chaos_line_t){0};
    error[0] = 0;
    vd_status_t status = split(text, &words, error);
    if (status != VD_OK || words.count == 0)
        return status;
    if (strcmp(words.list[0], "after") == 0) {
        if (words.count < 3 || !cli_parse_duration(words.list[1], &line->after_ms)) {
            snprintf(error, CHAOS_ERROR_BYTES,
                     "after: a duration and a fault stand behind it, such as: after 2s kill host");
            return VD_USAGE;
        }
        words.at = 2;
    }
    for (;;) {
        if (line->count == CHAOS_STEPS_MAX) {
            snprintf(error, CHAOS_ERROR_BYTES, "at most %d faults begin at once", CHAOS_STEPS_MAX);
            return VD_USAGE;
        }
        status = read_step(&words, &line->steps[line->count++], error);
        status = status == VD_OK ? check_last(line, error) : status;
        if (status != VD_OK)
            return status;
        if (words.at == words.count)
            return VD_OK;
        words.at++;
    }
}

/* ---- writing ---- */

static int format_ms(int64_t ms, char *out, size_t size)
{
    return ms % 1000 == 0 ? snprintf(out, size, "%" PRId64 "s", ms / 1000)
                          : snprintf(out, size, "%" PRId64 "ms", ms);
}

int chaos_step_format(const chaos_step_t *step, char *out, size_t size)
{
    char text[CHAOS_LINE_BYTES], argument[32];
    const chaos_row_t *row = chaos_row(step->kind);
    size_t used = (size_t)snprintf(text, sizeof text, "%s %s%s%s", row->name, step->target,
                                   step->port[0] != 0 ? "." : "", step->port);
    argument_t shape;
    for (const char *at = row->kinds; next_argument(&at, &shape);) {
        if (shape.kind == 'd')
            format_ms(step->for_ms, argument, sizeof argument);
        else if (shape.kind == 'o') {
            argument[0] = step->shift_ms < 0 ? '-' : '+';
            format_ms(step->shift_ms < 0 ? -step->shift_ms : step->shift_ms, argument + 1,
                      sizeof argument - 1);
        } else
            snprintf(argument, sizeof argument, "%" PRIu64, step->number);
        used += (size_t)snprintf(text + used, sizeof text - used, " %s", argument);
    }
    assert(used < sizeof text);
    return snprintf(out, size, "%s", text);
}

void chaos_line_format(const chaos_line_t *line, char *out)
{
    size_t used = 0;
    out[0] = 0;
    if (line->after_ms > 0) {
        char after[32];
        format_ms(line->after_ms, after, sizeof after);
        used = (size_t)snprintf(out, CHAOS_LINE_BYTES, "after %s ", after);
    }
    for (size_t i = 0; i < line->count && used < CHAOS_LINE_BYTES; i++) {
        used += (size_t)snprintf(out + used, CHAOS_LINE_BYTES - used, "%s", i > 0 ? " + " : "");
        if (used < CHAOS_LINE_BYTES)
            used += (size_t)chaos_step_format(&line->steps[i], out + used, CHAOS_LINE_BYTES - used);
    }
}
