/* http_url.c: the parts of a URL that matter before it is asked. */
#include "http_url.h"

#include <assert.h>

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_name_byte(uint8_t byte)
{
    uint8_t low = lower(byte);
    return (low >= 'a' && low <= 'z') || is_digit(byte) || byte == '.' || byte == '-' ||
           byte == '_';
}

/* Takes `prefix`, in any case, off the front. */
static bool skip(vd_str_t *text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (text->size < size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (lower(text->data[i]) != (uint8_t)prefix[i])
            return false;
    *text = vd_bytes(text->data + size, text->size - size);
    return true;
}

static vd_str_t authority_of(vd_str_t rest)
{
    static const char ENDS[] = {'/', '?', '#'};
    size_t size = 0;
    while (size < rest.size && memchr(ENDS, rest.data[size], sizeof ENDS) == NULL)
        size++;
    return vd_bytes(rest.data, size);
}

/* Splits off a port at the end. False when what stands there is none. */
static bool take_port(vd_str_t *authority, uint16_t *port)
{
    size_t at = authority->size;
    uint32_t number = 0, scale = 1, digits = 0;
    while (at > 0 && is_digit(authority->data[at - 1]) && digits < 6) {
        number += (uint32_t)(authority->data[--at] - '0') * scale;
        scale *= 10;
        digits++;
    }
    if (at == 0 || authority->data[at - 1] != ':')
        return true; /* no port */
    if (digits == 0 || number == 0 || number > 65535)
        return false;
    *port = (uint16_t)number;
    authority->size = at - 1;
    return true;
}

/* Four numbers and dots. A name that ends in a number is no name either: it is left to the
 * resolver, which knows the old forms. */
static bool is_ipv4(vd_str_t host)
{
    int dots = 0;
    for (size_t i = 0; i < host.size; i++) {
        if (!is_digit(host.data[i]) && host.data[i] != '.')
            return false;
        dots += host.data[i] == '.';
    }
    return dots == 3;
}

static const char *take_host(vd_str_t host, vd_http_place_t *place)
{
    static const char wrong[] = "its host is no name and no address";
    place->literal = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (host.size == 0 || host.size > VD_HTTP_HOST_BYTES_MAX)
        return wrong;
    for (size_t i = 0; i < host.size; i++) {
        uint8_t byte = host.data[i];
        bool inner = place->literal && (i == 0 || i == host.size - 1 || byte == ':');
        if (!inner && !is_name_byte(byte))
            return wrong;
        place->host[i] = (char)lower(byte);
    }
    place->host[host.size] = 0;
    place->literal = place->literal || is_ipv4(host);
    return NULL;
}

const char *vd_http_place(vd_str_t url, vd_http_place_t *place)
{
    assert(place != NULL);
    place->secure = skip(&url, "https://");
    if (!place->secure && !skip(&url, "http://"))
        return "it must begin with http:// or https://";
    place->port = place->secure ? 443 : 80;
    vd_str_t authority = authority_of(url);
    if (memchr(authority.data, '@', authority.size) != NULL)
        return "it must not name a user: give the source an auth";
    if (!take_port(&authority, &place->port))
        return "its port is none";
    return take_host(authority, place);
}

static bool is_plain(vd_str_t text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

const char *vd_http_join(vd_str_t address, vd_str_t target, char *out)
{
    assert(out != NULL);
    if (!is_plain(address) || !is_plain(target))
        return "it holds bytes that must be written as %XX";
    if (memchr(address.data, '?', address.size) != NULL ||
        memchr(address.data, '#', address.size) != NULL)
        return "a query belongs into the target";
    while (address.size > 0 && address.data[address.size - 1] == '/')
        address.size--;
    bool bare = target.size > 0 && (target.data[0] == '/' || target.data[0] == '?');
    if (address.size + target.size + 1 > VD_HTTP_URL_BYTES_MAX)
        return "address and target are too long";
    memcpy(out, address.data, address.size);
    char *to = out + address.size;
    if (!bare)
        *to++ = '/';
    if (target.size > 0)
        memcpy(to, target.data, target.size);
    to[target.size] = 0;
    return NULL;
}

bool vd_http_same_origin(const vd_http_place_t *a, const vd_http_place_t *b)
{
    return a->secure == b->secure && a->port == b->port && strcmp(a->host, b->host) == 0;
}
