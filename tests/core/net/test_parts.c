/* Where a device limits the size of a buffer, the activations of a training lie in several, and so do tensors that
 * overwrite each other: with the same results, and as the plan says. */
#include "tests/core/micro.h"

#include "core/net/memory.h"
#include "core/net/net_internal.h"
#include "core/train/train.h"

enum { BATCH = 6 };

static const cream_path path = {.n_layers = 7, .choice = {0, 0, 1, 2, 3, 0, 2}};

static cream_skeleton skeleton_of(bool fixed) {
  const cream_skeleton skeleton = micro_skeleton();
  return fixed ? cream_skeleton_fix(&skeleton, &path) : skeleton;
}

static cream_net *create(cream_backend *backend, int frozen) {
  cream_skeleton skeleton = skeleton_of(frozen > 0);
  const cream_net_options options = {.batch = BATCH, .train = true, .seed = 5, .frozen = frozen};
  cream_net *net;
  cream_error err;
  if (cream_net_create(backend, &skeleton, &options, &net, &err)) fail_msg("%s", err.text);
  return net;
}

/* What a network takes on a device that allows `largest` bytes for a buffer (0: any). */
typedef struct planned {
  size_t bytes, activations, largest_part; /* activations: bytes in all parts */
  size_t piece, region; /* bytes of the largest of `passing`, and of what has to be in one */
  int parts, pieces;
} planned;

static void measure_passing(const cream_net *net, planned *p) {
  for (int i = 0; i < NET_MAX_PIECES; i++) {
    p->pieces += net->passing[i].size > 0;
    p->piece = net_max(p->piece, 4 * net->passing[i].size);
  }
  p->region = 4 * net_max(net->vectors_size, net_max(net->tail_size, net->grad[0].size));
  for (int i = 0; i < NET_REGIONS; i++) p->region = net_max(p->region, 4 * net->regions[i].size);
}

static planned plan(cream_backend *real, size_t largest, int frozen) {
  cream_counter counter;
  real->largest = largest;
  cream_counter_init(&counter, real);
  cream_net *net = create(&counter.base, frozen);
  planned p = {.bytes = counter.bytes, .parts = net->n_parts};
  for (int i = 0; i < net->n_parts; i++) {
    p.activations += 4 * net->parts[i].size;
    p.largest_part = net_max(p.largest_part, 4 * net->parts[i].size);
  }
  measure_passing(net, &p);
  cream_net_destroy(net);
  real->largest = 0;
  return p;
}

/* The gradients of a step on a device that allows `largest` bytes for a buffer; freed by the caller. */
static float *gradients(cream_backend *backend, size_t largest, int frozen, size_t *count) {
  backend->largest = largest;
  cream_net *net = create(backend, frozen);
  const cream_path used = frozen ? (cream_path){.n_layers = path.n_layers} : path;
  cream_error err;
  synthetic data;
  synthetic_open(&data, BATCH, BATCH, MICRO_SIDE, 9);
  cream_batch batch;
  if (synthetic_read(&data.source, 0, 0, &batch, &err)) fail_msg("%s", err.text);
  cream_tensor x = cream_net_input(net, batch.n, batch.side);
  backend->upload_pixels(backend, &x, batch.pixels, data.source.mean, data.source.std);
  cream_buf logits = cream_net_forward_train(net, &used, &x, CREAM_BN_TRAIN, 0.1f, 0, 3, 0);
  backend->copy(backend, cream_net_dlogits(net), logits, (size_t)batch.n * SYNTHETIC_CLASSES);
  cream_net_backward(net, cream_net_dlogits(net));
  *count = cream_net_gradient_count(net);
  float *host = synthetic_fetch(backend, cream_net_gradients(net), *count);
  synthetic_close(&data);
  cream_net_destroy(net);
  backend->largest = 0;
  return host;
}

static void test_parts(void **state) {
  (void)state;
  const int frozen[] = {0, 3, 9};
  cream_backend *backend = synthetic_backend(false, 1);
  for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
    size_t count, same;
    const planned whole = plan(backend, 0, frozen[i]);
    assert_true(whole.parts == 1 && whole.pieces == 1);
    float *expected = gradients(backend, 0, frozen[i], &count);
    for (size_t parts = 2; parts <= 64; parts *= 8) {
      const size_t most = whole.activations / parts;
      const planned p = plan(backend, most, frozen[i]);
      assert_true(p.bytes >= whole.bytes);
      assert_true(p.piece <= (most > p.region ? most : p.region));
      if (most < whole.piece) assert_true(p.pieces > 1);
      if (frozen[i] == 0) assert_true(p.parts > 1 && p.largest_part < whole.activations);
      if (frozen[i] == 0 && parts == 2) assert_true(p.largest_part <= most);
      float *got = gradients(backend, most, frozen[i], &same);
      assert_int_equal(same, count);
      assert_memory_equal(got, expected, count * sizeof *got);
      free(got);
    }
    free(expected);
  }
  backend->destroy(backend);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
