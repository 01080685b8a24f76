/* address.c: the rules for endpoints. */
#include "wire/address.h"
#include "wire/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

static vd_status_t check_ipc(const char *path, char *error, size_t error_size)
{
    bool absolute = path[0] == '/';
    if (absolute && strlen(path) <= VD_IPC_PATH_BYTES_MAX)
        return VD_OK;
    snprintf(error, error_size, "the socket path %.200s %s", path,
             absolute ? "is longer than 107 bytes, the system's limit: choose a shorter one, by a "
                        "shorter --dir (or VEDETTE_DIR)"
                      : "is not absolute: use ipc:///PATH");
    return VD_USAGE;
}

static bool is_loopback(vd_str_t host, bool bind)
{
    if (vd_str_is(host, "localhost") || (bind && vd_str_is(host, "lo")))
        return true;
    if (host.size < 7 || host.size > 15 || memcmp(host.data, "127.", 4) != 0)
        return false;
    /* Nothing but digits and dots: 127.evil.example is a name that resolves to anything. */
    for (size_t i = 0; i < host.size; i++)
        if ((host.data[i] < '0' || host.data[i] > '9') && host.data[i] != '.')
            return false;
    return true;
}

static bool is_port(const char *text)
{
    size_t size = strlen(text);
    if (size == 0 || size > PORT_DIGITS_MAX || strspn(text, "0123456789") != size)
        return false;
    long port = strtol(text, NULL, 10);
    return port >= 1 && port <= PORT_MAX;
}

static vd_status_t check_tcp(const char *endpoint, bool bind, char *error, size_t error_size)
{
    const char *host = endpoint + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    if (colon == NULL || colon == host || !is_port(colon + 1)) {
        snprintf(error, error_size,
                 "the endpoint %s is not of the form tcp://HOST:PORT with a port from 1 to %d",
                 endpoint, PORT_MAX);
        return VD_USAGE;
    }
    vd_str_t name = vd_bytes(host, (size_t)(colon - host));
    if (is_loopback(name, bind))
        return VD_OK;
    if (vd_str_is(name, "[::1]")) {
        snprintf(error, error_size,
                 "%s %s is refused: sockets of the runtime are of IPv4; use tcp://127.0.0.1:%s",
                 bind ? "binding" : "connecting to", endpoint, colon + 1);
        return VD_USAGE;
    }
    snprintf(error, error_size,
             "%s %s is refused: it leaves this machine and there are no keys to guard it; use "
             "tcp://127.0.0.1:PORT or ipc",
             bind ? "binding" : "connecting to", endpoint);
    return VD_DENIED;
}

vd_status_t vd_address_check(const char *endpoint, bool bind, char *error, size_t error_size)
{
    assert(endpoint != NULL && error != NULL);
    if (strncmp(endpoint, "ipc://", 6) == 0)
        return check_ipc(endpoint + 6, error, error_size);
    if (strncmp(endpoint, "tcp://", 6) == 0 && strlen(endpoint) <= VD_ENDPOINT_BYTES_MAX)
        return check_tcp(endpoint, bind, error, error_size);
    snprintf(error, error_size, "the endpoint %.200s is neither ipc:///PATH nor tcp://HOST:PORT",
             endpoint);
    return VD_USAGE;
}
