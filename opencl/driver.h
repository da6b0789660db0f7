/* The driver of OpenCL 1.2 devices. The backend is a module (cream-opencl.so) that is loaded when it is first
 * used, so that a program needs neither OpenCL nor CLBlast to start: without module, library, vendor's driver
 * or device, `list` and `open` fail with one line that says what to do.
 *
 * The module is looked for at $CREAM_OPENCL_MODULE, or beside the program, in the build folder and in the
 * library folder of the installation.
 *
 * A name of a device (cream_device_options.device) is "opencl", "opencl:PLATFORM:DEVICE", an address or UUID, or a
 * part of the name of a device or platform. */
#ifndef CREAM_OPENCL_DRIVER_H
#define CREAM_OPENCL_DRIVER_H

#include "core/device.h"

extern const cream_driver cream_opencl_driver;

/* ---- between program and module ------------------------------------------------------------------------ */

enum { CREAM_OPENCL_INTERFACE = 5 };

/* What the module exports as `cream_opencl_module_table`. */
typedef struct cream_opencl_module {
  int version; /* CREAM_OPENCL_INTERFACE */
  cream_driver driver;
} cream_opencl_module;

#endif
