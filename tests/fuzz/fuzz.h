/* fuzz.h: what fuzz targets share: an input taken apart, and what must hold.
 *
 * 1. A target is a file fuzz_NAME.c with fuzz_one, which takes any bytes. It ends the process (abort)
 *    when something that must hold does not; sanitizers see the rest.
 * 2. An input of several parts has each but the last behind its size (2 bytes, the low one first);
 *    a size beyond the rest takes the rest. seeds.py writes the same.
 * 3. The same bytes do the same: no clock, no random number, no state from one input to the next.
 */
#ifndef VD_FUZZ_H
#define VD_FUZZ_H

#include "wire/buffer.h"
#include "wire/limits.h"

#include <stdio.h>
#include <stdlib.h>

/* What a target tries. */
void fuzz_one(vd_bytes_t input);

/* What must hold for every input. */
#define FUZZ_HOLDS(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The next byte, 0 at the end. */
static inline uint8_t fuzz_byte(vd_bytes_t *input)
{
    if (input->size == 0)
        return 0;
    uint8_t byte = input->data[0];
    *input = vd_bytes(input->data + 1, input->size - 1);
    return byte;
}

/* The next part. */
static inline vd_bytes_t fuzz_part(vd_bytes_t *input)
{
    size_t size = fuzz_byte(input);
    size |= (size_t)fuzz_byte(input) << 8;
    size = size < input->size ? size : input->size;
    vd_bytes_t part = vd_bytes(input->data, size);
    *input = vd_bytes(input->data + size, input->size - size);
    return part;
}

/* The bytes as a text that ends with a zero byte, for free(). */
static inline char *fuzz_text(vd_bytes_t bytes)
{
    char *text = malloc(bytes.size + 1);
    FUZZ_HOLDS(text != NULL);
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = 0;
    return text;
}

#endif
