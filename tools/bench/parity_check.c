#define PARITY_IN_PROGRAM
#include "parity_check.h"

#include "parity_tables.h"

PARITY_TESTS(PARITY_TEST)

typedef struct parity_entry {
  const char *name;
  void (*run)(void **state);
} parity_entry;

#define ENTRY(name, run, depthwise, shapes, variants) {#name, name},
static const parity_entry entries[] = {PARITY_TESTS(ENTRY)};

/* A failed case is left by a jump; what it has allocated is lost. */
static bool passes(const parity_entry *entry) {
  if (setjmp(parity_leave)) return false;
  entry->run(NULL);
  return true;
}

int parity_check(cream_backend *device, int every, cream_device_log *log, void *context, cream_error *err) {
  const cream_cpu_options options = {.threads = 2, .plain = true};
  if (cream_cpu_create(&options, &oracle, err) != CREAM_OK) return -1;
  parity_every = every;
  machine_count = 0;
  add_machine("device", device, true, 2);
  volatile int failures = 0;
  for (volatile size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    char line[1100];
    bool passed = passes(&entries[i]);
    failures += !passed;
    snprintf(line, sizeof line, "%-20s %s%.1000s", entries[i].name,
             passed ? "as on the CPU" : "FAILED: ", passed ? "" : parity_failure);
    log(context, line);
  }
  oracle->destroy(oracle);
  return failures;
}
