/* chaos_help.c: what `chaos` says of itself: as a whole, of a verb, and of a fault. */
#include "cmd_chaos.h"

#include <assert.h>
#include <stdio.h>

static const struct {
    const char *name, *summary;
} verbs[] = {
    {"list", "What can be broken, how, and whether it can be now."},
    {"up",
     "Start a runtime whose disk, clocks and executables can be broken, too; else as vedette up."},
    {"run", "Random faults from a seed, which it prints, or those of a script."},
    {"schedule", "The script that a seed means: to be read, changed, and given to run --script."},
    {"undo", "Undo what runners left behind that are dead."},
};

/* The options that a verb has, without whose they are. */
static void print_options(const cli_t *cli, const char *verb)
{
    cli_option_t options[CLI_OPTIONS_MAX] = {{0}};
    size_t count = 0;
    for (const cli_option_t *option = cli->command->options; option->name != NULL; option++) {
        if (!chaos_takes(verb, option->help))
            continue;
        assert(count < CLI_OPTIONS_MAX - 1);
        options[count] = *option;
        options[count++].help = strstr(option->help, ": ") + 2;
    }
    if (count > 0)
        puts("\nOptions:\n");
    cli_print_options(options);
    puts("\nOptions of every command:\n");
    cli_print_options(cli_common_options);
}

static void print_fault(const cli_t *cli, const chaos_row_t *row)
{
    char text[CHAOS_LINE_BYTES], error[CHAOS_ERROR_BYTES];
    chaos_line_t line;
    printf("usage: vedette chaos %s %s\n\n", row->name, row->arguments);
    cli_print_wrapped(row->help, 0);
    putchar('\n');
    cli_print_wrapped(row->more, 0);
    if (row->prepared)
        cli_print_wrapped("Only in a runtime that was started with: vedette chaos up", 0);
    printf("\nFor example:\n\n  vedette chaos %s\n", row->example);
    snprintf(text, sizeof text, "%s host", row->name);
    if (row->kinds[0] != 0 && chaos_line_parse(text, &line, error) == VD_OK) {
        chaos_line_format(&line, text);
        printf("\n%s host alone means: %s\n", row->name, text);
    }
    print_options(cli, CHAOS_FAULT_VERB);
}

void cli_help_chaos(const cli_t *cli)
{
    const char *word = cli->argument_count > 0 ? cli->arguments[0] : "";
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, word) == 0) {
            printf("usage: vedette chaos %s\n\n", word);
            cli_print_wrapped(verbs[i].summary, 0);
            print_options(cli, word);
            return;
        }
    chaos_kind_t kind = chaos_kind_of(word);
    if (kind != CHAOS_KINDS) {
        print_fault(cli, chaos_row(kind));
        return;
    }
    cli_help_command(cli->command);
    puts("\nFaults, each with more in vedette chaos FAULT --help:\n");
    for (int i = 0; i < CHAOS_KINDS; i++) {
        const chaos_row_t *row = chaos_row((chaos_kind_t)i);
        cli_print_wrapped(row->help, (size_t)printf("  %-18s  ", row->name));
    }
}
