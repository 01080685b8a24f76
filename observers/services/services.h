/* services.h: the observer of listening TCP services. */
#ifndef VD_SERVICES_H
#define VD_SERVICES_H

#include "observer.h"

extern const char vd_services_layout[]; /* layout.json */
extern const vd_observer_t vd_services_observer;

#endif
