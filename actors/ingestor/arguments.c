/* arguments.c: taking the ingestor's own arguments. */
#include "arguments.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char read_only[] = "--read-only";

static bool take(const char *word, vd_arguments_t *out, bool *ours)
{
    size_t size = sizeof read_only - 1;
    *ours = strncmp(word, read_only, size) == 0 && (word[size] == 0 || word[size] == '=');
    if (!*ours)
        return true;
    out->read_only = true;
    out->store = word[size] == '=' ? word + size + 1 : NULL;
    if (out->store == NULL || out->store[0] == '/')
        return true;
    fprintf(stderr, "%s: the directory of a store begins with /\n", word);
    return false;
}

bool vd_arguments_take(int *argc, char **argv, vd_arguments_t *out)
{
    int kept = 0;
    assert(argc != NULL && argv != NULL && out != NULL);
    *out = (vd_arguments_t){0};
    for (int at = 0; at < *argc; at++) {
        bool ours = false;
        if (at > 0 && !take(argv[at], out, &ours))
            return false;
        if (!ours)
            argv[kept++] = argv[at];
    }
    argv[kept] = NULL;
    *argc = kept;
    return true;
}
