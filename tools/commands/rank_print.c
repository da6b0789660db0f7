#include "rank_print.h"

#include <math.h>

enum { COLUMNS = 60, ROWS = 18 };

static void print_paths(const cream_rank_report *report, const int *order) {
  printf("  #  supernet  held out      test    M FLOPs  M params  path\n");
  for (int i = 0; i < report->n; i++) {
    const cream_ranked *p = &report->paths[order[i]];
    char text[400];
    printf("%3d %7.2f %% %7.2f %% %7.2f %% %10.3f %9.3f  %s\n", i + 1, 100 * p->supernet.top1,
           100 * p->heldout.top1, 100 * p->test.top1, cream_cost_flops(&p->cost) / 1e6, p->cost.params / 1e6,
           cream_path_format(report->skeleton, &p->path, text, sizeof text));
  }
}

static void print_interval(const cream_interval *interval) {
  if (isfinite(interval->value))
    printf("  %6.3f  [%6.3f, %6.3f]", interval->value, interval->low, interval->high);
  else
    printf("  %6s  %16s", "-", "");
}

static const char *title(const cream_correlation *c) {
  if (c->by == CREAM_RANK_BY_FLOPS) return "FLOPs alone, held-out accuracy";
  if (c->measure == CREAM_RANK_LOSS) return "losses, held out";
  return c->split == CREAM_RANK_TEST ? "held-out accuracy, test accuracy" : "accuracies, held out";
}

static void print_correlations(const cream_rank_report *report) {
  printf("\n%-34s %5s  %6s  %-16s  %6s  %s\n", "supernet's score, trained path's", "best", "tau",
         "95 % interval", "rho", "95 % interval");
  for (int i = 0; i < report->n_correlations; i++) {
    const cream_correlation *c = &report->correlations[i];
    printf("%-34s %5d", title(c), c->best);
    print_interval(&c->tau);
    print_interval(&c->rho);
    putchar('\n');
  }
}

typedef struct axis {
  double low, high;
} axis;

static axis axis_of(const cream_rank_report *report, bool supernet) {
  axis a = {INFINITY, -INFINITY};
  for (int i = 0; i < report->n; i++) {
    const cream_ranked *p = &report->paths[i];
    double value = supernet ? p->supernet.top1 : p->heldout.top1;
    a.low = fmin(a.low, value);
    a.high = fmax(a.high, value);
  }
  if (a.low == a.high) a = (axis){a.low - 0.005, a.high + 0.005};
  return a;
}

static int place(const axis *a, double value, int cells) {
  return (int)lround((value - a->low) / (a->high - a->low) * (cells - 1));
}

/* A point is a dot; several at one place are their number. */
static void print_scatter(const cream_rank_report *report) {
  int count[ROWS][COLUMNS] = {0};
  const axis x = axis_of(report, true), y = axis_of(report, false);
  for (int i = 0; i < report->n; i++) {
    const cream_ranked *p = &report->paths[i];
    count[ROWS - 1 - place(&y, p->heldout.top1, ROWS)][place(&x, p->supernet.top1, COLUMNS)]++;
  }
  printf("\ntrained from scratch, held-out accuracy (%%), over the supernet's (%%)\n");
  for (int row = 0; row < ROWS; row++) {
    if (row == 0 || row == ROWS - 1)
      printf("%7.2f |", 100 * (row ? y.low : y.high));
    else
      printf("        |");
    for (int column = 0; column < COLUMNS; column++) {
      int n = count[row][column];
      putchar(n == 0 ? ' ' : n == 1 ? '.' : n < 10 ? '0' + n : '#');
    }
    putchar('\n');
  }
  printf("        +");
  for (int column = 0; column < COLUMNS; column++) putchar('-');
  printf("\n         %-*.2f%.2f\n", COLUMNS - 5, 100 * x.low, 100 * x.high);
}

void rank_print(const cream_rank_report *report) {
  int order[CREAM_RANK_MAX_PATHS];
  cream_rank_order(report->paths, report->n, order);
  print_paths(report, order);
  print_correlations(report);
  print_scatter(report);
}
