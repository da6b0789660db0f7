#include "evaluate.h"

#include <math.h>
#include <string.h>

#include "core/base/elementary.h"

static int order(double a, double b) {
  return (a > b) - (a < b);
}

double cream_score_demerit(cream_order by, const cream_score *score) {
  switch (by) {
  case CREAM_ORDER_ACCURACY:
    return -score->top1;
  case CREAM_ORDER_LOSS:
    return isfinite(score->loss) ? score->loss : INFINITY;
  case CREAM_ORDER_COUNT:
    break;
  }
  CREAM_ASSERT(!"unknown order");
  return INFINITY;
}

int cream_score_order(cream_order by, const cream_score *a, double flops_a, const cream_score *b,
                      double flops_b) {
  const cream_order ties = by == CREAM_ORDER_LOSS ? CREAM_ORDER_ACCURACY : CREAM_ORDER_LOSS;
  int first = order(cream_score_demerit(by, a), cream_score_demerit(by, b));
  if (!first) first = order(cream_score_demerit(ties, a), cream_score_demerit(ties, b));
  return first ? first : order(flops_a, flops_b);
}

/* What one image adds to a score. */
typedef struct judgement {
  double loss;
  int32_t top1, top5; /* 0 or 1 */
} judgement;

static judgement judge(const float *z, int label, int k) {
  int above = 0;
  float most = z[0];
  bool finite = true;
  for (int j = 0; j < k; j++) {
    finite &= isfinite(z[j]) != 0;
    if (z[j] > most) most = z[j];
    above += z[j] > z[label] || (j < label && z[j] == z[label]);
  }
  double sum = 0;
  for (int j = 0; j < k; j++) sum += cream_exp((double)z[j] - most);
  return (judgement){cream_log(sum) + most - z[label], finite && above < 1, finite && above < 5};
}

/* Sums over the images of a score, of which `count` were added since `open`. */
typedef struct sums {
  double top1, top5, loss;
  size_t count;
} sums;

static sums open_sums(const cream_score *score) {
  const double count = (double)score->count;
  return (sums){score->top1 * count, score->top5 * count, score->loss * count, score->count};
}

static void add(sums *all, const judgement *image) {
  all->loss += image->loss;
  all->top1 += image->top1;
  all->top5 += image->top5;
  all->count++;
}

static void close_sums(const sums *all, cream_score *score) {
  const double count = (double)all->count;
  *score = (cream_score){
      .top1 = all->top1 / count, .top5 = all->top5 / count, .loss = all->loss / count, .count = all->count};
}

void cream_score_add(cream_score *score, const float *logits, const int32_t *labels, int n, int k) {
  sums all = open_sums(score);
  for (int i = 0; i < n; i++) {
    judgement image = judge(logits + (size_t)i * (size_t)k, labels[i], k);
    add(&all, &image);
  }
  close_sums(&all, score);
}

static cream_tensor upload_batch(cream_net *net, const cream_source *source, const cream_batch *batch,
                                 cream_backend *backend) {
  cream_tensor x = cream_net_input(net, batch->n, batch->side);
  backend->upload_pixels(backend, &x, batch->pixels, source->mean, source->std);
  return x;
}

/* Logits of the first images of batch `step`, at most `left`; batch->n: how many. logits: room for a batch. */
static cream_status run_batch(cream_net *net, const cream_path *path, cream_source *source,
                              cream_bn_mode mode, uint64_t step, size_t left, cream_batch *batch,
                              float *logits, cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  cream_status status = source->read(source, 0, step, batch, err);
  if (status) return status;
  if ((size_t)batch->n > left) batch->n = (int)left;
  cream_tensor x = upload_batch(net, source, batch, backend);
  cream_buf out = cream_net_forward(net, path, &x, mode, 0);
  size_t count = (size_t)batch->n * (size_t)cream_net_skeleton(net)->classes;
  return backend->download(backend, logits, out, count, err);
}

/* The class with the highest of k logits, the first of equals. */
static int32_t answer_of(const float *z, int k) {
  int32_t answer = 0;
  for (int j = 1; j < k; j++)
    if (z[j] > z[answer]) answer = j;
  return answer;
}

static void count_answers(const float *logits, const int32_t *labels, int n, int k, uint32_t *confusion) {
  for (int i = 0; i < n; i++)
    confusion[(size_t)labels[i] * (size_t)k + (size_t)answer_of(logits + (size_t)i * (size_t)k, k)]++;
}

static void clear(uint32_t *confusion, int k) {
  if (confusion) memset(confusion, 0, (size_t)k * (size_t)k * sizeof *confusion);
}

static cream_status evaluate_alone(cream_net *net, const cream_path *path, cream_source *source,
                                   cream_bn_mode mode, cream_score *score, uint32_t *confusion,
                                   cream_error *err) {
  int k = cream_net_skeleton(net)->classes;
  *score = (cream_score){0};
  clear(confusion, k);
  float *logits = malloc((size_t)source->batch * (size_t)k * sizeof *logits);
  if (!logits) return cream_fail_memory(err, (size_t)source->batch * (size_t)k * sizeof *logits, "logits");
  cream_status status = CREAM_OK;
  for (uint64_t step = 0; score->count < source->count && !status; step++) {
    cream_batch batch;
    status = run_batch(net, path, source, mode, step, source->count - score->count, &batch, logits, err);
    if (status) break;
    cream_score_add(score, logits, batch.labels, batch.n, k);
    if (confusion) count_answers(logits, batch.labels, batch.n, k, confusion);
  }
  free(logits);
  return status;
}

cream_status cream_evaluate(cream_net *net, const cream_path *path, cream_source *source, cream_bn_mode mode,
                            cream_score *score, cream_error *err) {
  return evaluate_alone(net, path, source, mode, score, NULL, err);
}

/* ---- shared by ranks ----------------------------------------------------------------------------------- */

cream_shard cream_shard_of(size_t count, int batch, int rank, int ranks) {
  const size_t size = (size_t)batch;
  const uint64_t batches = (count + size - 1) / size, all = (uint64_t)ranks;
  cream_shard own = {batches * (uint64_t)rank / all, batches * ((uint64_t)rank + 1) / all, 0};
  size_t from = own.first * size, to = own.end * size < count ? own.end * size : count;
  own.images = own.end > own.first ? to - from : 0;
  return own;
}

/* An image of a shard. */
typedef struct judged {
  judgement image;
  int32_t label, answer;
} judged;

/* Judges the images of a shard. logits: room for a batch. */
static cream_status judge_shard(cream_net *net, const cream_path *path, cream_source *source,
                                cream_bn_mode mode, const cream_shard *own, float *logits, judged *images,
                                cream_error *err) {
  const int k = cream_net_skeleton(net)->classes;
  size_t left = own->images;
  for (uint64_t step = own->first; step < own->end; step++) {
    cream_batch batch;
    cream_status status = run_batch(net, path, source, mode, step, left, &batch, logits, err);
    if (status) return status;
    CREAM_ASSERT((size_t)batch.n == left || batch.n == source->batch);
    for (int i = 0; i < batch.n; i++) {
      const float *z = logits + (size_t)i * (size_t)k;
      *images++ = (judged){judge(z, batch.labels[i], k), batch.labels[i], answer_of(z, k)};
    }
    left -= (size_t)batch.n;
  }
  return CREAM_OK;
}

/* The score of the images of all shards, `room` apart: batch by batch, as cream_evaluate adds them. confusion: [k, k] */
static cream_score add_shards(const cream_source *source, int ranks, const judged *images, size_t room, int k,
                              uint32_t *confusion) {
  cream_score score = {0};
  for (int r = 0; r < ranks; r++) {
    const cream_shard part = cream_shard_of(source->count, source->batch, r, ranks);
    for (size_t from = 0; from < part.images; from += (size_t)source->batch) {
      sums all = open_sums(&score);
      for (size_t i = from; i < part.images && i < from + (size_t)source->batch; i++) {
        const judged *image = &images[(size_t)r * room + i];
        add(&all, &image->image);
        if (confusion) confusion[(size_t)image->label * (size_t)k + (size_t)image->answer]++;
      }
      close_sums(&all, &score);
    }
  }
  return score;
}

cream_status cream_evaluate_shared(cream_cluster *cluster, cream_net *net, const cream_path *path,
                                   cream_source *source, cream_bn_mode mode, cream_score *score,
                                   uint32_t *confusion, cream_error *err) {
  if (cream_cluster_alone(cluster) || source->count == 0)
    return evaluate_alone(net, path, source, mode, score, confusion, err);
  const int ranks = cluster->size, k = cream_net_skeleton(net)->classes;
  const cream_shard own = cream_shard_of(source->count, source->batch, cluster->rank, ranks);
  const size_t batch = (size_t)source->batch;
  const size_t most = (cream_source_steps(source, false) + (size_t)ranks - 1) / (size_t)ranks;
  const size_t room = most * batch, outputs = batch * (size_t)k;
  float *logits = malloc(outputs * sizeof *logits);
  judged *images = calloc(room * ((size_t)ranks + 1), sizeof *images), *all = images + room;
  cream_status status = CREAM_OK;
  if (!logits || !images)
    status = cream_fail_memory(err, outputs * sizeof *logits + room * ((size_t)ranks + 1) * sizeof *images,
                               "the scores of images");
  if (!status) status = judge_shard(net, path, source, mode, &own, logits, images, err);
  if (!status) status = cream_cluster_gather(cluster, images, room * sizeof *images, all, err);
  clear(confusion, k);
  if (!status) *score = add_shards(source, ranks, all, room, k, confusion);
  free(images);
  free(logits);
  return status;
}

/* ---- recalibration --------------------------------------------------------------------------------------- */

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

static cream_status recalibrate(cream_net *net, const cream_path *path, cream_source *train, uint64_t epoch,
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

cream_status cream_recalibrate(cream_net *net, const cream_path *path, cream_source *train, uint64_t epoch,
                               cream_recalibration mode, int batches, cream_error *err) {
  const cream_source_parts announced = train->announced;
  train->announced = (cream_source_parts){0}; /* every batch is read */
  cream_status status = recalibrate(net, path, train, epoch, mode, batches, err);
  train->announced = announced;
  return status;
}
