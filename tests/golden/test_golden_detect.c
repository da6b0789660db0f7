/* Detectors against torchvision's RetinaNet and a light one written down in PyTorch (make_detect.py, README.md): anchors,
 * matching, outputs, losses, all gradients and detections; by the plain kernels and by the tuned ones of every instruction
 * set that this machine has. An argument is a filter on test names.
 */
#include "golden.h"

#include "tests/core/detector.h"

#include "core/detect/decode.h"
#include "core/net/fold.h"

/* Norm-relative, as in test_golden_path.c. */
#define FORWARD  2e-5
#define LOSS     1e-5
#define GRADIENT 5e-4
#define FLOOR    0.1

enum { SIDE = DETECTOR_SIDE, BATCH = DETECTOR_BATCH, CLASSES = DETECTOR_CLASSES, FOUND = 100 };

typedef struct fixture {
  golden_ops *g;
  cream_backend *backend;
  cream_skeleton skeleton;
  cream_net *net;
  const cream_param *params;
  int n_params;
  cream_path path;
  cream_tensor x;
  cream_detect_grid grid;
  size_t anchors;
} fixture;

/* Names, numbers and shapes must be those of the file. */
static void load_weights(fixture *f) {
  golden_ops init = {.file = f->g->file, .part = "init"};
  const cream_st_tensor *tensors;
  int n_tensors = cream_st_tensors(f->g->file, &tensors), stored = 0;
  for (int i = 0; i < n_tensors; i++) stored += strncmp(tensors[i].name, "init.", 5) == 0;
  for (int i = 0; i < f->n_params; i++) {
    const cream_param *param = &f->params[i];
    cream_buf block = param->statistic ? cream_net_statistics(f->net) : cream_net_weights(f->net);
    f->backend->upload(f->backend, cream_buf_at(block, param->offset),
                       golden_get(&init, param->count, "%s", param->name), param->count);
  }
  assert_int_equal(f->n_params, stored);
}

static fixture open_fixture(golden_ops *g, cream_detect_kind kind, bool train) {
  fixture f = {.g = g, .backend = g->ops.backend, .skeleton = detector_skeleton(kind)};
  const cream_net_options options = {.batch = BATCH, .train = train, .seed = 1};
  cream_error err;
  if (cream_net_create(f.backend, &f.skeleton, &options, &f.net, &err)) fail_msg("%s", err.text);
  f.params = cream_net_params(f.net, &f.n_params);
  f.path = cream_skeleton_first_path(&f.skeleton);
  f.grid = cream_detect_grid_of(&f.skeleton.detect, SIDE);
  f.anchors = cream_detect_anchor_count(&f.grid);
  load_weights(&f);
  f.x = detector_images(f.net);
  return f;
}

/* ---- comparisons --------------------------------------------------------------------------------------- */

/* Numbers of entries in the order of the file: image by image. */
static float *by_image(const fixture *f, const float *values, size_t numbers) {
  float *out = ops_host(BATCH * f->anchors * numbers);
  for (int i = 0; i < BATCH; i++)
    for (int l = 0; l < f->grid.levels; l++)
      for (size_t a = f->grid.first[l]; a < f->grid.first[l + 1]; a++)
        memcpy(out + ((size_t)i * f->anchors + a) * numbers,
               values + cream_detect_entry(&f->grid, l, a, i, BATCH) * numbers, numbers * sizeof *out);
  return out;
}

static void expect_outputs(const fixture *f, cream_buf outputs) {
  const size_t entries = cream_net_entries(f->net, BATCH, SIDE);
  assert_int_equal(entries, BATCH * f->anchors);
  float *got = ops_download(&f->g->ops, outputs, cream_net_output_count(f->net, BATCH, SIDE));
  float *logits = by_image(f, got, CLASSES), *deltas = by_image(f, got + entries * CLASSES, 4);
  golden_compare(logits, golden_get(f->g, entries * CLASSES, "logits"), entries * CLASSES, 0, FORWARD,
                 "logits");
  golden_compare(deltas, golden_get(f->g, entries * 4, "deltas"), entries * 4, 0, FORWARD, "deltas");
  free(got);
  free(logits);
  free(deltas);
}

static void expect_gradients(const fixture *f) {
  golden_ops golden = {.file = f->g->file, .part = "grad"};
  const float *w = golden_get(&golden, f->params[0].count, "%s", f->params[0].name);
  double sum = 0, total = 0;
  for (int i = 0; i < f->n_params; i++) {
    if (f->params[i].statistic) continue;
    w = golden_get(&golden, f->params[i].count, "%s", f->params[i].name);
    for (size_t k = 0; k < f->params[i].count; k++) sum += (double)w[k] * w[k];
    total += (double)f->params[i].count;
  }
  cream_slice slices[64];
  assert_true(cream_net_max_slices(f->net) <= 64);
  const int n_slices = cream_net_slices(f->net, &f->path, slices);
  for (int i = 0, found = 0; i < f->n_params; i++, found = 0) {
    const cream_param *param = &f->params[i];
    for (int s = 0; s < n_slices && !param->statistic; s++) {
      if (param->offset < slices[s].w || param->offset >= slices[s].w + slices[s].count) continue;
      float *got = ops_download(
          &f->g->ops, cream_buf_at(cream_net_gradients(f->net), slices[s].g + param->offset - slices[s].w),
          param->count);
      golden_compare(got, golden_get(&golden, param->count, "%s", param->name), param->count,
                     FLOOR * sqrt(sum / total * (double)param->count), GRADIENT, param->name);
      free(got);
      found++;
    }
    assert_int_equal(found, !param->statistic);
  }
}

/* ---- cases --------------------------------------------------------------------------------------------- */

static void check_anchors(const fixture *f, const cream_train_boxes *b) {
  const float *want = golden_get(f->g, f->anchors * 4, "anchors"), *got = &b->anchors[0][0];
  const float *matched = golden_get(f->g, BATCH * f->anchors, "matched");
  if (f->skeleton.detect.kind == CREAM_DETECT_RETINA)
    assert_memory_equal(got, want, f->anchors * 4 * sizeof *got);
  golden_compare(got, want, f->anchors * 4, 0, 1e-6, "anchors");
  for (int i = 0; i < BATCH; i++) {
    cream_detect_match(&b->matching, b->anchors, f->anchors, detector_boxes + detector_first_box[i],
                       detector_first_box[i + 1] - detector_first_box[i], b->match, b->scratch);
    for (size_t a = 0; a < f->anchors; a++)
      assert_int_equal(b->match[a], (int)matched[(size_t)i * f->anchors + a]);
  }
}

static void check_step(fixture *f) {
  cream_train_boxes b = detector_losses(f->net);
  check_anchors(f, &b);
  f->x = detector_upload(&b, f->net);
  cream_buf result = golden_output(f->g, 4);
  const int repeats = strcmp(f->backend->name, "cpu-plain") == 0 ? 1 : 2;
  for (int repeat = 0; repeat < repeats; repeat++) {
    cream_buf outputs = cream_net_forward_train(f->net, &f->path, &f->x, CREAM_BN_BATCH, 0, 0, 0, 0);
    cream_train_boxes_loss(&b, outputs, BATCH, result);
    cream_net_backward(f->net, cream_net_dlogits(f->net));
    float *got = ops_download(&f->g->ops, result, 4);
    golden_compare(got, golden_get(f->g, 3, "losses"), 3, 0, LOSS, "losses");
    free(got);
    expect_gradients(f);
  }
  cream_train_boxes_destroy(&b);
}

static void run_step(golden_ops *g, cream_detect_kind kind) {
  fixture f = open_fixture(g, kind, true);
  expect_outputs(&f, cream_net_forward(f.net, &f.path, &f.x, CREAM_BN_RUNNING, 0));
  check_step(&f);
  cream_net_destroy(f.net);
}

static bool same_detection(const cream_box *got, const float *want) {
  const float edges[] = {got->x1, got->y1, got->x2, got->y2};
  for (int k = 0; k < 4; k++)
    if (fabsf(edges[k] - want[k]) > 1e-5f * SIDE) return false;
  return fabsf(got->score - want[4]) <= 1e-6f && got->label == (int)want[5];
}

/* Detections of the file's own outputs, so that no rounding of ours decides which box is kept. */
static void check_detections(const fixture *f) {
  const size_t entries = BATCH * f->anchors;
  float *logits = ops_host(entries * CLASSES), *deltas = ops_host(entries * 4);
  const float *stored[] = {golden_get(f->g, entries * CLASSES, "logits"),
                           golden_get(f->g, entries * 4, "deltas")};
  for (int i = 0; i < BATCH; i++)
    for (int l = 0; l < f->grid.levels; l++)
      for (size_t a = f->grid.first[l]; a < f->grid.first[l + 1]; a++) {
        const size_t entry = cream_detect_entry(&f->grid, l, a, i, BATCH), from = (size_t)i * f->anchors + a;
        memcpy(logits + entry * CLASSES, stored[0] + from * CLASSES, CLASSES * sizeof *logits);
        memcpy(deltas + entry * 4, stored[1] + from * 4, 4 * sizeof *deltas);
      }
  float(*anchors)[4] = malloc(f->anchors * sizeof *anchors);
  cream_detect_anchors(&f->skeleton.detect, SIDE, anchors);
  const cream_detect_outputs outputs = {.spec = &f->skeleton.detect,
                                        .grid = &f->grid,
                                        .anchors = (const float(*)[4])anchors,
                                        .n = BATCH,
                                        .classes = CLASSES,
                                        .logits = logits,
                                        .deltas = (const float(*)[4])deltas};
  const cream_detect_limits limits = cream_detect_limits_default();
  for (int i = 0; i < BATCH; i++) {
    cream_box found[FOUND];
    int count;
    cream_error err;
    assert_int_equal(cream_detect_decode_image(&outputs, &limits, i, SIDE, SIDE, found, &count, &err),
                     CREAM_OK);
    const size_t numbers = golden_count(f->g, "detections.%d", i);
    const float *want = golden_get(f->g, numbers, "detections.%d", i);
    assert_int_equal(count, numbers / 6);
    for (int d = 0; d < count; d++, want += 6) {
      bool equal = false; /* scores that differ in the last bit may have changed places */
      for (int at = d > 2 ? d - 2 : 0; at < count && at <= d + 2 && !equal; at++)
        equal = same_detection(&found[at], want);
      if (!equal) fail_msg("image %d: detection %d of %d was not found", i, d, count);
    }
  }
  free(anchors);
  free(logits);
  free(deltas);
}

/* A network for inference, as it is and with folded batch norms. */
static void run_inference(golden_ops *g, cream_detect_kind kind) {
  fixture f = open_fixture(g, kind, false);
  cream_error err;
  check_detections(&f);
  expect_outputs(&f, cream_net_forward(f.net, &f.path, &f.x, CREAM_BN_RUNNING, 0));
  assert_int_equal(cream_net_fold(f.net, &err), CREAM_OK);
  expect_outputs(&f, cream_net_forward(f.net, &f.path, &f.x, CREAM_BN_RUNNING, 0));
  cream_net_destroy(f.net);
}

static void run_retina(golden_ops *g) {
  run_step(g, CREAM_DETECT_RETINA);
}
static void run_retina_inference(golden_ops *g) {
  run_inference(g, CREAM_DETECT_RETINA);
}
static void run_lite(golden_ops *g) {
  run_step(g, CREAM_DETECT_LITE);
}
static void run_lite_inference(golden_ops *g) {
  run_inference(g, CREAM_DETECT_LITE);
}

int main(int argc, char **argv) {
  static const golden_case retina[] = {{"retina", "", run_retina},
                                       {"retina_inference", "", run_retina_inference}};
  static const golden_case lite[] = {{"lite", "", run_lite}, {"lite_inference", "", run_lite_inference}};
  const char *filter = argc > 1 ? argv[1] : NULL;
  int failed = golden_main("detect_retina.safetensors", retina, sizeof retina / sizeof *retina, filter);
  return failed + golden_main("detect_lite.safetensors", lite, sizeof lite / sizeof *lite, filter);
}
