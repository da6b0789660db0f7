#include "fuzz.h"

#include "core/base/config.h"
#include "io/config/settings.h"

/* Accepted settings are printed and read again, and must be the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cream_config config, again;
  cream_error error;
  cream_config_defaults(&config);
  cream_status status = cream_settings_parse(&config, "fuzz", (const char *)data, size, &error);
  fuzz_check(status, &error);
  if (status) return 0;
  char *text = NULL;
  size_t length = 0;
  FILE *stream = open_memstream(&text, &length);
  CREAM_ASSERT(stream);
  cream_settings_print(&config, stream);
  CREAM_ASSERT(fclose(stream) == 0);
  cream_config_defaults(&again);
  status = cream_settings_parse(&again, "printed", text, length, &error);
  CREAM_ASSERT(status == CREAM_OK);
  char first[64], second[64];
  cream_settings_get(&config, "search.lr.lr", first, sizeof first);
  cream_settings_get(&again, "search.lr.lr", second, sizeof second);
  CREAM_ASSERT(strcmp(first, second) == 0);
  free(text);
  return 0;
}
