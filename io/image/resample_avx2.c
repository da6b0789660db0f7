/* A weight of 22 bits is split as 2^8 * high + low, so that products of 16 bits give the exact sum. */
#include "core/base/isa.h"
#include "resample_internal.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

static int16_t high(int32_t weight) {
  return (int16_t)(weight >> 8);
}

static int16_t low(int32_t weight) {
  return (int16_t)(weight & 255);
}

/* Per 4 weights: the high parts, then the low parts; each as weights 0, 1 four times, then 2, 3 four times. */
static void prepare(const cream_taps *taps, void *table) {
  int16_t *out = table;
  size_t count = (size_t)taps->count * (size_t)taps->width;
  for (size_t i = 0; i < count; i += 4, out += 32)
    for (int j = 0; j < 16; j++) {
      int32_t weight = taps->weights[i + (size_t)(j / 8 * 2 + j % 2)];
      out[j] = high(weight);
      out[16 + j] = low(weight);
    }
}

AVX2 static inline __m256i join(__m256i highs, __m256i lows) {
  return _mm256_add_epi32(_mm256_slli_epi32(highs, 8), lows);
}

/* Interleaves r g b of pixels 0 and 1 as 16 bits, and in the upper half those of pixels 2 and 3. */
AVX2 static inline __m256i pairs_of(const uint8_t *pixel) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, /**/
                                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  __m256i p = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)pixel));
  return _mm256_shuffle_epi8(p, pairs);
}

/* Adds the two halves of a pixel's sums and rounds: r g b 0. */
AVX2 static inline __m128i pixel_of(__m256i highs, __m256i lows) {
  __m256i sums = join(highs, lows);
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(CREAM_WEIGHT_HALF)), CREAM_WEIGHT_BITS);
}

/* One output of up to 4 inputs. */
AVX2 static inline __m128i short_pixel(const cream_taps *taps, const __m256i *weights, const uint8_t *in,
                                       int x) {
  __m256i p = pairs_of(in + (size_t)taps->first[x] * 3);
  return pixel_of(_mm256_madd_epi16(p, weights[2 * x]), _mm256_madd_epi16(p, weights[2 * x + 1]));
}

AVX2 static inline __m128i long_pixel(const cream_taps *taps, const __m256i *weights, const uint8_t *in,
                                      int x) {
  const uint8_t *pixel = in + (size_t)taps->first[x] * 3;
  __m256i highs = _mm256_setzero_si256(), lows = highs;
  weights += (size_t)x * (size_t)taps->width / 2;
  for (int i = 0; i < taps->width; i += 4, pixel += 12, weights += 2) {
    __m256i p = pairs_of(pixel);
    highs = _mm256_add_epi32(highs, _mm256_madd_epi16(p, weights[0]));
    lows = _mm256_add_epi32(lows, _mm256_madd_epi16(p, weights[1]));
  }
  return pixel_of(highs, lows);
}

/* Packs four pixels into 12 bytes, followed by 4 zeros. */
AVX2 static inline __m128i join_pixels(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m128i dense = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  __m128i bytes = _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
  return _mm_shuffle_epi8(bytes, dense);
}

#define ROW(pixel)                                                                                           \
  int x = 0;                                                                                                 \
  for (; x + 4 <= taps->count; x += 4, out += 12)                                                            \
    _mm_storeu_si128((__m128i *)out,                                                                         \
                     join_pixels(pixel(taps, weights, in, x), pixel(taps, weights, in, x + 1),               \
                                 pixel(taps, weights, in, x + 2), pixel(taps, weights, in, x + 3)));         \
  for (; x < taps->count; x++, out += 3) {                                                                   \
    __m128i one = pixel(taps, weights, in, x);                                                               \
    int32_t rgb = _mm_cvtsi128_si32(join_pixels(one, one, one, one));                                        \
    memcpy(out, &rgb, 4);                                                                                    \
  }

AVX2 static void row(const cream_taps *taps, const void *table, const uint8_t *in, uint8_t *out) {
  const __m256i *weights = table;
  if (taps->width == 4) {
    ROW(short_pixel)
  } else {
    ROW(long_pixel)
  }
}

/* Computes the weighted sums of 16 bytes over n rows, two rows at a time. */
AVX2 static inline __m128i column_16(const uint8_t *rows, size_t stride, const int32_t *weights, int n) {
  __m256i high_a = _mm256_setzero_si256(), high_b = high_a, low_a = high_a, low_b = high_a;
  for (int k = 0; k < n; k += 2) {
    const uint8_t *even = rows + (size_t)k * stride, *odd = k + 1 < n ? even + stride : even;
    int32_t second = k + 1 < n ? weights[k + 1] : 0;
    __m256i highs = _mm256_set1_epi32((int32_t)((uint32_t)high(second) << 16 | (uint16_t)high(weights[k])));
    __m256i lows = _mm256_set1_epi32((int32_t)((uint32_t)low(second) << 16 | (uint16_t)low(weights[k])));
    __m256i p = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)even));
    __m256i q = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)odd));
    __m256i a = _mm256_unpacklo_epi16(p, q), b = _mm256_unpackhi_epi16(p, q);
    high_a = _mm256_add_epi32(high_a, _mm256_madd_epi16(a, highs));
    high_b = _mm256_add_epi32(high_b, _mm256_madd_epi16(b, highs));
    low_a = _mm256_add_epi32(low_a, _mm256_madd_epi16(a, lows));
    low_b = _mm256_add_epi32(low_b, _mm256_madd_epi16(b, lows));
  }
  const __m256i half = _mm256_set1_epi32(CREAM_WEIGHT_HALF);
  __m256i a = _mm256_srai_epi32(_mm256_add_epi32(join(high_a, low_a), half), CREAM_WEIGHT_BITS);
  __m256i b = _mm256_srai_epi32(_mm256_add_epi32(join(high_b, low_b), half), CREAM_WEIGHT_BITS);
  __m256i words = _mm256_packs_epi32(a, b); /* reverses the unpacking */
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

AVX2 static void column(const uint8_t *rows, size_t stride, const int32_t *weights, int n, size_t bytes,
                        uint8_t *out) {
  size_t i = 0;
  for (; i + 16 <= bytes; i += 16)
    _mm_storeu_si128((__m128i *)(out + i), column_16(rows + i, stride, weights, n));
  if (i < bytes) {
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)rest, column_16(rows + i, stride, weights, n));
    memcpy(out + i, rest, bytes - i);
  }
}

const cream_resample_kernels *cream_resample_avx2(void) {
  static const cream_resample_kernels kernels = {prepare, row, column};
  return cream_isa_present(CREAM_ISA_AVX2) ? &kernels : NULL;
}

#else

const cream_resample_kernels *cream_resample_avx2(void) {
  return NULL;
}

#endif
