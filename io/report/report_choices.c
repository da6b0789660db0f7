/* The section on the choices that were trained and that are on the board. */
#include <math.h>
#include <string.h>

#include "report_page.h"
#include "report_sections.h"

typedef struct choices {
  int rows, columns;
  int layers[CREAM_MAX_LAYERS]; /* [rows] the layers with more than one choice */
  char row_text[CREAM_MAX_LAYERS][16];
  const char *row_names[CREAM_MAX_LAYERS], *column_names[CREAM_MAX_OPS];
  double shares[CREAM_MAX_LAYERS * CREAM_MAX_OPS];
} choices;

/* Sets rows (layers with more than one choice) and columns (ops that one of these layers offers). column_of:
 * column of each op of the space; -1: none. */
static void lay_out(choices *c, const cream_skeleton *skeleton, int column_of[CREAM_MAX_OPS]) {
  *c = (choices){0};
  for (int op = 0; op < CREAM_MAX_OPS; op++) column_of[op] = -1;
  for (int op = 0; op < skeleton->space.n_ops; op++)
    for (int l = 0; l < skeleton->n_layers; l++)
      for (int o = 0; o < skeleton->layers[l].n_options; o++)
        if (skeleton->layers[l].n_options > 1 && skeleton->layers[l].options[o] == op && column_of[op] < 0) {
          c->column_names[c->columns] = skeleton->space.ops[op].name;
          column_of[op] = c->columns++;
        }
  for (int l = 0; l < skeleton->n_layers; l++) {
    if (skeleton->layers[l].n_options < 2) continue;
    snprintf(c->row_text[c->rows], sizeof c->row_text[0], "%d.%d", skeleton->layers[l].stage,
             skeleton->layers[l].index);
    c->row_names[c->rows] = c->row_text[c->rows];
    c->layers[c->rows++] = l;
  }
}

/* Sets the shares from counts[layer][option]. */
static void share_out(choices *c, const cream_skeleton *skeleton, const int column_of[CREAM_MAX_OPS],
                      uint64_t (*counts)[CREAM_MAX_OPS]) {
  for (int i = 0; i < c->rows * c->columns; i++) c->shares[i] = NAN;
  for (int row = 0; row < c->rows; row++) {
    const cream_layer *layer = &skeleton->layers[c->layers[row]];
    uint64_t sum = 0;
    for (int o = 0; o < layer->n_options; o++) sum += counts[c->layers[row]][o];
    for (int o = 0; o < layer->n_options; o++)
      c->shares[row * c->columns + column_of[layer->options[o]]] =
          sum ? (double)counts[c->layers[row]][o] / (double)sum : NAN;
  }
}

/* Adds the choices of the board's paths to counts[layer][option]. Returns the number of paths. */
static size_t count_board(const cream_skeleton *skeleton, const json_t *board,
                          uint64_t (*counts)[CREAM_MAX_OPS]) {
  const json_t *entries = report_member(board, "entries"), *entry, *stage, *name;
  size_t e, s, n;
  json_array_foreach(entries, e, entry) {
    int l = 0;
    json_array_foreach(json_object_get(entry, "path"), s, stage) json_array_foreach(stage, n, name) {
      int op = json_is_string(name) ? cream_space_find_op(&skeleton->space, json_string_value(name)) : -1;
      if (l == skeleton->n_layers) break;
      for (int o = 0; o < skeleton->layers[l].n_options; o++)
        if (skeleton->layers[l].options[o] == op) counts[l][o]++;
      l++;
    }
  }
  return json_array_size(entries);
}

static bool write_choices(FILE *out, const report *r, int index) {
  report_run *run = r->runs[index];
  const cream_metrics *m = &run->metrics;
  if (!run->has_skeleton || run->skeleton.n_layers != m->n_layers) return false;
  static choices c;
  int column_of[CREAM_MAX_OPS];
  lay_out(&c, &run->skeleton, column_of);
  if (!c.rows) return false;
  char title[256], caption[400];
  report_title(title, sizeof title, "Choices that were trained", r, run);
  snprintf(caption, sizeof caption,
           "Share of the %llu trained paths, in %%, with each block in each layer (stage.layer). "
           "Uneven rows are an effect of the FLOPs range or of the prior.",
           (unsigned long long)m->paths);
  cream_heat heat = {report_id("choices-trained", index),
                     title,
                     caption,
                     "block",
                     "layer",
                     c.rows,
                     c.columns,
                     c.shares,
                     c.row_names,
                     c.column_names};
  share_out(&c, &run->skeleton, column_of, run->metrics.sampled);
  cream_heat_write(out, &heat);
  uint64_t counts[CREAM_MAX_LAYERS][CREAM_MAX_OPS] = {0};
  size_t entries = 0;
  for (int b = 0; b < run->n_boards; b++) entries += count_board(&run->skeleton, run->boards[b], counts);
  if (!entries) return true;
  report_title(title, sizeof title, "Choices on the board", r, run);
  snprintf(caption, sizeof caption,
           "Share of the %zu paths that are on the board now, in %%. "
           "A row with one strongly coloured cell: the paths agree on that layer.",
           entries);
  heat.id = report_id("choices-board", index);
  share_out(&c, &run->skeleton, column_of, counts);
  cream_heat_write(out, &heat);
  return true;
}

bool report_choices(FILE *out, const report *r) {
  if (!report_searches(r)) return report_no_search(out);
  bool any = false;
  report_plots_begin(out);
  for (int i = 0; i < r->n_runs && i < REPORT_DETAILED; i++)
    if (report_is_search(r->runs[i])) any |= write_choices(out, r, i);
  report_plots_end(out);
  return any || report_missing(out, "The search space or the trained paths are not known.",
                               "Search with this version of cream, which writes space.yaml.");
}
