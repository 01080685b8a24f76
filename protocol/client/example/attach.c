/* attach.c: follows the newest session of the runtime, printing each event as a line of JSON. */
#include <stdio.h>
#include <vedette.h>

int main(void)
{
    vd_client_t *client = vd_client_new(NULL);
    vd_follow_t *follow = NULL;
    vd_follow_event_t event;
    vd_status_t status = vd_follow_new(
        &follow, client, &(vd_follow_options_t){.from = VD_FROM_START, .until_head = 1}, 5000);
    while (status == VD_OK && (status = vd_follow_next(follow, 5000, &event)) == VD_OK)
        puts(vd_follow_json(follow));
    int failed = status != VD_NOT_FOUND && status != VD_SESSION_CLOSED;
    if (failed)
        fprintf(stderr, "%s\n", vd_client_error(client));
    vd_follow_destroy(&follow);
    vd_client_destroy(&client);
    return failed;
}
