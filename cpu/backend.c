#include "blas_memory.h"
#include "plain.h"
#include "tasks.h"

#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20 };

typedef struct isa_entry {
  void (*init)(cpu_backend *);
  void (*workspace)(const cpu_backend *, const cream_conv *, int n, int h, int w, cpu_workspace *);
} isa_entry;

#define ENTRY(suffix) ((isa_entry){cpu_tuned_init_##suffix, cpu_tuned_workspace_##suffix})

/* The tuned kernels of the backend's set. Where what all sets can do costs a set much, it has a variant for
 * CREAM_EXACT_THREADS; AVX-512 has one for bfloat16 (cpu/CMakeLists.txt). */
static isa_entry entry_of(const cpu_backend *cpu) {
  const cream_exact exact = cpu->exact;
  switch (cpu->isa) {
#ifdef CREAM_X86
  case CREAM_ISA_GENERIC:
    return exact == CREAM_EXACT_THREADS ? ENTRY(generic_unfused) : ENTRY(generic);
  case CREAM_ISA_AVX2:
    return ENTRY(avx2);
  case CREAM_ISA_AVX512_BF16:
    if (cpu->narrow) return ENTRY(avx512_bf16);
    /* fall through */
  case CREAM_ISA_AVX512:
#ifdef CPU_AVX512_TABLE
    if (exact == CREAM_EXACT_THREADS) return ENTRY(avx512_table);
#endif
    return ENTRY(avx512);
#else
  case CREAM_ISA_GENERIC:
    (void)exact;
    return ENTRY(generic);
  case CREAM_ISA_AVX2:
  case CREAM_ISA_AVX512:
  case CREAM_ISA_AVX512_BF16:
#endif
  case CREAM_ISA_AUTO:
  case CREAM_ISA_COUNT:
    break;
  }
  abort();
}

/* The set to use. How an instruction for products of bfloat16 adds them is not part of its definition everywhere, so where
 * it adds differently from the emulation of all other sets, its processor counts as one that lacks it. */
static cream_isa usable(cream_isa isa, bool narrow) {
  if (isa == CREAM_ISA_AUTO) isa = cream_isa_best();
#ifdef CREAM_X86
  if (isa == CREAM_ISA_AVX512_BF16 && narrow && cpu_bf16_example_avx512_bf16() != cpu_bf16_example_avx512())
    return CREAM_ISA_AVX512;
#else
  (void)narrow;
#endif
  return isa;
}

/* ---- memory ---------------------------------------------------------------------------------------- */

/* `count` zeroed floats, 64-byte aligned; NULL when out of memory. Large blocks ask for large pages, because
 * a step touches more small pages than the processor's address cache (TLB) holds. */
static float *allocate(size_t count) {
  if (count > (SIZE_MAX - 2 * LARGE_PAGE) / sizeof(float)) return NULL;
  const size_t wanted = count * sizeof(float) + ALIGNMENT;
  const size_t alignment = wanted >= 2 * LARGE_PAGE ? LARGE_PAGE : ALIGNMENT;
  const size_t bytes = wanted / ALIGNMENT * ALIGNMENT;
  float *memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!memory) return NULL;
#ifdef MADV_HUGEPAGE
  if (alignment == LARGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE); /* may be refused */
#endif
  memset(memory, 0, bytes);
  return memory;
}

static size_t byte_count(size_t floats) {
  return floats > SIZE_MAX / sizeof(float) ? SIZE_MAX : floats * sizeof(float);
}

static cream_status alloc(cream_backend *backend, size_t count, cream_buf *out, cream_error *err) {
  (void)backend;
  float *memory = allocate(count);
  if (!memory) return cream_fail_memory(err, byte_count(count), "tensors");
  *out = (cream_buf){memory, 0};
  return CREAM_OK;
}

static void release(cream_backend *backend, cream_buf buf) {
  (void)backend;
  free(buf.mem);
}

static void upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  (void)backend;
  memcpy(cpu_at(dst), src, count * sizeof(float));
}

static cream_status download(cream_backend *backend, void *dst, cream_buf src, size_t count,
                             cream_error *err) {
  (void)backend, (void)err;
  memcpy(dst, cpu_at(src), count * sizeof(float));
  return CREAM_OK;
}

static cream_status synchronise(cream_backend *backend, cream_error *err) {
  (void)backend, (void)err;
  return CREAM_OK;
}

static size_t tensor_size(cream_backend *backend, int n, int h, int w, int c) {
  const cream_tensor t = {.n = n, .h = h, .w = w, .c = c};
  const size_t values = (size_t)n * (size_t)h * (size_t)w * (size_t)c;
  return cpu_is_narrow(cpu_of(backend)->narrow, &t) ? (values + 1) / 2 : values;
}

static size_t gradient_size(cream_backend *backend, int n, int h, int w, int c) {
  return tensor_size(backend, n, h, w, c);
}

static void upload_pixels(cream_backend *backend, const cream_tensor *dst, const uint8_t *pixels,
                          const float *mean, const float *std) {
  enum { TABLES = 4, VALUES = 256 };
  float *raw = cpu_at(dst->raw);
  const size_t count = plain_pixels(dst), channels = (size_t)dst->c;
  for (size_t c0 = 0; c0 < channels; c0 += TABLES) {
    const size_t some = channels - c0 < TABLES ? channels - c0 : TABLES;
    float table[TABLES][VALUES];
    for (size_t c = 0; c < some; c++)
      for (int v = 0; v < VALUES; v++) table[c][v] = ((float)v / 255.0f - mean[c0 + c]) / std[c0 + c];
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
    for (size_t p = 0; p < count; p++)
      for (size_t c = 0; c < some; c++) raw[p * channels + c0 + c] = table[c][pixels[p * channels + c0 + c]];
  }
}

static cream_status download_tensor(cream_backend *backend, float *dst, const cream_tensor *src,
                                    cream_error *err) {
  (void)err;
  const bool narrow = cpu_is_narrow(cpu_of(backend)->narrow, src);
  const uint16_t *halves = (const uint16_t *)cpu_at(src->raw);
  for (size_t p = 0; p < plain_pixels(src); p++)
    for (int c = 0; c < src->c; c++) {
      const size_t i = plain_index(src, p, c);
      dst[i] = plain_value_of(src, p, c, narrow ? cream_bf16_value(halves[i]) : cpu_at(src->raw)[i]);
    }
  return CREAM_OK;
}

static void upload_tensor(cream_backend *backend, const cream_tensor *dst, const float *src) {
  const size_t values = plain_pixels(dst) * (size_t)dst->c;
  uint16_t *halves = (uint16_t *)cpu_at(dst->raw);
  if (!cpu_is_narrow(cpu_of(backend)->narrow, dst))
    upload(backend, dst->raw, src, values);
  else
    for (size_t i = 0; i < values; i++) halves[i] = cream_bf16_of(src[i]);
}

/* Grows *memory to `pieces` pieces of `wanted` floats where a piece has fewer (*size). */
static cream_status grow(float **memory, size_t *size, size_t wanted, size_t pieces, cream_error *err) {
  if (wanted <= *size) return CREAM_OK;
  size_t rounded = (wanted + 15) / 16 * 16;
  float *grown = rounded <= SIZE_MAX / pieces ? allocate(rounded * pieces) : NULL;
  if (!grown) return cream_fail_memory(err, byte_count(wanted), "workspace");
  free(*memory);
  *memory = grown;
  *size = rounded;
  return CREAM_OK;
}

static cream_status reserve(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                            cream_error *err) {
  cpu_backend *cpu = cpu_of(backend);
  cpu_workspace workspace = {cpu->scratch_size, cpu->shared_size};
  cpu_plain_workspace(cpu, conv, n, h, w, &workspace);
  if (!cpu->plain) entry_of(cpu).workspace(cpu, conv, n, h, w, &workspace);
  cream_status status = grow(&cpu->scratch, &cpu->scratch_size, workspace.scratch, (size_t)cpu->threads, err);
  if (status) return status;
  return grow(&cpu->shared, &cpu->shared_size, workspace.shared, 1, err);
}

static void destroy(cream_backend *backend) {
  cpu_backend *cpu = cpu_of(backend);
  free(cpu->scratch);
  free(cpu->shared);
  free(cpu->ranges);
  free(cpu);
}

/* ---- table ----------------------------------------------------------------------------------------- */

#define INIT_GROUP(group, ops) plain_##group##_init(backend);

void cpu_plain_init(cpu_backend *cpu) {
  cream_backend *backend = &cpu->base;
  CREAM_MEMORY_OPS(CREAM_SET_OP)
  CREAM_COMPUTE_GROUPS(INIT_GROUP)
}

cream_status cream_cpu_create(const cream_cpu_options *options, cream_backend **out, cream_error *err) {
  if (options->threads < 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "threads is %d; give 0 (all processors) or more",
                      options->threads);
  if (options->plain && options->precision != CREAM_PRECISION_FLOAT)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "precision: plain kernels have single precision, expected float");
  cream_status status = cream_isa_check(options->isa, err);
  if (status) return status;
  cpu_backend *cpu = calloc(1, sizeof *cpu);
  if (!cpu) return cream_fail_memory(err, sizeof *cpu, "the CPU backend");
  cpu->threads = options->threads ? options->threads : cream_cpu_threads();
  status = cpu_reserve_blas(cpu->threads, err);
  if (status) {
    free(cpu);
    return status;
  }
  cpu->plain = options->plain;
  cpu->exact = options->exact;
  cpu->narrow = options->precision == CREAM_PRECISION_BF16;
  cpu->isa = usable(options->isa, cpu->narrow);
  cpu->base.name = options->plain ? "cpu-plain" : "cpu";
  cpu->ranges = cpu_tasks_create(cpu->threads);
  if (!cpu->ranges) {
    const size_t bytes = (size_t)cpu->threads * 64;
    free(cpu);
    return cream_fail_memory(err, bytes, "the CPU backend");
  }
  cpu_plain_init(cpu);
  if (!cpu->plain) entry_of(cpu).init(cpu);
  *out = &cpu->base;
  return CREAM_OK;
}
