/* rules.c: which call fails, and how slow the disk is. */
#include "fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 16, LINES_MAX = 1024, SLOW_MS_MAX = 60000 };

typedef struct rule {
    fault_call_t call;
    fault_class_t class;
    unsigned wait; /* calls that still go well */
    bool onward;   /* all after the first, too */
    int error;
} rule_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rule_t rules[RULES_MAX];
static size_t rule_count;
static unsigned slow_ms[FAULT_ANY + 1];
static bool swallowed[FAULT_ANY + 1];
static bool traced = true;

static const char *const class_names[] = {"",        "log", "table", "manifest",
                                          "current", "dir", "other", "any"};

const char *fault_class_name(fault_class_t class)
{
    return class_names[class];
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

fault_class_t fault_class_of(const char *name, bool is_dir)
{
    if (is_dir)
        return FAULT_DIR;
    if (ends_with(name, ".log"))
        return FAULT_LOG;
    if (ends_with(name, ".ldb") || ends_with(name, ".sst"))
        return FAULT_TABLE;
    if (strncmp(name, "MANIFEST-", 9) == 0)
        return FAULT_MANIFEST;
    if (strcmp(name, "CURRENT") == 0 || ends_with(name, ".dbtmp"))
        return FAULT_CURRENT;
    return FAULT_OTHER;
}

static fault_class_t class_by_name(const char *name)
{
    for (fault_class_t class = FAULT_LOG; class <= FAULT_ANY; class ++)
        if (strcmp(class_names[class], name) == 0)
            return class;
    fault_die("\"%s\" is no class: use log, table, manifest, current, dir, other or any", name);
}

static int error_by_name(const char *name)
{
    if (strcmp(name, "ENOSPC") == 0)
        return ENOSPC;
    if (strcmp(name, "EIO") == 0)
        return EIO;
    if (strcmp(name, "EDQUOT") == 0)
        return EDQUOT;
    fault_die("\"%s\" is no error: use ENOSPC, EIO or EDQUOT", name);
}

/* The number that a word is, and no more than `max`. */
static unsigned number_of(const char *word, unsigned max)
{
    char *end;
    unsigned long number = strtoul(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != 0 || number > max)
        fault_die("\"%s\" is no number from 0 to %u", word, max);
    return (unsigned)number;
}

static bool is_on(const char *word)
{
    if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
        fault_die("\"%s\" is not on or off", word);
    return strcmp(word, "on") == 0;
}

static void add_rule(const char *call, const char *class, const char *number, const char *error)
{
    char *end;
    rule_t rule = {.class = class_by_name(class), .error = error_by_name(error)};
    unsigned long n = strtoul(number, &end, 10);
    rule.onward = strcmp(end, "+") == 0;
    if (number[0] == '-' || n == 0 || n > UINT32_MAX || (*end != 0 && !rule.onward))
        fault_die("\"%s\" is no number of a call: use 1, 2+, ...", number);
    if (strcmp(call, "write") != 0 && strcmp(call, "sync") != 0)
        fault_die("\"%s\" cannot fail: use write or sync", call);
    if (rule_count == RULES_MAX)
        fault_die("more than %d rules", RULES_MAX);
    rule.call = call[0] == 'w' ? FAULT_WRITE : FAULT_SYNC;
    rule.wait = (unsigned)n - 1;
    rules[rule_count++] = rule;
}

static void set_swallow(const char *class_name, bool on)
{
    fault_class_t class = class_by_name(class_name);
    for (fault_class_t at = FAULT_LOG; at <= FAULT_ANY; at++)
        if (at == class || class == FAULT_ANY)
            swallowed[at] = on;
}

static void set_slow(const char *class_name, unsigned ms)
{
    fault_class_t class = class_by_name(class_name);
    for (fault_class_t at = FAULT_LOG; at <= FAULT_ANY; at++)
        if (at == class || class == FAULT_ANY)
            slow_ms[at] = ms;
}

/* Returns whether the line asks for a cut. */
static bool obey_words(char *const word[], size_t count, unsigned *percent)
{
    if (count == 5 && strcmp(word[0], "fail") == 0)
        add_rule(word[1], word[2], word[3], word[4]);
    else if (count == 3 && strcmp(word[0], "slow") == 0)
        set_slow(word[1], number_of(word[2], SLOW_MS_MAX));
    else if (count == 2 && strcmp(word[0], "swallow") == 0)
        set_swallow(word[1], true);
    else if (count == 1 && strcmp(word[0], "heal") == 0) {
        rule_count = 0;
        set_swallow("any", false);
        set_slow("any", 0);
    } else if (count == 2 && strcmp(word[0], "trace") == 0)
        traced = is_on(word[1]);
    else if (count <= 2 && strcmp(word[0], "cut") == 0) {
        *percent = count == 2 ? number_of(word[1], 100) : 0;
        return true;
    } else
        fault_die("a line with \"%s\" and %zu words is not understood", word[0], count);
    return false;
}

bool fault_rules_obey(const char *lines, unsigned *percent)
{
    enum { WORDS_MAX = 6 };
    char text[LINES_MAX], *line_rest = text;
    bool cut = false;
    if (strlen(lines) >= sizeof text)
        fault_die("more than %d bytes of lines", LINES_MAX);
    strcpy(text, lines);
    pthread_mutex_lock(&lock);
    for (char *line; (line = strsep(&line_rest, ";\n")) != NULL;) {
        char *word[WORDS_MAX] = {NULL}, *word_rest = NULL;
        size_t count = 0;
        for (char *at = strtok_r(line, " ", &word_rest); at != NULL && count < WORDS_MAX;
             at = strtok_r(NULL, " ", &word_rest))
            word[count++] = at;
        if (count > 0)
            cut |= obey_words(word, count, percent);
    }
    pthread_mutex_unlock(&lock);
    return cut;
}

int fault_rules_take(fault_call_t call, fault_class_t class)
{
    int error = 0;
    pthread_mutex_lock(&lock);
    for (size_t at = 0; at < rule_count; at++) {
        rule_t *rule = &rules[at];
        if (rule->call != call || (rule->class != FAULT_ANY && rule->class != class))
            continue;
        if (rule->wait > 0) {
            rule->wait--;
            continue;
        }
        if (rule->error != 0 && error == 0)
            error = rule->error;
        if (!rule->onward)
            rule->error = 0; /* it has had its turn */
    }
    pthread_mutex_unlock(&lock);
    return error;
}

unsigned fault_rules_slow_ms(fault_class_t class)
{
    pthread_mutex_lock(&lock);
    unsigned ms = slow_ms[class];
    pthread_mutex_unlock(&lock);
    return ms;
}

bool fault_rules_swallow(fault_class_t class)
{
    pthread_mutex_lock(&lock);
    bool yes = swallowed[class];
    pthread_mutex_unlock(&lock);
    return yes;
}

bool fault_rules_trace(void)
{
    pthread_mutex_lock(&lock);
    bool yes = traced;
    pthread_mutex_unlock(&lock);
    return yes;
}
