#include "tiling.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 512 };

ocl_tiling ocl_tiling_of(const ocl_runtime *ocl, bool small) {
#define FOR_GPU(member, name, gpu, cpu, little)   .member = gpu,
#define FOR_CPU(member, name, gpu, cpu, little)   .member = cpu,
#define FOR_SMALL(member, name, gpu, cpu, little) .member = little,
  if (!small && ocl->info.cpu) return (ocl_tiling){OCL_TILES(FOR_CPU)};
  if (!small) return (ocl_tiling){OCL_TILES(FOR_GPU)};
  ocl_tiling tiling = {OCL_TILES(FOR_SMALL)};
  if (ocl->info.cpu) tiling.across = tiling.along = 1;
  return tiling;
}

static int *size_called(ocl_tiling *tiling, const char *name, size_t length) {
#define FIND(member, word, gpu, cpu, little)                                                                 \
  if (strlen(#word) == length && strncmp(#word, name, length) == 0) return &tiling->member;
  OCL_TILES(FIND)
  return NULL;
}

static bool power_of_two(int n) {
  return n > 0 && (n & (n - 1)) == 0;
}

/* What the kernels take for granted. */
static const char *check(const ocl_runtime *ocl, const ocl_tiling *t) {
  const int lanes = ocl->info.lanes, most = ocl->info.max_group;
#define CHECK(member, name, gpu, cpu, little)                                                                \
  if (!power_of_two(t->member) || t->member > 256) return #name " is not a power of two up to 256";
  OCL_TILES(CHECK)
  if (t->tile < t->rows || t->tile < lanes || t->depth < lanes) return "TILE or DEPTH is too small";
  if (t->strip > 8) return "STRIP is above 8";
  if (ocl->info.cpu && t->across * t->along > 1) return "ACROSS and ALONG are 1 on CPUs";
  if (!ocl->info.cpu && (t->tile / t->rows) * (t->tile / lanes) > most) return "TILE is too large for ROWS";
  if (t->across * t->along > most || t->columns * t->over > most || t->items > most)
    return "the work-groups are too large for this device";
  /* two tiles, or the five sums of product_backward_data for each group of rows, which take their place */
  const int tiles = (t->tile + lanes) * (2 * t->depth + 1), sums = 5 * t->tile * t->tile / t->rows;
  return (tiles > sums ? tiles : sums) > OCL_MAX_LOCAL_BYTES / 4
             ? "the tiles take more than 32 KiB of local memory"
             : NULL;
}

bool ocl_tiling_is_line(const char *line) {
  line += strspn(line, " \t");
  return strncmp(line, "own", 3) == 0 && strchr(" \t", line[3]);
}

const char *ocl_tiling_read(const ocl_runtime *ocl, ocl_tiling *tiling, const char *line) {
  ocl_tiling changed = *tiling;
  if (!ocl_tiling_is_line(line)) return NULL;
  line += strspn(line, " \t");
  for (line += 3; *(line += strspn(line, " \t\r"));) {
    size_t length = strcspn(line, "= \t\r");
    int *size = size_called(&changed, line, length);
    char *end;
    if (!size || line[length] != '=') return "expected own NAME=VALUE ... with known names";
    long value = strtol(line + length + 1, &end, 10);
    if (end == line + length + 1 || (*end && !strchr(" \t\r", *end)) || value < 1 || value > 256)
      return "a value is not a whole number from 1 to 256";
    *size = (int)value;
    line = end;
  }
  const char *problem = check(ocl, &changed);
  if (!problem) *tiling = changed;
  return problem;
}

void ocl_tiling_write(const ocl_tiling *tiling, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "own");
#define WRITE(member, name, gpu, cpu, little)                                                                \
  used += (size_t)snprintf(text + used, size - used, " " #name "=%d", tiling->member);                       \
  CREAM_ASSERT(used < size);
  OCL_TILES(WRITE)
}

/* The sizes that common.cl uses. */
static bool is_common(const char *name) {
  return strcmp(name, "ACROSS") == 0 || strcmp(name, "ALONG") == 0 || strcmp(name, "ITEMS") == 0;
}

void ocl_tiling_options(const ocl_tiling *tiling, const char *source, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
#define DEFINE(member, name, gpu, cpu, little)                                                               \
  if (is_common(#name) || strstr(source, "CREAM_" #name))                                                    \
    used += (size_t)snprintf(text + used, size - used, " -DCREAM_" #name "=%d", tiling->member);             \
  CREAM_ASSERT(used < size);
  OCL_TILES(DEFINE)
}

cream_status ocl_parameters_each(const cream_device_options *options, ocl_parameter_read *read, void *context,
                                 cream_error *err) {
  const char *at = options->parameters;
  for (int number = 1; at && *at; number++) {
    size_t length = strcspn(at, "\n");
    char line[LINE];
    snprintf(line, sizeof line, "%.*s", (int)(length < sizeof line ? length : sizeof line), at);
    const char *problem = length >= sizeof line ? "the line is too long" : NULL;
    if (!problem && line[0] != '#' && strspn(line, " \t\r") != strlen(line)) problem = read(context, line);
    if (problem)
      return cream_fail(err, CREAM_BAD_CONFIG, "%s:%d: %s; `cream bench --tune` writes such a file",
                        options->parameters_name, number, problem);
    at += length + (at[length] == '\n');
  }
  return CREAM_OK;
}
