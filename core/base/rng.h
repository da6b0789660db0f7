/* Counter-based random numbers (Philox4x32-10, Salmon et al., SC 2011). A draw is a function of
 * (seed, purpose, step, index) alone, so that threads, workers and resuming cannot change it.
 */
#ifndef CREAM_CORE_RNG_H
#define CREAM_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a stream of numbers is for; streams of different purposes are independent. */
typedef enum cream_rng_purpose {
  CREAM_RNG_INIT = 1,  /* initial weights; step = parameter index */
  CREAM_RNG_PATH,      /* sampled path of a step */
  CREAM_RNG_SHUFFLE,   /* order of an epoch */
  CREAM_RNG_AUGMENT,   /* augmentation; step = epoch * count + image index */
  CREAM_RNG_SPLIT,     /* held-out and train/test splits */
  CREAM_RNG_SLICE,     /* which held-out images a board entry or a meta step uses */
  CREAM_RNG_TEACHER,   /* random teacher */
  CREAM_RNG_DROPOUT,   /* dropout masks; step = training step */
  CREAM_RNG_META,      /* initial meta network (step 0), held-out slices of its updates */
  CREAM_RNG_RANK,      /* paths of a ranking */
  CREAM_RNG_TEST,      /* tests and benchmarks */
  CREAM_RNG_DROP_PATH, /* dropped blocks; step = training batch */
  CREAM_RNG_MIXUP,     /* shares of mixed images; step = training batch */
  CREAM_RNG_BOOTSTRAP, /* pairs of a resample; step = resample */
  CREAM_RNG_BUDGET,    /* which budget a step trains for */
  CREAM_RNG_EVOLUTION, /* an evolution's first paths (step 0), the children of its generations, its images */
  CREAM_RNG_CALIBRATION, /* training images of a calibration */
  CREAM_RNG_SIGNS,       /* signs of a sign-flip test; step = draw */
  CREAM_RNG_POWER,       /* simulated results of a study; step = simulation */
} cream_rng_purpose;

typedef struct cream_rng {
  uint32_t key[2];
  uint32_t counter[4]; /* index (low, high), step (low), purpose and step (high) */
  uint32_t block[4];
  int used;
} cream_rng;

/* Four words of Philox4x32-10. */
void cream_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

cream_rng cream_rng_at(uint64_t seed, cream_rng_purpose purpose, uint64_t step);
uint32_t cream_rng_u32(cream_rng *);
/* Uniform in [0, 1), 24 bits (float) or 53 bits (double). */
float cream_rng_float(cream_rng *);
double cream_rng_double(cream_rng *);
/* Uniform in [low, high). */
float cream_rng_range(cream_rng *, float low, float high);
/* Uniform in 0..bound-1 without bias; bound > 0. */
uint32_t cream_rng_below(cream_rng *, uint32_t bound);
/* Standard normal (Box-Muller, two words each). */
double cream_rng_normal(cream_rng *);
/* `count` of them, as if drawn one by one, in less time. */
void cream_rng_normals(cream_rng *, double *values, size_t count);
/* Fisher-Yates. */
void cream_rng_shuffle(cream_rng *, uint32_t *items, size_t count);
/* Draws `n` different numbers of 0..count-1. taken[count] is zeroed before and after. */
void cream_rng_choose(cream_rng *, size_t count, int n, uint32_t *out, uint8_t *taken);

/* The draw of dropout for element i, without state. Uniform in [0,1). */
float cream_rng_dropout(uint64_t seed, uint64_t step, uint64_t i);

#endif
