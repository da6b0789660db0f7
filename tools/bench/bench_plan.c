/* cream bench cluster --plan: a search or a detector's training on several nodes, by the model of core/cluster/plan.h. */
#include <stdlib.h>

#include "bench_cluster.h"
#include "core/net/memory.h"
#include "core/train/retrain.h"

/* Bytes of the program, its libraries and workspaces. */
static const double program = 64 << 20;

/* Of a network's bandwidth, what is left for the bytes of messages after the headers of Ethernet, IP and TCP, and the pauses
 * between messages: measured (docs/machines.md). */
static const double share_of_messages = 0.9;

static const double gigabits[CLUSTER_NETWORKS] = {1, 10, 25, 100};

/* Of a process whose allocations were counted. */
static double process_memory(const cream_counter *counter, size_t messages) {
  return program + (double)counter->bytes + (double)counter->workspace + (double)messages;
}

/* A search with the paper's settings, created but not run. */
static cream_status search_memory(const cluster_result *result, cream_backend *backend,
                                  const cream_source *like, int ranks, double *bytes, cream_error *err) {
  const bench_options *o = result->options;
  static cream_config config;
  cream_counter counter;
  cream_cluster cluster = {.size = ranks};
  int32_t *labels = calloc((size_t)o->part_images, sizeof *labels);
  if (!labels) return cream_fail_memory(err, (size_t)o->part_images * sizeof *labels, "labels");
  cream_config_defaults(&config);
  config.search.epochs = o->epochs;
  config.search.batch = o->part_images;
  config.search.accumulate = o->parts;
  cream_counter_init(&counter, backend);
  cream_source train = cream_counter_source(like, o->part_images, labels), heldout = train;
  const cream_search_inputs inputs = {.config = &config,
                                      .skeleton = result->skeleton,
                                      .train = &train,
                                      .heldout = &heldout,
                                      .cluster = ranks > 1 ? &cluster : NULL};
  cream_search *search;
  cream_status status = cream_search_create(&counter.base, &inputs, &search, err);
  if (status == CREAM_OK) {
    *bytes = process_memory(&counter, cream_search_messages(search));
    cream_search_destroy(search);
  }
  free(labels);
  return status;
}

/* A detector's training with RetinaNet's recipe, created but not run. */
static cream_status training_memory(const cluster_result *result, cream_backend *backend,
                                    const cream_source *like, int ranks, double *bytes, cream_error *err) {
  const bench_options *o = result->options;
  static cream_config config;
  cream_counter counter;
  cream_cluster cluster = {.size = ranks};
  cream_config_defaults(&config);
  config.retrain.epochs = o->epochs;
  config.retrain.batch = o->part_images;
  config.retrain.accumulate = o->parts;
  config.retrain.optim = CREAM_OPTIM_SGD;
  config.retrain.smoothing = config.retrain.dropout = config.retrain.mixup = config.retrain.ema = 0;
  cream_counter_init(&counter, backend);
  cream_box_source train = {.count = (size_t)o->images,
                            .classes = like->classes,
                            .batch = o->part_images,
                            .side = like->side,
                            .channels = like->channels};
  const cream_retrain_inputs inputs = {.config = &config,
                                       .skeleton = result->skeleton,
                                       .boxes = {.train = &train},
                                       .cluster = ranks > 1 ? &cluster : NULL};
  cream_retrain *retrain;
  cream_status status = cream_retrain_create(&counter.base, &inputs, &retrain, err);
  if (status != CREAM_OK) return status;
  *bytes = process_memory(&counter, cream_retrain_messages(retrain));
  cream_retrain_destroy(retrain);
  return CREAM_OK;
}

/* The node with parts of --part-images. */
static cream_plan_node scaled(const cluster_result *result) {
  const double factor = (double)result->options->part_images / result->options->batch;
  cream_plan_node node = result->node;
  node.part *= factor;
  node.overlap *= factor;
  return node;
}

static bool possible(const cluster_result *result, int ranks) {
  const cream_plan_node node = scaled(result);
  cream_plan_step step;
  return cream_plan(&node, &(cream_plan_network){1, 0}, result->options->parts, ranks, &step);
}

cream_status bench_plan_memory(cluster_result *result, cream_backend *backend, const cream_source *like,
                               cream_error *err) {
  cream_status status = CREAM_OK;
  for (int i = 0; i < CLUSTER_NODES && status == CREAM_OK; i++)
    if (possible(result, 1 << i))
      status = (bench_is_detector(result->skeleton) ? training_memory : search_memory)(
          result, backend, like, 1 << i, &result->rank_memory[i], err);
  return status;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

typedef struct row {
  int nodes;
  double gigabits; /* 0: any network */
  cream_plan_step step;
  double hours, sent, cost, memory; /* of the search; bytes from each node; bytes */
} row;

static double steps_of(const bench_options *o) {
  const double epoch = (double)o->images / ((double)o->parts * o->part_images);
  return o->epochs * (epoch < 1 ? 1 : (double)(uint64_t)epoch);
}

cream_plan_network bench_plan_network(const bench_options *o, double gbits) {
  return (cream_plan_network){1e9 / 8 * gbits * share_of_messages, 1e-6 * o->latency};
}

static row predict(const cluster_result *result, int i, double gbits) {
  const bench_options *o = result->options;
  const cream_plan_node node = scaled(result);
  const cream_plan_network network = bench_plan_network(o, gbits);
  row made = {.nodes = 1 << i, .gigabits = i ? gbits : 0, .memory = result->rank_memory[i]};
  cream_plan(&node, &network, o->parts, made.nodes, &made.step);
  made.hours = steps_of(o) * made.step.seconds / 3600;
  made.sent = steps_of(o) * made.step.sent;
  made.cost = o->price * made.nodes * made.hours;
  return made;
}

static int fill(const cluster_result *result, row rows[CLUSTER_NODES * CLUSTER_NETWORKS]) {
  int n = 0;
  for (int i = 0; i < CLUSTER_NODES; i++)
    for (int k = 0; k < (i ? CLUSTER_NETWORKS : 1) && possible(result, 1 << i); k++)
      rows[n++] = predict(result, i, gigabits[k]);
  return n;
}

static void print_row(const row *r, bool price) {
  char network[16] = "-";
  if (r->gigabits > 0) snprintf(network, sizeof network, "%.0f", r->gigabits);
  printf("%5d %6s %10.3f %10.2f %10.1f %10.1f %10.2f", r->nodes, network, r->step.seconds,
         100 * r->step.waited / r->step.seconds, r->hours, r->sent / 1e9, r->memory / 1e9);
  if (price) printf(" %10.0f", r->cost);
  putchar('\n');
}

void bench_plan_print(const cluster_result *result) {
  const bench_options *o = result->options;
  row rows[CLUSTER_NODES * CLUSTER_NETWORKS];
  const int n = fill(result, rows);
  printf("\nplan: a %s of %d epochs of %d images, %.0f steps of %d parts of %d image%s; %.0f us a message\n",
         bench_is_detector(result->skeleton) ? "training" : "search", o->epochs, o->images, steps_of(o),
         o->parts, o->part_images, o->part_images > 1 ? "s" : "", o->latency);
  printf("%5s %6s %10s %10s %10s %10s %10s%s\n", "nodes", "Gb/s", "s/step", "% waiting", "hours", "GB sent",
         "GB memory", o->price > 0 ? "       cost" : "");
  for (int i = 0; i < n; i++) print_row(&rows[i], o->price > 0);
  const int most = rows[n - 1].nodes;
  if (most == 1 << (CLUSTER_NODES - 1)) return;
  if (o->parts & (o->parts - 1))
    printf("more nodes: not with %d parts, which is no power of two\n", o->parts);
  else
    printf("more nodes: not with %d part%s, each rank has at least one; with more parts of fewer images, for "
           "example --parts %d --part-images %d, it is another training\n",
           o->parts, o->parts > 1 ? "s" : "", 2 * o->parts, (o->part_images + 1) / 2);
}

void bench_plan_write(cream_json *json, const cluster_result *result) {
  const bench_options *o = result->options;
  row rows[CLUSTER_NODES * CLUSTER_NETWORKS];
  const int n = fill(result, rows);
  cream_json_object(json, "plan", true);
  cream_json_integer(json, "epochs", (uint64_t)o->epochs);
  cream_json_integer(json, "images", (uint64_t)o->images);
  cream_json_integer(json, "parts", (uint64_t)o->parts);
  cream_json_integer(json, "part_images", (uint64_t)o->part_images);
  cream_json_number(json, "steps", steps_of(o));
  cream_json_number(json, "latency_us", o->latency);
  cream_json_array(json, "rows", true);
  for (int i = 0; i < n; i++) {
    const row *r = &rows[i];
    cream_json_object(json, NULL, false);
    cream_json_integer(json, "nodes", (uint64_t)r->nodes);
    if (r->gigabits > 0) cream_json_number(json, "gbits", r->gigabits);
    cream_json_number(json, "step_ms", 1e3 * r->step.seconds);
    cream_json_number(json, "share_waiting", r->step.waited / r->step.seconds);
    cream_json_number(json, "hours", r->hours);
    cream_json_number(json, "sent_gb", r->sent / 1e9);
    cream_json_number(json, "memory_gb", r->memory / 1e9);
    if (o->price > 0) cream_json_number(json, "cost", r->cost);
    cream_json_end(json);
  }
  cream_json_end(json);
  cream_json_end(json);
}
