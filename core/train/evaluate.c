#include "evaluate.h"

#include <math.h>
#include <string.h>

static int order(double a, double b) {
  return (a > b) - (a < b);
}

int cream_score_order(const cream_score *a, double flops_a, const cream_score *b, double flops_b) {
  if (a->top1 != b->top1) return order(b->top1, a->top1);
  int by_loss = order(isfinite(a->loss) ? a->loss : INFINITY, isfinite(b->loss) ? b->loss : INFINITY);
  return by_loss ? by_loss : order(flops_a, flops_b);
}

void cream_score_add(cream_score *score, const float *logits, const int32_t *labels, int n, int k) {
  double top1 = score->top1 * (double)score->count, top5 = score->top5 * (double)score->count;
  double loss = score->loss * (double)score->count;
  for (int i = 0; i < n; i++) {
    const float *z = logits + (size_t)i * (size_t)k;
    int label = labels[i], above = 0;
    float most = z[0];
    bool finite = true;
    for (int j = 0; j < k; j++) {
      finite &= isfinite(z[j]) != 0;
      if (z[j] > most) most = z[j];
      above += z[j] > z[label] || (j < label && z[j] == z[label]);
    }
    double sum = 0;
    for (int j = 0; j < k; j++) sum += exp((double)z[j] - most);
    loss += log(sum) + most - z[label];
    top1 += finite && above < 1;
    top5 += finite && above < 5;
  }
  score->count += (size_t)n;
  score->top1 = top1 / (double)score->count;
  score->top5 = top5 / (double)score->count;
  score->loss = loss / (double)score->count;
}

static cream_tensor upload_batch(cream_net *net, const cream_source *source, const cream_batch *batch,
                                 cream_backend *backend) {
  cream_tensor x = cream_net_input(net, batch->n, batch->side);
  backend->upload_pixels(backend, &x, batch->pixels, source->mean, source->std);
  return x;
}

static void count_answers(const float *logits, const int32_t *labels, int n, int k, uint32_t *confusion) {
  for (int i = 0; i < n; i++) {
    const float *z = logits + (size_t)i * (size_t)k;
    int answer = 0;
    for (int j = 1; j < k; j++)
      if (z[j] > z[answer]) answer = j;
    confusion[(size_t)labels[i] * (size_t)k + (size_t)answer]++;
  }
}

cream_status cream_evaluate(cream_net *net, const cream_path *path, cream_source *source, cream_bn_mode mode,
                            cream_score *score, cream_error *err) {
  return cream_evaluate_confusion(net, path, source, mode, score, NULL, err);
}

cream_status cream_evaluate_confusion(cream_net *net, const cream_path *path, cream_source *source,
                                      cream_bn_mode mode, cream_score *score, uint32_t *confusion,
                                      cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  int k = cream_net_skeleton(net)->classes;
  *score = (cream_score){0};
  if (confusion) memset(confusion, 0, (size_t)k * (size_t)k * sizeof *confusion);
  float *logits = malloc((size_t)source->batch * (size_t)k * sizeof *logits);
  if (!logits) return cream_fail_memory(err, (size_t)source->batch * (size_t)k * sizeof *logits, "logits");
  cream_status status = CREAM_OK;
  for (uint64_t step = 0; score->count < source->count && !status; step++) {
    cream_batch batch;
    if ((status = source->read(source, 0, step, &batch, err))) break;
    if ((size_t)batch.n > source->count - score->count) batch.n = (int)(source->count - score->count);
    cream_tensor x = upload_batch(net, source, &batch, backend);
    cream_buf out = cream_net_forward(net, path, &x, mode, 0);
    if ((status = backend->download(backend, logits, out, (size_t)batch.n * (size_t)k, err))) break;
    cream_score_add(score, logits, batch.labels, batch.n, k);
    if (confusion) count_answers(logits, batch.labels, batch.n, k, confusion);
  }
  free(logits);
  return status;
}

/* Batch-norm momentum of batch i (from 0) of a recalibration. */
static float momentum_of(cream_recalibration mode, int i) {
  switch (mode) {
  case CREAM_RECALIBRATION_RESET: /* the running statistics become the mean of the batches' statistics */
    return 1.0f / (float)(i + 1);
  case CREAM_RECALIBRATION_INHERIT:
  case CREAM_RECALIBRATION_COUNT:
    break;
  }
  return CREAM_BN_MOMENTUM;
}

cream_status cream_recalibrate(cream_net *net, const cream_path *path, cream_source *train, uint64_t epoch,
                               cream_recalibration mode, int batches, cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  uint64_t per_epoch = cream_source_steps(train, true);
  if (batches > 0 && per_epoch == 0)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "recalibration: a batch has %d images, expected at most the %zu training images",
                      train->batch, train->count);
  for (int i = 0; i < batches; i++) {
    cream_batch batch;
    cream_status status =
        train->read(train, epoch + (uint64_t)i / per_epoch, (uint64_t)i % per_epoch, &batch, err);
    if (status) return status;
    cream_tensor x = upload_batch(net, train, &batch, backend);
    cream_net_forward(net, path, &x, CREAM_BN_TRAIN, momentum_of(mode, i));
  }
  return backend->synchronise(backend, err);
}
