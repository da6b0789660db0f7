#include "bf16.h"

#include "core/base/hash.h"
#include "cpu/internal.h"
#include "gemm.h"

/* `count` words from count * CPU_BF16_WORD values, count <= CPU_LANES, of which the last `missing` count as zero. */
static void line_part(const float *from, int count, int missing, float *to) {
  float values[CPU_LANES * CPU_BF16_WORD] = {0}, words[CPU_LANES];
  memcpy(values, from, (size_t)(count * CPU_BF16_WORD - missing) * sizeof *from);
  vf_store(words, cpu_bf16_line(values));
  memcpy(to, words, (size_t)count * sizeof *to);
}

void CPU_NAME(cpu_bf16_rows)(size_t rows, size_t k, const float *from, size_t ld, float *to) {
  const size_t words = cpu_bf16_words(k), whole = k / (CPU_LANES * CPU_BF16_WORD) * CPU_LANES;
  for (size_t r = 0; r < rows; r++, from += ld, to += words) {
    for (size_t w = 0; w < whole; w += CPU_LANES) vf_store(to + w, cpu_bf16_line(from + w * CPU_BF16_WORD));
    if (whole < words)
      line_part(from + whole * CPU_BF16_WORD, (int)(words - whole), (int)(words * CPU_BF16_WORD - k),
                to + whole);
  }
}

CPU_INLINE void columns_step(const float *from, size_t ld, float *to, int c, int lanes) {
#if defined(__AVX512BF16__)
  const vf second = ld ? vf_load_n(from + ld + c, lanes) : (vf){0};
  vf_store_n(to + c, cpu_bf16_pairs(vf_load_n(from + c, lanes), second), lanes);
#else
  (void)ld;
  vf_store_n(to + c, cpu_bf16_rounded(vf_load_n(from + c, lanes)), lanes);
#endif
}
void CPU_NAME(cpu_bf16_columns)(size_t k, size_t n, const float *from, size_t ld, float *to) {
  for (size_t p = 0; p < k; p += CPU_BF16_WORD, from += CPU_BF16_WORD * ld, to += n) {
    const size_t second = p + 1 < k ? ld : 0; /* 0: there is none */
    CPU_FOR_LANES((int)n, columns_step, from, second, to);
  }
}

/* The hash of a product whose sums show the order of additions, where they are rounded, and what becomes of denormals. */
uint64_t CPU_NAME(cpu_bf16_example)(void) {
  enum { M = 8, N = 16, K = 63, TINY = 60, ONE = 127, SPREAD = 8 };
  float a[M * K], b[K * N], a_words[M * K], b_words[K * N], c[M * N];
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < M * K + K * N; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    const uint32_t random = (uint32_t)(state >> 32);
    const int least = i < M * K && i / K % 2 ? TINY : i % N % 2 ? TINY + 4 : ONE;
    const uint32_t bits = (random & 0x807f0000) | (uint32_t)(least + (int)(random % SPREAD)) << 23;
    memcpy(i < M * K ? a + i : b + (i - M * K), &bits, sizeof bits);
  }
  CPU_NAME(cpu_bf16_rows)(M, K, a, K, a_words);
  CPU_NAME(cpu_bf16_columns)(K, N, b, N, b_words);
  CPU_NAME(cpu_gemm_bf16)(M, N, K, (cpu_matrix){a_words, cpu_bf16_words(K), 1}, b_words, N, c, N, false);
  CPU_NAME(cpu_gemm_bf16)(M, N, K, (cpu_matrix){a_words, cpu_bf16_words(K), 1}, b_words, N, c, N, true);
  return cream_fnv1a(CREAM_FNV1A_START, c, sizeof c);
}
