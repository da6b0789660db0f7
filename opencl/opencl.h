/* The optional backend: any OpenCL 1.2 device. It is a loadable module (cream-opencl.so), opened when it is
 * first asked for, so that a program needs neither OpenCL nor CLBlast to start: without module, library,
 * driver or device these functions fail with one line that says what to do.
 *
 * The module is looked for at $CREAM_OPENCL_MODULE, beside the program, and in the library folder of the
 * installation.
 */
#ifndef CREAM_OPENCL_OPENCL_H
#define CREAM_OPENCL_OPENCL_H

#include "core/backend.h"

typedef struct cream_opencl_options {
  /* "opencl": the first device that passes the self-test, GPUs before others; "opencl:PLATFORM:DEVICE" by the
   * numbers of cream_opencl_devices; else a part of the name of a device or platform, in any case. */
  const char *device;
  /* CLBlast's parameters in place of its own, as cream_opencl_tune writes them; NULL: none. `parameters_name`
   * is where they come from, for messages. */
  const char *parameters, *parameters_name;
  bool half;    /* activations are stored in half precision */
  bool profile; /* kernels are timed: cream_opencl_times */
} cream_opencl_options;

cream_status cream_opencl_create(const cream_opencl_options *, cream_backend **out, cream_error *);

/* Whether a device has failed under way since the program began: lost, out of memory, ... */
bool cream_opencl_failed(void);

/* ---- devices --------------------------------------------------------------------------------------- */

typedef struct cream_opencl_device {
  int platform, device;
  char platform_name[128], platform_version[128];
  char name[128], vendor[128], version[128], driver[128];
  char type[12];            /* "gpu", "cpu", "accelerator", "other" */
  uint64_t memory, largest; /* bytes: all, and of one buffer */
  int units, clock;         /* compute units, MHz */
  bool works;               /* the self-test passed: kernels were built, run, and gave the right values */
  char problem[256];        /* why it did not */
  int compiled, cached;     /* programs of ours that were built from source, or came out of our cache */
  bool driver_caches;       /* the driver keeps what it compiles; ours is not used */
} cream_opencl_device;

/* All devices of all platforms; *devices is freed by the caller. test: run the self-test on each. Fails where
 * there is no platform or no device. */
cream_status cream_opencl_devices(bool test, cream_opencl_device **devices, int *count, cream_error *);

/* ---- a backend made by cream_opencl_create --------------------------------------------------------- */

typedef struct cream_opencl_stats {
  char device[400];                 /* name, platform and driver */
  uint64_t up_bytes, down_bytes;    /* host to device, device to host */
  uint64_t launches;                /* kernels queued, products included */
  double waited;                    /* seconds that the host waited for the device */
  double warm_seconds, warm_waited; /* CLBlast's compilation, and how much of it the host waited for */
  int compiled, cached;             /* programs of ours, as above */
  bool driver_caches;
  bool timed; /* the device's own clock was on */
} cream_opencl_stats;

typedef struct cream_opencl_time {
  char kernel[64];
  uint64_t calls;
  double seconds; /* on the device */
} cream_opencl_time;

/* Whether the backend is one of these: what follows takes no other. */
bool cream_opencl_is(const cream_backend *);
void cream_opencl_stats_get(cream_backend *, cream_opencl_stats *);
/* Kernels since the last call, longest first; returns how many of `room` were filled. Synchronises. */
int cream_opencl_times(cream_backend *, cream_opencl_time *, int room);

/* Where the next picture batch can be found already, so that it goes up while the device still works on this
 * one: called when the host is about to wait. Returns its pixels, or NULL if they are not ready; they stay as
 * they are until they have been given to upload_pixels or `next` is set anew. context may be NULL. A training
 * calls this before its first batch is read: what it needs of CLBlast compiles in the background from then
 * on. */
typedef const uint8_t *cream_opencl_next(void *context, size_t *bytes);
void cream_opencl_ahead(cream_backend *, cream_opencl_next *, void *context);

/* Measures CLBlast's direct kernel on the products of 1x1 convolutions of `rows` pixels, forward and
 * backward, `shapes` [count], with CLBlast's own parameters and the first `sets` of a handful of others;
 * *best, freed by the caller, is the quickest one as cream_opencl_options.parameters takes it: a line
 * "KERNEL NAME=VALUE ...". `tell` gets a line for each set. */
typedef struct cream_opencl_shape {
  int rows, cin, cout;
} cream_opencl_shape;
typedef void cream_opencl_tell(void *context, const char *line);
cream_status cream_opencl_tune(cream_backend *, const cream_opencl_shape *shapes, int count, int sets,
                               char **best, cream_opencl_tell *, void *context, cream_error *);

/* ---- between program and module -------------------------------------------------------------------- */

enum { CREAM_OPENCL_INTERFACE = 2 };

/* What the module exports as `cream_opencl_module_table`. */
typedef struct cream_opencl_module {
  int version; /* CREAM_OPENCL_INTERFACE */
  cream_status (*create)(const cream_opencl_options *, cream_backend **, cream_error *);
  cream_status (*devices)(bool test, cream_opencl_device **, int *count, cream_error *);
  bool (*failed)(void);
  void (*stats)(cream_backend *, cream_opencl_stats *);
  int (*times)(cream_backend *, cream_opencl_time *, int room);
  void (*ahead)(cream_backend *, cream_opencl_next *, void *context);
  cream_status (*tune)(cream_backend *, const cream_opencl_shape *, int count, int sets, char **best,
                       cream_opencl_tell *, void *context, cream_error *);
} cream_opencl_module;

#endif
