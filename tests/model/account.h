/* account.h: counts the bytes that are allocated and freed while somebody is accounted for. */
#ifndef VD_MODEL_ACCOUNT_H
#define VD_MODEL_ACCOUNT_H

#include <stdint.h>

/* From now on to `of`; NULL: to nobody. */
void vd_account(int64_t *of);

#endif
