// client_header.cpp: vedette.h and vedette_handle.h are C++ too, and need nothing beside them.
#include <vedette_handle.h>

extern "C" int client_header_in_cpp(void);

extern "C" int client_header_in_cpp(void)
{
    vd_follow_options_t options = vd_follow_options_t();
    return options.from == VD_FROM_NOW ? VD_OK : VD_FAILED;
}
