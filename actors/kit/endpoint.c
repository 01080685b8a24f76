/* endpoint.c: socket options, and whose directory a socket may stand in. */
#include "kit/endpoint.h"
#include "wire/address.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LINGER_MS = 250,
    HEARTBEAT_MS = 500,
    HEARTBEAT_TIMEOUT_MS = 1500,
    RECONNECT_MIN_MS = 10,
    RECONNECT_MAX_MS = 500,
    CONNECT_MS =
        2000, /* else the system tries a lost SYN again after 1, 3, 7, 15 and more seconds */
    UNACKED_MS = 5000,
    KEEPALIVE_S = 2,
    KEEPALIVE_AGAIN_S = 1,
    KEEPALIVES = 3,
};

/* An end of tcp that is gone without a word is found by the system, on sockets that connect, too:
 * what is sent is acknowledged in time, and when nothing is sent it asks. */
static void guard_tcp(zsock_t *socket)
{
    zsock_set_connect_timeout(socket, CONNECT_MS);
    zsock_set_tcp_maxrt(socket, UNACKED_MS);
    zsock_set_tcp_keepalive(socket, 1);
    zsock_set_tcp_keepalive_idle(socket, KEEPALIVE_S);
    zsock_set_tcp_keepalive_intvl(socket, KEEPALIVE_AGAIN_S);
    zsock_set_tcp_keepalive_cnt(socket, KEEPALIVES);
}

zsock_t *vd_endpoint_socket(int type, const char *identity)
{
    assert(type == ZMQ_ROUTER || type == ZMQ_XPUB || type == ZMQ_DEALER || type == ZMQ_SUB);
    zsock_t *socket = zsock_new(type);
    if (socket == NULL)
        return NULL;
    zsock_set_sndhwm(socket, type == ZMQ_XPUB ? VD_PUB_HWM : VD_SOCKET_HWM);
    zsock_set_rcvhwm(socket, VD_SOCKET_HWM);
    zsock_set_sndtimeo(socket, VD_SEND_TIMEOUT_MS);
    zsock_set_linger(socket, LINGER_MS);
    zsock_set_maxmsgsize(socket, VD_FRAME_BYTES_MAX);
    /* On what is bound alone: libzmq 4.3.4 aborts a process whose connecting socket has a full
     * receive queue for longer than the timeout of its own heartbeat (_input_stopped). */
    if (type == ZMQ_ROUTER || type == ZMQ_XPUB) {
        zsock_set_heartbeat_ivl(socket, HEARTBEAT_MS);
        zsock_set_heartbeat_timeout(socket, HEARTBEAT_TIMEOUT_MS);
    }
    guard_tcp(socket);
    zsock_set_reconnect_ivl(socket, RECONNECT_MIN_MS);
    zsock_set_reconnect_ivl_max(socket, RECONNECT_MAX_MS);
    if (type == ZMQ_ROUTER) {
        zsock_set_router_mandatory(socket, 1);
        zsock_set_router_handover(socket, 1);
    }
    if (identity != NULL) {
        assert(strlen(identity) <= VD_PEER_BYTES_MAX);
        zsock_set_identity(socket, identity);
    }
    return socket;
}

/* The path of an ipc endpoint, NULL of any other. */
static const char *ipc_path(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

/* Who binds keeps others out by the mode of the directory. */
static vd_status_t check_directory(const char *path, char *error, size_t error_size)
{
    char directory[VD_IPC_PATH_BYTES_MAX + 1];
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(directory, path, length);
    directory[length] = 0;
    struct stat info;
    if (stat(directory, &info) != 0) {
        int number = errno;
        snprintf(error, error_size, "cannot use the socket directory %s: %s", directory,
                 strerror(number));
        return vd_status_of_errno(number);
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
        snprintf(
            error, error_size,
            "the socket directory %s must be a directory of your own with mode 0700: chmod 700 "
            "it, or choose another --dir",
            directory);
        return VD_DENIED;
    }
    return VD_OK;
}

vd_status_t vd_endpoint_check(const char *endpoint, bool bind, char *error, size_t error_size)
{
    vd_status_t status = vd_address_check(endpoint, bind, error, error_size);
    const char *path = ipc_path(endpoint);
    return status == VD_OK && bind && path != NULL ? check_directory(path, error, error_size)
                                                   : status;
}

/* Does a process listen at this socket file? What a process that died has left behind refuses. */
static bool is_listening(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    /* EAGAIN: it listens, and many wait there. */
    bool listening =
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    return listening;
}

vd_status_t vd_endpoint_bind(zsock_t *socket, const char *endpoint, char *error, size_t error_size)
{
    assert(socket != NULL);
    vd_status_t status = vd_endpoint_check(endpoint, true, error, error_size);
    if (status != VD_OK)
        return status;
    const char *path = ipc_path(endpoint);
    struct stat info;
    if (path != NULL && lstat(path, &info) == 0) {
        if (!S_ISSOCK(info.st_mode)) {
            snprintf(error, error_size, "%s exists and is not a socket: remove it", path);
            return VD_EXISTS;
        }
        if (is_listening(path)) {
            snprintf(error, error_size,
                     "%s is taken: another process listens there; end it (see who with ss -xlp), "
                     "or choose another --dir",
                     path);
            return VD_BUSY;
        }
        unlink(path);
    }
    if (zmq_bind(zsock_resolve(socket), endpoint) == 0)
        return VD_OK;
    int number = zmq_errno();
    snprintf(error, error_size, "cannot bind %s: %s", endpoint, zmq_strerror(number));
    return number == EADDRINUSE ? VD_BUSY : vd_status_of_errno(number);
}

void vd_endpoint_unlink(const char *endpoint)
{
    assert(endpoint != NULL);
    if (ipc_path(endpoint) != NULL)
        unlink(ipc_path(endpoint));
}

vd_status_t vd_endpoint_connect(zsock_t *socket, const char *endpoint, char *error,
                                size_t error_size)
{
    assert(socket != NULL);
    vd_status_t status = vd_endpoint_check(endpoint, false, error, error_size);
    if (status != VD_OK)
        return status;
    if (zmq_connect(zsock_resolve(socket), endpoint) == 0)
        return VD_OK;
    int number = zmq_errno();
    snprintf(error, error_size, "cannot connect to %s: %s", endpoint, zmq_strerror(number));
    return vd_status_of_errno(number);
}

bool vd_endpoint_disconnect(zsock_t *socket, const char *endpoint)
{
    assert(socket != NULL && endpoint != NULL);
    return zmq_disconnect(zsock_resolve(socket), endpoint) == 0;
}
