/* cream bench step --serve: steps on request, and the network and its values for the programs that it is compared with. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "io/weights/onnx.h"
#include "io/weights/onnx_int8.h"

/* "0,3,5,...": an index for each layer that has more than one option; "-": the first path. */
static cream_status parse_path(const cream_skeleton *skeleton, const char *text, cream_path *path,
                               cream_error *err) {
  *path = cream_skeleton_first_path(skeleton);
  if (!strcmp(text, "-")) return CREAM_OK;
  for (int l = 0; l < skeleton->n_layers; l++) {
    int options = skeleton->layers[l].n_options;
    if (options == 1) continue;
    char *end;
    long choice = strtol(text, &end, 10);
    if (end == text || choice < 0 || choice >= options)
      return cream_fail(err, CREAM_BAD_CONFIG, "layer %d of a path: expected 0 to %d at \"%.20s\"", l,
                        options - 1, text);
    path->choice[l] = (uint8_t)choice;
    text = *end == ',' ? end + 1 : end;
  }
  return *text ? cream_fail(err, CREAM_BAD_CONFIG, "a path has more choices than layers: \"%.20s\"", text)
               : CREAM_OK;
}

enum { CALIBRATION = 8 }; /* images that ranges of values are measured on */

/* Quantises the network with the ranges of its values on the first images. */
static cream_status export_int8(const bench_work *work, const cream_path *path, const char *file,
                                cream_error *err) {
  cream_source images = work->data.source;
  cream_int8 *int8;
  images.count = (size_t)(work->batch < CALIBRATION ? work->batch : CALIBRATION);
  cream_status status =
      cream_int8_create(work->train.net, path, &images, CREAM_CALIBRATION_ENTROPY, &int8, err);
  if (status != CREAM_OK) return status;
  status = cream_onnx_save_int8(file, int8, work->train.net, NULL, 0, err);
  cream_int8_destroy(int8);
  return status;
}

/* The batch's normalised images [n, side, side, 3], then their logits [n, classes]. */
static cream_status write_values(bench_work *work, const cream_path *path, const char *file,
                                 cream_error *err) {
  const cream_source *source = &work->data.source;
  const size_t inputs = (size_t)work->batch * (size_t)source->side * (size_t)source->side * 3;
  const size_t outputs = (size_t)work->batch * (size_t)work->skeleton->classes;
  float *values = malloc((inputs + outputs) * sizeof *values);
  if (!values) return cream_fail_memory(err, (inputs + outputs) * sizeof *values, "images and logits");
  for (size_t i = 0; i < inputs; i++)
    values[i] = ((float)work->data.pixels[i] / 255 - source->mean[i % 3]) / source->std[i % 3];
  const cream_batch batch = {work->batch, source->side, 3, work->data.pixels, work->data.labels};
  cream_tensor x = cream_train_upload(&work->train, source, &batch);
  cream_buf logits = cream_net_forward(work->train.net, path, &x, CREAM_BN_RUNNING, 0);
  cream_status status = work->backend->download(work->backend, values + inputs, logits, outputs, err);
  FILE *out = status == CREAM_OK ? fopen(file, "wb") : NULL;
  bool written = out && fwrite(values, sizeof *values, inputs + outputs, out) == inputs + outputs;
  if (out && fclose(out)) written = false;
  free(values);
  if (status == CREAM_OK && !written)
    return cream_fail(err, CREAM_FAILED, "%.300s: could not be written: %s", file, strerror(errno));
  return status;
}

/* "export FILE", "export-int8 FILE", "values FILE": of the first path as it is run here. Only a network for inference has
 * such a form. */
static cream_status save(bench_work *work, const char *what, const char *file, cream_error *err) {
  cream_path path = cream_skeleton_first_path(work->skeleton);
  const bool whole = !strcmp(what, "export");
  if (work->kind != BENCH_EVAL) return cream_fail(err, CREAM_BAD_CONFIG, "%s needs --work eval", what);
  if (bench_is_detector(work->skeleton) && !whole)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s needs a classifier, without --head", what);
  cream_status status;
  if (whole)
    status = cream_onnx_save(file, work->train.net, &path, NULL, NULL, 0, err);
  else if (!strcmp(what, "export-int8"))
    status = export_int8(work, &path, file, err);
  else
    status = write_values(work, &path, file, err);
  if (status == CREAM_OK) puts("0");
  return status;
}

static cream_status answer(bench_work *work, char *line, cream_error *err) {
  static const char *const files[] = {"export", "export-int8", "values"};
  char student[512], teacher[512];
  line[strcspn(line, "\n")] = '\0';
  if (!strncmp(line, "memory", 6)) {
    printf("%.0f %.0f\n", bench_memory_peak(), work->baseline);
    return CREAM_OK;
  }
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    const size_t length = strlen(files[i]);
    if (!strncmp(line, files[i], length) && line[length] == ' ')
      return save(work, files[i], line + length + 1, err);
  }
  if (sscanf(line, "step %511s %511s", student, teacher) != 2)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "expected \"step PATH TEACHER\", \"memory\", \"export FILE\", \"export-int8 FILE\" or "
                      "\"values FILE\", got \"%.40s\"",
                      line);
  cream_path paths[2];
  double seconds;
  cream_status status = parse_path(work->skeleton, student, &paths[0], err);
  if (status == CREAM_OK) status = parse_path(work->skeleton, teacher, &paths[1], err);
  if (status == CREAM_OK) status = bench_work_step(work, &paths[0], &paths[1], work->batch, &seconds, err);
  if (status == CREAM_OK) printf("%.9f\n", seconds);
  return status;
}

cream_status bench_serve(const void *values, cream_error *err) {
  const bench_options *options = values;
  static cream_skeleton skeleton;
  static bench_work work;
  char line[2048];
  if (options->kind == BENCH_KINDS) return cream_fail(err, CREAM_BAD_CONFIG, "--serve: give one --work");
  cream_status status = bench_skeleton(options, &skeleton, err);
  if (status != CREAM_OK) return status;
  status = bench_work_open(&work, (bench_kind)options->kind, &skeleton, options->batch, options->threads,
                           options, err);
  if (status == CREAM_OK) puts("ready");
  while (status == CREAM_OK && !fflush(stdout) && fgets(line, sizeof line, stdin))
    status = answer(&work, line, err);
  bench_work_close(&work);
  return status;
}
