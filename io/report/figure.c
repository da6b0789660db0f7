#include "figure.h"

#include "html.h"

void cream_figure_begin(FILE *out, const cream_figure *figure, const char *summary) {
  cream_html(out,
             "<figure id=\"%s\">\n<h3>%s</h3>\n<svg viewBox=\"0 0 %g %g\" role=\"img\" "
             "aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>\n",
             figure->id, figure->title, figure->width, figure->height, figure->id, figure->id, figure->id,
             figure->title, figure->id, summary);
}

void cream_figure_end_drawing(FILE *out) {
  fputs("</svg>\n", out);
}

void cream_figure_end(FILE *out, const cream_figure *figure) {
  cream_html(out, "<figcaption>%s</figcaption>\n</figure>\n", figure->caption);
}

/* By style: the path of the mark, relative to its point, and the dash of the line. */
static const struct {
  const char *mark, *dash;
} styles[] = {
    {"m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", "none"},                                      /* circle */
    {"m-2.7 -2.7h5.4v5.4h-5.4z", "6 3"},                                                  /* square */
    {"m0 -3.6l3.4 6h-6.8z", "2 2.5"},                                                     /* triangle, up */
    {"m0 -3.8l3.8 3.8l-3.8 3.8l-3.8 -3.8z", "9 3 2 3"},                                   /* diamond */
    {"m0 3.6l3.4 -6h-6.8z", "4 1.5"},                                                     /* triangle, down */
    {"m-1.2 -3.6h2.4v2.4h2.4v2.4h-2.4v2.4h-2.4v-2.4h-2.4v-2.4h2.4z", "12 3 5 3"},         /* cross */
    {"m-1.7 -3.2h3.4l1.8 3.2l-1.8 3.2h-3.4l-1.8 -3.2z", "1.5 4 1.5 1.5"},                 /* hexagon */
    {"m-3.2 -3.2l3.2 1.4l3.2 -1.4l-1.4 3.2l1.4 3.2l-3.2 -1.4l-3.2 1.4l1.4 -3.2z", "7 5"}, /* star */
};
_Static_assert(sizeof styles / sizeof *styles == CREAM_FIGURE_STYLES, "every style has a mark and a dash");

void cream_figure_mark(FILE *out, int style, double x, double y) {
  fprintf(out, "<path class=\"mark\" d=\"M%.1f %.1f%s\"/>", x, y, styles[style % CREAM_FIGURE_STYLES].mark);
}

const char *cream_figure_dash(int style) {
  return styles[style % CREAM_FIGURE_STYLES].dash;
}

void cream_scroll_begin(FILE *out, const char *label, bool tall) {
  cream_html(out, "<div class=\"scroll%s\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">",
             tall ? " long" : "", label);
}

void cream_scroll_end(FILE *out) {
  fputs("</div>\n", out);
}

void cream_figure_table_begin(FILE *out, const char *const *headings) {
  fputs("<details><summary>Numbers</summary>", out);
  cream_scroll_begin(out, "Numbers", true);
  fputs("<table><thead><tr>", out);
  for (int i = 0; headings[i]; i++) cream_html(out, "<th scope=\"col\">%s</th>", headings[i]);
  fputs("</tr></thead><tbody>\n", out);
}

void cream_figure_table_end(FILE *out, const char *note) {
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
  if (note) cream_html(out, "<p class=\"note\">%s</p>", note);
  fputs("</details>\n", out);
}
