/* account.c: what each core holds of the memory: every allocation of the model goes through here
 * (linked with --wrap). */
#include "account.h"

#include <malloc.h>
#include <stdlib.h>

/* The names that the linker gives to what it wraps. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

static int64_t *bytes;

void vd_account(int64_t *of)
{
    bytes = of;
}

static void count(const void *block, int64_t sign)
{
    if (bytes != NULL && block != NULL)
        *bytes += sign * (int64_t)malloc_usable_size((void *)(uintptr_t)block);
}

void *__wrap_malloc(size_t size)
{
    void *block = __real_malloc(size);
    count(block, 1);
    return block;
}

void *__wrap_calloc(size_t number, size_t size)
{
    void *block = __real_calloc(number, size);
    count(block, 1);
    return block;
}

void *__wrap_realloc(void *old, size_t size)
{
    count(old, -1);
    void *block = __real_realloc(old, size);
    count(block, 1);
    return block;
}

void __wrap_free(void *block)
{
    count(block, -1);
    __real_free(block);
}
