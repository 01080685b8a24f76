/* book.c: books as mapped files, and a window on those of others. */
#include "book.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(book_record_t) == 16, "as book.py has it");
_Static_assert(offsetof(book_head_t, name) == 400, "as book.py has it");
_Static_assert(offsetof(book_head_t, sessions) == 544, "as book.py has it");
_Static_assert(sizeof(book_head_t) <= BOOK_HEAD_BYTES, "the records begin behind it");

enum {
    WINDOW_RECORDS = 4096,
    FORGET_RECORDS = 1 << 18, /* so many are let go from memory at a time */
    FORGET_BEHIND = 2,        /* and so many such parts stay */
};

static const uint64_t BOOK_BYTES =
    BOOK_HEAD_BYTES + (uint64_t)BOOK_RECORDS_MAX * sizeof(book_record_t);

__attribute__((format(printf, 1, 2), noreturn)) static void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("book: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

static void copy_name(char to[BOOK_NAME_SIZE], const char *from)
{
    if (strlen(from) >= BOOK_NAME_SIZE)
        give_up("the name %s has more than %d bytes", from, BOOK_NAME_SIZE - 1);
    strcpy(to, from);
}

void book_open(book_t *self, const char *path, book_kind_t kind, const char *name,
               const char *scope)
{
    *self = (book_t){.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (self->file < 0 || ftruncate(self->file, (off_t)BOOK_BYTES) != 0)
        give_up("%s: %s", path, strerror(errno));
    void *bytes = mmap(NULL, BOOK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
    if (bytes == MAP_FAILED)
        give_up("%s: %s", path, strerror(errno));
    self->head = bytes;
    self->records = (book_record_t *)((uint8_t *)bytes + BOOK_HEAD_BYTES);
    if (self->head->lives == 0) {
        memcpy(self->head->magic, BOOK_MAGIC, sizeof self->head->magic);
        self->head->kind = kind;
        copy_name(self->head->name, name);
        copy_name(self->head->scope, scope);
    }
    if (self->head->kind != kind || strcmp(self->head->name, name) != 0)
        give_up("%s is the book of %s; use a file of its own", path, self->head->name);
    self->head->lives++;
}

void book_close(book_t *self)
{
    uint64_t size = BOOK_HEAD_BYTES + self->head->count * sizeof(book_record_t);
    munmap(self->head, BOOK_BYTES);
    if (ftruncate(self->file, (off_t)size) != 0)
        give_up("cannot cut a book: %s", strerror(errno));
    close(self->file);
    *self = (book_t){.file = -1};
}

book_record_t *book_record(book_t *self, uint64_t n)
{
    assert(n > 0);
    if (n > BOOK_RECORDS_MAX)
        give_up("%s: a book has %d records at most", self->head->name, BOOK_RECORDS_MAX);
    return &self->records[n - 1];
}

uint16_t book_session(book_t *self, const char *name)
{
    book_head_t *head = self->head;
    if (self->session < head->session_count &&
        strcmp(head->sessions[self->session].name, name) == 0)
        return self->session;
    uint32_t number = 0;
    while (number < head->session_count && strcmp(head->sessions[number].name, name) != 0)
        number++;
    if (number == BOOK_SESSIONS_MAX)
        give_up("%s: a book has %d sessions at most", head->name, BOOK_SESSIONS_MAX);
    if (number == head->session_count) {
        copy_name(head->sessions[number].name, name);
        atomic_signal_fence(memory_order_seq_cst);
        head->session_count = number + 1;
    }
    self->session = (uint16_t)number;
    return self->session;
}

void book_count(book_t *self, uint64_t count)
{
    /* The writer may be killed between any two instructions, and readers look at any moment. */
    atomic_thread_fence(memory_order_release);
    self->head->count = count;
    if (count == 0 || count % FORGET_RECORDS != 0 || count < FORGET_BEHIND * FORGET_RECORDS)
        return;
    uint64_t first = count - (uint64_t)FORGET_BEHIND * FORGET_RECORDS;
    madvise(&self->records[first], FORGET_RECORDS * sizeof(book_record_t), MADV_DONTNEED);
}

void book_append(book_t *self, const book_record_t *record)
{
    uint64_t n = self->head->count + 1;
    *book_record(self, n) = *record;
    book_count(self, n);
}

void book_show(book_t *self, const char *session, uint64_t seq, uint32_t crc)
{
    uint16_t number = book_session(self, session);
    book_append(self,
                &(book_record_t){.seq = seq, .crc = crc, .session = number, .state = BOOK_SHOWN});
    book_session_t *row = &self->head->sessions[number];
    if (seq > row->last)
        row->last = seq;
}

void book_keep(book_t *self, const char *place)
{
    book_head_t *head = self->head;
    book_keep_t *keep = &head->keep[1 - head->keep_now];
    assert(strlen(place) < BOOK_PLACE_SIZE);
    keep->count = head->count;
    strcpy(keep->place, place);
    atomic_thread_fence(memory_order_release);
    head->keep_now = 1 - head->keep_now;
}

const char *book_go_back(book_t *self)
{
    book_keep_t *keep = &self->head->keep[self->head->keep_now];
    assert(keep->count <= self->head->count);
    for (uint64_t n = keep->count + 1; n <= self->head->count; n++)
        *book_record(self, n) = (book_record_t){0};
    self->head->count = keep->count;
    return keep->place;
}

/* ---- reading what others have written ---- */

void book_view_open(book_view_t *self, const char *path)
{
    struct stat found;
    *self = (book_view_t){.file = open(path, O_RDONLY | O_CLOEXEC)};
    if (self->file < 0 || fstat(self->file, &found) != 0)
        give_up("%s: %s", path, strerror(errno));
    ssize_t size = pread(self->file, &self->head, sizeof self->head, 0);
    if (size != (ssize_t)sizeof self->head || memcmp(self->head.magic, BOOK_MAGIC, 8) != 0)
        give_up("%s is not a book", path);
    uint64_t bytes = BOOK_HEAD_BYTES + self->head.count * sizeof(book_record_t);
    if (self->head.count > BOOK_RECORDS_MAX || bytes > (uint64_t)found.st_size ||
        self->head.session_count > BOOK_SESSIONS_MAX)
        give_up("%s is cut short: it says that it has %llu records", path,
                (unsigned long long)self->head.count);
    self->window = malloc(WINDOW_RECORDS * sizeof *self->window);
    if (self->window == NULL)
        give_up("no memory");
}

void book_view_close(book_view_t *self)
{
    close(self->file);
    free(self->window);
    self->window = NULL;
}

const book_record_t *book_view_at(book_view_t *self, uint64_t n)
{
    assert(n > 0 && n <= self->head.count);
    if (n >= self->window_first && n < self->window_first + self->window_count)
        return &self->window[n - self->window_first];
    uint64_t first = (n - 1) / WINDOW_RECORDS * WINDOW_RECORDS; /* before it, from 0 */
    uint64_t count = self->head.count - first;
    if (count > WINDOW_RECORDS)
        count = WINDOW_RECORDS;
    size_t size = count * sizeof *self->window;
    off_t at = (off_t)(BOOK_HEAD_BYTES + first * sizeof *self->window);
    if (pread(self->file, self->window, size, at) != (ssize_t)size)
        give_up("%s: cannot be read: %s", self->head.name, strerror(errno));
    self->window_first = first + 1;
    self->window_count = (uint32_t)count;
    return &self->window[n - self->window_first];
}
