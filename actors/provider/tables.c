/* tables.c: from the names in the file to the tables that say what may stand there. */
#include "tables.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* Those that run without a table. */
static const char *const own[] = {"static", "manual"};

const vd_provider_kind_t *vd_provider_kind(const char *name)
{
    for (int i = 0; vd_provider_kinds[i] != NULL; i++)
        if (strcmp(vd_provider_kinds[i]->name, name) == 0)
            return vd_provider_kinds[i];
    return NULL;
}

static void add(vd_provider_tables_t *self, const char *name, const vd_provider_kind_t *kind,
                bool example)
{
    assert(kind != NULL && self->count < VD_PROVIDER_TABLES_MAX);
    char *path = self->paths[self->count];
    snprintf(path, VD_PROVIDER_PATH_BYTES, "providers.%s", name);
    self->tables[self->count++] = (vd_config_table_t){
        .path = path, .help = kind->summary, .rows = kind->rows, .example = example};
}

static void complain(vd_buffer_t *errors, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(vd_buffer_t *errors, const char *format, ...)
{
    char text[VD_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    vd_buffer_add(errors, text, strlen(text));
}

/* The kinds by name, for an error. */
static void list_kinds(char *out, size_t size)
{
    out[0] = 0;
    for (int i = 0; vd_provider_kinds[i] != NULL; i++) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", vd_provider_kinds[i]->name);
    }
}

static bool add_configured(vd_provider_tables_t *self, const vd_config_t *config, const char *file,
                           const char *name, vd_buffer_t *errors)
{
    char path[VD_PROVIDER_PATH_BYTES], kinds[128];
    unsigned line = 0;
    if (strlen(name) > VD_NAME_BYTES_MAX || strchr(name, '.') != NULL) {
        complain(errors, "%.200s: [providers.\"%.80s\"] is not a name for a provider\n", file,
                 name);
        return false;
    }
    snprintf(path, sizeof path, "providers.%s", name);
    const char *text = vd_config_foreign_str(config, path, "kind", &line);
    const vd_provider_kind_t *kind = vd_provider_kind(text != NULL ? text : name);
    if (kind != NULL) {
        add(self, name, kind, false);
        return true;
    }
    list_kinds(kinds, sizeof kinds);
    complain(errors, "%.200s:%u: [%s] %s%.80s%s: it is one of %s\n", file, line, path,
             text != NULL ? "kind is \"" : "needs the key \"kind\"", text != NULL ? text : "",
             text != NULL ? "\"" : "", kinds);
    return false;
}

static bool has(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool add_all(vd_provider_tables_t *self, const vd_config_t *config, const char *file,
                    const char *name, vd_buffer_t *errors)
{
    const char *names[VD_PROVIDERS_MAX];
    size_t count = 0;
    bool good = true;
    if (config != NULL)
        count = vd_config_children(config, "providers", names, VD_PROVIDERS_MAX);
    for (size_t i = 0; i < count; i++)
        if (name == NULL || strcmp(names[i], name) == 0)
            good = add_configured(self, config, file, names[i], errors) && good;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!has(names, count, own[i]) && (name == NULL || strcmp(own[i], name) == 0))
            add(self, own[i], vd_provider_kind(own[i]), false);
    return good;
}

bool vd_provider_tables_read(vd_provider_tables_t *self, const char *file, const char *name,
                             vd_buffer_t *errors)
{
    assert(self != NULL && errors != NULL);
    *self = (vd_provider_tables_t){0};
    vd_config_t *config = NULL;
    vd_buffer_t ignored; /* what is wrong with the file as a whole is told by who reads it all */
    vd_buffer_init(&ignored, 65536);
    if (file != NULL)
        vd_config_load(file, NULL, 0, &config, &ignored);
    bool good = add_all(self, config, file != NULL ? file : "", name, errors);
    vd_config_destroy(&config);
    vd_buffer_free(&ignored);
    return good;
}

void vd_provider_tables_show(vd_provider_tables_t *self)
{
    *self = (vd_provider_tables_t){0};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        add(self, own[i], vd_provider_kind(own[i]), false);
    for (int i = 0; vd_provider_kinds[i] != NULL; i++)
        if (!has(own, sizeof own / sizeof *own, vd_provider_kinds[i]->name))
            add(self, "NAME", vd_provider_kinds[i], true);
}

const vd_provider_kind_t *vd_provider_kind_of(const vd_config_t *config, const char *name)
{
    char path[VD_PROVIDER_PATH_BYTES];
    snprintf(path, sizeof path, "providers.%s", name);
    const char *text = vd_config_foreign_str(config, path, "kind", NULL);
    return vd_provider_kind(text != NULL ? text : name);
}
