#include "fuzz.h"

#include "io/config/space_yaml.h"
#include "io/run/path_log.h"

static cream_skeleton skeleton;
static cream_config config;

static void init(void) {
  cream_space space;
  cream_error error;
  static const int depth[CREAM_MAX_STAGES] = {1, 1, 1, 1};
  if (skeleton.n_layers) return;
  CREAM_ASSERT(cream_space_load("micro", &space, &error) == CREAM_OK);
  CREAM_ASSERT(cream_skeleton_init(&skeleton, &space, depth, 32, 10, &error) == CREAM_OK);
  cream_config_defaults(&config);
}

/* The paths of an accepted log are paths of the supernet. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const none[] = {NULL};
  cream_path_log log = {.fd = -1, .name = "fuzz"};
  size_t whole;
  cream_error error;
  init();
  const cream_path_log_owner owner = {&config, none, NULL, &skeleton};
  cream_status status = cream_path_log_parse(&log, (const char *)data, size, &owner, &whole, &error);
  fuzz_check(status, &error);
  CREAM_ASSERT(whole <= size);
  for (int i = 0; i < log.count; i++)
    for (int l = 0; l < skeleton.n_layers; l++)
      CREAM_ASSERT(log.lines[i].path.choice[l] < skeleton.layers[l].n_options);
  cream_path_log_close(&log);
  return 0;
}
