#include <cblas.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/base/isa.h"
#include "core/cream.h"
#include "cpu/cpu.h"
#include "io/base/json.h"
#include "io/cluster/mpi_module.h"

/* Vector instructions that the kernels and OpenBLAS can use here, separated by blanks. */
static const char *cpu_features(char *text, size_t size) {
  text[0] = '\0';
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  const struct {
    const char *name;
    int has;
  } features[] = {
      {"sse4.2", __builtin_cpu_supports("sse4.2")},
      {"avx", __builtin_cpu_supports("avx")},
      {"avx2", __builtin_cpu_supports("avx2")},
      {"fma", __builtin_cpu_supports("fma")},
      {"avx512f", __builtin_cpu_supports("avx512f")},
      {"avx512vl", __builtin_cpu_supports("avx512vl")},
      {"avx512dq", __builtin_cpu_supports("avx512dq")},
      {"avx512bw", __builtin_cpu_supports("avx512bw")},
      {"avx512bf16", __builtin_cpu_supports("avx512bf16")},
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

/* The MPIs that there are modules for, separated by commas; "none". */
static const char *mpis(char *text, size_t size) {
  size_t used = 0;
  snprintf(text, size, "none");
  for (int i = 0; i < CREAM_MPI_COUNT; i++)
    if (cream_mpi_present((cream_mpi)i))
      used +=
          (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", cream_mpi_title((cream_mpi)i));
  return text;
}

typedef struct version_options {
  cli_line line;
  int threads; /* 0: all */
  bool json;
} version_options;

static cream_status run(const void *values, cream_error *err) {
  const version_options *options = values;
  cream_status status = cream_isa_check(CREAM_ISA_AUTO, err);
  if (status) return status;
  char features[256], mpi[64];
  cpu_features(features, sizeof features);
  int threads = options->threads ? options->threads : cream_cpu_threads();
  if (options->json) {
    cream_json json = cream_json_to(stdout);
    cream_json_object(&json, NULL, true);
    cream_json_string(&json, "version", CREAM_VERSION);
    cream_json_string(&json, "compiler", compiler());
    cream_json_string(&json, "cpu", features);
    cream_json_string(&json, "kernels", cream_isa_name(cream_isa_best()));
    cream_json_string(&json, "openblas", openblas_get_config());
    cream_json_string(&json, "openblas_core", openblas_get_corename());
    cream_json_string(&json, "mpi", mpis(mpi, sizeof mpi));
    cream_json_integer(&json, "threads", (uint64_t)threads);
    cream_json_end(&json);
    putchar('\n');
  } else {
    printf("cream %s\ncompiler  %s\nCPU       %s\nkernels   %s\nOpenBLAS  %s (core %s)\nMPI       "
           "%s\nthreads   %d\n",
           CREAM_VERSION, compiler(), features, cream_isa_name(cream_isa_best()), openblas_get_config(),
           openblas_get_corename(), mpis(mpi, sizeof mpi), threads);
  }
  return CREAM_OK;
}

static const cli_option options[] = {
    CLI_VALUE(version_options, threads, DEVICE, "threads", "N", "CPU threads; 0: all", CLI_FROM_TO(0, 1024)),
    CLI_VALUE(version_options, json, OUTPUT, "json", NULL, "print them on stdout as one JSON document"),
};

COMMAND(version, "print the versions of this program and its libraries, and the processor's features",
        CLI_OPTIONS(options), CLI_VALUES(version_options, line), .run = run, .processes = CLI_EACH_PROCESS);
