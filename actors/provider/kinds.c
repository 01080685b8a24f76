/* kinds.c: the table of kinds of providers. */
#include "kind.h"

const vd_provider_kind_t *const vd_provider_kinds[] = {
    &vd_static_kind, &vd_file_kind, &vd_http_kind,   &vd_exec_kind, &vd_dns_kind,
    &vd_proc_kind,   &vd_etcd_kind, &vd_manual_kind, NULL};
