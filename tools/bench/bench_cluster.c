/* cream bench cluster: distilled steps of the ranks at hand, or those of a detector, and their messages. A step has one part for each rank; alone,
 * it has two, so that their sum is in it. */
#include "bench_cluster.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "tools/cli/progress.h"
#include "tools/run/cluster.h"

enum { SAMPLED_PATHS = 200 };

/* The seconds of a round. */
typedef struct sample {
  double part, rest, overlap, exchange, step, waited;
  double predicted, predicted_wait; /* with --gbits: the step, and its waiting, by the model */
  double
      network; /* of the seconds waited: those of the rank that waited least, for which no other was too slow */
} sample;

typedef struct rig {
  const bench_options *options;
  const cream_skeleton *skeleton;
  cream_cluster *ranks; /* NULL: alone */
  int threads, parts;
  cream_backend *backend;
  cream_train train;
  cream_buf target; /* the teacher's probabilities; of a classifier */
  bench_data data;
  bench_boxes boxes; /* of a detector */
  float *gradient;   /* [gradient_count]: what travels when the exchange is measured alone */
  size_t gradient_count;
  sample *samples;       /* [rounds] */
  double *sorted;        /* [rounds] */
  size_t done, expected; /* elements of the gradient that a backward pass has computed; of all of it */
  double full;           /* when these were enough to set off; 0: not yet */
} rig;

/* ---- the rig ----------------------------------------------------------------------------------------- */

static cream_status open_rig(rig *r, cream_error *err) {
  const bench_options *o = r->options;
  const cream_cpu_options cpu = {.threads = r->threads,
                                 .plain = o->plain,
                                 .exact = (cream_exact)o->exact,
                                 .precision = (cream_precision)o->precision};
  const cream_train_options train = {.skeleton = r->skeleton,
                                     .net = {.batch = o->batch, .train = true, .seed = (uint64_t)o->seed},
                                     .batch = o->batch,
                                     .accumulate = r->parts,
                                     .cluster = r->ranks};
  const size_t rounds = (size_t)o->rounds, targets = (size_t)o->batch * (size_t)r->skeleton->classes;
  r->samples = malloc(rounds * sizeof *r->samples);
  r->sorted = malloc(rounds * sizeof *r->sorted);
  if (!r->samples || !r->sorted) return cream_fail_memory(err, rounds * sizeof *r->samples, "timings");
  cream_status status = cream_cpu_create(&cpu, &r->backend, err);
  if (status == CREAM_OK)
    status = bench_data_open(&r->data, r->skeleton, o->batch, (size_t)o->images, (uint64_t)o->seed, err);
  if (status == CREAM_OK) status = cream_train_init(&r->train, r->backend, &train, err);
  if (status == CREAM_OK && bench_is_detector(r->skeleton))
    status = bench_boxes_open(&r->boxes, r->train.net, &r->data.source, r->data.pixels, o->batch, true,
                              (uint64_t)o->seed, err);
  else if (status == CREAM_OK)
    status = r->backend->alloc(r->backend, targets, &r->target, err);
  return status;
}

static void close_rig(rig *r) {
  if (r->backend) {
    bench_boxes_close(&r->boxes);
    if (cream_buf_present(r->target)) r->backend->release(r->backend, r->target);
    if (r->train.backend) cream_train_destroy(&r->train);
    r->backend->destroy(r->backend);
  }
  bench_data_close(&r->data);
  free(r->gradient);
  free(r->samples);
  free(r->sorted);
}

/* All ranks measure the same, or their messages do not fit. */
static cream_status agree(const rig *r, cream_error *err) {
  const bench_options *o = r->options;
  const uint64_t own[] = {cream_net_fingerprint(r->train.net), (uint64_t)o->batch, (uint64_t)o->rounds,
                          (uint64_t)o->warmup, (uint64_t)o->seed};
  uint64_t first[sizeof own / sizeof *own];
  memcpy(first, own, sizeof own);
  cream_status status = cluster_share(first, sizeof first, err);
  if (status != CREAM_OK || !memcmp(first, own, sizeof own)) return status;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "the network, --batch, --rounds, --warmup or --seed is not that of rank 0; start all ranks "
      "with the same options");
}

/* Means over paths: elements of the gradient, and bytes of messages. */
static cream_status measure_messages(rig *r, cream_plan_node *node, cream_error *err) {
  cream_net *net = r->train.net;
  const size_t spans = (size_t)cream_net_max_spans(net);
  cream_span *span = malloc(spans * sizeof *span);
  if (!span) return cream_fail_memory(err, spans * sizeof *span, "the statistics of a path");
  size_t weights = 0, statistics = 0;
  for (int i = 0; i < SAMPLED_PATHS; i++) {
    const cream_path path = bench_path(r->skeleton, (uint64_t)r->options->seed, (uint64_t)i);
    const int n = cream_net_slices(net, &path, r->train.slices);
    for (int s = 0; s < n; s++) weights += r->train.slices[s].count;
    const int m = cream_net_statistic_spans(net, &path, span);
    for (int s = 0; s < m; s++) statistics += span[s].count;
  }
  free(span);
  r->gradient_count = weights / SAMPLED_PATHS;
  node->gradient = (double)sizeof(float) * (double)weights / SAMPLED_PATHS;
  node->statistics = (double)sizeof(float) * (double)statistics / SAMPLED_PATHS;
  r->gradient = calloc(r->gradient_count, sizeof *r->gradient);
  return r->gradient
             ? CREAM_OK
             : cream_fail_memory(err, r->gradient_count * sizeof *r->gradient, "a gradient that travels");
}

/* ---- a round ----------------------------------------------------------------------------------------- */

static cream_status meet(const rig *r, cream_error *err) {
  static char all[CREAM_MAX_RANKS];
  const char own = 0;
  return cream_cluster_alone(r->ranks) ? CREAM_OK
                                       : cream_cluster_gather(r->ranks, &own, sizeof own, all, err);
}

static cream_status forward(rig *r, const cream_path *path, const cream_path *teacher, cream_error *err) {
  cream_train *train = &r->train;
  cream_source *source = &r->data.source;
  cream_batch batch;
  if (bench_is_detector(r->skeleton)) {
    bench_boxes_forward(&r->boxes, train, path, r->options->batch);
    return CREAM_OK;
  }
  cream_status status = source->pick(source, NULL, r->options->batch, &batch, err);
  if (status != CREAM_OK) return status;
  const cream_tensor x = cream_train_upload(train, source, &batch);
  const cream_buf logits = cream_train_forward(train, path, &x, 0, 0, 0);
  const cream_buf taught = cream_net_forward_teacher(train->net, teacher);
  r->backend->softmax(r->backend, taught, x.n, r->skeleton->classes, r->target);
  const cream_loss loss = {
      .hard = 0.5f, .soft = 0.5f, .smoothing = 0.1f, .labels = train->labels, .target = r->target};
  cream_train_loss(train, &loss, logits, x.n);
  return CREAM_OK;
}

static void watch(void *self, cream_span span) {
  rig *r = self;
  r->done += span.count;
  if (r->full == 0 && (r->done >= CREAM_PARTS_BUCKET || 2 * r->done >= r->expected)) r->full = progress_now();
}

/* From the time when a sum can set off to the end of the backward pass. */
static cream_status measure_overlap(rig *r, const cream_path *path, const cream_path *teacher,
                                    double *seconds, cream_error *err) {
  cream_net *net = r->train.net;
  cream_train_begin_step(&r->train);
  cream_train_begin_part(&r->train, 0);
  cream_status status = forward(r, path, teacher, err);
  if (status != CREAM_OK) return status;
  r->done = r->expected = 0;
  r->full = 0;
  const int n = cream_net_slices(net, path, r->train.slices);
  for (int i = 0; i < n; i++) r->expected += r->train.slices[i].count;
  cream_net_set_done(net, watch, r);
  cream_net_backward(net, cream_net_dlogits(net));
  cream_net_set_done(net, NULL, NULL);
  status = r->backend->synchronise(r->backend, err);
  *seconds = r->full > 0 ? progress_now() - r->full : 0;
  return status;
}

static cream_status measure_exchange(rig *r, double *seconds, cream_error *err) {
  *seconds = 0;
  if (cream_cluster_alone(r->ranks)) return CREAM_OK;
  cream_status status = meet(r, err);
  const double started = progress_now();
  for (size_t at = 0; at < r->gradient_count && status == CREAM_OK; at += CREAM_PARTS_BUCKET) {
    const size_t left = r->gradient_count - at;
    status = r->ranks->sum_begin(r->ranks, r->gradient + at,
                                 left < CREAM_PARTS_BUCKET ? left : CREAM_PARTS_BUCKET, false, err);
  }
  if (status == CREAM_OK) status = r->ranks->wait(r->ranks, err);
  *seconds = progress_now() - started;
  return status;
}

static double waited_so_far(const rig *r) {
  return r->ranks ? r->ranks->waited : 0;
}

/* A clock that stands still while others are waited for. */
static double working_time(const rig *r) {
  return progress_now() - waited_so_far(r);
}

static cream_status measure_step(rig *r, const cream_path *path, const cream_path *teacher, sample *s,
                                 cream_error *err) {
  cream_train *train = &r->train;
  const cream_optim optim = {
      .kind = CREAM_OPTIM_SGD, .lr = 0.001f, .momentum = 0.9f, .weight_decay = 1e-4f, .nesterov = true};
  cream_event event = {.path = path, .lr = optim.lr};
  cream_status status = meet(r, err);
  const double waited = waited_so_far(r), started = progress_now();
  double parts = 0;
  cream_train_begin_step(train);
  for (int p = 0; p < train->parts.own && status == CREAM_OK; p++) {
    const double began = working_time(r);
    cream_train_begin_part(train, p);
    status = forward(r, path, teacher, err);
    if (status == CREAM_OK) cream_train_backward(train);
    parts += working_time(r) - began;
  }
  if (status == CREAM_OK) status = cream_train_end_step(train, err);
  if (status != CREAM_OK) return status;
  cream_train_update(train, path, &optim);
  status = cream_train_result(train, &event, "the learning rate", err);
  s->step = progress_now() - started;
  s->waited = waited_so_far(r) - waited;
  s->part = parts / train->parts.own;
  s->rest = s->step - parts - s->waited;
  return status;
}

/* The seconds that the last rank of a step waited. */
static cream_status measure_network(const rig *r, sample *s, cream_error *err) {
  static double all[CREAM_MAX_RANKS];
  s->network = s->waited;
  if (cream_cluster_alone(r->ranks)) return CREAM_OK;
  cream_status status = cream_cluster_gather(r->ranks, &s->waited, sizeof s->waited, all, err);
  for (int i = 0; i < r->ranks->size && status == CREAM_OK; i++) s->network = fmin(s->network, all[i]);
  return status;
}

/* What the model makes of the other numbers of the round, with the gradient of its path. */
static void predict(const rig *r, const cream_plan_node *node, sample *s) {
  const cream_plan_network network = bench_plan_network(r->options, r->options->gigabits);
  const cream_plan_node measured = {.part = s->part,
                                    .rest = s->rest,
                                    .overlap = s->overlap,
                                    .gradient = (double)sizeof(float) * (double)r->expected,
                                    .statistics = node->statistics};
  cream_plan_step step = {0};
  if (r->options->gigabits > 0)
    cream_plan(&measured, &network, r->parts, cream_cluster_size(r->ranks), &step);
  s->predicted = step.seconds;
  s->predicted_wait = step.waited;
}

static cream_status run_rounds(rig *r, const cream_plan_node *node, cream_error *err) {
  const bench_options *o = r->options;
  for (int i = -o->warmup; i < o->rounds; i++) {
    const uint64_t index = 2 * (uint64_t)(i + o->warmup);
    const cream_path path = bench_path(r->skeleton, (uint64_t)o->seed, index);
    const cream_path teacher = bench_path(r->skeleton, (uint64_t)o->seed, index + 1);
    sample s;
    cream_status status = measure_overlap(r, &path, &teacher, &s.overlap, err);
    if (status == CREAM_OK) status = measure_exchange(r, &s.exchange, err);
    if (status == CREAM_OK) status = measure_step(r, &path, &teacher, &s, err);
    if (status == CREAM_OK) status = measure_network(r, &s, err);
    if (status != CREAM_OK) return status;
    predict(r, node, &s);
    if (i >= 0) r->samples[i] = s;
  }
  return CREAM_OK;
}

/* ---- results ----------------------------------------------------------------------------------------- */

static double median(const rig *r, size_t member) {
  for (int i = 0; i < r->options->rounds; i++)
    r->sorted[i] = *(const double *)((const char *)&r->samples[i] + member);
  return bench_median(r->sorted, r->options->rounds);
}

static void summarize(const rig *r, cluster_result *result) {
  double steps = 0, waited = 0, least = 0, predicted = 0, predicted_wait = 0;
  for (int i = 0; i < r->options->rounds; i++) {
    steps += r->samples[i].step;
    waited += r->samples[i].waited;
    least += r->samples[i].network;
    predicted += r->samples[i].predicted;
    predicted_wait += r->samples[i].predicted_wait;
  }
  result->node.part = median(r, offsetof(sample, part));
  result->node.rest = median(r, offsetof(sample, rest));
  result->node.overlap = median(r, offsetof(sample, overlap));
  result->exchange = median(r, offsetof(sample, exchange));
  result->step = median(r, offsetof(sample, step));
  result->share_waited = waited / steps;
  result->share_network = least / steps;
  result->memory = bench_memory_peak();
  result->predicted = median(r, offsetof(sample, predicted));
  result->share_predicted = predicted_wait / predicted;
}

/* Gigabits a second that each rank sends. */
static double rate(const cluster_result *result) {
  const double sent = 2.0 * (result->ranks - 1) / result->ranks * result->node.gradient;
  return 8e-9 * sent / result->exchange;
}

static bool predicts(const cluster_result *result) {
  return result->options->gigabits > 0 && result->ranks > 1;
}

static void print(const cluster_result *result) {
  const bench_options *o = result->options;
  const cream_plan_node *node = &result->node;
  bench_print_machine(result->threads);
  const cream_detect_kind head = result->skeleton->detect.kind;
  printf("%s, %d pixels, %d classes; a part: %d images, %s%s; medians of %d rounds\n",
         result->skeleton->space.name, result->skeleton->resolution, result->skeleton->classes, o->batch,
         head ? "of a detector with the head " : "distilled", head ? cream_detect_words[head] : "",
         o->rounds);
  printf("part: %.2f ms; the first of its gradient is ready to travel %.2f ms before its end\n",
         1e3 * node->part, 1e3 * node->overlap);
  printf("messages of a path: %.3f MB of gradient, %.3f MB of statistics of a part\n", node->gradient / 1e6,
         node->statistics / 1e6);
  if (result->ranks > 1)
    printf("exchange of the gradient between %d ranks: %.2f ms, %.2f Gb/s from each\n", result->ranks,
           1e3 * result->exchange, rate(result));
  else
    puts("exchange of the gradient: none with one rank; mpirun -n 2 cream bench cluster measures it");
  printf("step of %d parts, %d on each of %d rank%s: %.2f ms, %.1f images/s; %.2f %% of it waiting for "
         "others, %.2f %% "
         "for the network alone, %.2f ms outside parts\n",
         result->parts, result->parts / result->ranks, result->ranks, result->ranks > 1 ? "s" : "",
         1e3 * result->step, result->parts * o->batch / result->step, 100 * result->share_waited,
         100 * result->share_network, 1e3 * node->rest);
  if (predicts(result))
    printf("predicted for %g Gb/s: %.2f ms, %.2f %% of it waiting\n", o->gigabits, 1e3 * result->predicted,
           100 * result->share_predicted);
  printf("peak memory %.1f MB\n", result->memory / 1e6);
  if (o->plan) bench_plan_print(result);
}

static void write_result(const cluster_result *result) {
  const bench_options *o = result->options;
  const cream_plan_node *node = &result->node;
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "cluster");
  bench_write_machine(&json, result->threads);
  bench_write_setting(&json, result->skeleton, o->batch, result->threads, o->rounds);
  cream_json_integer(&json, "ranks", (uint64_t)result->ranks);
  cream_json_integer(&json, "parts", (uint64_t)result->parts);
  cream_json_number(&json, "part_ms", 1e3 * node->part);
  cream_json_number(&json, "rest_ms", 1e3 * node->rest);
  cream_json_number(&json, "overlap_ms", 1e3 * node->overlap);
  cream_json_number(&json, "gradient_bytes", node->gradient);
  cream_json_number(&json, "statistics_bytes", node->statistics);
  if (result->ranks > 1) {
    cream_json_number(&json, "exchange_ms", 1e3 * result->exchange);
    cream_json_number(&json, "exchange_gbits", rate(result));
  }
  cream_json_number(&json, "step_ms", 1e3 * result->step);
  cream_json_number(&json, "images_per_second", result->parts * o->batch / result->step);
  cream_json_number(&json, "share_waited", result->share_waited);
  cream_json_number(&json, "share_network", result->share_network);
  if (predicts(result)) {
    cream_json_number(&json, "gbits", o->gigabits);
    cream_json_number(&json, "predicted_step_ms", 1e3 * result->predicted);
    cream_json_number(&json, "predicted_share_waiting", result->share_predicted);
  }
  cream_json_number(&json, "memory_peak_mb", result->memory / 1e6);
  if (o->plan) bench_plan_write(&json, result);
  cream_json_end(&json);
  putchar('\n');
}

static cream_status measure(rig *r, cluster_result *result, cream_error *err) {
  cream_status status = open_rig(r, err);
  if (status == CREAM_OK) status = agree(r, err);
  if (status == CREAM_OK) status = measure_messages(r, &result->node, err);
  if (status == CREAM_OK) status = run_rounds(r, &result->node, err);
  if (status != CREAM_OK) return status;
  summarize(r, result);
  if (!r->options->plan || !cluster_leads()) return CREAM_OK;
  return bench_plan_memory(result, r->backend, &r->data.source, err);
}

cream_status bench_cluster(const void *values, cream_error *err) {
  const bench_options *options = values;
  static cream_skeleton skeleton;
  cream_status status = cluster_agree(NULL, err);
  if (status == CREAM_OK) status = bench_skeleton(options, &skeleton, err);
  if (status != CREAM_OK) return status;
  const int ranks = cream_cluster_size(cluster_ranks());
  rig r = {.options = options,
           .skeleton = &skeleton,
           .ranks = cream_cluster_alone(cluster_ranks()) ? NULL : cluster_ranks(),
           .threads = options->threads ? options->threads : cream_cpu_threads(),
           .parts = ranks > 1 ? ranks : 2};
  cluster_result result = {
      .options = options, .skeleton = &skeleton, .ranks = ranks, .parts = r.parts, .threads = r.threads};
  status = measure(&r, &result, err);
  cluster_end_failed(status, err);
  close_rig(&r);
  if (status != CREAM_OK || !cluster_leads()) return status;
  if (options->json)
    write_result(&result);
  else
    print(&result);
  return CREAM_OK;
}
