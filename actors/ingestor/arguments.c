/* arguments.c: taking the ingestor's own arguments. */
#include "arguments.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The value behind `name`: empty without one, NULL when the word is another option. */
static const char *value_of(const char *word, const char *name)
{
    size_t size = strlen(name);
    if (strncmp(word, name, size) != 0 || (word[size] != 0 && word[size] != '='))
        return NULL;
    return word[size] == '=' ? word + size + 1 : "";
}

static bool take(const char *word, vd_arguments_t *out, bool *ours)
{
    const char *read_only = value_of(word, "--read-only");
    const char *repair = value_of(word, "--repair"), *into = value_of(word, "--into");
    const char *value = read_only != NULL ? read_only : repair != NULL ? repair : into;
    *ours = value != NULL;
    if (!*ours)
        return true;
    if (value[0] != '/' && (value[0] != 0 || read_only == NULL)) {
        fprintf(stderr, "%s: the directory of a store begins with /\n", word);
        return false;
    }
    if (read_only != NULL)
        out->read_only = true;
    if (read_only != NULL && value[0] != 0)
        out->store = value;
    if (repair != NULL)
        out->repair = value;
    if (into != NULL)
        out->into = value;
    return true;
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
    if ((out->repair != NULL) == (out->into != NULL))
        return true;
    fprintf(stderr, "--repair=DIR and --into=NEW go together\n");
    return false;
}
