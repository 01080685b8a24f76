/* books.c: do the books balance? Every ledger and every history against the whole store, which keeps its own laws.
 *
 * Usage: chaos_books [options] BOOK, the file that is made of the store's order of events.
 *   -d DIR           of a runtime whose ingestor runs
 *   -s DIR           of a store that nobody has open (one of the two)
 *   -p FILE          a producer's ledger
 *   -r FILE          a reader's history
 *   -o SESSION       nobody but these producers writes it
 *   -u SESSION:SEQ   readers have to have everything up to the last of these events (none: everything)
 * Rows and problems go to stdout as lines of JSON, of problems the first of each kind. Exit 0: balanced; 1: not; 2: this
 * could not be found out.
 */
#include "histories.h"
#include "laws.h"
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HISTORIES_MAX = 64 };

typedef struct task {
    const char *dir, *store, *book;
    const char *histories[HISTORIES_MAX];
    uint32_t history_count;
} task_t;

static int usage(void)
{
    fprintf(stderr, "usage: chaos_books -d DIR|-s DIR [-p FILE] [-r FILE] [-o SESSION] "
                    "[-u SESSION:SEQ] BOOK\n");
    return 2;
}

static bool add_bound(laws_t *laws, char *text)
{
    char *colon = strrchr(text, ':');
    if (colon == NULL || laws->bound_count == OWN_MAX || colon - text >= BOOK_NAME_SIZE)
        return false;
    bound_t *bound = &laws->bounds[laws->bound_count++];
    *colon = 0;
    strcpy(bound->session, text);
    bound->seq = strtoull(colon + 1, NULL, 10);
    return bound->seq > 0;
}

static bool take_option(task_t *task, laws_t *laws, int option)
{
    switch (option) {
    case 'd':
        task->dir = optarg;
        return true;
    case 's':
        task->store = optarg;
        return true;
    case 'p':
        ledgers_add(laws->ledgers, optarg);
        return true;
    case 'r':
        task->histories[task->history_count] = optarg;
        return ++task->history_count < HISTORIES_MAX;
    case 'o':
        laws->own[laws->own_count] = optarg;
        return ++laws->own_count < OWN_MAX;
    case 'u':
        return add_bound(laws, optarg);
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static problems_t problems;
    static ledgers_t ledgers = {.problems = &problems};
    static laws_t laws = {.problems = &problems, .ledgers = &ledgers};
    static task_t task;
    int option;
    while ((option = getopt(argc, argv, "d:s:p:r:o:u:")) != -1)
        if (!take_option(&task, &laws, option))
            return usage();
    if (optind + 1 != argc || (task.dir == NULL) == (task.store == NULL))
        return usage();
    task.book = argv[optind];
    unlink(task.book);
    book_open(&laws.store, task.book, BOOK_STORE, "store", "*");
    laws_begin(&laws);
    if (task.dir != NULL)
        source_online(task.dir, laws_take, &laws);
    else
        source_offline(task.store, laws_take, &laws);
    laws_end(&laws);
    ledgers_end(&ledgers, laws_ended, &laws);
    book_close(&laws.store);
    ledgers_free(&ledgers);
    for (uint32_t i = 0; i < task.history_count; i++)
        history_check(&problems, task.histories[i], task.book, laws.upto);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"row\":\"end\",\"problems\":%" PRIu64 ",\"peak_kib\":%ld}\n", problems.count,
           used.ru_maxrss);
    return problems.count == 0 ? 0 : 1;
}
