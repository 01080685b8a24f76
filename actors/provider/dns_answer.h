/* dns_answer.h: what a name server's answer (RFC 1035; SRV: RFC 2782) says that there is.
 *
 * 1. An answer comes from outside: everything in it is checked against its size.
 * 2. Records of other types, and of other classes than IN, are passed over: what an alias leads to
 *    stands in the same answer.
 */
#ifndef VD_DNS_ANSWER_H
#define VD_DNS_ANSWER_H

#include "wire/buffer.h"
#include "wire/status.h"

typedef enum vd_dns_type { VD_DNS_A = 1, VD_DNS_AAAA = 28, VD_DNS_SRV = 33 } vd_dns_type_t;

/* Takes one target: HOST:PORT, or HOST without a port (an IPv6 address in brackets). False ends it. */
typedef bool vd_dns_found_fn(void *arg, vd_str_t target);

/* Calls `found` for each record of `type` in the answer. `port` goes with addresses; 0: none. An SRV
 * record whose host is the root says that there is no such service, and is none. VD_OK; or
 * VD_MALFORMED; or VD_CANCELLED when `found` ended it. */
vd_status_t vd_dns_read(vd_bytes_t answer, vd_dns_type_t type, unsigned port,
                        vd_dns_found_fn *found, void *arg);
/* Writes an address (4 or 16 bytes) as a target into `out` (at least 64 bytes). */
void vd_dns_target(vd_bytes_t address, unsigned port, char *out, size_t size);

#endif
