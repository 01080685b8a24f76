/* recorder.c: an observer of the tree that writes down what is before its turns (laws/recording.h).
 *
 * The environment says which and where: VEDETTE_RECORD its name, VEDETTE_RECORDING the file, which is
 * added to turn by turn. It is run by a runtime as the `program` of that observer (laws/record).
 */
#include "availability/availability.h"
#include "chain/chain.h"
#include "laws/recording.h"
#include "machine/machine.h"
#include "raft/raft.h"
#include "services/services.h"

#include <stdio.h>
#include <stdlib.h>

static const vd_observer_t *const observers[] = {&vd_availability_observer, &vd_chain_observer,
                                                 &vd_machine_observer, &vd_raft_observer,
                                                 &vd_services_observer};

static const vd_observer_t *recorded;
static vd_recorder_t recorder;
static FILE *file;

static vd_status_t turn(const void *state, const vd_samples_t *samples, vd_turn_t *out)
{
    vd_recorder_turn(&recorder, samples, vd_turn_now_ms(out));
    vd_bytes_t bytes = vd_buffer_view(&recorder.out);
    if (bytes.size > 0 && (fwrite(bytes.data, bytes.size, 1, file) != 1 || fflush(file) != 0))
        return vd_turn_fail(out, VD_IO, "the recording cannot be written");
    return recorded->turn(state, samples, out);
}

int main(int argc, char **argv)
{
    const char *name = getenv("VEDETTE_RECORD"), *path = getenv("VEDETTE_RECORDING");
    for (size_t at = 0; name && at < sizeof observers / sizeof observers[0]; at++)
        if (strcmp(observers[at]->name, name) == 0)
            recorded = observers[at];
    if (!recorded || !path) {
        fprintf(stderr,
                "recorder: VEDETTE_RECORD names no observer, or VEDETTE_RECORDING no file\n");
        return 2;
    }
    file = fopen(path, "ab");
    if (!file) {
        perror(path);
        return 1;
    }
    vd_observer_t observer = *recorded;
    observer.turn = turn;
    vd_recorder_init(&recorder);
    int code = vd_observer_main(argc, argv, &observer);
    vd_recorder_free(&recorder);
    return fclose(file) == 0 ? code : 1;
}
