/* What a run computes on. */
#ifndef CREAM_TOOLS_DEVICE_H
#define CREAM_TOOLS_DEVICE_H

#include "core/base/config.h"
#include "core/base/data.h"
#include "opencl/opencl.h"

typedef struct device_options {
  /* "cpu"; "auto": the quicker of the CPU and the best OpenCL device, and the CPU where there is none;
   * else as cream_opencl_options.device. */
  const char *device;
  int threads;            /* of the CPU; 0: all */
  bool plain;             /* the CPU's plain kernels */
  const char *parameters; /* file of CLBlast's parameters, "": none */
  bool half, profile;     /* of OpenCL */
} device_options;

device_options device_options_of(const cream_config *);
/* With "auto", what was chosen and why is told on stderr in one line. */
cream_status device_open(const device_options *, cream_backend **, cream_error *);
/* In place of a device that a run cannot use: with "auto" the CPU, `reason` being told on stderr. Another
 * device's failure stays one: `reason` is returned. */
cream_status device_fall_back(const device_options *, cream_backend **, const cream_error *reason,
                              cream_error *);
/* A run on "auto" whose device failed under way starts over as `--resume --device cpu`, from its last
 * checkpoint: then this does not return. `words` as in run_options. */
void device_go_on(const char *command, const cream_config *, const char *const *words, int n_words);
/* "cpu, 2 threads", or the device's name, platform and driver. Returns `text`. */
char *device_describe(cream_backend *, int threads, char *text, size_t size);
/* A line on stderr says which OpenCL device it is; nothing for the CPU. */
void device_tell(cream_backend *);
/* The same at the beginning of a training; and batches of `train` (loader.h) go to the device ahead of time. */
void device_begin(cream_backend *, cream_source *train);
/* Where our kernels came from: "9 from the cache", ... Returns `text`. */
char *device_kernels(int compiled, int cached, bool driver_caches, char *text, size_t size);
/* What went over the bus and how long the host waited; nothing for the CPU. */
void device_report(cream_backend *, uint64_t steps, FILE *);

#endif
