/* Drivers: how a program lists and opens devices, and what it can ask about a backend that was opened.
 *
 * A driver is one constant table. Each backend's folder exports its own (cpu/driver.h, opencl/driver.h), and
 * CREAM_BACKENDS in CMakeLists.txt is the list of them. The core itself sees only the cream_backend that a driver opens. */
#ifndef CREAM_CORE_DEVICE_H
#define CREAM_CORE_DEVICE_H

#include <ctype.h>
#include <string.h>

#include "core/backend.h"
#include "core/base/exact.h"
#include "core/base/precision.h"

/* ---- devices ------------------------------------------------------------------------------------------- */

typedef struct cream_device {
  char id[40];      /* the word that names this device alone: "cpu", "opencl:0:1" */
  char name[128];   /* the hardware's */
  char type[12];    /* "gpu", "cpu", "accelerator", "other" */
  char vendor[128]; /* this and the rest: empty or 0 where the driver cannot say */
  char version[128], driver[128], platform[128], platform_version[128];
  uint64_t memory, largest; /* bytes: all (0: the host's memory), and of one buffer */
  bool shared;              /* the memory is a part of the host's */
  int units, clock;         /* compute units or processors, MHz */
  char bus[24], uuid[40];   /* the card's address on the PCI bus ("0000:03:00.0"), and its UUID */
  char known[320];          /* a known problem of this driver and what to do about it */
  bool warn;                /* a run prints it */
  bool avoid;           /* because of it, the device is used only if its id or a part of its name is given */
  bool works;           /* the self-test passed: kernels were built, ran, and gave the right values */
  char problem[400];    /* why it did not */
  int compiled, cached; /* programs of kernels built from source, and loaded from the cache */
  bool driver_caches;   /* the vendor's driver caches programs; the cache is not used */
} cream_device;

/* Whether `part` is in the text, in any case. */
static inline bool cream_text_has(const char *text, const char *part) {
  size_t length = strlen(part), i;
  for (; *text; text++) {
    for (i = 0; i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]);) i++;
    if (i == length) return true;
  }
  return false;
}

/* Whether `word` is the device's id, address or UUID, or a part of the name of the device or its platform, in any
 * case. */
static inline bool cream_device_is_meant(const cream_device *device, const char *word) {
  return strcmp(device->id, word) == 0 || (*word && strcmp(device->bus, word) == 0) ||
         (*word && strcmp(device->uuid, word) == 0) || cream_text_has(device->name, word) ||
         cream_text_has(device->platform, word);
}

/* The order in which devices are tried: 0 for GPUs, 3 for CPUs. */
static inline int cream_device_rank(const cream_device *device) {
  static const char *const order[] = {"gpu", "accelerator", "other", "cpu"};
  int i = 0;
  while (i < 3 && strcmp(device->type, order[i]) != 0) i++;
  return i;
}

/* Of processes that share a host, number `rank` (from 0) takes this device: the index in the list. They take the devices of
 * the best type in turn; a card that two drivers list counts once, and devices to avoid do not count. -1: there is none. */
static inline int cream_device_for_local_rank(const cream_device *devices, int count, int rank) {
  int best = 4, n = 0, usable[64];
  for (int i = 0; i < count; i++)
    if (!devices[i].avoid && cream_device_rank(&devices[i]) < best) best = cream_device_rank(&devices[i]);
  for (int i = 0; i < count && n < 64; i++) {
    bool known = devices[i].avoid || cream_device_rank(&devices[i]) != best;
    for (int u = 0; u < n && !known; u++)
      known = devices[i].bus[0] && strcmp(devices[usable[u]].bus, devices[i].bus) == 0;
    if (!known) usable[n++] = i;
  }
  return n > 0 ? usable[rank % n] : -1;
}

typedef struct cream_device_options {
  /* The driver's name: its first device that works, GPUs before others; or as in cream_device_is_meant. */
  const char *device;
  int threads;               /* of the CPU; 0: all */
  bool plain;                /* the CPU's plain kernels */
  cream_exact exact;         /* of the CPU's kernels */
  cream_precision precision; /* of activations on the CPU */
  /* Parameters of the device's products, as `tune` returns them, in place of the defaults; NULL: none.
   * `parameters_name` is their file, for messages. Without any, those that `keep` stored are used. */
  const char *parameters, *parameters_name;
  bool half;    /* activations are stored in half precision */
  bool profile; /* kernels are timed (`times`) */
} cream_device_options;

/* ---- backends ------------------------------------------------------------------------------------------ */

/* Counters of a backend since it was opened. */
typedef struct cream_device_stats {
  char device[400];                 /* name, platform and driver */
  uint64_t up_bytes, down_bytes;    /* host to device, device to host */
  uint64_t launches;                /* kernels queued, products included */
  double waited;                    /* seconds that the host waited for the device */
  double warm_seconds, warm_waited; /* compilation in the background, and how long the host waited for it */
  int compiled, cached;             /* as in cream_device */
  bool driver_caches;
  bool timed; /* the device's own clock was on */
} cream_device_stats;

typedef struct cream_device_time {
  char kernel[64];
  uint64_t calls;
  double seconds, longest; /* on the device: of all calls, and of the longest */
} cream_device_time;

/* Displays and drivers end kernels that run longer: Windows and NVIDIA's driver after 2 s, others later. */
#define CREAM_DEVICE_WATCHDOG 2.0

/* Returns the next image batch if it is ready, else NULL. The pixels do not change until they have been
 * given to upload_pixels or another function is set. */
typedef const uint8_t *cream_device_next(void *context, size_t *bytes);

/* A convolution of a network on [n, side, side, cin]; depthwise where cout is 0. */
typedef struct cream_device_conv {
  int n, side, cin, cout, kernel, stride;
} cream_device_conv;

/* Gets one line of text. */
typedef void cream_device_log(void *context, const char *line);

/* ---- drivers ------------------------------------------------------------------------------------------- */

/* The driver of a vendor, which `list` loads. */
typedef struct cream_vendor {
  char file[256];    /* that names it, for messages */
  char library[512]; /* as the loader looks for it */
} cream_vendor;

typedef struct cream_driver {
  /* Begins the ids of its devices and the names of its backends, up to a ':' or '-'. */
  const char *name;
  /* All devices; *devices is freed by the caller. Opening one tests it: `works` and what follows are set for devices
   * that need no test. Fails where there is no device; the message says what to install. */
  cream_status (*list)(cream_device **devices, int *count, cream_error *);
  /* The backend owns its memory until backend->destroy. CREAM_BAD_CONFIG for a device that is not there and for bad
   * parameters. */
  cream_status (*open)(const cream_device_options *, cream_backend **, cream_error *);

  /* The next three are NULL in drivers that load no code of vendors. Such code may hang or crash, so programs first list
   * and test in a process of its own (tools/run/probe.h). They run in the calling process, and load nothing. */

  /* The vendors' drivers that `list` loads; returns how many of `room` there are, -1: other processes must not be used. */
  int (*vendors)(cream_vendor *, int room);
  /* Lets `list`, called for the first time afterwards here or in a process that is started from here, load only these. */
  cream_status (*restrict_to)(const cream_vendor *, int count, cream_error *);
  /* A number that changes with whatever decides which devices there are and how they behave: the vendors' drivers, the
   * environment variables they read, the start of the machine. 0: unknown. */
  uint64_t (*fingerprint)(void);

  /* The rest is NULL in drivers of devices that share the host's memory and run at once. */

  /* Whether a device of this driver has failed since the program began: lost, out of memory, ... */
  bool (*failed)(void);
  void (*stats)(cream_backend *, cream_device_stats *);
  /* Kernels since the last call, longest first; returns how many of `room` were filled. Synchronises. */
  int (*times)(cream_backend *, cream_device_time *, int room);
  /* What there is to know about the device and the kernels built for it, in lines for a report. */
  void (*details)(cream_backend *, cream_device_log *, void *context);
  /* Announces a training before its first batch is read: `next` is called when the host is about to wait, so
   * that the next batch is copied while the device works. NULL ends that. */
  void (*prefetch)(cream_backend *, cream_device_next *next, void *context);
  /* Measures `count` convolutions, forward and backward, with the default parameters and the first `sets` of a
   * handful of others of each kind; *best, freed by the caller, are the fastest as cream_device_options.parameters
   * takes them. `log` gets a line for each set. */
  cream_status (*tune)(cream_backend *, const cream_device_conv *, int count, int sets, char **best,
                       cream_device_log *log, void *context, cream_error *);
  /* Lets the device be opened with these parameters from now on, where no others are given; *where, a static text,
   * says where they are kept. */
  cream_status (*keep)(cream_backend *, const char *parameters, const char **where, cream_error *);
} cream_driver;

#endif
