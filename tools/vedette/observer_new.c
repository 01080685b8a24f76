/* observer_new.c: `observer new`: a small working observer in a directory of its own. */
#include "cli.h"
#include "templates.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 32, FILE_BYTES_MAX = 65536 };

typedef struct target {
    const char *name;
    char ident[NAME_BYTES + 1]; /* the name where it has to be a word of the language */
    char program[NAME_BYTES + 32];
    char dir[PATH_MAX]; /* absolute */
} target_t;

typedef struct file {
    const char *language; /* NULL: of every */
    const char *path;     /* @NAME@ stands for the name */
    const char *text;
    mode_t mode;
} file_t;

static const file_t files[] = {
    {"c", "CMakeLists.txt", cli_template_CMakeLists_txt, 0644},
    {"c", "@NAME@.c", cli_template_observer_c, 0644},
    {"c", "README.md", cli_template_README_md, 0644},
    {"python", "@NAME@.py", cli_template_observer_py, 0755},
    {"python", "README.md", cli_template_README_python_md, 0644},
    {NULL, "test.sh", cli_template_test_sh, 0755},
    {NULL, "vedette.toml", cli_template_vedette_toml, 0644},
    {NULL, "note.txt", cli_template_note_txt, 0644},
};

enum { FILES = sizeof files / sizeof *files };

/* Writes `text` with what it is to say about the target in place of the @WORDS@. */
static void fill(const char *text, const target_t *target, vd_buffer_t *out)
{
    const struct {
        const char *word, *text;
    } words[] = {{"@NAME@", target->name},
                 {"@IDENT@", target->ident},
                 {"@PROGRAM@", target->program},
                 {"@DIR@", target->dir}};
    while (*text != 0) {
        size_t size = strcspn(text, "@"), at = 0;
        vd_buffer_add(out, text, size);
        text += size;
        while (at < sizeof words / sizeof *words &&
               strncmp(text, words[at].word, strlen(words[at].word)) != 0)
            at++;
        if (at < sizeof words / sizeof *words) {
            vd_buffer_add(out, words[at].text, strlen(words[at].text));
            text += strlen(words[at].word);
        } else if (*text != 0) {
            vd_buffer_add(out, text++, 1);
        }
    }
}

static void path_of(const file_t *file, const target_t *target, char out[PATH_MAX + NAME_BYTES])
{
    vd_buffer_t name;
    vd_buffer_init(&name, PATH_MAX);
    fill(file->path, target, &name);
    snprintf(out, PATH_MAX + NAME_BYTES, "%s/%.*s", target->dir, (int)name.size,
             (const char *)name.data);
    vd_buffer_free(&name);
}

static bool is_of(const file_t *file, const char *language)
{
    return file->language == NULL || strcmp(file->language, language) == 0;
}

static int write_file(cli_t *cli, const file_t *file, const target_t *target)
{
    char path[PATH_MAX + NAME_BYTES];
    vd_buffer_t text;
    path_of(file, target, path);
    vd_buffer_init(&text, FILE_BYTES_MAX);
    fill(file->text, target, &text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->mode);
    bool written = fd >= 0 && !text.full && write(fd, text.data, text.size) == (ssize_t)text.size;
    int code =
        written ? 0 : cli_fail(cli, VD_IO, "%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    vd_buffer_free(&text);
    return code;
}

/* A name that an actor, a program and, with _ for -, a word of both languages can have. */
static bool is_good_name(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= NAME_BYTES && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == size;
}

/* Names that other actors of a runtime have. */
static bool is_taken(const char *name)
{
    static const char *const taken[] = {"broker", "ingestor", "supervisor", "static",      "manual",
                                        "host",   "services", "raft",       "availability"};
    for (size_t at = 0; at < sizeof taken / sizeof *taken; at++)
        if (strcmp(name, taken[at]) == 0)
            return true;
    return strncmp(name, "poller-", 7) == 0 || strncmp(name, "relay-", 6) == 0;
}

static int make_dir(cli_t *cli, const char *dir, target_t *target)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return cli_fail(cli, VD_IO, "%s cannot be made: %s", dir, strerror(errno));
    if (realpath(dir, target->dir) == NULL)
        return cli_fail(cli, VD_IO, "%s: %s", dir, strerror(errno));
    if (strpbrk(target->dir, "\"\\@\n") != NULL)
        return cli_fail(cli, VD_USAGE,
                        "%s: the path has one of \" \\ @, which the files could not "
                        "be written with",
                        target->dir);
    return 0;
}

static int refuse_overwrite(cli_t *cli, const target_t *target, const char *language)
{
    char path[PATH_MAX + NAME_BYTES];
    struct stat info;
    for (size_t at = 0; at < FILES; at++) {
        path_of(&files[at], target, path);
        if (is_of(&files[at], language) && lstat(path, &info) == 0)
            return cli_fail(cli, VD_EXISTS,
                            "%s is there already, and nothing was written; choose "
                            "another --dir",
                            path);
    }
    return 0;
}

static int make_files(cli_t *cli, const target_t *target, const char *language)
{
    int code = refuse_overwrite(cli, target, language);
    for (size_t at = 0; at < FILES && code == 0; at++)
        if (is_of(&files[at], language))
            code = write_file(cli, &files[at], target);
    return code;
}

int cli_observer_new(cli_t *cli)
{
    static target_t target;
    const char *name = cli->arguments[1], *language = cli_value(cli, "language", "c");
    bool in_c = strcmp(language, "c") == 0;
    if (!in_c && strcmp(language, "python") != 0)
        return cli_fail(cli, VD_USAGE, "--language %s: it is c or python", language);
    if (!is_good_name(name))
        return cli_fail(
            cli, VD_USAGE,
            "\"%s\" cannot be the name of an observer: use a letter and then up to 31 of "
            "a-z 0-9 _ -",
            name);
    if (is_taken(name))
        return cli_fail(cli, VD_USAGE, "an actor of Vedette has the name %s; choose another", name);
    target.name = name;
    for (size_t at = 0; at <= strlen(name); at++)
        target.ident[at] = name[at] == '-' ? '_' : name[at];
    snprintf(target.program, sizeof target.program, in_c ? "build/vedette-observer-%s" : "%s.py",
             name);
    int code = make_dir(cli, cli->dir != NULL ? cli->dir : name, &target);
    if (code == 0)
        code = make_files(cli, &target, language);
    if (code == 0)
        cli_say(cli, "%s: an observer in %s; its README.md says how to run it", target.dir,
                in_c ? "C" : "Python");
    return code;
}
