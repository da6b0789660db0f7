#include <cblas.h>
#include <stdio.h>
#include <string.h>

#include <omp.h>

#include "tools/run/common.h"
#include "core/cream.h"
#include "core/base/isa.h"

/* Vector instructions that the kernels and OpenBLAS can use here, separated by blanks. */
static const char *cpu_features(char *text, size_t size) {
  text[0] = '\0';
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  const struct {
    const char *name;
    int has;
  } features[] = {
      {"sse4.2", __builtin_cpu_supports("sse4.2")},     {"avx", __builtin_cpu_supports("avx")},
      {"avx2", __builtin_cpu_supports("avx2")},         {"fma", __builtin_cpu_supports("fma")},
      {"avx512f", __builtin_cpu_supports("avx512f")},   {"avx512vl", __builtin_cpu_supports("avx512vl")},
      {"avx512dq", __builtin_cpu_supports("avx512dq")}, {"avx512bw", __builtin_cpu_supports("avx512bw")},
  };
  size_t used = 0;
  for (size_t i = 0; i < sizeof features / sizeof *features; i++)
    if (features[i].has && used < size)
      used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", features[i].name);
#elif defined(__aarch64__)
  snprintf(text, size, "neon");
#else
  snprintf(text, size, "none known");
#endif
  return text;
}

static const char *compiler(void) {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

static cream_status version_run(const tool_options *options, cream_error *err) {
  cream_status status = cream_isa_check(CREAM_ISA_AUTO, err);
  if (status) return status;
  char features[256];
  cpu_features(features, sizeof features);
  int threads = options->config.threads ? options->config.threads : omp_get_num_procs();
  if (options->json) {
    cream_json json = cream_json_to(stdout);
    cream_json_object(&json, NULL, true);
    cream_json_string(&json, "version", CREAM_VERSION);
    cream_json_string(&json, "compiler", compiler());
    cream_json_string(&json, "cpu", features);
    cream_json_string(&json, "kernels", cream_isa_name(cream_isa_best()));
    cream_json_string(&json, "openblas", openblas_get_config());
    cream_json_string(&json, "openblas_core", openblas_get_corename());
    cream_json_integer(&json, "threads", (uint64_t)threads);
    cream_json_end(&json);
    putchar('\n');
  } else {
    printf("cream %s\ncompiler  %s\nCPU       %s\nkernels   %s\nOpenBLAS  %s (core %s)\nthreads   %d\n", CREAM_VERSION,
           compiler(), features, cream_isa_name(cream_isa_best()), openblas_get_config(), openblas_get_corename(), threads);
  }
  return CREAM_OK;
}

const tool tool_version = {
    .name = "version",
    .summary = "what this program was built with and what it runs on",
    .options = "threads json ",
    .run = version_run,
};
