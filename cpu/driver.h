/* The driver of the CPU. */
#ifndef CREAM_CPU_DRIVER_H
#define CREAM_CPU_DRIVER_H

#include "core/device.h"

/* One device, "cpu". */
extern const cream_driver cream_cpu_driver;

/* The processor's name, "unknown" where the system does not say. Returns `text`. */
char *cream_cpu_model(char *text, size_t size);

#endif
