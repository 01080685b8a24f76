/* watch_probe.c DIR ACTOR REQUEST PUB FEED: prints each value of a feed as "snapshot JSON" or
 * "item JSON", until stdout is closed. */
#include <stdio.h>
#include <vedette.h>

int main(int argc, char **argv)
{
    vd_client_t *client = vd_client_new(argc == 6 ? argv[1] : NULL);
    vd_watch_t *watch = NULL;
    vd_status_t status = VD_USAGE;
    if (argc == 6)
        status = vd_watch_new(&watch, client, argv[2], argv[3], argv[4], argv[5]);
    while (status == VD_OK || status == VD_TIMED_OUT || status == VD_UNREACHABLE) {
        vd_blob_t value;
        int snapshot = 0;
        status = vd_watch_next(watch, 200, &value, &snapshot);
        if (status == VD_OK)
            printf("%s %s\n", snapshot != 0 ? "snapshot" : "item", vd_client_json(client, value));
        if (fflush(stdout) != 0)
            break;
    }
    if (status != VD_OK && status != VD_TIMED_OUT)
        fprintf(stderr, "%s\n", vd_client_error(client));
    vd_watch_destroy(&watch);
    vd_client_destroy(&client);
    return 0;
}
