/* Sections on the board of prioritized paths and on accuracy against FLOPs. */
#include <math.h>
#include <string.h>

#include "report_page.h"
#include "report_sections.h"

/* ---- the board ----------------------------------------------------------------------------------- */

/* "WHAT: RUN, budget BUDGET", without what the report has only one of. */
static void board_title(char *title, size_t size, const char *what, const report *r, const report_run *run,
                        const cream_board_curves *board) {
  report_title(title, size, what, r, run);
  size_t used = strlen(title);
  if (*board->name) snprintf(title + used, size - used, ", budget %s", board->name);
}

static bool write_board(FILE *out, const report *r, int index, int b) {
  const report_run *run = r->runs[index];
  const cream_board_curves *board = &run->metrics.boards[b];
  char title[256], flops_title[256];
  board_title(title, sizeof title, "Scores on the board", r, run, board);
  board_title(flops_title, sizeof flops_title, "FLOPs on the board", r, run, board);
  int number = index * CREAM_METRICS_BOARDS + b;
  cream_plot scores = cream_plot_of(report_id("board-scores", number), title, "step", "score: top-1 (%)",
                                    "Accuracy of the board's paths on held-out images, with the supernet's "
                                    "weights at that step: the best, the mean and the worst entry, and a dot "
                                    "for every path that entered. All entries are scored again at the end of "
                                    "each epoch, which can move the lines down.");
  cream_plot_series *entered =
      cream_plot_add(&scores, "entered", CREAM_SERIES_DOTS, board->entered.points, board->entered.count);
  entered->style = 3, entered->faint = true;
  cream_plot_add(&scores, "best", CREAM_SERIES_STEPS, board->best.points, board->best.count)->style = 0;
  cream_plot_add(&scores, "mean", CREAM_SERIES_STEPS, board->mean.points, board->mean.count)->style = 1;
  cream_plot_add(&scores, "worst", CREAM_SERIES_STEPS, board->worst.points, board->worst.count)->style = 2;
  cream_plot flops = cream_plot_of(
      report_id("board-flops", number), flops_title, "step", "FLOPs (M)",
      "Mean over the board's paths; the band goes from the smallest to the largest path. A mean that falls "
      "to "
      "the lower end of the FLOPs range shows the small-model trap: small paths score well early and keep "
      "large ones out.");
  cream_plot_series *mean =
      cream_plot_add(&flops, "mean", CREAM_SERIES_LINE, board->flops.points, board->flops.count);
  mean->band = true;
  bool any = report_plot(out, &scores);
  return report_plot(out, &flops) || any;
}

static const cream_curve *flops_of(const report_run *run) {
  return run->metrics.n_boards ? &run->metrics.boards[0].flops : NULL;
}

static const report_mean *board_flops_of(const report_arm *arm) {
  return &arm->board_flops;
}

bool report_board(FILE *out, const report *r) {
  if (!report_searches(r)) return report_no_search(out);
  report_plots_begin(out);
  const cream_plot arms = cream_plot_of(
      "arms-board-flops", "FLOPs on the board", "step", "FLOPs (M)",
      "Mean over the board's paths and over the seeds of each arm. A line that falls to the lower end of the "
      "FLOPs range shows the small-model trap: small paths score well early and keep large ones out.");
  bool any = report_arm_means(out, r, &arms, board_flops_of, false);
  if (report_searches(r) > 1 && report_shows_runs(r, any)) {
    cream_plot best =
        cream_plot_of("board-best", "Best score on the board, all runs", "step", "score: top-1 (%)",
                      "Accuracy of each board's best path on held-out images.");
    cream_plot flops = cream_plot_of("board-size", "FLOPs on the board, all runs", "step", "FLOPs (M)",
                                     "Mean over the paths of each board.");
    any |= report_overlay(out, r, &best, report_board_best, false);
    any |= report_overlay(out, r, &flops, flops_of, false);
  }
  for (int i = 0; i < r->n_runs && i < REPORT_DETAILED; i++)
    for (int b = 0; b < r->runs[i]->metrics.n_boards; b++) any |= write_board(out, r, i, b);
  report_plots_end(out);
  return any ||
         report_missing(out, "The metrics do not describe the board.",
                        "Search with this version of cream, beyond the start epoch (search.start_epoch).");
}

/* ---- accuracy against FLOPs ---------------------------------------------------------------------- */

static bool write_pareto(FILE *out, const report *r, int index) {
  const report_run *run = r->runs[index];
  const cream_metrics *m = &run->metrics;
  char title[256];
  report_title(title, sizeof title, "Accuracy against FLOPs", r, run);
  cream_plot plot = cream_plot_of(
      report_id("pareto", index), title, "FLOPs (M)", "top-1 (%)",
      "Every scored path (on few images, with the weights at that step); the front of the scored paths that "
      "no "
      "smaller path beats; the board's entries as measured by the final selection (batch statistics "
      "recalibrated, all held-out images); and the network found. "
      "Early scores are low because the supernet had hardly been trained.");
  cream_plot_series *scored =
      cream_plot_add(&plot, "scored", CREAM_SERIES_DOTS, m->scored.points, m->scored.count);
  scored->style = 7, scored->faint = true;
  cream_plot_add(&plot, "front of the scores", CREAM_SERIES_STEPS, m->front.points, m->front.count)->style =
      1;
  cream_point selected[CREAM_MAX_BOARD];
  for (int i = 0; i < m->n_selected; i++)
    selected[i] = (cream_point){.x = m->selected[i].flops, .y = m->selected[i].top1};
  if (m->n_selected)
    cream_plot_add(&plot, "board, final selection", CREAM_SERIES_DOTS, selected, (size_t)m->n_selected)
        ->style = 0;
  cream_point found = {.x = report_number(run->result, "flops") / 1e6,
                       .y = 100 * report_number(run->result, "heldout.top1")};
  if (isfinite(found.x) && isfinite(found.y))
    cream_plot_add(&plot, "network found", CREAM_SERIES_DOTS, &found, 1)->style = 3;
  return report_plot(out, &plot);
}

/* The networks of a search with several budgets. */
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
  report_title(title, sizeof title, "A network for each budget", r, run);
  cream_plot plot =
      cream_plot_of(report_id("budgets", index), title, "FLOPs (M)", "top-1 (%)",
                    "The network that the search found for each budget, evaluated on held-out images.");
  cream_plot_add(&plot, "networks found", CREAM_SERIES_DOTS, points, n)->labels = labels;
  return report_plot(out, &plot);
}

bool report_pareto(FILE *out, const report *r) {
  if (!report_searches(r)) return report_no_search(out);
  bool any = false;
  report_plots_begin(out);
  if (report_searches(r) > 1) {
    cream_plot all = cream_plot_of("fronts", "Fronts of all runs", "FLOPs (M)", "score: top-1 (%)",
                                   "For each run, the scored paths that no smaller path of that run beats.");
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
                               "Let the search run beyond its start epoch (search.start_epoch).");
}
