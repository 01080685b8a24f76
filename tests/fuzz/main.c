/* main.c: a fuzz target as libFuzzer calls it, and, built without it, as a program that runs files.
 *
 * The input stands in memory of exactly its size, so that the address sanitizer sees a read beyond its
 * end.
 */
#include "fuzz.h"

#include <locale.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setlocale(LC_ALL, "C.UTF-8") == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(size > 0 ? vd_bytes(data, size) : vd_str(""));
    return 0;
}

#ifndef VD_LIBFUZZER
static int run_file(const char *path)
{
    enum { BYTES_MAX = 4 << 20 };
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = malloc(BYTES_MAX);
    size_t size = file != NULL && bytes != NULL ? fread(bytes, 1, BYTES_MAX, file) : 0;
    bool good = file != NULL && bytes != NULL && ferror(file) == 0;
    uint8_t *exact = good && size > 0 ? realloc(bytes, size) : NULL;
    if (good && (size == 0 || exact != NULL))
        LLVMFuzzerTestOneInput(exact, size);
    else
        perror(path);
    free(exact != NULL ? exact : bytes);
    if (file != NULL)
        fclose(file);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    int code = LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc && code == 0; i++)
        code = run_file(argv[i]);
    return code;
}
#endif
