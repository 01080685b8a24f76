/* attach.c: a program of a stranger: prints the first event of the newest session, and its
 * library's version. */
#include <stdio.h>
#include <vedette.h>

int main(int argc, char **argv)
{
    vd_client_t *client = vd_client_new(argc > 1 ? argv[1] : NULL);
    vd_follow_options_t options = {.from = VD_FROM_START};
    vd_follow_t *follow = NULL;
    vd_follow_event_t event;
    vd_status_t status = vd_follow_new(&follow, client, &options, 5000);
    if (status == VD_OK)
        status = vd_follow_next(follow, 5000, &event);
    if (status == VD_OK)
        printf("%s %llu %s\n", vd_client_version(), (unsigned long long)event.seq, event.type);
    else
        fprintf(stderr, "%s\n", vd_client_error(client));
    vd_follow_destroy(&follow);
    vd_client_destroy(&client);
    return status == VD_OK ? 0 : 1;
}
