/* Shared by the CPU backend's own files; nothing outside cpu/ includes it.
 *
 * Tuned kernels live in cpu/kernels/ and are written once, in GCC vector extensions (kernels/simd.h);
 * CMake compiles that folder once for each instruction set, and CPU_NAME(f) is f with the set's suffix.
 */
#ifndef CREAM_CPU_INTERNAL_H
#define CREAM_CPU_INTERNAL_H

#include "cpu.h"

typedef struct cpu_range cpu_range; /* tasks.h */

/* Memory order of activations: NHWC, no padding. */
typedef struct cpu_backend {
  cream_backend base; /* first: a cream_backend * is a cpu_backend * */
  int threads;
  cream_isa isa; /* resolved, never AUTO */
  bool plain;
  bool narrow; /* CREAM_PRECISION_BF16; see cpu_is_narrow */
  cream_exact exact;
  /* Workspace, grown only by `reserve`. Sizes are in floats; aligned to 64 bytes. */
  float *scratch; /* `threads` pieces of scratch_size: a thread's own tiles */
  size_t scratch_size;
  float *shared; /* one piece: partial sums and partial weight gradients, by tile */
  size_t shared_size;
  cpu_range *ranges; /* [threads]: tasks not yet taken */
} cpu_backend;

static inline cpu_backend *cpu_of(cream_backend *backend) {
  return (cpu_backend *)backend;
}
/* Whether all instruction sets have to give the same bytes. */
static inline bool cpu_exact(const cpu_backend *cpu) {
  return cpu->exact == CREAM_EXACT_PROCESSORS;
}
/* Whether the tensor's raw values and their gradient are stored as bfloat16 (kernels/cells.h), on a backend that is
 * `narrow`. Images and tensors of one pixel (features, logits) stay in float, because the core mixes and downloads them. */
static inline bool cpu_is_narrow(bool narrow, const cream_tensor *t) {
  return narrow && t->c > 4 && t->h * t->w > 1;
}
static inline float *cpu_at(cream_buf buf) {
  return buf.mem ? (float *)buf.mem + buf.offset : NULL;
}
static inline float *cpu_scratch(cpu_backend *cpu, int thread) {
  return cpu->scratch + cpu->scratch_size * (size_t)thread;
}

/* Floats of workspace for conv_forward and conv_backward of `conv` on [n,h,w,cin] and for the ops that
 * follow: `scratch` for each thread, `shared` once. The functions raise both, and never lower them. */
typedef struct cpu_workspace {
  size_t scratch, shared;
} cpu_workspace;

/* cpu_plain_init sets every slot to a plain kernel; cpu_tuned_init_* replaces those that compute by tuned
 * ones. */
void cpu_plain_init(cpu_backend *);
void cpu_plain_workspace(const cpu_backend *, const cream_conv *, int n, int h, int w, cpu_workspace *);

/* CPU_SUFFIXES of cpu/CMakeLists.txt: the sets, and variants of them (backend.c). */
#define CPU_DECLARE_SET(suffix)                                                                              \
  void cpu_tuned_init_##suffix(cpu_backend *);                                                               \
  void cpu_tuned_workspace_##suffix(const cpu_backend *, const cream_conv *, int n, int h, int w,            \
                                    cpu_workspace *);                                                        \
  uint64_t cpu_bf16_example_##suffix(void);
CPU_DECLARE_SET(generic)
CPU_DECLARE_SET(generic_unfused)
CPU_DECLARE_SET(avx2)
CPU_DECLARE_SET(avx512)
CPU_DECLARE_SET(avx512_table)
CPU_DECLARE_SET(avx512_bf16)

#endif
