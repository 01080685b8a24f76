/* upto_probe.c DIR ROUNDS: follows all sessions up to the newest commit, again and again, each time
 * from the position at which the time before ended. Ends with 1 when an event was left out or came
 * twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedette.h>

enum { SESSIONS = 2 }; /* "a" and "b" */

static int check(const vd_follow_event_t *event, uint64_t *next)
{
    uint64_t *wanted = &next[strcmp(event->session, "a") != 0];
    if (event->seq == *wanted) {
        ++*wanted;
        return 0;
    }
    printf("%s:%llu came, %llu is next\n", event->session, (unsigned long long)event->seq,
           (unsigned long long)*wanted);
    return 1;
}

int main(int argc, char **argv)
{
    vd_client_t *client = argc == 3 ? vd_client_new(argv[1]) : NULL;
    char position[VD_POSITION_TEXT_MAX] = "";
    uint64_t next[SESSIONS] = {1, 1};
    int wrong = client == NULL;
    for (int round = 0; !wrong && round < atoi(argv[2]); round++) {
        vd_follow_t *follow = NULL;
        vd_follow_event_t event;
        vd_follow_options_t options = {.session = "*", .position = position, .until_head = 1};
        options.from = position[0] != 0 ? VD_FROM_POSITION : VD_FROM_START;
        vd_status_t status = vd_follow_new(&follow, client, &options, 10000);
        while (!wrong && status == VD_OK &&
               (status = vd_follow_next(follow, 10000, &event)) == VD_OK)
            wrong = check(&event, next);
        if (!wrong && (status != VD_NOT_FOUND || vd_follow_position(follow, position) != VD_OK)) {
            printf("round %d: %s\n", round, vd_client_error(client));
            wrong = 1;
        }
        vd_follow_destroy(&follow);
    }
    printf("%llu events\n", (unsigned long long)(next[0] + next[1] - SESSIONS));
    vd_client_destroy(&client);
    return wrong;
}
