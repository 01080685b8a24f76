/* live_probe.c: DIR SESSION: live alone by libvedette, begun and then read as lines on stdin allow: each
 * line is one call of vd_follow_next, whose outcome is printed: a sequence, or a status and its text. */
#define _POSIX_C_SOURCE 200809L
#include "vedette.h"

#include <inttypes.h>
#include <stdio.h>

enum { WAIT_MS = 20000, SHORT_MS = 100 };

int main(int argc, char **argv)
{
    vd_client_t *client = argc == 3 ? vd_client_new(argv[1]) : NULL;
    if (client == NULL)
        return 2;
    vd_follow_options_t options = {
        .session = argv[2], .name = "live-probe", .only = VD_ONLY_LIVE, .from = VD_FROM_NOW};
    vd_follow_t *follow;
    vd_follow_event_t event;
    vd_status_t status = vd_follow_new(&follow, client, &options, WAIT_MS);
    char line[16];
    while (status == VD_OK && fgets(line, sizeof line, stdin) != NULL) {
        vd_status_t told = vd_follow_next(follow, SHORT_MS, &event);
        if (told == VD_OK)
            printf("%" PRIu64 "\n", event.seq);
        else
            printf("%s %s\n", vd_client_status_name(told),
                   told == VD_TIMED_OUT ? "" : vd_client_error(client));
        fflush(stdout);
    }
    if (status != VD_OK)
        fprintf(stderr, "%s\n", vd_client_error(client));
    vd_follow_destroy(&follow);
    vd_client_destroy(&client);
    return status == VD_OK ? 0 : 1;
}
