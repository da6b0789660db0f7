#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { MAX_PLATFORMS = 16, MAX_DEVICES = 32 };

static const char install[] = "install the driver of your device (docs/opencl.md), or use --device cpu";

static void platform_text(cl_platform_id platform, cl_platform_info what, char *text, size_t size) {
  if (clGetPlatformInfo(platform, what, size, text, NULL) != CL_SUCCESS) snprintf(text, size, "unknown");
  text[size - 1] = '\0';
}

static void device_text(cl_device_id device, cl_device_info what, char *text, size_t size) {
  if (clGetDeviceInfo(device, what, size, text, NULL) != CL_SUCCESS) snprintf(text, size, "unknown");
  text[size - 1] = '\0';
}

static const char *type_name(cl_device_type type) {
  if (type & CL_DEVICE_TYPE_GPU) return "gpu";
  if (type & CL_DEVICE_TYPE_CPU) return "cpu";
  return type & CL_DEVICE_TYPE_ACCELERATOR ? "accelerator" : "other";
}

/* $CREAM_OPENCL_MEMORY: so many MB are taken for all that there is. */
static void limit(cl_ulong *memory, cl_ulong *largest) {
  const char *text = getenv("CREAM_OPENCL_MEMORY");
  cl_ulong most = text ? 1000000 * strtoull(text, NULL, 10) : 0;
  if (most > 0 && most < *memory) *memory = most;
  if (*memory < *largest) *largest = *memory;
}

static void describe(ocl_choice *choice) {
  cream_opencl_device *about = &choice->about;
  platform_text(choice->platform, CL_PLATFORM_NAME, about->platform_name, sizeof about->platform_name);
  platform_text(choice->platform, CL_PLATFORM_VERSION, about->platform_version,
                sizeof about->platform_version);
  device_text(choice->device, CL_DEVICE_NAME, about->name, sizeof about->name);
  device_text(choice->device, CL_DEVICE_VENDOR, about->vendor, sizeof about->vendor);
  device_text(choice->device, CL_DEVICE_VERSION, about->version, sizeof about->version);
  device_text(choice->device, CL_DRIVER_VERSION, about->driver, sizeof about->driver);
  cl_device_type type = 0;
  clGetDeviceInfo(choice->device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
  snprintf(about->type, sizeof about->type, "%s", type_name(type));
  cl_ulong memory = 0, largest = 0;
  clGetDeviceInfo(choice->device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
  clGetDeviceInfo(choice->device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof largest, &largest, NULL);
  limit(&memory, &largest);
  about->memory = memory;
  about->largest = largest;
  cl_uint units = 0, clock = 0;
  clGetDeviceInfo(choice->device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
  clGetDeviceInfo(choice->device, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof clock, &clock, NULL);
  about->units = (int)units;
  about->clock = (int)clock;
}

cream_status ocl_choices(ocl_choice **choices, int *count, cream_error *err) {
  cl_platform_id platforms[MAX_PLATFORMS];
  cl_uint n_platforms = 0;
  *choices = NULL;
  *count = 0;
  cl_int code = clGetPlatformIDs(MAX_PLATFORMS, platforms, &n_platforms);
  if (code || n_platforms == 0)
    return cream_fail(err, CREAM_FAILED, "no OpenCL platform is installed; %s", install);
  if (n_platforms > MAX_PLATFORMS) n_platforms = MAX_PLATFORMS;
  ocl_choice *all = calloc((size_t)n_platforms * MAX_DEVICES, sizeof *all);
  if (!all) return cream_fail_memory(err, (size_t)n_platforms * MAX_DEVICES * sizeof *all, "OpenCL devices");
  for (cl_uint p = 0; p < n_platforms; p++) {
    cl_device_id devices[MAX_DEVICES];
    cl_uint n_devices = 0;
    if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, devices, &n_devices)) continue;
    for (cl_uint d = 0; d < n_devices && d < MAX_DEVICES; d++) {
      ocl_choice *choice = &all[(*count)++];
      *choice = (ocl_choice){platforms[p], devices[d], {.platform = (int)p, .device = (int)d}};
      describe(choice);
    }
  }
  if (*count > 0) {
    *choices = all;
    return CREAM_OK;
  }
  free(all);
  return cream_fail(err, CREAM_FAILED, "the OpenCL platforms that are installed have no device; %s", install);
}

static bool contains(const char *text, const char *part) {
  size_t length = strlen(part);
  for (; *text; text++) {
    size_t i = 0;
    while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
    if (i == length) return true;
  }
  return false;
}

/* Whether the device is one of those that the word means. */
static bool is_meant(const char *word, const ocl_choice *choice) {
  int platform, device, length = 0;
  if (strcmp(word, "opencl") == 0) return true;
  if (sscanf(word, "opencl:%d:%d%n", &platform, &device, &length) == 2 && word[length] == '\0')
    return choice->about.platform == platform && choice->about.device == device;
  return contains(choice->about.name, word) || contains(choice->about.platform_name, word);
}

static int rank(const ocl_choice *choice) {
  static const char *const order[] = {"gpu", "accelerator", "other", "cpu"};
  int i = 0;
  while (i < 3 && strcmp(choice->about.type, order[i]) != 0) i++;
  return i;
}

cream_status ocl_choose(const char *word, ocl_choice *choices, int *count, cream_error *err) {
  int n = 0, all = *count;
  char names[300] = "";
  for (int i = 0; i < all; i++) {
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%sopencl:%d:%d %.60s", i ? ", " : "",
             choices[i].about.platform, choices[i].about.device, choices[i].about.name);
  }
  for (int i = 0; i < all; i++) {
    if (!is_meant(word, &choices[i])) continue;
    ocl_choice choice = choices[i];
    int at = n++;
    for (; at > 0 && rank(&choices[at - 1]) > rank(&choice); at--) choices[at] = choices[at - 1];
    choices[at] = choice;
  }
  *count = n;
  if (n > 0) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "device: no \"%.60s\" here; there are cpu and %s", word, names);
}

cream_status ocl_devices(bool test, cream_opencl_device **devices, int *count, cream_error *err) {
  ocl_choice *choices;
  cream_status status = ocl_choices(&choices, count, err);
  if (status) return status;
  *devices = calloc((size_t)*count, sizeof **devices);
  if (!*devices) {
    free(choices);
    return cream_fail_memory(err, (size_t)*count * sizeof **devices, "OpenCL devices");
  }
  for (int i = 0; i < *count; i++) {
    cream_opencl_device *about = &(*devices)[i];
    *about = choices[i].about;
    if (!test) continue;
    const cream_opencl_options options = {0};
    ocl_runtime *ocl;
    cream_error problem;
    about->works = ocl_open(&choices[i], &options, &ocl, &problem) == CREAM_OK;
    if (about->works) {
      about->compiled = ocl->compiled;
      about->cached = ocl->cached;
      about->driver_caches = ocl_driver_caches(ocl);
      ocl_close(ocl);
    } else {
      snprintf(about->problem, sizeof about->problem, "%.255s", problem.text);
    }
  }
  free(choices);
  return CREAM_OK;
}
