#include "metrics_read.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "event_names.h"
#include "io/base/file.h"
#include "run_names.h"

enum { LONGEST_LINE = 1 << 18 };

void cream_metrics_init(cream_metrics *m) {
  memset(m, 0, sizeof *m);
  m->waited = m->peak_memory = m->images_per_second = m->test = m->test_trained = m->test_averaged = NAN;
}

/* ---- fields -------------------------------------------------------------------------------------- */

static double number(const json_t *line, const char *key) {
  const json_t *value = json_object_get(line, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static uint64_t whole(const json_t *line, const char *key) {
  double value = number(line, key);
  return value >= 0 && value < 0x1p53 ? (uint64_t)value : 0;
}

static const char *text(const json_t *line, const char *key) {
  const char *value = json_string_value(json_object_get(line, key));
  return value ? value : "";
}

/* Sets *known if the line has the value. */
static void take(double *known, double value) {
  if (isfinite(value)) *known = value;
}

/* ---- kinds of events ------------------------------------------------------------------------------ */

static void take_path(cream_metrics *m, const json_t *path) {
  size_t layers = json_array_size(path);
  if (!layers || layers > CREAM_MAX_LAYERS) return;
  m->n_layers = (int)layers;
  m->paths++;
  for (size_t l = 0; l < layers; l++) {
    const json_t *choice = json_array_get(path, l);
    json_int_t option = json_is_integer(choice) ? json_integer_value(choice) : -1;
    if (option >= 0 && option < CREAM_MAX_OPS) m->sampled[l][option]++;
  }
}

/* Adds up the seconds of all starts: a clock that is behind the last line is that of a new start. */
static void take_clock(cream_metrics *m, const json_t *line) {
  double seconds = number(line, "seconds");
  if (!isfinite(seconds)) return;
  if (m->before + seconds < m->seconds - 0.001) {
    m->before = m->seconds;
    m->first_step = m->step;
  }
  m->seconds = m->before + seconds;
}

static void take_step(cream_metrics *m, const json_t *line) {
  double step = number(line, "step"), rho = number(line, "rho");
  cream_curve_add(&m->loss, step, number(line, "loss"));
  if (json_object_get(line, "class_loss")) m->detector = true;
  cream_curve_add(&m->hard, step, number(line, m->detector ? "class_loss" : "hard"));
  cream_curve_add(&m->lr, step, number(line, "lr"));
  cream_curve_add(&m->accuracy, step, 100 * number(line, "accuracy"));
  cream_curve_add(&m->speed, m->seconds / 60, number(line, "images_per_second"));
  take_path(m, json_object_get(line, "path"));
  if (m->detector) cream_curve_add(&m->soft, step, number(line, "box_loss"));
  if (!(rho >= 0 && rho <= 1)) return;
  cream_curve_add(&m->soft, step, number(line, "soft"));
  cream_curve_add(&m->rho, step, rho);
  int bin = (int)(rho * CREAM_METRICS_BINS);
  m->rho_bins[bin < CREAM_METRICS_BINS ? bin : CREAM_METRICS_BINS - 1]++;
}

/* The board of the line's budget; NULL: there are too many boards. */
static cream_board_curves *board_of(cream_metrics *m, const json_t *line) {
  const json_t *name = json_object_get(line, "budget");
  char label[sizeof m->boards[0].name] = "";
  if (json_is_string(name))
    snprintf(label, sizeof label, "%s", json_string_value(name));
  else if (json_is_number(name))
    snprintf(label, sizeof label, "%g", json_number_value(name));
  for (int i = 0; i < m->n_boards; i++)
    if (!strcmp(m->boards[i].name, label)) return &m->boards[i];
  if (m->n_boards == CREAM_METRICS_BOARDS) return NULL;
  cream_board_curves *board = &m->boards[m->n_boards++];
  strcpy(board->name, label);
  board->flops_full = board->flops_end = NAN;
  return board;
}

/* Mean (y), minimum (low) and maximum (high) of an array of numbers; NaN if it is empty. */
static cream_point spread(const json_t *array) {
  double sum = 0, low = INFINITY, high = -INFINITY;
  size_t count = json_array_size(array);
  for (size_t i = 0; i < count; i++) {
    double value = json_number_value(json_array_get(array, i));
    sum += value, low = fmin(low, value), high = fmax(high, value);
  }
  return count ? (cream_point){0, sum / (double)count, low, high} : (cream_point){0, NAN, NAN, NAN};
}

static void take_board(cream_metrics *m, const json_t *line) {
  const json_t *scores = json_object_get(line, "board_scores");
  double step = number(line, "step");
  cream_board_curves *board = json_array_size(scores) && isfinite(step) ? board_of(m, line) : NULL;
  if (!board) return;
  double score = number(line, "score");
  cream_point s = spread(scores), f = spread(json_object_get(line, "board_flops"));
  cream_curve_add(&board->best, step, 100 * s.high);
  cream_curve_add(&board->mean, step, 100 * s.y);
  cream_curve_add(&board->worst, step, 100 * s.low);
  if (isfinite(f.y)) {
    board->flops_end = f.y / 1e6;
    if (json_array_size(scores) > board->most) {
      board->most = json_array_size(scores);
      board->flops_full = f.y / 1e6;
    }
    cream_curve_add(&board->flops, step, f.y / 1e6);
    cream_point *last = &board->flops.points[board->flops.count - 1];
    last->low = fmin(last->low, f.low / 1e6);
    last->high = fmax(last->high, f.high / 1e6);
  }
  if (isfinite(score)) cream_cloud_add(&board->entered, (cream_point){.x = step, .y = 100 * score});
}

static void take_score(cream_metrics *m, const json_t *line) {
  cream_point point = {number(line, "flops") / 1e6, 100 * number(line, "score"), number(line, "step"), 0};
  if (!isfinite(point.x) || !isfinite(point.y)) return;
  cream_cloud_add(&m->scored, point);
  cream_front_add(&m->front, point);
}

static void take_epoch(cream_metrics *m, const json_t *line) {
  m->epoch = (int)fmin(1e9, fmax(0, number(line, "epoch")));
  double minutes = m->seconds / 60, here = m->seconds - m->before;
  take(&m->waited, number(line, "waited"));
  take(&m->peak_memory, number(line, "peak_memory"));
  cream_curve_add(&m->memory, minutes, number(line, "peak_memory") / 1e6);
  cream_curve_add(&m->waiting, minutes, 100 * number(line, "waited") / here);
  cream_curve_add(&m->waiting_network, minutes, 100 * number(line, "waited_network") / here);
  take_board(m, line);
}

static void take_eval(cream_metrics *m, const json_t *line) {
  const bool detector = json_object_get(line, "ap") != NULL;
  double accuracy = 100 * number(line, detector ? "ap" : "accuracy"), epoch = number(line, "epoch");
  cream_eval eval;
  if (!cream_eval_parse(text(line, "split"), &eval)) return;
  m->detector |= detector;
  if (detector && eval == CREAM_EVAL_HELDOUT)
    cream_curve_add(&m->heldout_ap50, epoch, 100 * number(line, "ap50"));
  switch (eval) {
  case CREAM_EVAL_HELDOUT:
    cream_curve_add(&m->heldout, epoch, accuracy);
    break;
  case CREAM_EVAL_HELDOUT_EMA:
    cream_curve_add(&m->heldout_ema, epoch, accuracy);
    break;
  case CREAM_EVAL_TEST:
    take(&m->test, accuracy);
    break;
  case CREAM_EVAL_TEST_TRAINED:
    take(&m->test_trained, accuracy);
    break;
  case CREAM_EVAL_TEST_AVERAGED:
    take(&m->test_averaged, accuracy);
    break;
  }
}

static void take_selected(cream_metrics *m, const json_t *line) {
  if (m->n_selected == CREAM_MAX_BOARD || !isfinite(number(line, "flops"))) return;
  m->selected[m->n_selected++] =
      (cream_selected){100 * number(line, "accuracy"), number(line, "loss"), number(line, "flops") / 1e6,
                       number(line, "params") / 1e6, whole(line, "entered")};
}

static void take_note(cream_metrics *m, const json_t *line) {
  if (m->n_notes == CREAM_METRICS_NOTES) return;
  snprintf(m->notes[m->n_notes], sizeof m->notes[0], "%s", text(line, "note"));
  if (*m->notes[m->n_notes]) m->n_notes++;
}

/* Fields that depend on the kind of event. */
static void take_event(cream_metrics *m, cream_event_kind kind, const json_t *line) {
  switch (kind) {
  case CREAM_EVENT_START:
    m->steps = whole(line, "steps");
    m->epochs = (int)fmin(1e9, fmax(0, number(line, "epochs")));
    break;
  case CREAM_EVENT_STEP:
    m->epoch = (int)fmin(1e9, fmax(0, number(line, "epoch"))) + 1; /* a step counts whole epochs before it */
    take_step(m, line);
    break;
  case CREAM_EVENT_META:
    m->meta_updates++;
    cream_curve_add(&m->meta_gradient, number(line, "step"), number(line, "meta_gradient"));
    break;
  case CREAM_EVENT_SCORE:
    take_score(m, line);
    break;
  case CREAM_EVENT_BOARD:
    take_board(m, line);
    break;
  case CREAM_EVENT_EPOCH:
    take_epoch(m, line);
    break;
  case CREAM_EVENT_EVAL:
    take_eval(m, line);
    break;
  case CREAM_EVENT_SELECT:
    take_selected(m, line);
    break;
  case CREAM_EVENT_NOTE:
    take_note(m, line);
    break;
  }
}

static void take_line(cream_metrics *m, const json_t *line) {
  const char *phase = text(line, "phase");
  cream_event_kind kind;
  take_clock(m, line);
  if (*phase && strcmp(phase, "test") != 0) {
    snprintf(m->phase, sizeof m->phase, "%s", phase);
    m->step = whole(line, "step");
    if (number(line, "images_per_second") > 0) m->images_per_second = number(line, "images_per_second");
  }
  if (cream_event_parse(text(line, "kind"), &kind)) take_event(m, kind, line);
}

/* ---- the file ------------------------------------------------------------------------------------ */

/* Reads a line into `line` (LONGEST_LINE bytes) without its end. *length: of the line, even if it is longer
 * and was cut. False: the rest of the file has no end of line. */
static bool next_line(FILE *stream, char *line, size_t *length, uint64_t *offset) {
  *length = 0;
  for (int c; (c = getc_unlocked(stream)) != EOF;) {
    if (c == '\n') {
      *offset += *length + 1;
      return true;
    }
    if (*length < LONGEST_LINE) line[*length] = (char)c;
    ++*length;
  }
  return false;
}

static void read_lines(cream_metrics *m, FILE *stream, char *line) {
  size_t length;
  while (next_line(stream, line, &length, &m->offset)) {
    json_t *json = length <= LONGEST_LINE ? json_loadb(line, length, 0, NULL) : NULL;
    m->lines++;
    if (json_is_object(json))
      take_line(m, json);
    else
      m->broken++;
    json_decref(json);
  }
}

cream_status cream_metrics_read(cream_metrics *m, const char *dir, bool *grown, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  struct stat info;
  *grown = false;
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_RUN_METRICS);
  FILE *stream = fopen(path, "rb");
  if (!stream && (errno == ENOENT || errno == ENOTDIR)) return CREAM_OK;
  if (!stream || fstat(fileno(stream), &info) || S_ISDIR(info.st_mode)) {
    cream_status status =
        cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path, strerror(stream ? EISDIR : errno));
    if (stream) fclose(stream);
    return status;
  }
  if (m->offset && (info.st_ino != m->file || (uint64_t)info.st_size < m->offset)) {
    cream_metrics_init(m);
    *grown = true;
  }
  m->file = info.st_ino;
  char *line = malloc(LONGEST_LINE);
  uint64_t before = m->lines;
  cream_status status = CREAM_OK;
  if (!line)
    status = cream_fail_memory(err, LONGEST_LINE, "a line of the metrics");
  else if (fseeko(stream, (off_t)m->offset, SEEK_SET))
    status = cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path, strerror(errno));
  else
    read_lines(m, stream, line);
  if (!status && ferror(stream))
    status = cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path, strerror(errno));
  *grown |= m->lines != before;
  free(line);
  fclose(stream);
  return status;
}
