/* Zero-cost proxies of five paths of a small supernet against PyTorch in double precision (proxies.safetensors,
 * README.md); by the plain kernels and by the tuned ones of every instruction set that this machine has. An argument is a
 * filter on test names.
 */
#include "path.h"

#include "core/proxy/proxy.h"

/* Largest |got - want| / |want|. Synaptic flow is a product of 14 layers, the norm a sum of squares of gradients. */
#define TOLERANCE 2e-5

/* The images of make_proxies.py. */
static void upload_images(const fixture *f) {
  const size_t size = ops_size(&f->x), image = size / BATCH;
  const float *x = golden_get(f->g, size, "x");
  float *images = malloc(size * sizeof *images);
  assert_non_null(images);
  for (size_t i = 0; i < size; i++) images[i] = x[i] / 2 + x[i % image];
  f->backend->upload_tensor(f->backend, &f->x, images);
  free(images);
}

static void upload_labels(const fixture *f, int step) {
  const float *y = golden_get(f->g, (size_t)STEPS * BATCH, "labels") + step * BATCH;
  int32_t labels[BATCH];
  for (int i = 0; i < BATCH; i++) labels[i] = (int32_t)y[i];
  f->backend->upload(f->backend, f->labels, labels, BATCH);
}

static void test_proxies(golden_ops *g) {
  static const char file_name[] = CREAM_SOURCE_DIR "/tests/golden/proxies.safetensors";
  fixture f = open_fixture(g);
  bool all[CREAM_PROXY_COUNT];
  cream_st_file *file;
  cream_error err;
  if (cream_st_open(file_name, &file, &err)) fail_msg("%s", err.text);
  if (cream_proxies_parse("proxies", "all", all, &err)) fail_msg("%s", err.text);
  const golden_ops expected = {.file = file, .part = ""};
  const size_t count = cream_net_weight_count(f.net);
  float *before = ops_download(&g->ops, cream_net_weights(f.net), count);
  upload_images(&f);
  for (int step = 0; step < STEPS; step++) {
    const cream_path path = read_path(&f, "paths", step);
    const cream_proxy_inputs inputs = {f.net, &path, f.x, f.labels};
    cream_proxy_values values;
    upload_labels(&f, step);
    if (cream_proxies_measure(&inputs, all, &values, &err)) fail_msg("%s", err.text);
    for (int i = 0; i < CREAM_PROXY_COUNT; i++) {
      const float want = golden_get(&expected, STEPS, "%s", cream_proxy_words[i])[step];
      assert_true(values.known[i]);
      if (!(fabs(values.value[i] - want) <= TOLERANCE * fabs((double)want)))
        fail_msg("path %d: %s is %.9g, expected %.9g", step, cream_proxy_words[i], values.value[i],
                 (double)want);
    }
  }
  float *after = ops_download(&g->ops, cream_net_weights(f.net), count);
  assert_memory_equal(before, after, count * sizeof *before);
  free(before);
  free(after);
  cream_net_destroy(f.net);
  cream_st_close(file);
}

static const golden_case cases[] = {{"proxies", "", test_proxies}};

int main(int argc, char **argv) {
  return golden_main("path.safetensors", cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : NULL);
}
