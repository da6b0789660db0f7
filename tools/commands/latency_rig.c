#define _GNU_SOURCE /* CPU_SET, sched_setaffinity */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/fold.h"
#include "cpu/driver.h"
#include "latency.h"
#include "tools/cli/progress.h"
#include "tools/run/device.h"
#include "tools/run/network.h"

/* Binds the process to the last processors that it may use: the first ones serve interrupts. A failure only makes the
 * measurements noisier. */
static void pin(int threads) {
  cpu_set_t may, chosen;
  CPU_ZERO(&chosen);
  if (sched_getaffinity(0, sizeof may, &may) || CPU_COUNT(&may) <= threads) return;
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&chosen) < threads; cpu--)
    if (CPU_ISSET(cpu, &may)) CPU_SET(cpu, &chosen);
  sched_setaffinity(0, sizeof chosen, &chosen);
}

static cream_status upload_noise(latency_rig *rig, int batch, int side, uint64_t seed, cream_error *err) {
  const float mean[4] = {0.5f, 0.5f, 0.5f, 0.5f}, deviation[4] = {0.25f, 0.25f, 0.25f, 0.25f};
  size_t bytes = (size_t)batch * (size_t)side * (size_t)side * 3;
  uint8_t *pixels = malloc(bytes);
  if (!pixels) return cream_fail_memory(err, bytes, "random images");
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, UINT64_MAX);
  for (size_t i = 0; i < bytes; i++) pixels[i] = (uint8_t)cream_rng_u32(&rng);
  rig->input = cream_net_input(rig->net, batch, side);
  rig->backend->upload_pixels(rig->backend, &rig->input, pixels, mean, deviation);
  cream_status status = rig->backend->synchronise(rig->backend, err);
  free(pixels);
  return status;
}

cream_status latency_rig_open(latency_rig *rig, const cream_config *config, const cream_skeleton *skeleton,
                              int batch, cream_error *err) {
  *rig = (latency_rig){.n_parts = skeleton->n_layers + 2};
  if (config->threads) pin(config->threads);
  const cream_net_options options = {.batch = batch, .seed = config->seed};
  cream_status status = run_backend(config, &rig->backend, err);
  if (status == CREAM_OK) status = cream_net_create(rig->backend, skeleton, &options, &rig->net, err);
  if (status == CREAM_OK) status = cream_net_fold(rig->net, err);
  return status == CREAM_OK ? upload_noise(rig, batch, skeleton->resolution, config->seed, err) : status;
}

void latency_rig_close(latency_rig *rig) {
  if (rig->net) cream_net_destroy(rig->net);
  if (rig->backend) rig->backend->destroy(rig->backend);
  *rig = (latency_rig){0};
}

char *latency_rig_machine(latency_rig *rig, int threads, char *text, size_t size) {
  if (!device_is_cpu(rig->backend)) return device_describe(rig->backend, threads, text, size);
  cream_cpu_model(text, size);
  return text;
}

/* A failure of the device is also returned by the synchronise at the end. */
static void mark(void *self) {
  latency_rig *rig = self;
  rig->backend->synchronise(rig->backend, NULL);
  rig->marks[rig->n_marks++] = progress_now();
}

cream_status latency_rig_run(latency_rig *rig, const cream_path *path, double *parts, double *total,
                             cream_error *err) {
  rig->n_marks = 0;
  cream_net_set_mark(rig->net, parts ? mark : NULL, rig);
  double started = progress_now();
  cream_net_forward(rig->net, path, &rig->input, CREAM_BN_RUNNING, 0);
  cream_status status = rig->backend->synchronise(rig->backend, err);
  *total = 1e3 * (progress_now() - started);
  for (int i = 0; parts && i < rig->n_parts; i++) parts[i] = 1e3 * (rig->marks[i + 1] - rig->marks[i]);
  return status;
}
