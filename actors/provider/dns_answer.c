/* dns_answer.c: taking answers apart with the C library's reader. */
#include "dns_answer.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <assert.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>

enum { SRV_HEAD_BYTES = 6 };

void vd_dns_target(vd_bytes_t address, unsigned port, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "", tail[16] = "";
    bool six = address.size == 16;
    assert(six || address.size == 4);
    inet_ntop(six ? AF_INET6 : AF_INET, address.data, text, sizeof text);
    if (port != 0)
        snprintf(tail, sizeof tail, ":%u", port);
    snprintf(out, size, "%s%s%s%s", six ? "[" : "", text, six ? "]" : "", tail);
}

/* Writes the target of an SRV record. False when the record is cut or its host cannot be read. */
static bool read_srv(const ns_msg *message, const ns_rr *record, char *out, size_t size)
{
    char host[NS_MAXDNAME];
    const unsigned char *data = ns_rr_rdata(*record);
    if (ns_rr_rdlen(*record) <= SRV_HEAD_BYTES ||
        ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), data + SRV_HEAD_BYTES, host,
                           sizeof host) < 0)
        return false;
    size_t end = strlen(host);
    if (end > 0 && host[end - 1] == '.')
        host[end - 1] = 0;
    out[0] = 0;
    if (host[0] != 0)
        snprintf(out, size, "%s:%u", host, ns_get16(data + 4));
    return true;
}

static bool read_record(const ns_msg *message, const ns_rr *record, vd_dns_type_t type,
                        unsigned port, char *out, size_t size)
{
    if (type == VD_DNS_SRV)
        return read_srv(message, record, out, size);
    if (ns_rr_rdlen(*record) != (type == VD_DNS_A ? 4 : 16))
        return false;
    vd_dns_target(vd_bytes(ns_rr_rdata(*record), ns_rr_rdlen(*record)), port, out, size);
    return true;
}

vd_status_t vd_dns_read(vd_bytes_t answer, vd_dns_type_t type, unsigned port,
                        vd_dns_found_fn *found, void *arg)
{
    assert(found != NULL);
    ns_msg message;
    if (answer.size > INT_MAX || answer.data == NULL ||
        ns_initparse(answer.data, (int)answer.size, &message) != 0)
        return VD_MALFORMED;
    for (int at = 0; at < ns_msg_count(message, ns_s_an); at++) {
        ns_rr record;
        char target[NS_MAXDNAME + 16];
        if (ns_parserr(&message, ns_s_an, at, &record) != 0)
            return VD_MALFORMED;
        if ((int)ns_rr_type(record) != (int)type || ns_rr_class(record) != ns_c_in)
            continue;
        if (!read_record(&message, &record, type, port, target, sizeof target))
            return VD_MALFORMED;
        if (target[0] != 0 && !found(arg, vd_str(target)))
            return VD_CANCELLED;
    }
    return VD_OK;
}
