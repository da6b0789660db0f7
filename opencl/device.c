#include "device.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "known_drivers.h"

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

static void limit(const char *variable, cl_ulong *bytes) {
  const char *text = getenv(variable);
  cl_ulong most = text ? 1000000 * strtoull(text, NULL, 10) : 0;
  if (most > 0 && most < *bytes) *bytes = most;
}

/* MB that the device and its largest buffer are taken to have. Kernels count the elements of a buffer in ints. */
static void limit_memory(cl_ulong *memory, cl_ulong *largest) {
  limit("CREAM_OPENCL_MEMORY", memory);
  limit("CREAM_OPENCL_BUFFER", largest);
  if (*memory < *largest) *largest = *memory;
  if (*largest > 4 * (cl_ulong)INT_MAX) *largest = 4 * (cl_ulong)INT_MAX;
}

static void describe(ocl_choice *choice) {
  cream_device *about = &choice->about;
  platform_text(choice->platform, CL_PLATFORM_NAME, about->platform, sizeof about->platform);
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
  limit_memory(&memory, &largest);
  cl_bool shared = CL_FALSE;
  clGetDeviceInfo(choice->device, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof shared, &shared, NULL);
  about->shared = shared;
  about->memory = memory;
  about->largest = largest;
  cl_uint units = 0, clock = 0;
  clGetDeviceInfo(choice->device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
  clGetDeviceInfo(choice->device, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof clock, &clock, NULL);
  about->units = (int)units;
  about->clock = (int)clock;
  ocl_identify(choice->device, about);
  ocl_set_known(about);
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
      *choice = (ocl_choice){.platform = platforms[p], .device = devices[d]};
      snprintf(choice->about.id, sizeof choice->about.id, "opencl:%u:%u", p, d);
      describe(choice);
    }
  }
  if (*count > 0) {
    *choices = all;
    return CREAM_OK;
  }
  free(all);
  return cream_fail(err, CREAM_FAILED, "the installed OpenCL platforms have no device; %s", install);
}

static bool is_meant(const char *word, const ocl_choice *choice) {
  return strcmp(word, "opencl") == 0 || cream_device_is_meant(&choice->about, word);
}

cream_status ocl_choose(const char *word, ocl_choice *choices, int *count, cream_error *err) {
  int n = 0, all = *count;
  char names[300] = "";
  for (int i = 0; i < all; i++) {
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s %.60s", i ? ", " : "", choices[i].about.id,
             choices[i].about.name);
  }
  for (int i = 0; i < all; i++) {
    if (!is_meant(word, &choices[i])) continue;
    ocl_choice choice = choices[i];
    int at = n++;
    for (; at > 0 && cream_device_rank(&choices[at - 1].about) > cream_device_rank(&choice.about); at--)
      choices[at] = choices[at - 1];
    choices[at] = choice;
  }
  *count = n;
  if (n > 0) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "device: \"%.60s\" was not found; there are cpu and %s", word,
                    names);
}
