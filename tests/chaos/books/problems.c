/* problems.c: says what does not balance. */
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>

void problem(problems_t *self, const char *who, const char *kind, uint64_t kind_count,
             const char *format, ...)
{
    char text[512];
    va_list arguments;
    self->count++;
    if (kind_count >= PROBLEMS_SHOWN)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at != 0; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            *at = '\'';
    printf("{\"row\":\"problem\",\"who\":\"%s\",\"kind\":\"%s\",\"text\":\"%s\"}\n", who, kind,
           text);
}
