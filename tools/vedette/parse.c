/* parse.c: reads the command line by the tables of commands and options, and prints the help from
 * them. */
#include "cli.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

const cli_option_t cli_common_options[] = {
    {"dir", 0, "DIR", "directory of the runtime (default: VEDETTE_DIR, else the user's own)"},
    {"output", 'o', "FORM", "table, json or ndjson"},
    {"quiet", 'q', NULL, "only errors on stderr"},
    {"verbose", 'v', NULL, "more on stderr"},
    {"help", 'h', NULL, "this text"},
    {0},
};

static bool may_lack_value(const cli_option_t *option)
{
    return option->value != NULL && option->value[0] == '[';
}

void cli_print_wrapped(const char *text, size_t column)
{
    enum { COLUMNS = 80 };
    size_t at = column;
    while (*text != 0) {
        size_t size = strcspn(text, " ");
        if (at > column && at + 1 + size > COLUMNS) {
            printf("\n%*s", (int)column, "");
            at = column;
        }
        at += (size_t)printf("%s%.*s", at > column ? " " : "", (int)size, text);
        text += size;
        text += *text == ' ';
    }
    putchar('\n');
}

void cli_print_options(const cli_option_t *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        char left[64];
        snprintf(left, sizeof left, "%c%c%s --%s%s%s", options->letter ? '-' : ' ',
                 options->letter ? options->letter : ' ', options->letter ? "," : " ",
                 options->name, options->value && !may_lack_value(options) ? " " : "",
                 options->value ? options->value : "");
        cli_print_wrapped(options->help, (size_t)printf("  %-24s ", left));
    }
}

void cli_help(void)
{
    puts("usage: vedette COMMAND [ARGUMENTS]\n\nObserves what comes and goes, and records every "
         "change.\n");
    for (const cli_command_t *c = cli_commands; c->name != NULL; c++)
        cli_print_wrapped(c->summary, (size_t)printf("  %-10s ", c->name));
    puts("\nOptions of every command:\n");
    cli_print_options(cli_common_options);
    puts("\nExit codes: 0 done, 1 failed, 2 usage or configuration, 4 not found, 6 no\n"
         "runtime, 124 timed out.\n"
         "More about a command: vedette COMMAND --help");
}

void cli_help_command(const cli_command_t *command)
{
    printf("usage: vedette %s%s%s\n\n%s\n", command->name, command->arguments[0] ? " " : "",
           command->arguments, command->summary);
    if (command->help != NULL)
        printf("\n%s\n", command->help);
    if (command->options != NULL) {
        puts("\nOptions:\n");
        cli_print_options(command->options);
    }
    puts("\nOptions of every command:\n");
    cli_print_options(cli_common_options);
}

static const cli_option_t *find_in(const cli_option_t *options, const char *name, size_t size)
{
    for (; options != NULL && options->name != NULL; options++)
        if (strlen(options->name) == size && memcmp(options->name, name, size) == 0)
            return options;
    return NULL;
}

static const cli_option_t *find_letter(const cli_option_t *options, char letter)
{
    for (; options != NULL && options->name != NULL; options++)
        if (options->letter == letter)
            return options;
    return NULL;
}

static int unknown_option(const cli_t *cli, const char *word)
{
    const char *names[64];
    size_t count = 0;
    const cli_option_t *own = cli->command != NULL ? cli->command->options : NULL;
    for (; own != NULL && own->name != NULL && count < 64; own++)
        names[count++] = own->name;
    for (const cli_option_t *o = cli_common_options; o->name != NULL && count < 64; o++)
        names[count++] = o->name;
    const char *nearest = word[1] == '-' ? cli_nearest(word + 2, names, count) : NULL;
    const char *command = cli->command != NULL ? cli->command->name : "this command";
    if (nearest != NULL)
        return cli_fail(cli, VD_USAGE, "%s has no option %s; did you mean --%s?", command, word,
                        nearest);
    return cli_fail(cli, VD_USAGE, "%s has no option %s; see: vedette%s%s --help", command, word,
                    cli->command != NULL ? " " : "",
                    cli->command != NULL ? cli->command->name : "");
}

static int unknown_command(const cli_t *cli, const char *word)
{
    const char *names[64];
    size_t count = 0;
    for (const cli_command_t *c = cli_commands; c->name != NULL && count < 64; c++)
        names[count++] = c->name;
    const char *nearest = cli_nearest(word, names, count);
    if (nearest != NULL)
        return cli_fail(cli, VD_USAGE, "there is no command %s; did you mean %s?", word, nearest);
    return cli_fail(cli, VD_USAGE, "there is no command %s; see: vedette --help", word);
}

/* Keeps an option. Returns 0, or the exit code with the error told. */
static int keep(cli_t *cli, const cli_option_t *option, const char *value)
{
    assert((option->value != NULL) == (value != NULL));
    if (value != NULL && strcmp(option->name, "dir") == 0) {
        if (value[0] == 0)
            return cli_fail(cli, VD_USAGE, "--dir is empty");
        cli->dir = value;
    } else if (value != NULL && strcmp(option->name, "output") == 0) {
        static const char *const forms[] = {"table", "json", "ndjson"};
        for (int i = 0; i < 3; i++)
            if (strcmp(value, forms[i]) == 0) {
                cli->output = (cli_output_t)(CLI_TABLE + i);
                return 0;
            }
        return cli_fail(cli, VD_USAGE, "--output %s: it is one of table, json, ndjson", value);
    } else if (strcmp(option->name, "quiet") == 0) {
        cli->verbosity = -1;
    } else if (strcmp(option->name, "verbose") == 0) {
        cli->verbosity = 1;
    } else if (cli->given_count == CLI_OPTIONS_MAX) {
        return cli_fail(cli, VD_USAGE, "more than %d options", CLI_OPTIONS_MAX);
    } else {
        cli->given[cli->given_count].option = option;
        cli->given[cli->given_count++].value = value;
    }
    return 0;
}

/* Takes the option at argv[*at]. Returns 0, or the exit code. */
static int take_option(cli_t *cli, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const cli_option_t *own = cli->command != NULL ? cli->command->options : NULL;
    const cli_option_t *option = NULL;
    const char *value = NULL;
    if (word[1] == '-') {
        size_t size = strcspn(word + 2, "=");
        option = find_in(own, word + 2, size);
        if (option == NULL)
            option = find_in(cli_common_options, word + 2, size);
        if (word[2 + size] == '=')
            value = word + 3 + size;
    } else {
        option = find_letter(own, word[1]);
        if (option == NULL)
            option = find_letter(cli_common_options, word[1]);
        if (option != NULL && word[2] != 0 && option->value == NULL)
            option = NULL;
        else if (word[2] != 0)
            value = word + 2;
    }
    if (option == NULL)
        return unknown_option(cli, word);
    if (option->value == NULL && value != NULL)
        return cli_fail(cli, VD_USAGE, "--%s takes no value", option->name);
    if (option->value != NULL && value == NULL && may_lack_value(option))
        value = "";
    if (option->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return cli_fail(cli, VD_USAGE, "--%s needs a value: %s", option->name, option->value);
        value = argv[++*at];
    }
    return keep(cli, option, value);
}

static int take_word(cli_t *cli, const char *word)
{
    if (cli->command == NULL) {
        for (const cli_command_t *c = cli_commands; c->name != NULL; c++)
            if (strcmp(c->name, word) == 0)
                cli->command = c;
        return cli->command != NULL ? 0 : unknown_command(cli, word);
    }
    if (cli->argument_count == CLI_POSITIONALS_MAX)
        return cli_fail(cli, VD_USAGE, "more than %d arguments", CLI_POSITIONALS_MAX);
    cli->arguments[cli->argument_count++] = word;
    return 0;
}

static bool asks_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

bool cli_parse(cli_t *cli, int argc, char **argv, int *exit_code)
{
    bool options_end = false, help = false;
    cli->output = CLI_TABLE;
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        /* -1h is a word: no option is a digit. */
        bool is_option =
            !options_end && word[0] == '-' && word[1] != 0 && (word[1] < '0' || word[1] > '9');
        if (cli->command != NULL && cli->command->arguments_max == CLI_REST && !is_option) {
            cli->rest = argv + at;
            cli->argument_count = argc - at;
            break;
        }
        *exit_code = 0;
        if (is_option && strcmp(word, "--") == 0)
            options_end = true;
        else if (is_option && asks_help(word))
            help = true;
        else if (is_option && cli->command == NULL && strcmp(word, "--version") == 0)
            *exit_code = take_word(cli, "version");
        else if (cli->command == NULL && strcmp(word, "help") == 0 && !is_option)
            help = true;
        else
            *exit_code = is_option ? take_option(cli, argc, argv, &at) : take_word(cli, word);
        if (*exit_code != 0)
            return false;
    }
    *exit_code = 0;
    if (help || cli->command == NULL) {
        if (cli->command != NULL && cli->command->run == cmd_chaos)
            cli_help_chaos(cli);
        else if (cli->command != NULL)
            cli_help_command(cli->command);
        else if (help)
            cli_help();
        else
            *exit_code = cli_fail(cli, VD_USAGE,
                                  "which command? The first three: up, follow, ps. All of "
                                  "them: vedette --help");
        return false;
    }
    const cli_command_t *c = cli->command;
    bool too_many = c->arguments_max != CLI_REST && cli->argument_count > c->arguments_max;
    if (cli->argument_count < c->arguments_min || too_many) {
        *exit_code = cli_fail(cli, VD_USAGE, "usage: vedette %s%s%s", c->name,
                              c->arguments[0] ? " " : "", c->arguments);
        return false;
    }
    return true;
}

bool cli_has(const cli_t *cli, const char *option)
{
    return cli_value(cli, option, NULL) != NULL;
}

const char *cli_value(const cli_t *cli, const char *option, const char *fallback)
{
    assert(find_in(cli->command->options, option, strlen(option)) != NULL);
    for (int i = cli->given_count - 1; i >= 0; i--)
        if (strcmp(cli->given[i].option->name, option) == 0)
            return cli->given[i].value != NULL ? cli->given[i].value : "";
    return fallback;
}

bool cli_duration(const cli_t *cli, const char *option, int64_t fallback_ms, int64_t *ms)
{
    const char *text = cli_value(cli, option, NULL);
    *ms = fallback_ms;
    if (text == NULL || cli_parse_duration(text, ms))
        return true;
    cli_fail(cli, VD_USAGE, "--%s %s: it is a duration such as 250ms, 30s, 5m or 2h", option, text);
    return false;
}

bool cli_number(const cli_t *cli, const char *option, uint64_t fallback, uint64_t *number)
{
    const char *text = cli_value(cli, option, NULL);
    *number = fallback;
    if (text == NULL || cli_parse_number(text, number))
        return true;
    cli_fail(cli, VD_USAGE, "--%s %s: it is a number", option, text);
    return false;
}
