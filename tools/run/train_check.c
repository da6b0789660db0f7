#include "train_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "trial.h"

enum { BATCH = 4, STEPS = 4, THREADS = 2, GATES = 200 };

/* Losses of every step, and the weights before the first and after the last. */
typedef struct history {
  double loss[STEPS];
  float *before, *after;
  size_t count;
} history;

static void free_history(history *h) {
  free(h->before);
  free(h->after);
}

static cream_status download(trial *t, float **weights, size_t count, cream_error *err) {
  cream_backend *backend = t->train.backend;
  *weights = malloc(count * sizeof **weights);
  if (!*weights) return cream_fail_memory(err, count * sizeof **weights, "weights");
  return backend->download(backend, *weights, cream_net_weights(t->train.net), count, err);
}

/* Steps are queued right after the uploads of the network, and losses are read after every second one, so that uploads
 * and kernels of different steps are in the queue together, as in a training. before: reads the first weights too. */
static cream_status train(cream_backend *backend, bool before, history *h, cream_error *err) {
  static trial t;
  *h = (history){0};
  cream_status status = trial_open(&t, backend, BATCH, STEPS, err);
  if (status == CREAM_OK) h->count = cream_net_weight_count(t.train.net);
  if (status == CREAM_OK && before) status = download(&t, &h->before, h->count, err);
  for (int i = 0; i < STEPS && status == CREAM_OK; i++) {
    trial_step(&t, i, 0.05f);
    if (i % 2 == 1) status = trial_loss(&t, &h->loss[i], err);
  }
  if (status == CREAM_OK) status = download(&t, &h->after, h->count, err);
  trial_close(&t);
  return status;
}

/* The gate that drops blocks at random, which steps of a trial do not use. */
static cream_status gate(cream_backend *backend, float *values, cream_error *err) {
  cream_buf buf;
  cream_status status = backend->alloc(backend, GATES, &buf, err);
  if (status != CREAM_OK) return status;
  backend->dropout_gate(backend, buf, GATES, 0.3f, 11, 5);
  status = backend->download(backend, values, buf, GATES, err);
  backend->release(backend, buf);
  return status;
}

static cream_status compare_gates(cream_backend *cpu, cream_backend *device, cream_error *err) {
  float expected[GATES], got[GATES];
  cream_status status = gate(cpu, expected, err);
  if (status == CREAM_OK) status = gate(device, got, err);
  if (status != CREAM_OK || memcmp(expected, got, sizeof got) == 0) return status;
  return cream_fail(
      err, CREAM_FAILED,
      "the random numbers of dropout differ from the CPU's; update the driver, or use --device cpu");
}

static double distance(const float *a, const float *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += pow((double)a[i] - (double)b[i], 2);
  return sqrt(sum);
}

static void compare(const history *cpu, const history *device, train_check *out) {
  for (int i = 1; i < STEPS; i += 2) {
    double error = fabs(device->loss[i] - cpu->loss[i]) / fabs(cpu->loss[i]);
    if (error <= out->loss_error) continue;
    out->loss_error = error;
    out->loss = device->loss[i];
    out->expected = cpu->loss[i];
  }
  double moved = distance(cpu->before, cpu->after, cpu->count);
  double error = distance(cpu->after, device->after, cpu->count) / moved;
  if (!(error <= out->weight_error)) out->weight_error = error;
}

static cream_status judge(const train_check *out, bool half, cream_error *err) {
  const double most_loss = half ? 3e-2 : 1e-3, most_weight = half ? 0.3 : 1e-2;
  if (!(out->loss_error <= most_loss))
    return cream_fail(
        err, CREAM_FAILED,
        "training differs from the CPU's: a loss is %.5g, expected %.5g; update the driver, or use "
        "--device cpu",
        out->loss, out->expected);
  if (!(out->weight_error <= most_weight))
    return cream_fail(
        err, CREAM_FAILED,
        "training differs from the CPU's: after %d steps the weights are off by %.2g of the distance "
        "that they moved; update the driver, or use --device cpu",
        out->steps, out->weight_error);
  if (out->repeats) return CREAM_OK;
  return cream_fail(
      err, CREAM_FAILED,
      "the same training gave different weights when it was repeated; update the driver, or use "
      "--device cpu");
}

cream_status train_check_run(cream_backend *device, int runs, bool half, train_check *out, cream_error *err) {
  *out = (train_check){.runs = runs, .steps = STEPS, .repeats = true};
  const cream_cpu_options options = {.threads = THREADS};
  cream_backend *cpu;
  history expected = {0}, first = {0};
  cream_status status = cream_cpu_create(&options, &cpu, err);
  if (status != CREAM_OK) return status;
  status = train(cpu, true, &expected, err);
  for (int r = 0; r < runs && status == CREAM_OK; r++) {
    history got;
    status = train(device, false, &got, err);
    if (status == CREAM_OK) compare(&expected, &got, out);
    if (status == CREAM_OK && r > 0 && memcmp(first.after, got.after, got.count * sizeof *got.after) != 0)
      out->repeats = false;
    if (r == 0)
      first = got;
    else
      free_history(&got);
  }
  if (status == CREAM_OK) status = judge(out, half, err);
  if (status == CREAM_OK) status = compare_gates(cpu, device, err);
  free_history(&expected);
  free_history(&first);
  cpu->destroy(cpu);
  return status;
}
