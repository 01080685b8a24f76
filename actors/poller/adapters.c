/* adapters.c: the table of adapters. */
#include "adapter.h"

#include <assert.h>

const vd_adapter_t *const vd_adapters[] = {&vd_file_adapter, &vd_http_adapter, &vd_exec_adapter,
                                           NULL};

int vd_adapter_find(const vd_adapter_t *const *adapters, vd_str_t name)
{
    assert(adapters != NULL);
    for (int i = 0; adapters[i] != NULL; i++)
        if (vd_str_is(name, adapters[i]->name))
            return i;
    return -1;
}

bool vd_adapter_knows(const vd_adapter_t *adapter, vd_str_t op)
{
    assert(adapter != NULL && adapter->ops != NULL);
    for (int i = 0; adapter->ops[i] != NULL; i++)
        if (vd_str_is(op, adapter->ops[i]))
            return true;
    return false;
}
