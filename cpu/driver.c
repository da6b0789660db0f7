#include "driver.h"

#include <string.h>

#include "cpu.h"

char *cream_cpu_model(char *text, size_t size) {
  snprintf(text, size, "unknown");
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (!file) return text;
  char line[256];
  while (fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (!colon || strncmp(line, "model name", 10) != 0) continue;
    snprintf(text, size, "%s", colon + 2);
    text[strcspn(text, "\n")] = '\0';
    break;
  }
  fclose(file);
  return text;
}

static cream_status list(cream_device **devices, int *count, cream_error *err) {
  *count = 0;
  *devices = calloc(1, sizeof **devices);
  if (!*devices) return cream_fail_memory(err, sizeof **devices, "the list of devices");
  *count = 1;
  **devices = (cream_device){.id = "cpu", .type = "cpu", .units = cream_cpu_threads(), .works = true};
  cream_cpu_model((*devices)->name, sizeof(*devices)->name);
  return CREAM_OK;
}

static cream_status open(const cream_device_options *options, cream_backend **backend, cream_error *err) {
  const cream_cpu_options cpu = {.threads = options->threads,
                                 .plain = options->plain,
                                 .exact = options->exact,
                                 .precision = options->precision};
  return cream_cpu_create(&cpu, backend, err);
}

const cream_driver cream_cpu_driver = {.name = "cpu", .list = list, .open = open};
