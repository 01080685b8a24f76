/* auth.c: the form of a source's `auth`. */
#include "wire/auth.h"

#include <assert.h>

/* Takes `prefix` off the front of `text`. */
static bool skip(vd_str_t *text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (text->size < size || memcmp(text->data, prefix, size) != 0)
        return false;
    *text = vd_bytes(text->data + size, text->size - size);
    return true;
}

static bool is_variable(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_';
}

/* Takes `env(NAME)`, which must be all of `text`. */
static bool take_variable(vd_str_t text, vd_str_t *name)
{
    if (!skip(&text, "env(") || text.size < 2 || text.data[text.size - 1] != ')')
        return false;
    *name = vd_bytes(text.data, text.size - 1);
    for (size_t i = 0; i < name->size; i++)
        if (!is_variable(name->data[i]))
            return false;
    return name->size <= VD_AUTH_NAME_BYTES_MAX;
}

static bool take_user(vd_str_t *text, vd_str_t *user)
{
    size_t size = 0;
    while (size < text->size && text->data[size] != ':') {
        if (text->data[size] < ' ' || text->data[size] > '~')
            return false;
        size++;
    }
    *user = vd_bytes(text->data, size);
    *text = vd_bytes(text->data + size, text->size - size);
    return size > 0 && size <= VD_AUTH_USER_BYTES_MAX && skip(text, ":");
}

vd_status_t vd_auth_parse(vd_str_t text, vd_auth_t *auth)
{
    assert(text.data != NULL || text.size == 0);
    vd_auth_t parsed = {.bearer = skip(&text, "bearer ")};
    bool good = parsed.bearer || (skip(&text, "basic ") && take_user(&text, &parsed.user));
    good = good && take_variable(text, &parsed.name);
    assert(!good || parsed.name.size > 0);
    if (good && auth != NULL)
        *auth = parsed;
    return good ? VD_OK : VD_MALFORMED;
}
