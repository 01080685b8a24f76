/* source_list.c: reading lists of sources. */
#include "source_list.h"

#include "source.h"
#include "wire/run.h"

#include <assert.h>
#include <stdio.h>

/* What one list may hold at most, so that taking it apart stays small: a source of ours has up to
 * three tables, and some values in them. */
enum { CONTAINERS_MAX = 4 * VD_SOURCES_MAX, COMMAS_MAX = 32 * VD_SOURCES_MAX };
/* A value is at most so many times as large as its JSON text ("1.5," becomes nine bytes). */
enum { GROWTH_MAX = 3 };

typedef struct vd_list_reader {
    const vd_target_form_t *form;
    vd_buffer_t labels; /* scratch: of the source at hand */
    vd_buffer_t rows;   /* records, without the head of their array */
    uint32_t count;
    size_t entry; /* from 1 */
    char *error;
    size_t error_size;
} vd_list_reader_t;

static vd_status_t refuse(vd_list_reader_t *self, const char *name, vd_status_t status,
                          const char *text)
{
    if (name[0] != 0)
        snprintf(self->error, self->error_size, "entry %zu (%.80s): %.800s", self->entry, name,
                 text);
    else
        snprintf(self->error, self->error_size, "entry %zu: %.800s", self->entry, text);
    return status;
}

/* Bounds depth and number of values without taking the text apart. */
static vd_status_t check_bounds(vd_str_t text, char *error, size_t error_size)
{
    size_t depth = 0, containers = 0, commas = 0;
    bool in_string = false;
    for (size_t at = 0; at < text.size; at++) {
        uint8_t c = text.data[at];
        if (in_string) {
            at += c == '\\';
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        commas += c == ',';
        if (c == '[' || c == '{') {
            containers++;
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (depth > VD_DEPTH_MAX) {
            snprintf(error, error_size, "nested deeper than %d levels", VD_DEPTH_MAX);
            return VD_TOO_DEEP;
        }
    }
    if (containers <= CONTAINERS_MAX && commas <= COMMAS_MAX)
        return VD_OK;
    snprintf(error, error_size, "more values than a list of %d sources needs", VD_SOURCES_MAX);
    return VD_TOO_LARGE;
}

static bool is_blank(vd_str_t text)
{
    for (size_t at = 0; at < text.size; at++)
        if (memchr(" \t\r\n", text.data[at], 4) == NULL)
            return false;
    return true;
}

static vd_status_t add(vd_list_reader_t *self, vd_source_record_t *record)
{
    char name[VD_NAME_BYTES_MAX + 1] = "", problem[VD_TEXT_BYTES_MAX] = "";
    vd_str_copy(name, sizeof name, record->name);
    if (self->count == VD_SOURCES_MAX)
        return refuse(self, name, VD_TOO_LARGE, "one source too many for a runtime");
    if (self->form->labels.size > 0) {
        vd_buffer_clear(&self->labels);
        vd_labels_join(record->labels, self->form->labels, &self->labels);
        record->labels = vd_buffer_view(&self->labels);
    }
    vd_status_t status = vd_source_write(record, &self->rows, problem, sizeof problem);
    if (status != VD_OK)
        return refuse(self, name, status, problem);
    self->count++;
    return VD_OK;
}

/* ---- our own form ---- */

/* Takes the text under a key. False when the value is none. */
static bool take_text(const vd_value_t *value, vd_str_t *to)
{
    *to = value->bytes;
    return value->kind == VD_KIND_STR;
}

static vd_status_t take_source(vd_list_reader_t *self, const vd_value_t *entry)
{
    vd_source_record_t record = {.adapter = self->form->adapter};
    vd_bytes_t rest = entry->bytes;
    vd_value_t key, value;
    char text[VD_TEXT_BYTES_MAX];
    char name[VD_NAME_BYTES_MAX + 1] = "";
    vd_str_copy(name, sizeof name, vd_value_get_str(entry, "name"));
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
        vd_str_t word = vd_value_str(&key);
        bool good = true;
        if (vd_str_is(word, "name"))
            good = take_text(&value, &record.name);
        else if (vd_str_is(word, "address"))
            good = take_text(&value, &record.address);
        else if (vd_str_is(word, "adapter"))
            good = take_text(&value, &record.adapter);
        else if (vd_str_is(word, "auth"))
            good = take_text(&value, &record.auth);
        else if (vd_str_is(word, "labels"))
            record.labels = value.raw;
        else if (vd_str_is(word, "spec"))
            record.spec = value.raw;
        else {
            snprintf(text, sizeof text,
                     "unknown key \"%.*s\"; known are name, address, adapter, auth, labels and "
                     "spec, or targets and labels",
                     (int)(word.size > 80 ? 80 : word.size), (const char *)word.data);
            return refuse(self, name, VD_MALFORMED, text);
        }
        if (!good) {
            snprintf(text, sizeof text, "\"%.*s\" must be a text", (int)word.size,
                     (const char *)word.data);
            return refuse(self, name, VD_MALFORMED, text);
        }
    }
    if (record.name.size == 0)
        return refuse(self, name, VD_MALFORMED, "it needs the key \"name\" or \"targets\"");
    return add(self, &record);
}

/* ---- groups of targets ---- */

/* Copies the labels that are meant for others. */
static void write_labels(const vd_value_t *labels, vd_buffer_t *out)
{
    vd_value_t key, value;
    uint32_t kept = 0;
    for (int round = 0; round < 2; round++) {
        vd_bytes_t rest = labels->bytes;
        if (round == 1)
            vd_write_map(out, kept);
        while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
            if (key.bytes.size >= 2 && memcmp(key.bytes.data, "__", 2) == 0)
                continue;
            kept += round == 0;
            if (round == 0)
                continue;
            vd_write_raw(out, key.raw);
            vd_write_raw(out, value.raw);
        }
    }
}

static bool has_scheme(vd_str_t target)
{
    for (size_t at = 0; at + 3 <= target.size; at++)
        if (memcmp(target.data + at, "://", 3) == 0)
            return true;
    return false;
}

static vd_status_t take_target(vd_list_reader_t *self, vd_str_t target, vd_str_t scheme,
                               vd_bytes_t labels)
{
    char name[VD_TEXT_BYTES_MAX + 1];
    char address[VD_TEXT_BYTES_MAX + 1];
    bool plain = !vd_str_is(self->form->adapter, "http") || has_scheme(target);
    bool filled = self->form->address.size > 0 && !has_scheme(target);
    if (target.size + scheme.size + 3 > VD_TEXT_BYTES_MAX || !vd_target_name(target, name) ||
        (filled && !vd_target_fill(self->form->address, target, address)))
        return refuse(self, "", VD_TOO_LARGE, "a target is too long, or holds a zero byte");
    if (!filled)
        snprintf(address, sizeof address, "%.*s%s%.*s", plain ? 0 : (int)scheme.size,
                 (const char *)scheme.data, plain ? "" : "://", (int)target.size,
                 target.size > 0 ? (const char *)target.data : "");
    vd_source_record_t record = {.name = vd_str(name),
                                 .adapter = self->form->adapter,
                                 .address = vd_str(address),
                                 .labels = labels};
    return add(self, &record);
}

static vd_status_t take_group(vd_list_reader_t *self, const vd_value_t *entry,
                              const vd_value_t *targets)
{
    vd_value_t labels = {.kind = VD_KIND_MAP}, key, value;
    vd_bytes_t rest = entry->bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
        vd_str_t word = vd_value_str(&key);
        if (vd_str_is(word, "labels"))
            labels = value;
        else if (!vd_str_is(word, "targets"))
            return refuse(self, "", VD_MALFORMED,
                          "a group of targets has the keys targets and labels and no other");
    }
    if (targets->kind != VD_KIND_ARRAY || labels.kind != VD_KIND_MAP)
        return refuse(self, "", VD_MALFORMED, "targets must be a list and labels texts by name");
    vd_str_t scheme = vd_value_get_str(&labels, "__scheme__");
    if (scheme.size == 0)
        scheme = vd_str("http");
    vd_buffer_t passed;
    vd_buffer_init(&passed, VD_SOURCE_LIST_BYTES_MAX);
    write_labels(&labels, &passed);
    vd_status_t status = VD_OK;
    rest = targets->bytes;
    while (status == VD_OK && vd_value_next(&rest, &value))
        status = value.kind == VD_KIND_STR
                     ? take_target(self, value.bytes, scheme, vd_buffer_view(&passed))
                     : refuse(self, "", VD_MALFORMED, "a target must be a text");
    vd_buffer_free(&passed);
    return status;
}

/* ---- the list ---- */

static vd_status_t take_all(vd_list_reader_t *self, vd_bytes_t list)
{
    vd_value_t array, entry, targets;
    if (!vd_value_of(list, &array) || array.kind != VD_KIND_ARRAY) {
        snprintf(self->error, self->error_size, "it must be one list: [ ... ]");
        return VD_MALFORMED;
    }
    vd_bytes_t rest = array.bytes;
    vd_status_t status = VD_OK;
    while (status == VD_OK && vd_value_next(&rest, &entry)) {
        self->entry++;
        if (entry.kind != VD_KIND_MAP)
            status = refuse(self, "", VD_MALFORMED, "it must be an object: { ... }");
        else if (vd_value_get(&entry, "targets", &targets))
            status = take_group(self, &entry, &targets);
        else
            status = take_source(self, &entry);
    }
    return status;
}

static vd_status_t finish(vd_list_reader_t *self, vd_buffer_t *out)
{
    size_t before = out->size;
    char twice[VD_NAME_BYTES_MAX + 1];
    vd_write_array(out, self->count);
    vd_write_raw(out, vd_buffer_view(&self->rows));
    if (out->full) {
        vd_buffer_cut(out, before);
        snprintf(self->error, self->error_size, "the sources are too large altogether");
        return VD_TOO_LARGE;
    }
    if (vd_sources_unique(vd_bytes(out->data + before, out->size - before), twice))
        return VD_OK;
    vd_buffer_cut(out, before);
    if (twice[0] == 0) {
        snprintf(self->error, self->error_size, "out of memory");
        return VD_NO_MEMORY;
    }
    snprintf(self->error, self->error_size, "two sources are named %s: rename one", twice);
    return VD_MALFORMED;
}

vd_status_t vd_source_list_bounds(vd_str_t text, char *error, size_t error_size)
{
    assert(error != NULL && error_size > 0);
    if (text.size > VD_SOURCE_LIST_BYTES_MAX) {
        snprintf(error, error_size, "over %d bytes", VD_SOURCE_LIST_BYTES_MAX);
        return VD_TOO_LARGE;
    }
    if (is_blank(text)) {
        snprintf(error, error_size, "it is empty; a list without sources is []");
        return VD_MALFORMED;
    }
    return check_bounds(text, error, error_size);
}

vd_status_t vd_source_list_parse(vd_str_t text, const char *adapter, vd_buffer_t *out, char *error,
                                 size_t error_size)
{
    vd_target_form_t form = {.adapter = vd_str(adapter)};
    return vd_source_list_parse_as(text, &form, out, error, error_size);
}

vd_status_t vd_source_list_parse_as(vd_str_t text, const vd_target_form_t *form, vd_buffer_t *out,
                                    char *error, size_t error_size)
{
    assert(form != NULL && out != NULL && error != NULL && error_size > 0);
    vd_status_t status = vd_source_list_bounds(text, error, error_size);
    if (status != VD_OK)
        return status;
    vd_buffer_t list;
    vd_buffer_init(&list, (size_t)GROWTH_MAX * VD_SOURCE_LIST_BYTES_MAX);
    vd_list_reader_t reader = {.form = form, .error = error, .error_size = error_size};
    vd_buffer_init(&reader.rows, VD_SOURCE_LIST_BYTES_MAX - 8);
    vd_buffer_init(&reader.labels, VD_SOURCE_LIST_BYTES_MAX);
    status = vd_json_parse(text, &list, error, error_size);
    if (status == VD_OK)
        status = take_all(&reader, vd_buffer_view(&list));
    if (status == VD_OK)
        status = finish(&reader, out);
    vd_buffer_free(&list);
    vd_buffer_free(&reader.rows);
    vd_buffer_free(&reader.labels);
    return status;
}

void vd_source_list_print(vd_bytes_t sources, vd_buffer_t *out)
{
    vd_value_t array, row;
    bool read = vd_value_of(sources, &array);
    assert(read && array.kind == VD_KIND_ARRAY);
    vd_bytes_t rest = array.bytes;
    vd_buffer_add(out, "[", 1);
    for (uint32_t i = 0; i < array.count && vd_value_next(&rest, &row); i++) {
        vd_buffer_add(out, i > 0 ? ",\n" : "\n", i > 0 ? 2 : 1);
        vd_value_json(out, row.raw);
    }
    vd_buffer_add(out, "\n]\n", 3);
}
