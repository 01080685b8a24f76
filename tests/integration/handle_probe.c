/* handle_probe.c DIR AFTER OBSERVER...: holds on to observers with vd_handle_run until SIGTERM, as
 * lines "ready OBSERVER", "stop OBSERVER WHY" and "KIND OBSERVER CURSOR CYCLE WHY SEQ...", and then
 * "snapshot OBSERVER PHASE CYCLE SOURCES FAILED AGE_MS" and "error OBSERVER STAGE AGE_MS OVER_MS".
 * AFTER "-": from a snapshot. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <vedette_handle.h>

enum { HANDLES_MAX = 8 };

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static int on_ready(void *arg, vd_handle_t *handle)
{
    (void)arg;
    printf("ready %s\n", vd_handle_observer(handle));
    return 0;
}

static int on_stop(void *arg, vd_handle_t *handle, vd_status_t why)
{
    (void)arg;
    printf("stop %s %s\n", vd_handle_observer(handle), vd_client_status_name(why));
    return 0;
}

static int on_cycle(void *arg, vd_handle_t *handle, const vd_handle_delta_t *delta)
{
    vd_follow_event_t event;
    (void)arg;
    printf("%s %s %s %" PRIu64 " %s", delta->kind == VD_HANDLE_CYCLE ? "cycle" : "snapshot",
           vd_handle_observer(handle), delta->cursor, delta->cycle,
           vd_client_status_name(delta->why));
    while (vd_handle_next_event(handle, &event) == VD_OK)
        printf(" %" PRIu64, event.seq);
    printf("\n");
    return fflush(stdout) != 0;
}

static void tell(vd_handle_t *handle)
{
    vd_handle_view_t view;
    vd_handle_error_t error;
    const char *name = vd_handle_observer(handle);
    if (vd_handle_snapshot(handle, 20000, &view) == VD_OK)
        printf("snapshot %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 "\n", name, view.phase,
               view.cycle, view.source_count, view.sources_failed, view.age_ms);
    if (vd_handle_last_error(handle, &error) == VD_OK)
        printf("error %s %s %" PRId64 " %" PRId64 "\n", name, error.stage, error.age_ms,
               error.recovered_age_ms);
}

int main(int argc, char **argv)
{
    vd_client_t *client = vd_client_new(argc > 3 ? argv[1] : NULL);
    vd_handle_t *handles[HANDLES_MAX] = {0};
    size_t count = 0;
    signal(SIGTERM, stop);
    for (int at = 3; at < argc && count < HANDLES_MAX; at++) {
        vd_handle_options_t options = {.hooks = {on_ready, on_cycle, on_stop, NULL}};
        options.after = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
        if (vd_handle_new(&handles[count], client, argv[at], &options) != VD_OK) {
            fprintf(stderr, "%s\n", vd_client_error(client));
            return 1;
        }
        count++;
    }
    while (count > 0 && !stopped && vd_handle_run(handles, count, 500) == VD_TIMED_OUT)
        continue;
    for (size_t at = 0; at < count; at++)
        tell(handles[at]);
    for (size_t at = 0; at < count; at++)
        vd_handle_destroy(&handles[at]);
    vd_client_destroy(&client);
    return 0;
}
