/* cmd_config.c: `config check` and `config init`: what every executable says about its own tables,
 * as one.
 *
 * Each executable checks the tables that it knows and leaves others alone, so only all of them
 * together can say
 * that a table belongs to nobody. */
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEXT_BYTES_MAX = 1048576,
    TABLES_MAX = 128,
    PATH_BYTES = 128,
    TEXT_BYTES = 1024,
};

static const char observers_stem[] = "observers.";

typedef struct tables {
    size_t count;
    char paths[TABLES_MAX][PATH_BYTES];
} tables_t;

/* One line at a time; the view has no end of line. */
static bool next_line(vd_str_t *text, vd_str_t *line)
{
    if (text->size == 0)
        return false;
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
    *line = vd_bytes(text->data, size);
    size_t taken = end != NULL ? size + 1 : size;
    *text = vd_bytes(text->data + taken, text->size - taken);
    return true;
}

/* The path in a header "[a.b]" or "[[a.b]]", also behind "# ". */
static bool header_of(vd_str_t line, char *out, size_t size)
{
    size_t at = 0;
    while (at < line.size && strchr("# \t", line.data[at]) != NULL)
        at++;
    if (at == line.size || line.data[at] != '[')
        return false;
    while (at < line.size && line.data[at] == '[')
        at++;
    size_t end = at;
    while (end < line.size && line.data[end] != ']')
        end++;
    if (end == line.size || end == at)
        return false;
    size_t used = 0;
    for (; at < end && used + 1 < size; at++)
        if (strchr(" \t\"'", line.data[at]) == NULL)
            out[used++] = (char)line.data[at];
    out[used] = 0;
    return true;
}

static bool has_path(const tables_t *tables, const char *path)
{
    for (size_t i = 0; i < tables->count; i++)
        if (strcmp(tables->paths[i], path) == 0)
            return true;
    return false;
}

/* Prints the sections of an executable that were not there yet. */
static void print_sections(vd_str_t text, tables_t *tables)
{
    bool shown = false;
    vd_str_t line, comment = {0};
    char path[PATH_BYTES];
    while (next_line(&text, &line)) {
        bool table = line.size > 0 && line.data[0] == '[' && header_of(line, path, sizeof path);
        bool ahead = text.size > 0 && text.data[0] == '[' && line.size > 0 && line.data[0] == '#';
        if (ahead) { /* the help of the next table */
            comment = line;
            continue;
        }
        if (table) {
            shown = !has_path(tables, path);
            if (shown && tables->count < TABLES_MAX)
                vd_str_copy(tables->paths[tables->count++], PATH_BYTES, vd_str(path));
            if (shown && comment.size > 0)
                printf("%.*s\n", (int)comment.size, (const char *)comment.data);
            comment.size = 0;
        }
        if (shown && line.size > 0)
            printf("%.*s\n", (int)line.size, (const char *)line.data);
        if (shown && line.size == 0)
            putchar('\n');
    }
    if (shown)
        putchar('\n');
}

static int init(cli_t *cli)
{
    static cli_executables_t executables;
    static tables_t tables;
    static const char *const arguments[] = {"--print-config", NULL};
    cli_executables(&executables);
    if (executables.count == 0)
        return cli_fail(cli, VD_FAILED,
                        "there is no vedette-* beside this command; install Vedette as a whole");
    puts("# Configuration of Vedette. Every key stands at its default; what is left out keeps "
         "it.\n");
    for (size_t i = 0; i < executables.count; i++) {
        vd_buffer_t out, errors;
        vd_buffer_init(&out, TEXT_BYTES_MAX);
        vd_buffer_init(&errors, TEXT_BYTES_MAX);
        int code = cli_run(executables.paths[i], arguments, &out, &errors);
        if (code == 0)
            print_sections(vd_buffer_view(&out), &tables);
        else
            cli_say(cli, "%s --print-config failed", executables.paths[i]);
        vd_buffer_free(&out);
        vd_buffer_free(&errors);
    }
    return 0;
}

/* Adds the lines of `text` that `all` has not yet. */
static void add_lines(vd_buffer_t *all, vd_str_t text)
{
    vd_str_t line, old;
    while (next_line(&text, &line)) {
        vd_str_t rest = vd_buffer_view(all);
        bool known = line.size == 0;
        while (!known && next_line(&rest, &old))
            known = vd_bytes_equal(old, line);
        if (!known) {
            vd_buffer_add(all, line.data, line.size);
            vd_buffer_add(all, "\n", 1);
        }
    }
}

/* Is `path` the table that `known` documents, one below it, or a parent that is spelled out? A last
 * part NAME stands for any. */
static bool is_covered(const char *path, const char *known)
{
    static const char any[] = ".NAME";
    size_t size = strlen(known), own = strlen(path);
    if (strcmp(known, path) == 0 ||
        (own > size && strncmp(known, path, size) == 0 && path[size] == '.') ||
        (size > own && strncmp(known, path, own) == 0 && known[own] == '.'))
        return true;
    size_t stem = size - (sizeof any - 1) + 1; /* up to and with the dot */
    return size >= sizeof any - 1 && strcmp(known + stem - 1, any) == 0 && own > stem &&
           strncmp(known, path, stem) == 0;
}

/* The text that `key` has in the table whose keys begin at `rest`. */
static bool text_of(vd_str_t rest, const char *key, char out[TEXT_BYTES])
{
    char text[TEXT_BYTES + PATH_BYTES], form[2][48];
    vd_str_t line;
    snprintf(form[0], sizeof form[0], " %s = \"%%1023[^\"]\"", key);
    snprintf(form[1], sizeof form[1], " %s = '%%1023[^']'", key);
    while (next_line(&rest, &line) && !(line.size > 0 && line.data[0] == '[')) {
        vd_str_copy(text, sizeof text, line);
        if (sscanf(text, form[0], out) == 1 || sscanf(text, form[1], out) == 1)
            return true;
    }
    return false;
}

/* Does the table, whose keys begin at `rest`, say that it is a further one of a known observer? */
static bool is_further_one(const char *path, vd_str_t rest, const tables_t *tables)
{
    char kind[TEXT_BYTES], other[TEXT_BYTES + sizeof observers_stem];
    if (strncmp(path, observers_stem, sizeof observers_stem - 1) != 0 ||
        !text_of(rest, "kind", kind))
        return false;
    snprintf(other, sizeof other, "%s%s", observers_stem, kind);
    return has_path(tables, other);
}

/* An observer out of tree: its own program checks its table. A relative path begins beside `file`. */
static int check_program(cli_t *cli, const char *file, const char *table, const char *program,
                         vd_buffer_t *all)
{
    char path[TEXT_BYTES + PATH_BYTES], message[2 * sizeof path];
    const char *slash = strrchr(file, '/');
    const char *const arguments[] = {
        "--check-config", "--config", file, "--name", table + sizeof observers_stem - 1, NULL};
    int size = program[0] == '/' ? 0 : slash != NULL ? (int)(slash - file + 1) : 0;
    snprintf(path, sizeof path, "%s%.*s%s", program[0] == '/' || size > 0 ? "" : "./", size, file,
             program);
    if (access(path, X_OK) != 0) {
        size = snprintf(message, sizeof message, "%s: [%s] program \"%s\" cannot be run: %s\n",
                        file, table, path, strerror(errno));
        vd_buffer_add(all, message, (size_t)size);
        return vd_status_exit_code(VD_CONFIG);
    }
    vd_buffer_t out, errors;
    vd_buffer_init(&out, TEXT_BYTES_MAX);
    vd_buffer_init(&errors, TEXT_BYTES_MAX);
    int code = cli_run(path, arguments, &out, &errors);
    if (code < 0)
        code = cli_fail(cli, VD_FAILED, "%s --check-config could not be run", path);
    else if (code != 0)
        add_lines(all, vd_buffer_view(&errors));
    if (code > 0 && errors.size == 0) {
        size = snprintf(message, sizeof message,
                        "%s: [%s] %s --check-config ended with %d and said nothing\n", file, table,
                        path, code);
        vd_buffer_add(all, message, (size_t)size);
    }
    vd_buffer_free(&out);
    vd_buffer_free(&errors);
    return code;
}

/* Has every program of the file's observers check its table. Returns whether all found it good. */
static bool check_programs(cli_t *cli, const char *file, vd_str_t text, vd_buffer_t *all)
{
    vd_str_t line;
    bool good = true;
    char path[PATH_BYTES], program[TEXT_BYTES];
    while (next_line(&text, &line))
        if (line.size > 0 && line.data[0] == '[' && header_of(line, path, sizeof path) &&
            strncmp(path, observers_stem, sizeof observers_stem - 1) == 0 &&
            text_of(text, "program", program))
            good &= check_program(cli, file, path, program, all) == 0;
    return good;
}

/* A table that belongs to nobody: told with the nearest that does. */
static void check_tables(const char *file, vd_str_t text, const tables_t *tables,
                         vd_buffer_t *errors)
{
    const char *names[TABLES_MAX];
    for (size_t i = 0; i < tables->count; i++)
        names[i] = tables->paths[i];
    vd_str_t line;
    char path[PATH_BYTES], message[PATH_BYTES * 3 + 512];
    for (size_t number = 1; next_line(&text, &line); number++) {
        size_t blank = 0;
        while (blank < line.size && (line.data[blank] == ' ' || line.data[blank] == '\t'))
            blank++;
        if (blank == line.size || line.data[blank] != '[' || !header_of(line, path, sizeof path))
            continue;
        bool known = false;
        for (size_t i = 0; i < tables->count && !known; i++)
            known = is_covered(path, names[i]);
        char program[TEXT_BYTES];
        if (known || is_further_one(path, text, tables) ||
            (strncmp(path, observers_stem, sizeof observers_stem - 1) == 0 &&
             text_of(text, "program", program)))
            continue;
        const char *nearest = cli_nearest(path, names, tables->count);
        int size = snprintf(message, sizeof message, "%s:%zu: unknown table [%s]%s%s%s\n", file,
                            number, path, nearest != NULL ? "; did you mean [" : "",
                            nearest != NULL ? nearest : "", nearest != NULL ? "]?" : "");
        vd_buffer_add(errors, message, (size_t)size);
    }
}

static void learn_tables(vd_str_t text, tables_t *tables)
{
    vd_str_t line;
    char path[PATH_BYTES];
    while (next_line(&text, &line))
        if (header_of(line, path, sizeof path) && !has_path(tables, path) &&
            tables->count < TABLES_MAX)
            vd_str_copy(tables->paths[tables->count++], PATH_BYTES, vd_str(path));
}

/* Asks one executable for its tables and for what it finds in the file. */
static int check_one(cli_t *cli, const char *path, const char *file, tables_t *tables,
                     vd_buffer_t *all)
{
    static const char *const print[] = {"--print-config", NULL};
    const char *const check[] = {"--check-config", "--config", file, NULL};
    vd_buffer_t out, errors;
    vd_buffer_init(&out, TEXT_BYTES_MAX);
    vd_buffer_init(&errors, TEXT_BYTES_MAX);
    if (cli_run(path, print, &out, &errors) == 0)
        learn_tables(vd_buffer_view(&out), tables);
    vd_buffer_clear(&out);
    vd_buffer_clear(&errors);
    int code = cli_run(path, check, &out, &errors);
    if (code < 0)
        code = cli_fail(cli, VD_FAILED, "%s --check-config could not be run", path);
    else if (code != 0)
        add_lines(all, vd_buffer_view(&errors));
    vd_buffer_free(&out);
    vd_buffer_free(&errors);
    return code;
}

static int read_file(cli_t *cli, const char *file, vd_buffer_t *text)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
        int code = fd < 0 && errno == ENOENT
                       ? cli_fail(cli, VD_NOT_FOUND, "%s: %s", file, strerror(errno))
                       : cli_fail(cli, VD_CONFIG, "%s: it cannot be read", file);
        if (fd >= 0)
            close(fd);
        return code;
    }
    ssize_t size = 1;
    while (size > 0) {
        uint8_t *to = vd_buffer_reserve(text, 65536);
        size = to != NULL ? read(fd, to, 65536) : 0;
        text->size += size > 0 ? (size_t)size : 0;
    }
    close(fd);
    return 0;
}

int cli_check_config(cli_t *cli, const char *file)
{
    static cli_executables_t executables;
    static tables_t tables;
    vd_buffer_t text, errors;
    vd_buffer_init(&text, TEXT_BYTES_MAX);
    vd_buffer_init(&errors, TEXT_BYTES_MAX);
    int code = read_file(cli, file, &text);
    bool bad = false;
    cli_executables(&executables);
    if (code == 0 && executables.count == 0)
        code = cli_fail(cli, VD_FAILED,
                        "there is no vedette-* beside this command; install Vedette as a whole");
    for (size_t i = 0; code == 0 && i < executables.count; i++)
        bad |= check_one(cli, executables.paths[i], file, &tables, &errors) != 0;
    if (code == 0)
        bad |= !check_programs(cli, file, vd_buffer_view(&text), &errors);
    if (code == 0 && tables.count > 0)
        check_tables(file, vd_buffer_view(&text), &tables, &errors);
    if (errors.size > 0)
        fwrite(errors.data, 1, errors.size, stderr);
    if (code == 0 && (bad || errors.size > 0))
        code = vd_status_exit_code(VD_CONFIG);
    vd_buffer_free(&text);
    vd_buffer_free(&errors);
    return code;
}

int cmd_config(cli_t *cli)
{
    const char *verb = cli->arguments[0];
    int code = 0;
    if (strcmp(verb, "init") == 0 && cli->argument_count == 1)
        return init(cli);
    if (strcmp(verb, "check") == 0 && cli->argument_count == 2)
        code = cli_check_config(cli, cli->arguments[1]);
    else
        return cli_fail(cli, VD_USAGE, "usage: vedette config check FILE, or: vedette config init");
    if (code == 0)
        cli_say(cli, "%s: no errors", cli->arguments[1]);
    return code;
}
