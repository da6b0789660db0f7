/* The device that a run uses. All tools open and question devices through these functions; the drivers behind them
 * are those of CREAM_BACKENDS (CMakeLists.txt). */
#ifndef CREAM_TOOLS_DEVICE_H
#define CREAM_TOOLS_DEVICE_H

#include "core/base/boxes.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "core/device.h"
#include "probe.h"

typedef struct device_options {
  /* "cpu"; "auto": the fastest of the CPU and the first device of each other driver that works; else an id or a
   * part of a name (cream_device_is_meant), or the name of a driver. */
  const char *device;
  int threads;               /* of the CPU; 0: all */
  bool plain;                /* the CPU's plain kernels */
  cream_exact exact;         /* of the CPU's kernels */
  cream_precision precision; /* of activations on the CPU; other devices have CREAM_PRECISION_FLOAT alone */
  const char *parameters;    /* file of a device's parameters (cream_device_options), "": none */
  bool half, profile;        /* as in cream_device_options */
} device_options;

device_options device_options_of(const cream_config *);

/* The drivers, by number; the CPU's is 0. */
int device_drivers(void);
const char *device_driver_name(int driver);
const cream_driver *device_driver(int driver);
/* The driver's devices, each tested; freed by the caller. Fails where there is none; the message says what to install. */
cream_status device_list(int driver, cream_device **devices, int *count, cream_error *);
/* The vendors' drivers that device_list left out; the list is the callee's. */
const probe_left_out *device_left_out(int driver, int *count);
/* The driver of this name; NULL with *err where there is none. */
const cream_driver *device_driver_of(const char *name, cream_error *);

/* With "auto", prints the choice and its reason on stderr, in one line. */
cream_status device_open(const device_options *, cream_backend **, cream_error *);
/* Replaces a device that a run cannot use: with "auto" by the CPU, printing `reason` on stderr; otherwise returns
 * `reason`. */
cream_status device_fall_back(const device_options *, cream_backend **, const cream_error *reason,
                              cream_error *);
/* Whether a device of any driver has failed since the program began. */
bool device_failed(void);
/* Restarts a run on "auto" whose device failed as `--resume --device cpu`, from its last checkpoint: then this
 * does not return. `words` as in run_options. */
void device_resume_on_cpu(const char *command, const cream_config *, const char *const *words, int n_words);

bool device_is_cpu(const cream_backend *);
/* "cpu, 2 threads", or the device's name, platform and driver. Returns `text`. */
char *device_describe(cream_backend *, int threads, char *text, size_t size);
/* Prints the device on stderr; nothing for the CPU. */
void device_print(cream_backend *);
/* At the beginning of a training: prints the device, and prefetches batches of `train` (loader.h) to it. */
void device_begin(cream_backend *, cream_source *train);
void device_begin_boxes(cream_backend *, cream_box_source *train);
/* Prints what was copied and how long the host waited; nothing for the CPU. */
void device_report(cream_backend *, uint64_t steps, FILE *);
/* Where kernels came from: "9 programs of kernels compiled, 0 from the cache". Returns `text`. */
char *device_kernels(int compiled, int cached, bool driver_caches, char *text, size_t size);

/* As in cream_driver; for backends other than the CPU's. */
void device_stats(cream_backend *, cream_device_stats *);
int device_times(cream_backend *, cream_device_time *, int room);
cream_status device_tune(cream_backend *, const cream_device_conv *, int count, int sets, char **best,
                         cream_device_log *, void *context, cream_error *);
cream_status device_keep(cream_backend *, const char *parameters, const char **where, cream_error *);

#endif
