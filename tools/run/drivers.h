/* The list of drivers. The first is the CPU's, on which everything else falls back. A new backend is its folder
 * and a line here. */
#ifndef CREAM_TOOLS_DRIVERS_H
#define CREAM_TOOLS_DRIVERS_H

#include "cpu/driver.h"
#include "opencl/driver.h"

#define DEVICE_DRIVERS(X)                                                                                    \
  X(cream_cpu_driver)                                                                                        \
  X(cream_opencl_driver)

#endif
