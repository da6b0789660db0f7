/* The runtime below the ops: copies, prefetched images, products with offsets, failures, the cache of kernels.
 * Linked with the backend's own objects, because the driver does not export them. */
#include "device.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "opencl/backend.h"
#include "opencl/blas.h"
#include "opencl/cache.h"
#include "opencl/launch.h"

extern const cream_opencl_module cream_opencl_module_table;

static ocl_runtime *open_with(cream_device_options options) {
  const char *name = getenv("CREAM_TEST_OPENCL");
  cream_backend *backend;
  cream_error err;
  options.device = name ? name : "opencl";
  if (cream_opencl_module_table.driver.open(&options, &backend, &err)) fail_msg("%s", err.text);
  return ocl_of(backend);
}

static ocl_runtime *open_runtime(bool half) {
  return open_with((cream_device_options){.half = half});
}

static cream_buf alloc(ocl_runtime *ocl, size_t count) {
  cream_buf buf;
  cream_error err;
  if (ocl->base.alloc(&ocl->base, count, &buf, &err)) fail_msg("%s", err.text);
  return buf;
}

static void get(ocl_runtime *ocl, float *values, cream_buf buf, size_t count) {
  cream_error err;
  if (ocl->base.download(&ocl->base, values, buf, count, &err)) fail_msg("%s", err.text);
}

static void fill(float *values, size_t count, unsigned seed) {
  for (size_t i = 0; i < count; i++) values[i] = (float)((i * 37 + seed * 101) % 64) / 16 - 2;
}

/* ---- copies ---------------------------------------------------------------------------------------- */

/* Small and large uploads in turn arrive in order, and the source may change at once. */
static void test_copies(void **state) {
  (void)state;
  enum { COUNT = 40000, ROUNDS = 30, SMALL = 10000 };
  static float values[COUNT], got[COUNT];
  ocl_runtime *ocl = open_runtime(false);
  cream_buf buf = alloc(ocl, COUNT);
  get(ocl, got, buf, COUNT);
  for (int i = 0; i < COUNT; i++) assert_float_equal(got[i], 0, 0);
  uint64_t up = ocl->up_bytes, down = ocl->down_bytes;
  fill(values, COUNT, 0);
  ocl->base.upload(&ocl->base, buf, values, COUNT);
  for (int r = 0; r < ROUNDS; r++) {
    float piece[SMALL];
    fill(piece, SMALL, (unsigned)r + 1);
    size_t at = (size_t)(r % 3) * SMALL + 7;
    ocl->base.upload(&ocl->base, cream_buf_at(buf, at), piece, SMALL);
    memcpy(values + at, piece, sizeof piece);
    memset(piece, 0xff, sizeof piece);
  }
  get(ocl, got, buf, COUNT);
  assert_memory_equal(got, values, sizeof got);
  assert_int_equal(ocl->up_bytes - up, 4 * (COUNT + ROUNDS * SMALL));
  assert_int_equal(ocl->down_bytes - down, 4 * COUNT);
  ocl->base.release(&ocl->base, buf);
  ocl_close(ocl);
}

/* A large upload does not free the memory that queued small ones still read (under late_commands.c). */
static void test_order_copies(void **state) {
  (void)state;
  enum { SMALL = 1000, LARGE = 40000, ROUNDS = 3, EACH = 2 * SMALL + LARGE, COUNT = ROUNDS * EACH };
  static float values[COUNT], got[COUNT];
  ocl_runtime *ocl = open_runtime(false);
  cream_buf buf = alloc(ocl, COUNT);
  fill(values, COUNT, 3);
  for (size_t r = 0; r < ROUNDS; r++) {
    const size_t at = r * EACH;
    ocl->base.upload(&ocl->base, cream_buf_at(buf, at), values + at, SMALL);
    ocl->base.upload(&ocl->base, cream_buf_at(buf, at + SMALL), values + at + SMALL, LARGE);
    ocl->base.upload(&ocl->base, cream_buf_at(buf, at + SMALL + LARGE), values + at + SMALL + LARGE, SMALL);
  }
  get(ocl, got, buf, COUNT);
  assert_memory_equal(got, values, sizeof got);
  ocl->base.release(&ocl->base, buf);
  ocl_close(ocl);
}

/* Half precision keeps representable values, rounds the rest to nearest, and does not apply to single pixels. */
static void test_half(void **state) {
  (void)state;
  const float values[] = {0, -0.0f, 1, -2.5f, 65504, 1e6f, 6e-8f, 1e-9f, 0.1f, 2049, 3.14159f, -INFINITY};
  const float expected[] = {0, -0.0f,         1,    -2.5f,     65504,    INFINITY, 6e-8f,
                            0, 0.0999755859f, 2048, 3.140625f, -INFINITY};
  enum { COUNT = sizeof values / sizeof *values };
  float got[COUNT];
  cream_error err;
  ocl_runtime *ocl = open_runtime(true);
  cream_buf buf = alloc(ocl, COUNT);
  for (int single = 0; single < 2; single++) {
    cream_tensor x = {.n = 1, .h = single ? 1 : 2, .w = 1, .c = single ? COUNT : COUNT / 2, .raw = buf};
    assert_int_equal(ocl->base.tensor_size(&ocl->base, x.n, x.h, x.w, x.c), single ? COUNT : COUNT / 2);
    ocl->base.upload_tensor(&ocl->base, &x, values);
    if (ocl->base.download_tensor(&ocl->base, got, &x, &err)) fail_msg("%s", err.text);
    for (int i = 0; i < COUNT; i++) {
      float wanted = single ? values[i] : expected[i];
      if (!single && i == 6)
        assert_true(fabsf(got[i] - wanted) < 1e-9f);
      else
        assert_memory_equal(&got[i], &wanted, sizeof wanted);
    }
  }
  ocl->base.release(&ocl->base, buf);
  ocl_close(ocl);
}

/* ---- images ---------------------------------------------------------------------------------------- */

typedef struct feed {
  const uint8_t *pixels;
  size_t bytes;
  int asked;
} feed;

static const uint8_t *next(void *context, size_t *bytes) {
  feed *f = context;
  f->asked++;
  *bytes = f->bytes;
  return f->pixels;
}

/* Prefetched images are not sent again, unless they have changed since. */
static void test_order_prefetch(void **state) {
  (void)state;
  enum { N = 3, SIDE = 5, COUNT = N * SIDE * SIDE * 3 };
  const float mean[] = {0.5f, 0.25f, 0}, std[] = {0.25f, 0.5f, 1};
  uint8_t pixels[2][COUNT];
  float got[COUNT];
  ocl_runtime *ocl = open_runtime(false);
  cream_tensor x = {.n = N, .h = SIDE, .w = SIDE, .c = 3, .raw = alloc(ocl, COUNT)};
  feed f = {pixels[0], COUNT, 0};
  cream_opencl_module_table.driver.prefetch(&ocl->base, next, &f);
  for (int round = 0; round < 6; round++) {
    uint8_t *now = pixels[round % 2], *then = pixels[(round + 1) % 2];
    if (round == 0 || round == 4) /* 4: other images in the same place */
      for (int i = 0; i < COUNT; i++) now[i] = (uint8_t)(i * 3 + round);
    for (int i = 0; i < COUNT; i++) then[i] = (uint8_t)(i * 7 + round);
    uint64_t up = ocl->up_bytes;
    ocl->base.upload_pixels(&ocl->base, &x, now, mean, std);
    assert_int_equal(ocl->up_bytes - up, round == 0 || round == 4 ? COUNT : 0);
    f.pixels = then;
    get(ocl, got, x.raw, COUNT);
    for (int i = 0; i < COUNT; i++)
      assert_float_equal(got[i], ((float)now[i] / 255 - mean[i % 3]) / std[i % 3], 1e-6f);
    assert_int_equal(f.asked, round + 1);
  }
  ocl->base.release(&ocl->base, x.raw);
  ocl_close(ocl);
}

/* Batches that are uploaded while earlier ones are still queued: the host does not overwrite what they read. */
static void test_order_images(void **state) {
  (void)state;
  enum { SIDE = 4, COUNT = SIDE * SIDE * 3, BATCHES = 6 };
  const float mean[] = {0, 0, 0}, std[] = {1, 1, 1};
  uint8_t pixels[COUNT];
  float got[BATCHES * COUNT];
  ocl_runtime *ocl = open_runtime(false);
  cream_buf all = alloc(ocl, BATCHES * COUNT);
  for (int b = 0; b < BATCHES; b++) {
    cream_tensor x = {.n = 1, .h = SIDE, .w = SIDE, .c = 3, .raw = cream_buf_at(all, (size_t)b * COUNT)};
    for (int i = 0; i < COUNT; i++) pixels[i] = (uint8_t)(i * 5 + b * 31);
    ocl->base.upload_pixels(&ocl->base, &x, pixels, mean, std);
  }
  get(ocl, got, all, BATCHES * COUNT);
  for (int i = 0; i < BATCHES * COUNT; i++)
    assert_float_equal(got[i], (float)(uint8_t)(i % COUNT * 5 + i / COUNT * 31) / 255, 1e-6f);
  ocl->base.release(&ocl->base, all);
  ocl_close(ocl);
}

/* ---- products -------------------------------------------------------------------------------------- */

enum { PLACES = 2000 };

static void multiply(float *c, const float *a, const float *b, int batch, int m, int n, int k, const int *ld,
                     const size_t *stride, bool ta, bool tb, float beta) {
  for (int z = 0; z < batch; z++)
    for (int j = 0; j < n; j++)
      for (int i = 0; i < m; i++) {
        double sum = 0;
        for (int l = 0; l < k; l++)
          sum += (double)a[(size_t)z * stride[0] + (size_t)(ta ? i * ld[0] + l : l * ld[0] + i)] *
                 b[(size_t)z * stride[1] + (size_t)(tb ? l * ld[1] + j : j * ld[1] + l)];
        float *at = &c[(size_t)z * stride[2] + (size_t)(j * ld[2] + i)];
        *at = (float)(0.5 * sum + (beta == 0 ? 0 : (double)beta * *at));
      }
}

/* Offsets, padded leading dimensions, a stride of 0, transpositions, beta: where CLBlast's indirect path
 * fails, which no file of parameters can switch on. */
static void test_products(void **state) {
  (void)state;
  enum { M = 9, N = 7, K = 5, BATCH = 3 };
  static float a[PLACES], b[PLACES], c[PLACES], got[PLACES];
  ocl_runtime *ocl = open_with((cream_device_options){
      .parameters = "# all\n\nGemmRoutine XGEMM_MIN_INDIRECT_SIZE=1\n", .parameters_name = "test"});
  cream_buf buffers[3] = {alloc(ocl, PLACES), alloc(ocl, PLACES), alloc(ocl, PLACES)};
  fill(a, PLACES, 1);
  fill(b, PLACES, 2);
  ocl->base.upload(&ocl->base, buffers[0], a, PLACES);
  ocl->base.upload(&ocl->base, buffers[1], b, PLACES);
  for (int way = 0; way < 16; way++) {
    bool ta = way & 1, tb = way & 2, batched = way & 4;
    float beta = way & 8 ? 2 : 0;
    const int ld[3] = {12, 11, 13};
    const size_t stride[3] = {150, batched ? 0 : 140, 130}, offset[3] = {17, 33, 5};
    for (int i = 0; i < PLACES; i++) c[i] = beta == 0 ? NAN : (float)(i % 5);
    ocl->base.upload(&ocl->base, buffers[2], c, PLACES);
    ocl_matrix x[3];
    for (int i = 0; i < 3; i++)
      x[i] = (ocl_matrix){cream_buf_at(buffers[i], offset[i]), ld[i], stride[i], i == 0 ? ta : i == 1 && tb};
    if (batched)
      ocl_gemm_batched(ocl, BATCH, M, N, K, 0.5f, x[0], x[1], beta, x[2]);
    else
      ocl_gemm(ocl, M, N, K, 0.5f, x[0], x[1], beta, x[2]);
    get(ocl, got, buffers[2], PLACES);
    multiply(c + offset[2], a + offset[0], b + offset[1], batched ? BATCH : 1, M, N, K, ld, stride, ta, tb,
             beta);
    for (int i = 0; i < PLACES; i++) {
      if (isnan(c[i]) && isnan(got[i])) continue; /* around C nothing is written */
      if (!(fabsf(got[i] - c[i]) < 1e-4f))
        fail_msg("way %d, place %d: %g, expected %g", way, i, got[i], c[i]);
    }
  }
  for (int i = 0; i < 3; i++) ocl->base.release(&ocl->base, buffers[i]);
  ocl_close(ocl);
}

/* The routines of CLBlast that a training uses compile in the background once it begins; a network for
 * inference compiles none. */
static void test_warming(void **state) {
  (void)state;
  setenv("CREAM_OPENCL_PRODUCTS", "clblast", 1);
  for (int training = 0; training < 2; training++) {
    ocl_runtime *ocl = open_runtime(false);
    const cream_conv conv = {.cin = 8, .cout = 8, .kernel = 1, .stride = 1, .dilation = 1};
    feed f = {NULL, 0, 0};
    cream_error err;
    assert_true(ocl->info.blas);
    assert_int_equal(ocl->base.reserve(&ocl->base, &conv, 2, 3, 3, &err), CREAM_OK);
    if (training) cream_opencl_module_table.driver.prefetch(&ocl->base, next, &f);
    cream_buf buf = alloc(ocl, 64);
    const ocl_matrix at = {buf, 4, 16, false}, to = {cream_buf_at(buf, 32), 4, 16, false};
    for (int batched = 0; batched < 2; batched++) {
      double before = ocl->warm_seconds;
      batched ? ocl_gemm_batched(ocl, 1, 4, 4, 4, 1, at, at, 0, to)
              : ocl_gemm(ocl, 4, 4, 4, 1, at, at, 0, to);
      assert_true(training ? ocl->warm_seconds > before : ocl->warm_seconds == 0);
      before = ocl->warm_seconds;
      ocl_gemm(ocl, 4, 4, 4, 1, at, at, 0, to);
      assert_true(ocl->warm_seconds == before);
    }
    assert_int_equal(ocl->base.synchronise(&ocl->base, &err), CREAM_OK);
    ocl->base.release(&ocl->base, buf);
    ocl_close(ocl);
  }
  ocl_runtime *half = open_runtime(true); /* products then use our own kernels */
  assert_false(half->info.blas);
  ocl_close(half);
  unsetenv("CREAM_OPENCL_PRODUCTS");
}

/* ---- failures -------------------------------------------------------------------------------------- */

/* The first failure is kept, later commands do nothing, and closing does not hang. */
static void test_lost(void **state) {
  (void)state;
  ocl_runtime *ocl = open_runtime(false);
  cream_buf buf = alloc(ocl, 16);
  const float values[16] = {1};
  float got[16];
  cream_error err, again;
  ocl->base.upload(&ocl->base, buf, values, 16);
  setenv("CREAM_OPENCL_FAULT", "wait:1:-36:1000000", 1);
  cream_status status = ocl->base.synchronise(&ocl->base, &err);
  unsetenv("CREAM_OPENCL_FAULT");
  assert_int_equal(status, CREAM_FAILED);
  assert_non_null(strstr(err.text, "no longer answers"));
  assert_non_null(strstr(err.text, "--resume"));
  uint64_t launches = ocl->launches;
  ocl_run_self_test(ocl, (ocl_size){1, 1, 1}, (ocl_size){256, 1, 1}, buf, buf, 16);
  assert_int_equal(ocl->launches, launches);
  assert_int_equal(ocl->base.download(&ocl->base, got, buf, 16, &again), CREAM_FAILED);
  assert_string_equal(again.text, err.text);
  assert_true(ocl->lost);
  ocl->base.release(&ocl->base, buf);
  ocl_close(ocl);
}

static void test_too_large(void **state) {
  (void)state;
  ocl_runtime *ocl = open_runtime(false);
  cream_buf buf = CREAM_NO_BUF;
  cream_error err;
  assert_int_equal(ocl->base.alloc(&ocl->base, SIZE_MAX / 8, &buf, &err), CREAM_FAILED);
  assert_non_null(strstr(err.text, "lower the batch"));
  assert_false(cream_buf_present(buf));
  ocl_close(ocl);
}

/* ---- cache ----------------------------------------------------------------------------------------- */

static long length_of(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return -1;
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  fclose(file);
  return length;
}

static void damage(const char *path, long at) {
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  fseek(file, at, SEEK_SET);
  int byte = fgetc(file);
  fseek(file, at, SEEK_SET);
  fputc(byte ^ 1, file);
  fclose(file);
}

static bool loads(const ocl_runtime *ocl, const ocl_cache_key *key) {
  cl_program program = ocl_cache_load(ocl, key);
  if (program) clReleaseProgram(program);
  return program != NULL;
}

/* A file that is damaged or belongs to another source, device or driver is not used. */
static void test_cache(void **state) {
  (void)state;
  ocl_runtime *ocl = open_runtime(false);
  char folder[] = "/tmp/cream-cache-XXXXXX", path[256];
  const char *home = getenv("XDG_CACHE_HOME");
  char *before = home ? strdup(home) : NULL;
  assert_non_null(mkdtemp(folder));
  setenv("XDG_CACHE_HOME", folder, 1);
  setenv("CREAM_OPENCL_CACHE", "1", 1);
  const char *text = "__kernel void twice(__global float *x) { x[get_global_id(0)] *= 2.0f; }\n";
  size_t length = strlen(text);
  cl_int code;
  cl_program program = clCreateProgramWithSource(ocl->context, 1, &text, &length, &code);
  assert_int_equal(clBuildProgram(program, 1, &ocl->device, "", NULL, NULL), CL_SUCCESS);
  ocl_cache_key key = ocl_cache_key_of(ocl, &text, &length, 1, "");
  assert_false(loads(ocl, &key));
  ocl_cache_save(&key, program);
  clReleaseProgram(program);
  assert_true(loads(ocl, &key));
  snprintf(path, sizeof path, "%s/cream/%s.bin", folder, key.text);
  long size = length_of(path);
  const long places[] = {0, 8, 16, 24, size / 2, size - 1};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    damage(path, places[i]);
    assert_false(loads(ocl, &key));
    damage(path, places[i]); /* undone */
  }
  assert_true(loads(ocl, &key));
  assert_int_equal(truncate(path, size - 1), 0);
  assert_false(loads(ocl, &key));
  assert_int_equal(truncate(path, size + 1), 0);
  assert_false(loads(ocl, &key));

  ocl_cache_key other = ocl_cache_key_of(ocl, &text, &length, 1, "-DX");
  assert_string_not_equal(other.text, key.text);
  size_t shorter = length - 1;
  other = ocl_cache_key_of(ocl, &text, &shorter, 1, "");
  assert_string_not_equal(other.text, key.text);
  ocl->about.driver[0] ^= 1;
  other = ocl_cache_key_of(ocl, &text, &length, 1, "");
  assert_string_not_equal(other.text, key.text);
  unlink(path);
  snprintf(path, sizeof path, "%s/cream", folder);
  assert_int_equal(rmdir(path), 0);
  assert_int_equal(rmdir(folder), 0);
  unsetenv("CREAM_OPENCL_CACHE");
  unsetenv("XDG_CACHE_HOME");
  if (before) setenv("XDG_CACHE_HOME", before, 1);
  free(before);
  ocl_close(ocl);
}

/* A buffer that is larger than the device says, where its driver has them (intel_gpu.c). */
static void test_above_largest(void **state) {
  (void)state;
  ocl_runtime *ocl = open_runtime(false);
  const size_t count = ocl->about.largest / 4 + 1000;
  cream_buf buf;
  cream_error err;
  if (ocl->base.limit <= ocl->about.largest) {
    ocl_close(ocl);
    skip();
  }
  assert_false(ocl->info.large);
  buf = alloc(ocl, count);
  assert_true(ocl->info.large && !ocl->info.blas);
  float got[2];
  ocl->base.fill(&ocl->base, cream_buf_at(buf, count - 1), 1, 2.5f);
  get(ocl, got, cream_buf_at(buf, count - 2), 2);
  assert_true(got[0] == 0 && got[1] == 2.5f);
  ocl->base.release(&ocl->base, buf);
  assert_int_equal(ocl->base.alloc(&ocl->base, ocl->base.limit / 4 + 1, &buf, &err), CREAM_FAILED);
  ocl_close(ocl);
}

int main(int argc, char **argv) {
  device_need();
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_copies),       cmocka_unit_test(test_order_copies),
      cmocka_unit_test(test_half),         cmocka_unit_test(test_order_prefetch),
      cmocka_unit_test(test_order_images), cmocka_unit_test(test_products),
      cmocka_unit_test(test_warming),      cmocka_unit_test(test_too_large),
      cmocka_unit_test(test_cache),        cmocka_unit_test(test_above_largest),
      cmocka_unit_test(test_lost), /* last: a lost device fails all later tests */
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
