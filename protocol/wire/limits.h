/* limits.h: the limits of the protocol as constants VD_<NAME>. The rows stand in limits.def. */
#ifndef VD_LIMITS_H
#define VD_LIMITS_H

enum {
#define VD_LIMIT(name, value, unit, meaning) VD_##name = value,
#include "wire/limits.def"
#undef VD_LIMIT
};

#endif
