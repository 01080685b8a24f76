/* main.c: the command `vedette`. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Ends the output. A reader that went away is no error; a disk that is full is. */
static int finish(const cli_t *cli, int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno == 0) /* an earlier write failed: whoever saw it has said so in the code */
        return code;
    if (errno == EPIPE)
        return 0;
    return cli_fail(cli, VD_IO, "cannot write to stdout: %s", strerror(errno));
}

/* Descriptors 0 to 2 that the caller has closed lead nowhere: a socket of ours that took the number
 * would get the output. */
static bool keep_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int main(int argc, char **argv)
{
    static cli_t cli;
    int code = 0;
    if (!keep_standard_descriptors())
        return 1;
    signal(SIGPIPE, SIG_IGN);
    if (!cli_parse(&cli, argc, argv, &code))
        return finish(&cli, code);
    if (!cli_offline_begin(&cli, &code))
        return finish(&cli, code);
    cli.client = vd_client_new(cli.offline.dir[0] != 0 ? cli.offline.dir : cli.dir);
    if (cli.client != NULL)
        code = cli.command->run(&cli);
    else
        code = cli_fail(&cli, VD_NO_MEMORY, "no memory");
    code = finish(&cli, code);
    vd_client_destroy(&cli.client);
    cli_offline_end(&cli);
    return code;
}
