/* fuzz_figures.c: the tables of the kernel that are read on this machine. */
#include "fuzz.h"
#include "kit/listeners.h"
#include "machine/figures.h"

void fuzz_one(vd_bytes_t input)
{
    vd_load_t load;
    vd_memory_t memory;
    vd_processors_t processors;
    vd_space_t space;
    vd_interface_t interface;
    vd_mount_t mount;
    double percent = 0;
    vd_listeners_t listeners = {0};
    vd_load_parse(input, &load);
    vd_memory_parse(input, &memory);
    vd_processors_parse(input, &processors);
    vd_pressure_parse(input, &percent);
    vd_space_parse(input, &space);
    vd_operstate_is_down(input);
    vd_bytes_t rest = input;
    while (vd_interface_next(&rest, &interface))
        FUZZ_HOLDS(strlen(interface.name) < VD_INTERFACE_SIZE);
    rest = input;
    while (vd_mount_next(&rest, &mount))
        FUZZ_HOLDS(strlen(mount.path) < VD_MOUNT_SIZE);
    vd_listeners_add(&listeners, VD_TCP, input);
    vd_listeners_add(&listeners, VD_TCP6, input);
    vd_listeners_sort(&listeners);
    for (uint32_t i = 1; i < listeners.count; i++)
        FUZZ_HOLDS(vd_listener_compare(&listeners.list[i - 1], &listeners.list[i]) <= 0);
    vd_listeners_free(&listeners);
}
