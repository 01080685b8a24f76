/* commands.c: the table of commands: names, options, help. */
#include "cli.h"

static const cli_option_t up_options[] = {
    {"config", 'c', "FILE", "configuration in TOML; see: vedette config init"},
    {"detach", 'd', NULL, "leave it running in the background"},
    {"wait", 'w', NULL, "with --detach: return when every actor is ready"},
    {"timeout", 0, "TIME", "with --detach: give up waiting after this (30s)"},
    {"for", 0, "TIME", "stop in order after this"},
    {0},
};
static const cli_option_t down_options[] = {
    {"timeout", 0, "TIME", "give up waiting after this (60s)"},
    {0},
};
static const cli_option_t control_options[] = {
    {"wait", 'w', NULL, "return when it is done"},
    {"timeout", 0, "TIME", "give up waiting after this (30s)"},
    {0},
};
static const cli_option_t wait_options[] = {
    {"for", 0, "STATE", "ready or down (ready)"},
    {"timeout", 0, "TIME", "give up after this (30s)"},
    {0},
};
static const cli_option_t logs_options[] = {
    {"follow", 'f', NULL, "go on with what is added"},
    {"lines", 'n', "N", "begin with the last N lines (50)"},
    {0},
};
static const cli_option_t follow_options[] = {
    {"from", 0, "WHERE", "start, now, a sequence, or -N for the last N events (-10)"},
    {"count", 'n', "N", "stop after N events"},
    {"end", 0, NULL, "stop at what is newest when it begins"},
    {"type", 't', "GLOB", "only events whose type matches; * and ? are special"},
    {"durable", 0, "NAME", "go on where the last follow with this name stood, and keep the place"},
    {"via", 0, "NAME", "read from this relay; \"relay\": from any there is"},
    {"full", 0, NULL, "do not cut lines to the width of the terminal"},
    {"progress", 0, NULL, "show the progress of a workflow in place of its events"},
    {"ascii", 0, NULL, "with --progress: no characters beyond ASCII"},
    CLI_OFFLINE_ROW,
    {0},
};
static const cli_option_t history_options[] = {
    {"after", 0, "CURSOR", "only what comes behind it (all that is held)"},
    {"follow", 'f', NULL, "go on with what comes"},
    {"count", 'n', "N", "stop after N deltas"},
    {"full", 0, NULL, "do not cut lines to the width of the terminal"},
    {0},
};
static const cli_option_t top_options[] = {
    {"batch", 'b', NULL, "plain text, one frame after the other; so it is in a pipe"},
    {"count", 'n', "N", "stop after N frames"},
    {"delay", 'd', "TIME", "between frames (2s)"},
    {0},
};
static const cli_option_t why_options[] = {
    CLI_OFFLINE_ROW,
    {0},
};
static const cli_option_t emit_options[] = {
    {"session", 's', "S", "session (VEDETTE_SESSION, else the newest active one)"},
    {"data", 0, "JSON", "data of the event; - reads them from stdin ({})"},
    {"record", 0, "ID", "your id of it: the session stores each once, however often it is emitted"},
    {"strict", 0, NULL, "refuse what the catalogue does not allow; see: vedette events"},
    {"timeout", 0, "TIME", "give up after this (30s)"},
    {0},
};
static const cli_option_t run_options[] = {
    {"name", 'n', "NAME", "name of the session (the command's)"},
    {"label", 'l', "KEY=TEXT", "a label of the session; may be given several times"},
    {"session", 's', "ID", "id of the session (a new one)"},
    {"events-fd", 0, "N", "where the command writes events (the first free from 3 on)"},
    {"strict", 0, NULL, "refuse events that the catalogue does not allow; see: vedette events"},
    {"best-effort", 0, NULL, "run the command in any case, recorded as far as that goes"},
    {"drain", 0, "TIME", "how long others may keep its output open after its end (2s)"},
    {"timeout", 0, "TIME", "give up waiting for the runtime, at the start and at the end (30s)"},
    {0},
};
static const cli_option_t session_options[] = {
    {"state", 0, "STATE", "ls: only active, completed, failed or interrupted ones"},
    {"name", 0, "GLOB", "ls: only those whose name matches; * and ? are special"},
    {"label", 'l', "KEY=GLOB", "ls: only those with this label"},
    {"count", 'n', "N", "ls: at most N (100)"},
    {"speed", 0, "X", "replay: X times as fast (1); max: at once"},
    {"from", 0, "WHERE", "replay: start, a sequence, or -N for the last N (start)"},
    {"max-gap", 0, "TIME", "replay: no longer wait than this, before --speed"},
    {"full", 0, NULL, "replay: do not cut lines to the width of the terminal"},
    {"older-than", 0, "TIME", "prune: those that ended so long ago, such as 30d"},
    {"keep", 0, "N", "prune: but for the newest N"},
    {"dry-run", 0, NULL, "prune: only say which"},
    CLI_OFFLINE_ROW,
    {0},
};

static const cli_option_t store_options[] = {
    {"copy", 0, "DIR", "repair: where the new store goes; not there yet"},
    CLI_OFFLINE_ROW,
    {0},
};

static const cli_option_t source_options[] = {
    {"address", 'a', "A", "add: where it is; a URL for http, a command for exec"},
    {"adapter", 0, "NAME", "add: how it is read: http, file or exec (http)"},
    {"label", 'l', "KEY=TEXT", "add: a label; may be given several times"},
    {"spec", 0, "JSON", "add: whatever the observers want to know of it"},
    {"auth", 0, "TEXT", "add: basic USER:env(NAME) or bearer env(NAME)"},
    {0},
};

static const cli_option_t subscriber_options[] = {
    {"id", 0, "N", "of several of one name only this one; -o json shows it"},
    {0},
};

static const cli_option_t observer_options[] = {
    {"language", 0, "NAME", "c or python (c)"},
    {0},
};

static const cli_option_t snapshot_options[] = {
    {"at", 0, "MOMENT", "what was known at this moment"},
    {"diff", 0, "A", "what has changed between moment A and B (left out: now)"},
    {"session", 's', "S", "the moments are of this session, not of the one at hand"},
    {0},
};

static const cli_option_t tui_options[] = {
    {"session", 's', "S", "the session to look at (the newest active one)"},
    {"at", 0, "MOMENT", "begin there: a sequence, or a time such as 14:02:11"},
    {"screen", 0, "NAME", "begin with this screen (overview)"},
    {"readonly", 0, NULL, "nothing can be restarted or stopped from it"},
    {"ascii", 0, NULL, "draw with ASCII alone"},
    CLI_OFFLINE_ROW,
    {0},
};

static const cli_option_t chaos_options[] = {
    {"seed", 0, "N", "run, schedule: of the random schedule (a new one, printed)"},
    {"for", 0, "TIME", "run, schedule, up: so long, without the time of the faults"},
    {"kills", 0, "N", "run, schedule: stop after N deaths; without --faults nothing else happens"},
    {"count", 'n', "N", "run, schedule: stop after N faults (10 without another limit)"},
    {"every", 0, "TIME", "run, schedule: between faults, on average; 0: at once (2s)"},
    {"faults", 0, "A,B", "run, schedule: only these (those that can be had now)"},
    {"actors", 0, "A,B", "run, schedule: only to these (all, and the supervisor)"},
    {"script", 0, "FILE", "run: what FILE says; -: lines from stdin, each made as it comes"},
    {"session", 's', "ID", "run, FAULT: write into this session, and neither begin nor end it"},
    {"config", 'c', "FILE", "up: as of vedette up, and so the next three"},
    {"detach", 'd', NULL, "up: leave it running in the background"},
    {"wait", 'w', NULL, "up: with --detach: return when every actor is ready"},
    {"timeout", 0, "TIME", "up: with --detach: give up waiting after this (30s)"},
    {0},
};

#define TUI(name, text)                                                                            \
    {                                                                                              \
        name, "[SESSION | --offline [STORE]] [--at MOMENT] [--screen NAME]", text, tui_help,       \
            tui_options, 0, 1, cmd_tui                                                             \
    }

static const char tui_help[] =
    "Screens: overview, actors, sources, stream, subscribers, observers, progress,\n"
    "sessions; keys 1 to 8. ? shows all keys. q quits, and the terminal is as before.\n"
    "Whatever is shown can be shown as of any moment of a session: [ and ] step from\n"
    "event to event, L is live again. Colours follow the terminal; NO_COLOR leaves\n"
    "them out. With --offline it reads the store of a runtime that is not up, or the\n"
    "one in the directory STORE.";

#define CONTROL(verb, text, help)                                                                  \
    {                                                                                              \
        verb, "ACTOR [--wait]", text, help, control_options, 1, 1, cmd_control                     \
    }

const cli_command_t cli_commands[] = {
    {"up", "[-c FILE] [--detach [--wait]] [--for TIME]", "Start a runtime in the foreground.",
     "Ctrl-C ends it in order, with exit code 0; a second one kills what is left. On a\n"
     "terminal, and with --detach, the log goes to supervisor.log (see: vedette logs);\n"
     "with -v, and where stderr is no terminal, to stderr.",
     up_options, 0, 0, cmd_up},
    {"down", "[--timeout TIME]", "Stop the runtime in order.", NULL, down_options, 0, 0, cmd_down},
    {"status", "", "Show the runtime as a whole.", NULL, NULL, 0, 0, cmd_status},
    {"doctor", "", "Say what would hurt: limits, disk, clock, leftovers.",
     "Exit code 1 if something is bad.", NULL, 0, 0, cmd_doctor},
    {"ps", "", "List the processes.",
     "MEMORY is anonymous resident memory. REASON is the last death, also when the\n"
     "actor is ready again, or what it cannot do at the moment.",
     NULL, 0, 0, cmd_ps},
    CONTROL("start", "Start an actor that was stopped or has failed.", NULL),
    CONTROL("stop", "Stop an actor; it stays down until it is started.", NULL),
    CONTROL("restart", "Stop an actor in order and start it again.", NULL),
    CONTROL("kill", "Kill an actor with SIGKILL; its supervisor starts it again.", NULL),
    CONTROL("pause", "Freeze an actor with SIGSTOP.", NULL),
    CONTROL("resume", "Let a paused actor go on.", NULL),
    {"wait", "[--for ready|down | OBSERVER EXPRESSION] [--timeout TIME]",
     "Wait for the runtime, or for what an observer shows.",
     "Also for one that is only being started. Exit code 124 when the time is over, 6\n"
     "if there is no runtime by then, 4 if there is no such observer.\n"
     "\n"
     "EXPRESSION is a question to the observer's snapshot, and true is what is waited\n"
     "for:\n"
     "  vedette wait services 'any(services, item.port == 8080)' --timeout 10s\n"
     "  vedette wait host 'hosts[0].load.load_1m < 2 and $.cycle > 10'\n"
     "Names begin at what the observer shows (vedette snapshot OBSERVER), $ is the\n"
     "snapshot as a whole. == != < <= > >= in, and or not (&& || !), any(list,\n"
     "item...), all, count, length(x), matches(text, 'glob*'). What is missing is\n"
     "null, and no comparison holds for it but == null. With -o json or ndjson the\n"
     "snapshot is printed; when the time is over, stderr says what was last seen.",
     wait_options, 0, 2, cmd_wait},
    {"logs", "[ACTOR] [-f] [-n N]", "Show the logs, of one actor or of all by time.", NULL,
     logs_options, 0, 1, cmd_logs},
    {"metrics", "[ACTOR]", "Show what the actors count, or everything that one counts.",
     "IN and OUT are messages, DROPS those that could not be sent, GARBAGE those that\n"
     "were not understood. CPU and MEMORY (anonymous, resident) are of the whole\n"
     "process.",
     NULL, 0, 1, cmd_metrics},
    {"audit", "", "Show what the auditor has checked, and what it has found violated.",
     "Each invariant with how often it was checked and held, how often it was\n"
     "violated, and how often there was something that could not be told. Exit code 1\n"
     "when anything is violated. The auditor runs with processes = 1 under [auditor].",
     NULL, 0, 0, cmd_audit},
    {"source", "ls | providers | add NAME --address A | rm NAME",
     "List what is observed and how reading it goes; add and remove sources by hand.",
     "ls         the sources; AGE is that of the oldest good reading, LATENCY that of\n"
     "           the slowest last one\n"
     "providers  who lists them, and when that went well last\n"
     "add        from now on NAME exists, also after a restart; again: it is replaced\n"
     "rm         a source that was added by hand exists no more",
     source_options, 1, 2, cmd_source},
    {"snapshot", "OBSERVER [--at MOMENT | --diff A [B]] [--session S]",
     "Show what an observer knows now, or knew at a moment of the past.",
     "A moment is a sequence of the session at hand (120), SESSION:SEQ, a time in UTC\n"
     "(2026-01-31T12:00:00Z), or how long ago (5m). What was known then is made anew\n"
     "from the events that are stored. --diff lists what is different between two\n"
     "moments, B or now, by paths as wait understands them. Figures that change with\n"
     "every poll are not stored, and not shown of the past.",
     snapshot_options, 1, 2, cmd_snapshot},
    {"history", "OBSERVER [--after CURSOR] [--follow] [--count N]",
     "Show what an observer told from cycle to cycle.",
     "The deltas that it holds (its settings history, history_age, history_bytes), and\n"
     "with --follow those that come, each once. As a table their events alone; -o\n"
     "ndjson prints every delta with its cursor, to go on from another time. A cursor\n"
     "that is held no more, or of a life that is over, brings a snapshot in its place:\n"
     "one line with \"kind\": \"snapshot\" and why.",
     history_options, 1, 1, cmd_history},
    {"query", "OBSERVER [NAME [ARGUMENT...]]", "Ask an observer a question, or which it answers.",
     "An argument that is JSON is passed as such, any other as text. Without NAME the\n"
     "queries that the observer offers are listed.",
     NULL, 1, CLI_POSITIONALS_MAX, cmd_query},
    TUI("tui", "Watch the runtime on the terminal, now and at any moment of the past."),
    TUI("watch", "The same as tui."),
    {"top", "[-b] [-n N] [-d TIME]", "Print the overview of the screen as text, again and again.",
     "On a terminal each frame stands in place of the one before; Ctrl-C ends it. In a\n"
     "pipe, or with -b, frames follow each other with an empty line between them:\n"
     "vedette top -b -n 1 prints one. The first comes when every process was asked.",
     top_options, 0, 0, cmd_top},
    {"observer", "new NAME [--language c|python] [--dir DIR]", "Begin an observer of your own.",
     "Writes a small one that works into a directory NAME, or DIR: the program, its\n"
     "test, and the configuration that has the runtime run it. It needs no source of\n"
     "Vedette, only what is installed. Nothing that is there is overwritten.",
     observer_options, 2, 2, cmd_observer},
    {"follow",
     "[SESSION] [--from WHERE] [--count N] [--end]\n"
     "       [--type GLOB] [--durable NAME] [--via NAME] [--progress]",
     "Print events as they are committed.",
     "SESSION is the newest active one if it is left out, and '*' is all of them, with\n"
     "the session in each line. Without --from it begins with the last 10 events, with\n"
     "--end at the first. It ends with the session, or with Ctrl-C (exit code 0), and\n"
     "goes on over the death of every process. Times are UTC. Lines are cut to the\n"
     "width of a terminal; what is piped is whole. With -o json it prints one array,\n"
     "with -o ndjson one event a line. With --offline, from the store of a runtime\n"
     "that is not up, it ends at what is newest there; without an active session its\n"
     "newest one is meant. With -v its mode stands on stderr whenever it changes.\n"
     "--durable keeps its place in the store, each second and at the end, behind\n"
     "what was printed; --from counts when nothing is kept yet. --via goes on at\n"
     "another relay, or at the ingestor, when its own dies. Exit code 1 also when\n"
     "some of it was pruned or is damaged, or when an operator ended it (subscriber\n"
     "kick): stderr says what.\n\n"
     "--progress takes all events of one session and shows what those of a workflow\n"
     "(see: vedette events) say of its nodes, levels and requests: on a terminal one\n"
     "block that is kept current, else a line for each level, failure, tenth of the\n"
     "nodes and end. Exit code 1 also when the session has ended as failed, or its\n"
     "newest generation was given up or has nodes that failed. NO_COLOR is heeded.",
     follow_options, 0, 1, cmd_follow},
    {"why", "[SESSION:]SEQ", "Tell what an event came of.",
     "The event, the turn of the observer that told it with all its events, the sample\n"
     "that the turn had, the source of it and who reads it; of an observer that reads\n"
     "another one, the event that this one came of, back to the first; and the nearest\n"
     "starts, ends and faults of the runtime before and after, with how far away they\n"
     "are. Behind what is not stored stands [who tells it], as of now. Without SESSION\n"
     "it is the newest active one, else the newest. -o json has every fact with its\n"
     "topic and value.",
     why_options, 1, 1, cmd_why},
    {"emit", "TYPE [--session S] [--data JSON|-]",
     "Write one event; prints session:seq once it is on disk.", NULL, emit_options, 1, 1, cmd_emit},
    {"run", "[--name NAME] [--label KEY=TEXT] [--] COMMAND [ARGUMENT...]",
     "Run a command in a session of its own, which records what it writes.",
     "Its lines on stdout and stderr are passed on as they come and become events of\n"
     "type output, bounded to 16384 bytes. What it writes to the descriptor\n"
     "VEDETTE_EVENTS_FD, one JSON object {\"type\": ..., \"data\": ...} a line, becomes\n"
     "events of these types:\n"
     "  echo '{\"type\": \"deployed\"}' >&$VEDETTE_EVENTS_FD\n"
     "A line that is no event is recorded as event_refused and shown on stderr.\n"
     "VEDETTE_SESSION is the session's id: vedette emit writes there. The last event\n"
     "is session_ended, with the exit code and the duration.\n"
     "\n"
     "Signals sent to vedette go to the command. While the runtime takes no events the\n"
     "command is held back when it writes, and nothing is lost; with --best-effort it\n"
     "goes on, and output_lost says how many lines are missing. Without a runtime the\n"
     "command is not run (exit code 6) unless --best-effort is given.\n"
     "\n"
     "The exit code is the command's, 128+N after signal N, 127 if it is not found,\n"
     "126 if it cannot be executed, and 125 if it went well and its record could not\n"
     "be completed.",
     run_options, 1, CLI_REST, cmd_run},
    {"events", "[TYPE]", "Show the catalogue of event types, or the fields of one.",
     "These types mean the same to everybody; emit --strict holds events to them.\n"
     "Types of your own need not be listed anywhere. * stands for a field that is\n"
     "required. TYPE may be a glob.",
     NULL, 0, 1, cmd_events},
    {"session", "VERB [SESSION|FILE] [OPTIONS]",
     "List sessions, show, copy, replay or remove them.",
     "ls                     the newest ones\n"
     "show SESSION           all that is known of one\n"
     "export SESSION [FILE]  its events as lines of JSON, as follow -o ndjson prints\n"
     "                       them; checksums and the chain of commits are checked\n"
     "import [FILE]          events from such lines, as they were; the same import\n"
     "                       again goes on where it was interrupted\n"
     "replay SESSION         its events with the time between them as it was\n"
     "prune [SESSION]        remove sessions that are completed or failed: this one,\n"
     "                       or those that --older-than and --keep allow to remove\n\n"
     "With --offline: ls, show, export and replay.",
     session_options, 1, 3, cmd_session},
    {"subscriber", "VERB [NAME] [--id N]",
     "List who follows the events; pause, resume and end them.",
     "ls         who is served, and how: LAG in commits, QUEUE in events that wait for\n"
     "           the application (both as it says), CREDIT in events that may be sent,\n"
     "           BATCH in commits of the last frame, BYTES sent, DROPS of that name\n"
     "show       all that is known of NAME\n"
     "pause      NAME is sent no events until resume; nothing is lost to it\n"
     "resume     NAME goes on\n"
     "kick       what is sent to NAME ends, and its following with it\n"
     "positions  where subscribers go on that keep their place in the store\n"
     "forget     the position NAME is kept no more\n\n"
     "A verb holds for every subscriber of that name, at the ingestor and at relays.",
     subscriber_options, 1, 2, cmd_subscriber},
    {"store", "stats|verify|checkpoint DIR|repair --copy DIR",
     "Show how the store is, or check all that it holds.",
     "stats           mode, trouble, sizes, and how long writes take\n"
     "verify          reads every event and checks its checksum and the chain of\n"
     "                commits; lists what is damaged and ends with clean, or with exit\n"
     "                code 1\n"
     "checkpoint DIR  copies the store as it is now, while it is being written, to\n"
     "                DIR: tables are linked where they can be; the copy is checked\n"
     "repair          makes a new store in the directory of --copy from what can be\n"
     "                read of a damaged one, which stays as it is; says what is lost.\n"
     "                The runtime has to be down\n\n"
     "With --offline: all of them; repair reads there.",
     store_options, 1, 2, cmd_store},
    {"chaos", "VERB | FAULT TARGET [ARGUMENT...]",
     "Break the runtime on purpose, prove it, and see it recover.",
     "list            what can be broken, how, and whether it can be now\n"
     "up              start a runtime whose disk, clocks and executables can be\n"
     "                broken, too; else as vedette up\n"
     "run             random faults from a seed, which it prints, or those of a script\n"
     "schedule        the script that a seed means\n"
     "FAULT TARGET    one fault: vedette chaos kill ingestor; more at once with +\n"
     "undo            undo what runners left behind that are dead\n\n"
     "A line of a script is such a fault: [after TIME] FAULT TARGET [ARGUMENT...] [+\n"
     "FAULT ...]. Each is made, proved to have taken effect, undone, and watched until\n"
     "the runtime has recovered; a process of its own undoes it should this one die.\n"
     "All of it is recorded as events of a session named chaos. Exit code 0 only when\n"
     "every fault was proved, undone and recovered from; 130 after Ctrl-C, with\n"
     "everything undone; 6 when the runtime was ended meanwhile, and by no fault.\n"
     "-o ndjson prints a line for each phase.",
     chaos_options, 1, CLI_POSITIONALS_MAX, cmd_chaos},
    {"config", "check FILE|init", "Check a configuration, or print one with every default.",
     "check has the program of each observer of your own check its table: it is run.", NULL, 1, 2,
     cmd_config},
    {"version", "", "Show the version.", NULL, NULL, 0, 0, cmd_version},
    {0},
};
