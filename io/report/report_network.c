/* The section that draws the networks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/space/complexity.h"
#include "html.h"
#include "report_page.h"
#include "report_sections.h"

enum {
  WIDTH = 400,
  TOP = 24,
  ROW = 36,
  BOX = 26,
  LEFT = 78,
  LEAST_BOX = 190,
  MOST_BOX = 226,
  BAR = 318,
  MOST_BAR = 34
};

/* Width of a block's box: wider for more channels. */
static double box_width(int channels) {
  double share = log2(fmax(channels, 8) / 8.0) / 6;
  return LEAST_BOX + fmin(share, 1) * (MOST_BOX - LEAST_BOX);
}

/* The text of a layer with a choice: "k5e6: 5x5 x6, 40 ch /2". */
static void describe(const cream_skeleton *net, int l, char *text, size_t size) {
  const cream_layer *layer = &net->layers[l];
  const cream_op *op = &net->space.ops[layer->options[0]];
  char expand[32] = "", stride[16] = "";
  if (op->kind == CREAM_BLOCK_MBCONV) snprintf(expand, sizeof expand, " \xc3\x97%g", op->expand);
  if (layer->stride > 1) snprintf(stride, sizeof stride, " /%d", layer->stride);
  if (op->kind == CREAM_BLOCK_SKIP)
    snprintf(text, size, "%.12s: %d ch%s", op->name, layer->cout, stride);
  else
    snprintf(text, size, "%.12s: %d\xc3\x97%d%s, %d ch%s", op->name, op->kernel, op->kernel, expand,
             layer->cout, stride);
}

static int style_of(const cream_skeleton *net, int l) {
  const cream_op *op = &net->space.ops[net->layers[l].options[0]];
  return op->kind == CREAM_BLOCK_SKIP ? 7 : (op->kernel / 2) % (CREAM_FIGURE_STYLES - 1);
}

static void write_row(FILE *out, int row, int style, const char *text, const cream_cost_row *cost,
                      int channels, double share, double bar) {
  double y = TOP + row * ROW, width = box_width(channels);
  cream_html(out, "<text class=\"tick end\" x=\"62\" y=\"%.1f\">%d\xc3\x97%d</text>", y + 17, cost->side_out,
             cost->side_out);
  cream_html(out,
             "<g class=\"s%d\"><rect class=\"block\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
             "rx=\"4\"/><text class=\"label\" x=\"%d\" y=\"%.1f\">%s</text>",
             style, LEFT, y, width, BOX, LEFT + 8, y + 17, text);
  cream_html(out, "<rect class=\"bar\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"10\"/></g>", BAR, y + 8,
             fmax(MOST_BAR * bar, 0.5));
  cream_html(out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%.0f %%</text>", BAR + MOST_BAR * bar + 4,
             y + 17, 100 * share);
  if (row) cream_html(out, "<path class=\"arrow\" d=\"M%d %.1fv%d\"/>", LEFT + 30, y - ROW + BOX, ROW - BOX);
}

/* The residual connection: a line around the block. */
static void write_residual(FILE *out, int row) {
  double y = TOP + row * ROW;
  cream_html(out, "<path class=\"around\" d=\"M%d %.1fh-8v%dh8\"/>", LEFT, y - 4, BOX + 7);
}

static void write_rows(FILE *out, const cream_skeleton *net, const cream_cost_row *rows, int n) {
  cream_html(out,
             "<text class=\"axis end\" x=\"62\" y=\"14\">pixels</text><text class=\"axis\" x=\"%d\" "
             "y=\"14\">block</text><text class=\"axis\" x=\"%d\" y=\"14\">FLOPs</text>\n",
             LEFT, BAR);
  double sum = 0, most = 0;
  for (int i = 0; i < n; i++) {
    sum += cream_cost_flops(&rows[i].cost);
    most = fmax(most, cream_cost_flops(&rows[i].cost));
  }
  for (int i = 0; i < n; i++) {
    char text[96];
    int l = i - 1;
    if (i == 0)
      snprintf(text, sizeof text, "stem: %d\xc3\x97%d, %d ch /%d", net->space.stem.kernel,
               net->space.stem.kernel, net->space.stem.channels, net->space.stem.stride);
    else if (i == n - 1)
      snprintf(text, sizeof text, "head: %d, pool, %d, %d", net->space.head.channels,
               net->space.head.features, net->classes);
    else
      describe(net, l, text, sizeof text);
    bool block = i > 0 && i < n - 1, residual = false;
    cream_unit_shape units[CREAM_MAX_UNITS];
    if (block) cream_block_units(&net->space, &net->layers[l], net->layers[l].options[0], units, &residual);
    double flops = cream_cost_flops(&rows[i].cost);
    int channels = i == n - 1 ? net->space.head.channels : rows[i].cout;
    write_row(out, i, block ? style_of(net, l) : 6, text, &rows[i], channels, flops / sum, flops / most);
    if (residual) write_residual(out, i);
    fputc('\n', out);
  }
}

static void write_table(FILE *out, const cream_cost_row *rows, int n) {
  static const char *const headings[] = {
      "part",         "block",     "input (pixels)",    "output (pixels)", "channels in",
      "channels out", "FLOPs (M)", "multiply-adds (M)", "parameters (k)",  NULL};
  cream_figure_table_begin(out, headings);
  for (int i = 0; i < n; i++)
    cream_html(out,
               "<tr><td>%s</td><td>%s</td><td>%d</td><td>%d</td><td>%d</td><td>%d</td><td>%.4g</td>"
               "<td>%.4g</td><td>%.4g</td></tr>\n",
               rows[i].name, rows[i].op, rows[i].side_in, rows[i].side_out, rows[i].cin, rows[i].cout,
               cream_cost_flops(&rows[i].cost) / 1e6, rows[i].cost.macs / 1e6, rows[i].cost.params / 1e3);
  cream_figure_table_end(out, NULL);
}

static void write_network(FILE *out, const report_run *run, const report_net *found, int number) {
  const cream_skeleton *net = &found->arch.net;
  cream_cost_row rows[CREAM_MAX_LAYERS + 2];
  cream_path path = cream_skeleton_first_path(net);
  int n = cream_costs_rows(net, &path, net->resolution, rows);
  cream_cost cost = cream_arch_cost(net);
  char layers[600], summary[900], title[300];
  snprintf(summary, sizeof summary, "From top to bottom: stem, blocks by stage %s, head.",
           cream_path_format(net, &path, layers, sizeof layers));
  snprintf(title, sizeof title, "Network of %s%s%s: %.2f M FLOPs, %.3f M parameters", run->name,
           *found->budget ? ", budget " : "", found->budget, cream_cost_flops(&cost) / 1e6,
           cost.params / 1e6);
  const cream_figure figure = {
      report_id("net", number), title,
      "Data flow from top to bottom. Each block has its name, kernel, \xc3\x97 expansion, "
      "output channels (more in wider boxes) and / stride. "
      "A line around a block is a residual connection. "
      "On the left is the size of the block's output, on the right its share of the "
      "FLOPs. The head has the channels of its 1\xc3\x97"
      "1 convolution, pooling, features and classes.",
      WIDTH, TOP + ROW * n};
  cream_figure_begin(out, &figure, summary);
  write_rows(out, net, rows, n);
  cream_figure_end_drawing(out);
  write_table(out, rows, n);
  cream_figure_end(out, &figure);
}

/* Whether the networks have the same ops and resolution. */
static bool same_network(const cream_skeleton *a, const cream_skeleton *b) {
  char p[600], q[600];
  cream_path none = cream_skeleton_first_path(a), other = cream_skeleton_first_path(b);
  return a->resolution == b->resolution &&
         !strcmp(cream_path_format(a, &none, p, sizeof p), cream_path_format(b, &other, q, sizeof q));
}

/* Draws equal networks once: a search and its retraining have the same. */
bool report_network(FILE *out, const report *r) {
  enum { MOST = 2 * CREAM_METRICS_BOARDS };
  const cream_skeleton *drawn[MOST];
  int n = 0;
  report_plots_begin(out);
  for (int i = 0; i < r->n_runs; i++)
    for (int f = 0; f < r->runs[i]->n_nets && n < MOST; f++) {
      const report_net *found = &r->runs[i]->nets[f];
      bool again = false;
      for (int d = 0; d < n; d++) again |= same_network(drawn[d], &found->arch.net);
      if (again) continue;
      write_network(out, r->runs[i], found, n);
      drawn[n++] = &found->arch.net;
    }
  report_plots_end(out);
  return n ||
         report_missing(out, "No folder contains a network (arch.json).",
                        "Let the search finish, or interrupt it: it then writes the best network so far.");
}
