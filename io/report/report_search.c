/* The report's sections on the training of a supernet. */
#include <math.h>
#include <string.h>

#include "html.h"
#include "report_data.h"

/* Where a run was no search, or none was given. */
static bool no_search(FILE *out) {
  return report_missing(out, "None of the folders is of a search.",
                        "Give one: cream report DIR, the --out of a cream search.");
}

/* ---- the board ----------------------------------------------------------------------------------- */

/* "Board of the prioritized paths", with the run's and the board's name where there are several. */
static void title_of(char *title, size_t size, const char *what, const report *r, const report_run *run,
                     const cream_board_curves *board) {
  snprintf(title, size, "%s%s%s%s%s", what, r->n_runs > 1 ? ": " : "", r->n_runs > 1 ? run->name : "",
           *board->name ? ", budget " : "", board->name);
}

static bool write_board(FILE *out, const report *r, int index, int b) {
  const report_run *run = r->runs[index];
  const cream_board_curves *board = &run->metrics.boards[b];
  char title[256], flops_title[256];
  title_of(title, sizeof title, "Scores on the board", r, run, board);
  title_of(flops_title, sizeof flops_title, "FLOPs on the board", r, run, board);
  int number = index * CREAM_METRICS_BOARDS + b;
  cream_plot scores = cream_plot_of(report_id("board-scores", number), title, "step", "score: top-1 (%)",
                                    "Accuracy of the board's paths on held-out pictures, with the supernet's "
                                    "weights of that moment: best, mean and worst entry, and a dot for every "
                                    "path that entered. All entries are scored anew at the end of an epoch, "
                                    "which can move the lines down.");
  cream_plot_series *entered =
      cream_plot_add(&scores, "entered", CREAM_SERIES_DOTS, board->entered.points, board->entered.count);
  entered->style = 3, entered->faint = true;
  cream_plot_add(&scores, "best", CREAM_SERIES_STEPS, board->best.points, board->best.count)->style = 0;
  cream_plot_add(&scores, "mean", CREAM_SERIES_STEPS, board->mean.points, board->mean.count)->style = 1;
  cream_plot_add(&scores, "worst", CREAM_SERIES_STEPS, board->worst.points, board->worst.count)->style = 2;
  cream_plot flops = cream_plot_of(
      report_id("board-flops", number), flops_title, "step", "FLOPs (M)",
      "Mean of the board's paths, and from the smallest to the largest. A mean that sinks to the lower end "
      "of the range is the small-model trap: small paths are good early, and keep large ones out.");
  cream_plot_series *mean =
      cream_plot_add(&flops, "mean of the board", CREAM_SERIES_LINE, board->flops.points, board->flops.count);
  mean->band = true;
  bool any = report_plot(out, &scores);
  return report_plot(out, &flops) || any;
}

static const cream_curve *best_of(const report_run *run) {
  return run->metrics.n_boards ? &run->metrics.boards[0].best : NULL;
}
static const cream_curve *flops_of(const report_run *run) {
  return run->metrics.n_boards ? &run->metrics.boards[0].flops : NULL;
}

static const report_mean *board_flops_of(const report_arm *arm) {
  return &arm->board_flops;
}

bool report_board(FILE *out, const report *r) {
  if (!report_searches(r)) return no_search(out);
  report_plots_begin(out);
  const cream_plot arms = cream_plot_of(
      "arms-board-flops", "FLOPs on the board", "step", "FLOPs (M)",
      "Mean over the paths of the board, and over the seeds of each arm. A line that sinks to the lower end "
      "of the range is the small-model trap: small paths are good early, and keep large ones out.");
  bool any = report_arm_means(out, r, &arms, board_flops_of, false);
  if (report_searches(r) > 1 && report_shows_runs(r, any)) {
    cream_plot best = cream_plot_of("board-best", "Best of the board, all runs", "step", "score: top-1 (%)",
                                    "Accuracy of each board's best path on held-out pictures.");
    cream_plot flops = cream_plot_of("board-size", "FLOPs on the board, all runs", "step", "FLOPs (M)",
                                     "Mean over the paths of each board.");
    any |= report_overlay(out, r, &best, best_of, false);
    any |= report_overlay(out, r, &flops, flops_of, false);
  }
  for (int i = 0; i < r->n_runs && i < REPORT_DETAILED; i++)
    for (int b = 0; b < r->runs[i]->metrics.n_boards; b++) any |= write_board(out, r, i, b);
  report_plots_end(out);
  return any ||
         report_missing(out, "The metrics have no state of the board.",
                        "Search with this version of cream, past its start epoch (search.start_epoch).");
}

/* ---- accuracy against FLOPs ---------------------------------------------------------------------- */

enum { MOST_ENTRIES = CREAM_MAX_BOARD };

static bool write_pareto(FILE *out, const report *r, int index) {
  const report_run *run = r->runs[index];
  const cream_metrics *m = &run->metrics;
  char title[256];
  snprintf(title, sizeof title, "Accuracy against FLOPs%s%s", r->n_runs > 1 ? ": " : "",
           r->n_runs > 1 ? run->name : "");
  cream_plot plot = cream_plot_of(
      report_id("pareto", index), title, "FLOPs (M)", "top-1 (%)",
      "Every path that was scored (with the weights of its moment, on few pictures), the front of those that "
      "no smaller path beats, the board's entries as the final selection measured them (statistics "
      "recalibrated, all held-out pictures), and the network found. "
      "Early scores lie low because the supernet was young.");
  cream_plot_series *scored =
      cream_plot_add(&plot, "scored", CREAM_SERIES_DOTS, m->scored.points, m->scored.count);
  scored->style = 7, scored->faint = true;
  cream_plot_add(&plot, "front of the scores", CREAM_SERIES_STEPS, m->front.points, m->front.count)->style =
      1;
  cream_point selected[MOST_ENTRIES];
  for (int i = 0; i < m->n_selected; i++)
    selected[i] = (cream_point){.x = m->selected[i].flops, .y = m->selected[i].top1};
  if (m->n_selected)
    cream_plot_add(&plot, "board, measured at the end", CREAM_SERIES_DOTS, selected, (size_t)m->n_selected)
        ->style = 0;
  cream_point found = {.x = report_number(run->result, "flops") / 1e6,
                       .y = 100 * report_number(run->result, "heldout.top1")};
  if (isfinite(found.x) && isfinite(found.y))
    cream_plot_add(&plot, "network found", CREAM_SERIES_DOTS, &found, 1)->style = 3;
  return report_plot(out, &plot);
}

/* Where one is found for every budget: they are the front of the whole run. */
static bool write_budgets(FILE *out, const report *r, int index) {
  const report_run *run = r->runs[index];
  const json_t *budgets = report_member(run->result, "budgets"), *one;
  cream_point points[CREAM_METRICS_BOARDS];
  const char *labels[CREAM_METRICS_BOARDS];
  size_t i, n = 0;
  json_array_foreach(budgets, i, one) {
    if (n == CREAM_METRICS_BOARDS) break;
    labels[n] = report_text(one, "budget");
    points[n++] =
        (cream_point){.x = report_number(one, "flops") / 1e6, .y = 100 * report_number(one, "heldout.top1")};
  }
  if (!n) return false;
  char title[256];
  snprintf(title, sizeof title, "A network for each budget%s%s", r->n_runs > 1 ? ": " : "",
           r->n_runs > 1 ? run->name : "");
  cream_plot plot =
      cream_plot_of(report_id("budgets", index), title, "FLOPs (M)", "top-1 (%)",
                    "The networks that one search found for its budgets, on held-out pictures.");
  cream_plot_add(&plot, "networks found", CREAM_SERIES_DOTS, points, n)->labels = labels;
  return report_plot(out, &plot);
}

bool report_pareto(FILE *out, const report *r) {
  if (!report_searches(r)) return no_search(out);
  bool any = false;
  report_plots_begin(out);
  if (report_searches(r) > 1) {
    cream_plot all = cream_plot_of("fronts", "Fronts of all runs", "FLOPs (M)", "score: top-1 (%)",
                                   "Of each run, the scored paths that no smaller path of that run beats.");
    for (int i = 0; i < r->n_runs; i++) {
      const cream_front *front = &r->runs[i]->metrics.front;
      if (!front->count) continue;
      cream_plot_add(&all, r->runs[i]->name, CREAM_SERIES_STEPS, front->points, front->count)->style = i;
    }
    any |= report_plot(out, &all);
  }
  for (int i = 0; i < r->n_runs && i < REPORT_DETAILED; i++) {
    if (!report_is_search(r->runs[i])) continue;
    any |= write_pareto(out, r, i);
    any |= write_budgets(out, r, i);
  }
  report_plots_end(out);
  return any || report_missing(out, "No path was scored.",
                               "Let the search run past its start epoch (search.start_epoch).");
}

/* ---- training ------------------------------------------------------------------------------------ */

static const cream_curve *if_search(const report_run *run, const cream_curve *curve) {
  return report_is_search(run) ? curve : NULL;
}
static const cream_curve *loss_of(const report_run *run) {
  return if_search(run, &run->metrics.loss);
}
static const cream_curve *hard_of(const report_run *run) {
  return if_search(run, &run->metrics.hard);
}
static const cream_curve *soft_of(const report_run *run) {
  return if_search(run, &run->metrics.soft);
}
static const cream_curve *rate_of(const report_run *run) {
  return &run->metrics.lr;
}
static const cream_curve *rho_of(const report_run *run) {
  return if_search(run, &run->metrics.rho);
}
static const cream_curve *accuracy_of(const report_run *run) {
  return if_search(run, &run->metrics.accuracy);
}

static const char loss_caption[] = "Means over as many steps as fit a point; the shaded band goes from the "
                                   "least to the most of them. Hard: cross entropy with the labels. "
                                   "Soft: with the teacher's output, once distillation has begun. "
                                   "Total: what is trained.";

bool report_losses(FILE *out, const report *r) {
  if (!report_searches(r)) return no_search(out);
  bool any = false;
  report_plots_begin(out);
  if (r->n_runs == 1) {
    const cream_metrics *m = &r->runs[0]->metrics;
    cream_plot plot =
        cream_plot_of("losses-all", "Losses of the supernet", "step", "loss (nats)", loss_caption);
    cream_plot_series *total =
        cream_plot_add(&plot, "total", CREAM_SERIES_LINE, m->loss.points, m->loss.count);
    total->band = m->loss.per > 1;
    cream_plot_add(&plot, "hard", CREAM_SERIES_LINE, m->hard.points, m->hard.count);
    if (m->soft.count) cream_plot_add(&plot, "soft", CREAM_SERIES_LINE, m->soft.points, m->soft.count);
    any |= report_plot(out, &plot);
  } else {
    cream_plot total =
        cream_plot_of("losses-total", "Total loss, all searches", "step", "loss (nats)", loss_caption);
    cream_plot hard =
        cream_plot_of("losses-hard", "Hard loss, all searches", "step", "loss (nats)", loss_caption);
    cream_plot soft =
        cream_plot_of("losses-soft", "Soft loss, all searches", "step", "loss (nats)", loss_caption);
    any |= report_overlay(out, r, &total, loss_of, true);
    any |= report_overlay(out, r, &hard, hard_of, false);
    any |= report_overlay(out, r, &soft, soft_of, false);
  }
  report_plots_end(out);
  return any || report_missing(out, "No step was logged.", "Let the search run.");
}

bool report_rate(FILE *out, const report *r) {
  cream_plot plot =
      cream_plot_of("rates", "Learning rate", "step", "learning rate",
                    "As it was used, scaled by the batch; a drop that no schedule asks for is a rollback "
                    "after the loss exploded.");
  report_plots_begin(out);
  bool any = report_overlay(out, r, &plot, rate_of, false);
  report_plots_end(out);
  return any || report_missing(out, "No step was logged.", "Let the run go on.");
}

/* The histogram of a run's matching degrees, as shares of its steps in %. */
static size_t histogram(const cream_metrics *m, cream_point points[CREAM_METRICS_BINS]) {
  uint64_t sum = 0;
  for (int i = 0; i < CREAM_METRICS_BINS; i++) sum += m->rho_bins[i];
  if (!sum) return 0;
  for (int i = 0; i < CREAM_METRICS_BINS; i++) {
    double width = 1.0 / CREAM_METRICS_BINS;
    points[i] = (cream_point){(i + 0.5) * width, 100 * (double)m->rho_bins[i] / (double)sum, i * width,
                              (i + 1) * width};
  }
  return CREAM_METRICS_BINS;
}

static bool write_distribution(FILE *out, const report *r) {
  static cream_point points[REPORT_RUNS][CREAM_METRICS_BINS];
  int matched = 0;
  for (int i = 0; i < r->n_runs; i++) matched += r->runs[i]->metrics.rho.count > 0;
  cream_plot plot = cream_plot_of("matching-distribution", "Distribution of the matching degree",
                                  "matching degree", "share of the steps (%)",
                                  "How often a step's matching degree lay in each twentieth of 0 to 1. "
                                  "All in one bar: the meta network tells the teachers hardly apart.");
  plot.x.min = 0, plot.x.max = 1;
  for (int i = 0; i < r->n_runs; i++) {
    size_t count = report_is_search(r->runs[i]) ? histogram(&r->runs[i]->metrics, points[i]) : 0;
    if (count)
      cream_plot_add(&plot, r->runs[i]->name, matched > 1 ? CREAM_SERIES_LINE : CREAM_SERIES_BARS, points[i],
                     count)
          ->style = i;
  }
  return report_plot(out, &plot);
}

static const cream_curve *gradient_of(const report_run *run) {
  return if_search(run, &run->metrics.meta_gradient);
}

bool report_matching(FILE *out, const report *r) {
  if (!report_searches(r)) return no_search(out);
  report_plots_begin(out);
  cream_plot rho =
      cream_plot_of("matching-degree", "Matching degree", "step", "matching degree",
                    "What the meta network gives the teacher it chose (0 to 1; half of it is the weight of "
                    "the soft loss): mean over as many steps as fit a point, and their range.");
  cream_plot gradient = cream_plot_of("meta-gradient", "Updates of the meta network", "step",
                                      "norm of the gradient", "Before clipping; one value an update.");
  bool any = report_overlay(out, r, &rho, rho_of, true);
  any |= write_distribution(out, r);
  any |= report_overlay(out, r, &gradient, gradient_of, false);
  report_plots_end(out);
  return any || report_missing(out, "No teacher was matched.",
                               "Search with --set search.teacher=meta, past the start epoch.");
}

/* ---- convergence --------------------------------------------------------------------------------- */

static const report_mean *arm_hard_of(const report_arm *arm) {
  return &arm->hard;
}
static const report_mean *arm_accuracy_of(const report_arm *arm) {
  return &arm->accuracy;
}
static const report_mean *arm_best_of(const report_arm *arm) {
  return &arm->board_best;
}

/* The same plot for the arms of studies, under ids of their own, and for the runs. */
static bool write_convergence(FILE *out, const report *r, cream_plot *plot, const char *arms_id,
                              report_mean_of *of_arm, report_curve_of *of_run) {
  cream_plot arms = *plot;
  arms.id = arms_id;
  bool any = report_arm_means(out, r, &arms, of_arm, of_arm != arm_best_of);
  if (report_shows_runs(r, any)) any |= report_overlay(out, r, plot, of_run, false);
  return any;
}

bool report_convergence(FILE *out, const report *r) {
  if (!report_searches(r)) return no_search(out);
  if (report_searches(r) == 1)
    return report_missing(out, "One search alone has nothing to compare with.",
                          "Search again with --set search.teacher=none into another folder, and give both: "
                          "cream report DIR DIR.");
  report_plots_begin(out);
  cream_plot loss =
      cream_plot_of("convergence-loss", "Hard loss", "step", "cross entropy with the labels (nats)",
                    "The loss that all runs share, whatever else they train: with distillation it should "
                    "sink in fewer steps if the claim holds here.");
  cream_plot accuracy =
      cream_plot_of("convergence-accuracy", "Accuracy of the training batches", "step", "top-1 (%)",
                    "Paths as they are sampled, on the pictures of their step.");
  cream_plot board = cream_plot_of("convergence-board", "Best of the board", "step", "score: top-1 (%)",
                                   "On held-out pictures, with the weights of that moment.");
  bool any = write_convergence(out, r, &loss, "arms-loss", arm_hard_of, hard_of);
  any |= write_convergence(out, r, &accuracy, "arms-accuracy", arm_accuracy_of, accuracy_of);
  any |= write_convergence(out, r, &board, "arms-best", arm_best_of, best_of);
  report_plots_end(out);
  fputs("<ul>", out);
  for (int i = 0; i < r->n_runs; i++) {
    static const char *const teachers[] = {"meta", "top1", "random"};
    const report_run *run = r->runs[i];
    if (!report_is_search(run) || !run->has_config) continue;
    if (run->config.search.teacher == CREAM_TEACHER_NONE)
      cream_html(out, "<li>%s: no distillation</li>", run->name);
    else
      cream_html(out, "<li>%s: teacher %s, from epoch %d on</li>", run->name,
                 teachers[run->config.search.teacher], report_start_epoch(run));
  }
  fputs("</ul>\n", out);
  return any || report_missing(out, "No step was logged.", "Let the searches run.");
}

/* ---- choices ------------------------------------------------------------------------------------- */

typedef struct choices {
  int rows, columns;
  int layers[CREAM_MAX_LAYERS]; /* of the rows: those with a choice */
  char row_text[CREAM_MAX_LAYERS][16];
  const char *row_names[CREAM_MAX_LAYERS], *column_names[CREAM_MAX_OPS];
  double shares[CREAM_MAX_LAYERS * CREAM_MAX_OPS];
} choices;

/* Rows and columns: layers with more than one choice, and the space's ops that one of them has. */
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

/* Counts by layer and option to shares by row and column. */
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

/* Choices of the paths on a board, from their ops' names. Returns the number of paths. */
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
  bool several = r->n_runs > 1;
  snprintf(title, sizeof title, "Choices that were trained%s%s", several ? ": " : "",
           several ? run->name : "");
  snprintf(caption, sizeof caption,
           "Share of the %llu trained paths in %% that took each block in each layer (stage.layer). "
           "A row that is not even comes of the FLOPs range or the prior.",
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
  snprintf(title, sizeof title, "Choices on the board%s%s", several ? ": " : "", several ? run->name : "");
  snprintf(caption, sizeof caption,
           "Share of the board's %zu paths in %%, as the board is now. "
           "A row with one dark cell: the board agrees.",
           entries);
  heat.id = report_id("choices-board", index);
  share_out(&c, &run->skeleton, column_of, counts);
  cream_heat_write(out, &heat);
  return true;
}

bool report_choices(FILE *out, const report *r) {
  if (!report_searches(r)) return no_search(out);
  bool any = false;
  report_plots_begin(out);
  for (int i = 0; i < r->n_runs && i < REPORT_DETAILED; i++)
    if (report_is_search(r->runs[i])) any |= write_choices(out, r, i);
  report_plots_end(out);
  return any || report_missing(out, "The search space or the trained paths are not known.",
                               "Search with this version of cream: its run folders keep their space.yaml.");
}
