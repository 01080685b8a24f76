/* cli.h: what the commands of `vedette` share: options by table, output in three forms, exit codes.
 *
 * 1. Data goes to stdout, messages to stderr. A command ends with an exit code of status.def.
 * 2. A command is a row of the table in commands.c; `--help`, parsing and suggestions come from it.
 * 3. -o json is one value, laid out for people; ndjson is one value a line; table is for eyes
 *    alone.
 * 4. Nothing from outside reaches a terminal with its control characters.
 * 5. A stdout that was closed ends a command quietly with 0.
 */
#ifndef VD_CLI_H
#define VD_CLI_H

#include "wire/message.h"
#include "wire/paths.h"
#include "wire/run.h"

#include "client/vedette.h"
#include "figures.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLI_POSITIONALS_MAX = 64,
    CLI_REST =
        -1, /* as arguments_max: from the first argument on all words are another command's */
    CLI_OPTIONS_MAX = 24,
    CLI_TIMEOUT_MS = 5000, /* of one question */
    CLI_LOOK_MS = 50,      /* between looks at something that is waited for */
    CLI_COLUMNS_MAX = 16,
};

typedef enum cli_output { CLI_TABLE = 1, CLI_JSON, CLI_NDJSON } cli_output_t;

typedef struct cli_option {
    const char *name;  /* without dashes */
    char letter;       /* 0: none */
    const char *value; /* what stands for its value in the help; NULL: takes none; "[=X]": may */
    const char *help;
} cli_option_t;

typedef struct cli cli_t;

typedef struct cli_command {
    const char *name;
    const char *arguments;       /* "SESSION [--x]" as in the usage line */
    const char *summary;         /* one line */
    const char *help;            /* paragraphs; may be NULL */
    const cli_option_t *options; /* ended by a NULL name; may be NULL */
    int arguments_min, arguments_max;
    int (*run)(cli_t *cli);
} cli_command_t;

struct cli {
    const cli_command_t *command;
    const char *dir; /* NULL: not given */
    cli_output_t output;
    int verbosity; /* -1 quiet, 0, 1 verbose */
    int argument_count;
    const char *arguments[CLI_POSITIONALS_MAX];
    char **rest; /* with CLI_REST: the other command's words, ended by NULL */
    struct {
        const cli_option_t *option;
        const char *value;
    } given[CLI_OPTIONS_MAX];
    int given_count;
    vd_client_t *client; /* made by the main function */
    struct {
        char dir[64]; /* the directory of its own; empty: the runtime is asked */
        int keeper;   /* the process that cleans up behind it */
        int notify;   /* what it is told by, and ends with */
    } offline;
};

/* ---- the table and the parser ---- */

extern const cli_command_t cli_commands[]; /* ended by a NULL name */
extern const cli_option_t cli_common_options[];

/* Reads the arguments. Returns true when a command shall run; else *exit_code (help was printed,
 * or an error told). */
bool cli_parse(cli_t *cli, int argc, char **argv, int *exit_code);
bool cli_has(const cli_t *cli, const char *option);
/* The value of an option; `fallback` when it was not given. */
const char *cli_value(const cli_t *cli, const char *option, const char *fallback);
/* The option as a duration or a number. False with the error told. */
bool cli_duration(const cli_t *cli, const char *option, int64_t fallback_ms, int64_t *ms);
bool cli_number(const cli_t *cli, const char *option, uint64_t fallback, uint64_t *number);
/* Writes the options --label KEY=TEXT as a map; a key that is given again counts once, with its last
 * text. False with the error told. */
bool cli_labels(const cli_t *cli, vd_buffer_t *out);
/* A verb of a command, which is its first argument. */
typedef struct cli_verb {
    const char *name;
    const char *arguments;            /* as in the usage line */
    int arguments_min, arguments_max; /* behind the verb */
    bool writes;                      /* not with --offline */
    int (*run)(cli_t *cli);
} cli_verb_t;
/* Runs the verb that is given, and returns its exit code. Options whose help begins with the name of
 * another verb ("ls: ...") are refused. */
int cli_run_verb(cli_t *cli, const cli_verb_t *verbs, size_t count);
void cli_help(void);
void cli_help_command(const cli_command_t *command);
/* `chaos --help`, and `chaos VERB|FAULT --help` (chaos_help.c). */
void cli_help_chaos(const cli_t *cli);
/* Prints text in lines of at most 80 columns, the first one from `column` on, the others behind as
 * many spaces. */
void cli_print_wrapped(const char *text, size_t column);
/* Options as --help lists them; ended by a NULL name. */
void cli_print_options(const cli_option_t *options);

/* ---- output (output.c, tree.c, figures.c) ---- */

/* One column of a table of maps. */
typedef struct cli_column {
    const char *title;
    const char *key;
    bool right; /* numbers stand on the right */
    /* How the value is shown; NULL: as it is. */
    cli_format_t *format;
} cli_column_t;

/* Prints an array of maps in the form that was asked for. */
int cli_print_rows(cli_t *cli, vd_bytes_t rows, const cli_column_t *columns, size_t count);
/* As a table, each line behind `indent` spaces. At most CLI_COLUMNS_MAX columns. False, and nothing
 * printed, when it would take more than `width` columns; 0: it may. */
bool cli_print_table(vd_bytes_t rows, const cli_column_t *columns, size_t count, int indent,
                     size_t width);
/* Prints one value: as JSON, or as an indented tree. */
int cli_print_value(cli_t *cli, vd_bytes_t value);
void cli_print_tree(vd_bytes_t value);
/* Writes JSON text laid out over lines. */
void cli_print_pretty(const char *json);
/* A value as JSON in one line, whole. */
void cli_print_line(vd_bytes_t value);
void cli_format_since(const vd_value_t *value, char *out,
                      size_t size); /* wall ms -> how long ago */
void cli_format_memory(const vd_value_t *value, char *out, size_t size); /* bytes */
void cli_format_span(const vd_value_t *value, char *out, size_t size);   /* ms */
/* ---- events (event_lines.c) ---- */

typedef struct cli_events {
    const cli_t *cli;
    size_t width;   /* of a line; 0: whole */
    bool sessions;  /* each line names its session */
    uint64_t count; /* printed */
} cli_events_t;

/* `full`: lines are not cut to the width of a terminal. */
void cli_events_begin(cli_events_t *self, const cli_t *cli, bool full, bool sessions);
/* Prints an event. `json`: its line, for the forms that need it. */
void cli_events_print(cli_events_t *self, const vd_follow_event_t *event, const char *json);
/* -o json is one array, whole whenever the command ends. */
void cli_events_end(const cli_events_t *self);

/* Columns of the terminal that stdout is; 0: it is none. */
size_t cli_columns(void);
int64_t cli_wall_ms(void);
int64_t cli_mono_ms(void);
/* From now on SIGINT and SIGTERM end waits early instead of the process. */
void cli_catch_signals(void);
bool cli_interrupted(void);
/* Is stdout still read by somebody? */
bool cli_stdout_open(void);

/* ---- messages (say.c) ---- */

/* Tells an error on stderr, "vedette: ...", and returns the exit code of `status`. */
int cli_fail(const cli_t *cli, vd_status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with the text of the client's last error. */
int cli_fail_client(const cli_t *cli, vd_status_t status);
/* Tells what happened, unless -q. */
void cli_say(const cli_t *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- the runtime (runtime.c) ---- */

/* One request from a message structure, and its answer. `once`: what must not happen twice. */
vd_status_t cli_ask(cli_t *cli, const char *actor, const char *port, const vd_message_t *message,
                    bool once, int timeout_ms, vd_reply_t *reply);
/* Reads the answer's body as message `id`. VD_OK, or VD_MALFORMED when it is another or none. The
 * fields live as long as the reply. */
vd_status_t cli_answer(const vd_reply_t *reply, uint16_t id, vd_message_t *answer);
/* The children of the supervisor: an array of child records. */
vd_status_t cli_children(cli_t *cli, vd_bytes_t *rows);
/* Finds one by name in such an array. */
bool cli_child(vd_bytes_t rows, const char *name, vd_child_record_t *child);
/* The runtime's status. The texts live until the next request. */
vd_status_t cli_status(cli_t *cli, int timeout_ms, vd_reply_t *reply, vd_value_t *map);
/* What an actor says it cannot do at the moment, asked on its port; empty when there is nothing or it
 * does not answer soon. What an earlier request gave out is gone after this one. */
void cli_trouble(cli_t *cli, const char *actor, const char *port, char *out, size_t size);
/* What keeps the ingestor from writing. */
void cli_store_trouble(cli_t *cli, char *out, size_t size);
/* What the auditor has found, if there is one. */
void cli_audit_trouble(cli_t *cli, char *out, size_t size);
/* Is there an actor of this name? Otherwise tells the error with the nearest name, and sets
 * *exit_code. */
bool cli_actor_known(cli_t *cli, const char *name, const char *kind, int *exit_code);
/* Does it run, as far as the supervisor knows? False, with the error told and *exit_code set, when
 * it is stopped, paused or failed: what nobody would answer need not be waited for. */
bool cli_actor_runs(cli_t *cli, const char *name, int *exit_code);
/* While a runtime is only being started: waits until it is ready, for a few seconds. */
void cli_await_start(cli_t *cli);
/* The path of an executable beside this one. False, with the error told, when it is not there. */
bool cli_sibling(const cli_t *cli, const char *name, char *out, size_t size);

/* ---- stores of runtimes that are not up (offline.c) ---- */

#define CLI_OFFLINE "offline"
/* A row for the options of a command that only reads from the ingestor; main.c does the rest. */
#define CLI_OFFLINE_ROW                                                                            \
    {                                                                                              \
        CLI_OFFLINE, 0, "[=STORE]", "read the store of a runtime that is not up, or in STORE"      \
    }
/* With --offline: starts an ingestor that only reads, in a private directory that goes with it,
 * and with this process, however that ends. False with the error told and *exit_code set. */
bool cli_offline_begin(cli_t *cli, int *exit_code);
/* The directory (4096 bytes) of the store that is meant, without asking anybody. */
bool cli_offline_store(const cli_t *cli, char *out, int *exit_code);
void cli_offline_end(cli_t *cli);

/* ---- commands ---- */

int cmd_up(cli_t *cli);
int cmd_down(cli_t *cli);
int cmd_status(cli_t *cli);
int cmd_doctor(cli_t *cli);
int cmd_ps(cli_t *cli);
int cmd_audit(cli_t *cli);
int cmd_control(cli_t *cli);
int cmd_wait(cli_t *cli);
int cmd_why(cli_t *cli);
int cmd_top(cli_t *cli);
int cmd_logs(cli_t *cli);
int cmd_metrics(cli_t *cli);
int cmd_source(cli_t *cli);
/* `source add` and `source rm` (source_edit.c). */
int cli_source_add(cli_t *cli);
int cli_source_rm(cli_t *cli);
int cmd_snapshot(cli_t *cli);
int cmd_query(cli_t *cli);
int cmd_observer(cli_t *cli);
/* `observer new` (observer_new.c). */
int cli_observer_new(cli_t *cli);
int cmd_history(cli_t *cli);
int cmd_follow(cli_t *cli);
int cmd_emit(cli_t *cli);
int cmd_events(cli_t *cli);
int cmd_run(cli_t *cli);

int cmd_subscriber(cli_t *cli);
int cmd_tui(cli_t *cli);
int cmd_session(cli_t *cli);
/* `session ls` and `show` (session_list.c), `export`, `import`, `replay` and `prune`: a file
 * each. */
int cli_session_ls(cli_t *cli);
int cli_session_show(cli_t *cli);
int cli_session_export(cli_t *cli);
int cli_session_import(cli_t *cli);
int cli_session_replay(cli_t *cli);
int cli_session_prune(cli_t *cli);
int cmd_store(cli_t *cli);
/* `store verify` (store_verify.c). */
int cli_store_verify(cli_t *cli);
/* `store repair` and `store checkpoint` (store_copy.c). */
int cli_store_checkpoint(cli_t *cli);
int cli_store_repair(cli_t *cli);
bool cli_store_repairs(const cli_t *cli);
int cmd_chaos(cli_t *cli);
int cmd_config(cli_t *cli);
int cmd_version(cli_t *cli);

/* Lets every executable check the file. 0, or the exit code with the errors told. */
int cli_check_config(cli_t *cli, const char *file);
/* Waits until the runtime is ready, or until it is gone; a pid above 0 is a child of ours whose
 * end ends the wait
 * (*exit_code is then its). VD_OK, VD_TIMED_OUT, VD_UNREACHABLE, VD_FAILED. */
vd_status_t cli_wait_ready(cli_t *cli, int64_t timeout_ms, bool answers_only, int pid,
                           int *exit_code);

#endif
