/* config.c: a configuration: the tables that a process knows, filled from a file. */
#include "kit/config.h"

#include "kit/setting.h"
#include "wire/value.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 1048576, PATH_SIZE = 256, KNOWN_MAX = 256 };

struct vd_config {
    vd_toml_t *toml; /* NULL: no file */
    char *name;
    const vd_config_table_t *tables;
    size_t table_count;
    vd_setting_t **settings; /* for each table: one for each row */
};

/* ---- finding ---- */

/* Where the table stands in the file. */
static const char *section_of(const vd_config_table_t *table)
{
    return table->section != NULL ? table->section : table->path;
}

/* The node under a dotted path; NULL when there is none. */
static const vd_toml_node_t *find_node(const vd_toml_t *toml, const char *path)
{
    const vd_toml_node_t *node = toml == NULL ? NULL : vd_toml_root(toml);
    while (node != NULL && *path != 0) {
        char part[PATH_SIZE];
        size_t size = strcspn(path, ".");
        vd_str_copy(part, sizeof part, vd_bytes(path, size));
        node = vd_toml_get(node, part);
        path += size;
        path += *path == '.';
    }
    return node;
}

static const vd_setting_t *find(const vd_config_t *self, const char *table, const char *key,
                                const vd_config_row_t **row)
{
    assert(self != NULL && table != NULL && key != NULL);
    for (size_t at = 0; at < self->table_count; at++) {
        if (strcmp(self->tables[at].path, table) != 0)
            continue;
        for (size_t i = 0; self->tables[at].rows[i].key != NULL; i++)
            if (strcmp(self->tables[at].rows[i].key, key) == 0) {
                *row = &self->tables[at].rows[i];
                return &self->settings[at][i];
            }
    }
    fprintf(stderr, "no configuration row %s.%s\n", table, key);
    assert(!"a configuration key without a row");
    return NULL;
}

static const vd_setting_t *find_typed(const vd_config_t *self, const char *table, const char *key,
                                      vd_config_type_t type)
{
    const vd_config_row_t *row;
    const vd_setting_t *setting = find(self, table, key, &row);
    assert(row->type == type);
    return setting;
}

static const vd_setting_t *find_in_row(const vd_config_t *self, const char *table, const char *key,
                                       size_t at, const char *row_key, const vd_config_row_t **row)
{
    const vd_setting_t *setting = find(self, table, key, row);
    assert((*row)->type == VD_CONFIG_ROWS && at < setting->count);
    const vd_config_row_t *keys = (*row)->rows;
    size_t width = vd_rows_length(keys);
    for (size_t i = 0; i < width; i++)
        if (strcmp(keys[i].key, row_key) == 0) {
            *row = &keys[i];
            return &setting->items[at * width + i];
        }
    fprintf(stderr, "no configuration row %s.%s[].%s\n", table, key, row_key);
    assert(!"a configuration key without a row");
    return NULL;
}

/* ---- values ---- */

const char *vd_config_str(const vd_config_t *self, const char *table, const char *key)
{
    const vd_config_row_t *row;
    const char *text = find(self, table, key, &row)->text;
    assert(row->type == VD_CONFIG_STR || row->type == VD_CONFIG_SHOWN);
    return text == NULL ? "" : text;
}

int64_t vd_config_int(const vd_config_t *self, const char *table, const char *key)
{
    return find_typed(self, table, key, VD_CONFIG_INT)->number;
}

double vd_config_float(const vd_config_t *self, const char *table, const char *key)
{
    return find_typed(self, table, key, VD_CONFIG_FLOAT)->real;
}

bool vd_config_bool(const vd_config_t *self, const char *table, const char *key)
{
    return find_typed(self, table, key, VD_CONFIG_BOOL)->number != 0;
}

int64_t vd_config_duration_ms(const vd_config_t *self, const char *table, const char *key)
{
    return find_typed(self, table, key, VD_CONFIG_DURATION)->number;
}

size_t vd_config_list_count(const vd_config_t *self, const char *table, const char *key)
{
    return find_typed(self, table, key, VD_CONFIG_LIST)->count;
}

const char *vd_config_list_at(const vd_config_t *self, const char *table, const char *key,
                              size_t at)
{
    const vd_setting_t *list = find_typed(self, table, key, VD_CONFIG_LIST);
    assert(at < list->count);
    return list->items[at].text;
}

size_t vd_config_row_count(const vd_config_t *self, const char *table, const char *key)
{
    return find_typed(self, table, key, VD_CONFIG_ROWS)->count;
}

const char *vd_config_row_str(const vd_config_t *self, const char *table, const char *key,
                              size_t at, const char *row_key)
{
    const vd_config_row_t *row;
    const vd_setting_t *setting = find_in_row(self, table, key, at, row_key, &row);
    assert(row->type == VD_CONFIG_STR);
    return setting->text == NULL ? "" : setting->text;
}

int64_t vd_config_row_int(const vd_config_t *self, const char *table, const char *key, size_t at,
                          const char *row_key)
{
    const vd_config_row_t *row;
    const vd_setting_t *setting = find_in_row(self, table, key, at, row_key, &row);
    assert(row->type == VD_CONFIG_INT || row->type == VD_CONFIG_DURATION ||
           row->type == VD_CONFIG_BOOL);
    return setting->number;
}

void vd_config_row_value(const vd_config_t *self, const char *table, const char *key, size_t at,
                         const char *row_key, vd_buffer_t *out)
{
    const vd_config_row_t *row;
    const vd_setting_t *setting = find_in_row(self, table, key, at, row_key, &row);
    assert(row->type == VD_CONFIG_TABLE);
    if (setting->packed.size == 0)
        vd_write_map(out, 0);
    else
        vd_write_raw(out, vd_buffer_view(&setting->packed));
}

size_t vd_config_children(const vd_config_t *self, const char *path, const char **names,
                          size_t room)
{
    const vd_toml_node_t *node = find_node(self->toml, path);
    size_t count = 0;
    for (size_t at = 0; node != NULL && at < vd_toml_count(node) && count < room; at++) {
        const char *key = NULL;
        const vd_toml_node_t *child = vd_toml_at(node, at, &key);
        if (key != NULL && vd_toml_kind(child) == VD_TOML_TABLE)
            names[count++] = key;
    }
    return count;
}

bool vd_config_foreign_bool(const vd_config_t *self, const char *table, const char *key,
                            bool fallback)
{
    const vd_toml_node_t *node = find_node(self->toml, table);
    if (node == NULL || vd_toml_kind(node) != VD_TOML_TABLE)
        return fallback;
    const vd_toml_node_t *entry = vd_toml_get(node, key);
    if (entry == NULL || vd_toml_kind(entry) != VD_TOML_BOOL)
        return fallback;
    return vd_toml_bool(entry);
}

const char *vd_config_foreign_str(const vd_config_t *self, const char *table, const char *key,
                                  unsigned *line)
{
    const vd_toml_node_t *node = find_node(self->toml, table);
    const vd_toml_node_t *entry = NULL;
    if (node != NULL && vd_toml_kind(node) == VD_TOML_TABLE)
        entry = vd_toml_get(node, key);
    if (line != NULL)
        *line = node == NULL ? 0 : vd_toml_line(entry != NULL ? entry : node);
    if (entry == NULL || vd_toml_kind(entry) != VD_TOML_STR)
        return NULL;
    return vd_toml_str(entry, NULL);
}

/* ---- reading ---- */

/* Collects the keys that the given tables have under `path`. */
static size_t known_keys(const vd_config_t *self, const char *path, const char **known, size_t room)
{
    size_t count = 0;
    for (size_t at = 0; at < self->table_count; at++)
        for (size_t i = 0; strcmp(section_of(&self->tables[at]), path) == 0 &&
                           self->tables[at].rows[i].key != NULL && count < room;
             i++)
            known[count++] = self->tables[at].rows[i].key;
    return count;
}

static bool is_among(const char *key, const char *const *known, size_t count)
{
    for (size_t at = 0; at < count; at++)
        if (strcmp(key, known[at]) == 0)
            return true;
    return false;
}

static void check_keys(const vd_config_t *self, const char *path, const vd_toml_node_t *node,
                       vd_complaints_t *complaints)
{
    const char *known[KNOWN_MAX];
    size_t count = known_keys(self, path, known, KNOWN_MAX);
    char where[PATH_SIZE];
    snprintf(where, sizeof where, "[%s]", path);
    for (size_t at = 0; at < vd_toml_count(node); at++) {
        const char *key = "";
        const vd_toml_node_t *entry = vd_toml_at(node, at, &key);
        /* A table below may be another process's. */
        if (vd_toml_kind(entry) != VD_TOML_TABLE && !is_among(key, known, count))
            vd_complain_unknown(complaints, vd_toml_line(entry), "key", key, where, known, count);
    }
}

static void check_table(vd_config_t *self, size_t at, vd_complaints_t *complaints)
{
    const vd_config_table_t *table = &self->tables[at];
    const char *section = section_of(table);
    bool again = false; /* a table may come in parts: what concerns it as a whole is told once */
    for (size_t before = 0; before < at && !again; before++)
        again = strcmp(section_of(&self->tables[before]), section) == 0;
    const vd_toml_node_t *node = find_node(self->toml, section);
    if (node != NULL && vd_toml_kind(node) != VD_TOML_TABLE) {
        if (!again)
            vd_complain(complaints, vd_toml_line(node), "%s must be a table: [%s]", section,
                        section);
        node = NULL;
    }
    for (size_t i = 0; table->rows[i].key != NULL; i++) {
        const vd_config_row_t *row = &table->rows[i];
        const vd_toml_node_t *entry = node == NULL ? NULL : vd_toml_get(node, row->key);
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s.%s", section, row->key);
        if (entry == NULL)
            vd_setting_default(&self->settings[at][i], row);
        else
            vd_setting_read(&self->settings[at][i], row, entry, path, false, complaints);
    }
    if (!again && node != NULL)
        check_keys(self, section, node, complaints);
}

static vd_config_t *new_config(const char *name, const vd_config_table_t *tables, size_t count)
{
    vd_config_t *self = calloc(1, sizeof *self);
    vd_config_table_t *copy = calloc(count + 1, sizeof *copy);
    vd_setting_t **settings = calloc(count + 1, sizeof *settings);
    char *name_copy = strdup(name);
    bool good = self != NULL && copy != NULL && settings != NULL && name_copy != NULL;
    for (size_t at = 0; good && at < count; at++) {
        copy[at] = tables[at];
        settings[at] = calloc(vd_rows_length(tables[at].rows) + 1, sizeof **settings);
        good = settings[at] != NULL;
    }
    if (!good) {
        for (size_t at = 0; settings != NULL && at < count; at++)
            free(settings[at]);
        free(name_copy);
        free(settings);
        free(copy);
        free(self);
        return NULL;
    }
    *self = (vd_config_t){
        .name = name_copy, .tables = copy, .table_count = count, .settings = settings};
    return self;
}

vd_status_t vd_config_parse(const char *name, vd_str_t text, const vd_config_table_t *tables,
                            size_t count, vd_config_t **self, vd_buffer_t *errors)
{
    assert(name != NULL && self != NULL && errors != NULL && (tables != NULL || count == 0));
    *self = NULL;
    vd_complaints_t complaints = {.name = name, .out = errors};
    vd_config_t *config = new_config(name, tables, count);
    if (config == NULL)
        return VD_NO_MEMORY;
    if (text.size > 0) {
        char problem[512] = "";
        unsigned line = 0;
        config->toml =
            vd_toml_parse((const char *)text.data, text.size, problem, sizeof problem, &line);
        if (config->toml == NULL)
            vd_complain(&complaints, line, "%s", problem);
    }
    bool parsed = complaints.count == 0;
    for (size_t at = 0; at < count && parsed; at++)
        check_table(config, at, &complaints);
    if (complaints.count > 0) {
        vd_config_destroy(&config);
        return VD_CONFIG;
    }
    *self = config;
    return VD_OK;
}

static vd_status_t read_file(const char *file, char **text, size_t *size, vd_buffer_t *errors)
{
    vd_complaints_t complaints = {.name = file, .out = errors};
    FILE *stream = fopen(file, "re");
    if (stream == NULL) {
        int number = errno;
        vd_complain(&complaints, 0, "cannot read the configuration: %s", strerror(number));
        return number == ENOENT ? VD_NOT_FOUND : VD_CONFIG;
    }
    vd_status_t status = VD_OK;
    *text = malloc(FILE_BYTES_MAX + 1);
    *size = *text == NULL ? 0 : fread(*text, 1, FILE_BYTES_MAX + 1, stream);
    if (*text == NULL) {
        status = VD_NO_MEMORY;
    } else if (ferror(stream)) {
        vd_complain(&complaints, 0, "cannot read the configuration: %s", strerror(errno));
        status = VD_CONFIG;
    } else if (*size > FILE_BYTES_MAX) {
        vd_complain(&complaints, 0, "the configuration is over %d bytes", FILE_BYTES_MAX);
        status = VD_CONFIG;
    }
    fclose(stream);
    if (status != VD_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

vd_status_t vd_config_load(const char *file, const vd_config_table_t *tables, size_t count,
                           vd_config_t **self, vd_buffer_t *errors)
{
    assert(self != NULL && errors != NULL);
    *self = NULL;
    if (file == NULL)
        return vd_config_parse("defaults", vd_str(NULL), tables, count, self, errors);
    char *text = NULL;
    size_t size = 0;
    vd_status_t status = read_file(file, &text, &size, errors);
    if (status != VD_OK)
        return status;
    status = vd_config_parse(file, vd_bytes(text, size), tables, count, self, errors);
    free(text);
    return status;
}

void vd_config_destroy(vd_config_t **self_p)
{
    assert(self_p != NULL);
    vd_config_t *self = *self_p;
    if (self == NULL)
        return;
    for (size_t at = 0; at < self->table_count; at++) {
        for (size_t i = 0; self->tables[at].rows[i].key != NULL; i++)
            vd_setting_free(&self->settings[at][i], &self->tables[at].rows[i]);
        free(self->settings[at]);
    }
    vd_toml_destroy(&self->toml);
    free(self->settings);
    free((void *)self->tables);
    free(self->name);
    free(self);
    *self_p = NULL;
}

/* ---- unknown tables ---- */

/* Whether a given table has this path, or one below it (`above`). */
static bool covers(const vd_config_t *self, const char *path, bool above)
{
    size_t size = strlen(path);
    for (size_t at = 0; at < self->table_count; at++) {
        const char *table = section_of(&self->tables[at]);
        if (above ? strncmp(table, path, size) == 0 && table[size] == '.'
                  : strcmp(table, path) == 0)
            return true;
    }
    return false;
}

static void complain_table(const vd_config_t *self, const vd_toml_node_t *node, const char *path,
                           vd_complaints_t *complaints)
{
    const char *known[KNOWN_MAX];
    size_t count = 0;
    for (size_t at = 0; at < self->table_count && count < KNOWN_MAX; at++)
        if (!is_among(self->tables[at].path, known, count))
            known[count++] = self->tables[at].path;
    bool table = vd_toml_kind(node) == VD_TOML_TABLE;
    vd_complain_unknown(complaints, vd_toml_line(node), table ? "table" : "key", path, "the file",
                        known, count);
}

static void walk(const vd_config_t *self, const vd_toml_node_t *node, const char *path,
                 vd_complaints_t *complaints)
{
    bool known = covers(self, path, false);
    const char *keys[KNOWN_MAX];
    size_t key_count = known_keys(self, path, keys, KNOWN_MAX);
    for (size_t at = 0; at < vd_toml_count(node); at++) {
        const char *key = "";
        const vd_toml_node_t *child = vd_toml_at(node, at, &key);
        char below[PATH_SIZE];
        snprintf(below, sizeof below, "%.120s%s%.120s", path, path[0] != 0 ? "." : "", key);
        bool table = vd_toml_kind(child) == VD_TOML_TABLE;
        if (is_among(key, keys, key_count))
            continue;
        if (table && (covers(self, below, false) || covers(self, below, true)))
            walk(self, child, below, complaints);
        else if (table || !known) /* unknown keys of known tables were told when they were read */
            complain_table(self, child, below, complaints);
    }
}

size_t vd_config_unknown_tables(const vd_config_t *self, vd_buffer_t *errors)
{
    assert(self != NULL && errors != NULL);
    vd_complaints_t complaints = {.name = self->name, .out = errors};
    if (self->toml != NULL)
        walk(self, vd_toml_root(self->toml), "", &complaints);
    return complaints.count;
}
