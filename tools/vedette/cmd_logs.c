/* cmd_logs.c: the log files of the actors: the last lines, merged by time, and what is added.
 *
 * Each actor has <logs>/<actor>.log, cut from time to time: what was before stands in
 * <actor>.log.1. Lines begin
 * with their time stamp, so that merging is sorting; a line without one belongs to the line before
 * it. */
#include "cli.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_MAX = 256,
    LINES = 50, /* without -n */
    LINES_MAX = 100000,
    TAIL_BYTES = 1048576, /* read back from the end of a file at most */
    FOLLOW_MS = 100,
};

typedef struct log_file {
    char path[1024];
    int fd;
    int64_t at;
} log_file_t;

typedef struct log_line {
    const char *text; /* in the buffer of all lines */
    size_t size;
    char ts[VD_TS_SIZE];
    size_t order;
} log_line_t;

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* The time stamp of a line, text or JSON; empty if there is none. */
static void stamp_of(const char *line, size_t size, char out[VD_TS_SIZE])
{
    static const char json[] = "{\"ts\":\"";
    int64_t ignored;
    size_t skip =
        size > sizeof json && memcmp(line, json, sizeof json - 1) == 0 ? sizeof json - 1 : 0;
    out[0] = 0;
    if (size >= skip + 24 && vd_ts_parse(vd_bytes(line + skip, 24), &ignored))
        vd_str_copy(out, VD_TS_SIZE, vd_bytes(line + skip, 24));
}

static int compare(const void *a_p, const void *b_p)
{
    const log_line_t *a = a_p, *b = b_p;
    int order = strcmp(a->ts, b->ts);
    return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

/* Appends whole lines of the file's new content to `text`. */
static void read_new(log_file_t *file, vd_buffer_t *text)
{
    struct stat info;
    if (file->fd < 0)
        file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &info) != 0)
        return;
    if (info.st_size < file->at) /* cut: what is left is new */
        file->at = 0;
    size_t begun = text->size;
    while (file->at < info.st_size) {
        uint8_t *to = vd_buffer_reserve(text, 65536);
        ssize_t size = to != NULL ? pread(file->fd, to, 65536, file->at) : 0;
        if (size <= 0)
            break;
        text->size += (size_t)size;
        file->at += size;
    }
    size_t end = text->size; /* a line that is not whole yet waits for the next time */
    while (end > begun && text->data[end - 1] != '\n')
        end--;
    file->at -= (int64_t)(text->size - end);
    vd_buffer_cut(text, end);
    struct stat named;
    if (stat(file->path, &named) == 0 &&
        named.st_ino != info.st_ino) { /* renamed away: the next is new */
        close(file->fd);
        file->fd = -1;
        file->at = 0;
    }
}

/* A line "TS LEVEL actor: text" as the map that the JSON form of the log has. */
static void write_line(vd_buffer_t *out, const log_line_t *line)
{
    enum { STAMP = VD_TS_SIZE - 1, LEVEL = 5 };
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    static const char *const labels[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    vd_str_t text = vd_bytes(line->text, line->size), actor = {0};
    const char *level = NULL;
    if (line->size > STAMP + LEVEL + 2 && memcmp(line->text, line->ts, STAMP) == 0) {
        for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
            if (memcmp(line->text + STAMP + 1, labels[i], LEVEL) == 0)
                level = levels[i];
        text = vd_bytes(line->text + STAMP + LEVEL + 2, line->size - STAMP - LEVEL - 2);
        size_t at = 0;
        while (at + 1 < text.size && !(text.data[at] == ':' && text.data[at + 1] == ' '))
            at++;
        if (at + 1 < text.size) {
            actor = vd_bytes(text.data, at);
            text = vd_bytes(text.data + at + 2, text.size - at - 2);
        }
    }
    char clean[8192];
    cli_clean(text, clean, sizeof clean);
    vd_write_map(out, 4);
    vd_write_pair_text(out, "ts", line->ts);
    vd_write_pair_text(out, "level", level != NULL ? level : "");
    vd_write_pair_str(out, "actor", actor);
    vd_write_pair_text(out, "text", clean);
}

static void print_line(const cli_t *cli, const log_line_t *line)
{
    static const char json[] = "{\"ts\":\"";
    static bool any;
    char clean[8192];
    if (cli->output == CLI_TABLE) {
        cli_clean(vd_bytes(line->text, line->size), clean, sizeof clean);
        puts(clean);
        return;
    }
    vd_buffer_t map, text;
    vd_buffer_init(&map, sizeof clean * 2);
    vd_buffer_init(&text, sizeof clean * 8);
    if (line->size > sizeof json && memcmp(line->text, json, sizeof json - 1) == 0) {
        vd_buffer_add(&text, line->text, line->size);
    } else {
        write_line(&map, line);
        vd_value_json(&text, vd_buffer_view(&map));
    }
    if (cli->output == CLI_JSON)
        fputs(any ? ",\n  " : "\n  ", stdout);
    printf("%.*s%s", (int)text.size, (const char *)text.data, cli->output == CLI_JSON ? "" : "\n");
    any = true;
    vd_buffer_free(&map);
    vd_buffer_free(&text);
}

/* Prints the last `limit` lines of `text`, sorted by time. */
static int print_sorted(cli_t *cli, const vd_buffer_t *text, uint64_t limit)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < text->size; i++)
        count += text->data[i] == '\n';
    log_line_t *lines = calloc(count > 0 ? count : 1, sizeof *lines);
    if (lines == NULL)
        return cli_fail(cli, VD_NO_MEMORY, "no memory for the lines; use -n");
    for (size_t i = 0; i < count; i++) {
        const char *line = (const char *)text->data + at;
        const char *end = memchr(line, '\n', text->size - at);
        lines[i] = (log_line_t){.text = line, .size = (size_t)(end - line), .order = i};
        stamp_of(line, lines[i].size, lines[i].ts);
        if (lines[i].ts[0] == 0 && i > 0)
            memcpy(lines[i].ts, lines[i - 1].ts, VD_TS_SIZE);
        at += lines[i].size + 1;
    }
    qsort(lines, count, sizeof *lines, compare);
    for (size_t i = count > limit ? count - (size_t)limit : 0; i < count; i++) {
        print_line(cli, &lines[i]);
    }
    free(lines);
    return 0;
}

static void add_file(log_file_t *files, size_t *count, const char *dir, const char *actor)
{
    if (*count == FILES_MAX)
        return;
    log_file_t *file = &files[*count];
    snprintf(file->path, sizeof file->path, "%s/%s.log", dir, actor);
    file->fd = -1;
    for (size_t i = 0; i < *count; i++)
        if (strcmp(files[i].path, file->path) == 0)
            return;
    ++*count;
}

static bool add_all(log_file_t *files, size_t *count, const char *dir)
{
    DIR *entries = opendir(dir);
    if (entries == NULL)
        return false;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        size_t size = strlen(entry->d_name);
        if (size > 4 && strcmp(entry->d_name + size - 4, ".log") == 0) {
            entry->d_name[size - 4] = 0;
            add_file(files, count, dir, entry->d_name);
        }
    }
    closedir(entries);
    return true;
}

/* Places a file so that its last lines, and of a short one its predecessor's, come first. */
static void go_back(log_file_t *file, vd_buffer_t *text)
{
    struct stat info;
    log_file_t before = {.fd = -1};
    bool there = stat(file->path, &info) == 0;
    if (there && info.st_size > TAIL_BYTES) {
        file->at = info.st_size - TAIL_BYTES;
        return;
    }
    if (snprintf(before.path, sizeof before.path, "%s.1", file->path) >= (int)sizeof before.path ||
        stat(before.path, &info) != 0)
        return;
    before.at = info.st_size > TAIL_BYTES ? info.st_size - TAIL_BYTES : 0;
    read_new(&before, text);
    if (before.fd >= 0)
        close(before.fd);
}

static int follow(cli_t *cli, log_file_t *files, size_t count, vd_buffer_t *text)
{
    const char *dir = vd_client_log_dir(cli->client);
    int code = 0;
    while (!interrupted && code == 0) {
        fflush(stdout);
        poll(NULL, 0, FOLLOW_MS);
        if (!cli_stdout_open())
            break;
        if (cli->argument_count == 0)
            add_all(files, &count, dir);
        vd_buffer_clear(text);
        for (size_t i = 0; i < count; i++)
            read_new(&files[i], text);
        code = print_sorted(cli, text, UINT64_MAX);
    }
    return code;
}

int cmd_logs(cli_t *cli)
{
    static log_file_t files[FILES_MAX];
    size_t count = 0;
    uint64_t limit;
    const char *dir = vd_client_log_dir(cli->client);
    char error[VD_TEXT_BYTES_MAX];
    vd_paths_t paths;
    vd_status_t status = vd_paths_resolve(cli->dir, &paths, error, sizeof error);
    if (status != VD_OK)
        return cli_fail(cli, status, "%s", error);
    if (!cli_number(cli, "lines", LINES, &limit))
        return vd_status_exit_code(VD_USAGE);
    if (limit > LINES_MAX)
        limit = LINES_MAX;
    if (cli->argument_count > 0) {
        if (!vd_name_valid(vd_str(cli->arguments[0])) || strchr(cli->arguments[0], '/') != NULL)
            return cli_fail(cli, VD_USAGE, "'%s' is not the name of an actor", cli->arguments[0]);
        add_file(files, &count, dir, cli->arguments[0]);
        if (access(files[0].path, R_OK) != 0)
            return cli_fail(cli, VD_NOT_FOUND, "'%s' has no log: %s: %s", cli->arguments[0],
                            files[0].path, strerror(errno));
    } else if (!add_all(files, &count, dir)) {
        return cli_fail(cli, VD_NOT_FOUND, "%s: %s; nothing has run here yet", dir,
                        strerror(errno));
    }
    /* Before the first line: who has seen one may end it. */
    struct sigaction action = {.sa_handler = on_signal};
    if (cli_has(cli, "follow")) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
    }
    vd_buffer_t text;
    vd_buffer_init(&text, (size_t)FILES_MAX * TAIL_BYTES);
    for (size_t i = 0; i < count; i++) {
        go_back(&files[i], &text);
        read_new(&files[i], &text);
    }
    if (cli->output == CLI_JSON)
        putchar('[');
    int code = print_sorted(cli, &text, limit);
    if (code == 0 && cli_has(cli, "follow"))
        code = follow(cli, files, count, &text);
    if (cli->output == CLI_JSON)
        puts("\n]");
    vd_buffer_free(&text);
    return code;
}
