#include "report_examples.h"

#include <math.h>

#include "figure.h"
#include "html.h"
#include "report_page.h"

enum { MOST_IMAGES = 12, MOST_CLASSES = 24 };
enum { EDGES = 4, CLASS = 4, LAST = 5 }; /* what the numbers of a box are */

static const char caption[] =
    "Solid: found, in the colour of the class; dashed: annotated. A box that the pointer rests on "
    "shows its class and score.";

static double number_of(const json_t *box, size_t i) {
  const json_t *value = json_array_get(box, i);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static bool usable(const json_t *box) {
  for (size_t i = 0; i <= LAST; i++)
    if (!isfinite(number_of(box, i))) return false;
  return number_of(box, 2) >= number_of(box, 0) && number_of(box, 3) >= number_of(box, 1);
}

static const char *class_of(const json_t *examples, const json_t *box) {
  const double label = number_of(box, CLASS);
  const json_t *name =
      label >= 0 && label < 1e6 ? json_array_get(report_member(examples, "classes"), (size_t)label) : NULL;
  return json_is_string(name) ? json_string_value(name) : "?";
}

static int style_of(const json_t *box) {
  const double label = number_of(box, CLASS);
  return label >= 0 ? (int)fmod(label, CREAM_FIGURE_STYLES) : 0;
}

/* A frame in the coordinates of the small image. */
static void put_frame(FILE *out, const json_t *box, double scale, const char *kind, int style) {
  fprintf(out, "<rect class=\"%s s%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">", kind, style,
          scale * number_of(box, 0), scale * number_of(box, 1),
          scale * (number_of(box, 2) - number_of(box, 0)), scale * (number_of(box, 3) - number_of(box, 1)));
}

static void draw(FILE *out, const json_t *examples, const json_t *image, double scale) {
  const json_t *box;
  size_t b;
  json_array_foreach(report_member(image, "found"), b, box) {
    if (!usable(box)) continue;
    put_frame(out, box, scale, "found", style_of(box));
    cream_html(out, "<title>%s %.2f</title></rect>\n", class_of(examples, box), number_of(box, LAST));
  }
  json_array_foreach(report_member(image, "annotated"), b, box) {
    if (!usable(box)) continue;
    put_frame(out, box, scale, "under", style_of(box));
    fputs("</rect>", out);
    put_frame(out, box, scale, "annotated", style_of(box));
    cream_html(out, "<title>%s, annotated%s</title></rect>\n", class_of(examples, box),
               number_of(box, LAST) > 0 ? " as a crowd" : "");
  }
}

static void put_rows(FILE *out, const json_t *examples, const json_t *image, const char *kind) {
  const json_t *box;
  size_t b;
  json_array_foreach(report_member(image, kind), b, box) {
    if (!usable(box)) continue;
    cream_html(out, "<tr><td>%s</td><td>%s</td>", kind, class_of(examples, box));
    if (*kind == 'f')
      cream_html(out, "<td>%.3f</td>", number_of(box, LAST));
    else
      fputs("<td></td>", out);
    for (size_t i = 0; i < EDGES; i++) cream_html(out, "<td>%.1f</td>", number_of(box, i));
    fputs("</tr>\n", out);
  }
}

static bool put_image(FILE *out, const report *r, const report_run *run, const json_t *image, int number) {
  static const char *const headings[] = {"", "class", "score", "left", "top", "right", "bottom", NULL};
  const double width = report_number(image, "small_width"), height = report_number(image, "small_height"),
               scale = width / report_number(image, "width");
  const char *jpeg = report_text(image, "jpeg");
  char name[200], title[400], summary[100];
  if (!*jpeg || !(width >= 1 && height >= 1 && isfinite(scale) && isfinite(height))) return false;
  snprintf(name, sizeof name, "%s", report_text(image, "file"));
  snprintf(summary, sizeof summary, "An image with %zu annotated boxes and %zu detections.",
           json_array_size(report_member(image, "annotated")),
           json_array_size(report_member(image, "found")));
  const cream_figure figure = {report_id("detection-image", number),
                               report_title(title, sizeof title, name, r, run), caption, width, height};
  cream_figure_begin(out, &figure, summary);
  cream_html(out, "<image width=\"%g\" height=\"%g\" href=\"data:image/jpeg;base64,%s\"/>\n", width, height,
             jpeg);
  draw(out, run->examples, image, scale);
  cream_figure_end_drawing(out);
  cream_figure_table_begin(out, headings);
  put_rows(out, run->examples, image, "found");
  put_rows(out, run->examples, image, "annotated");
  cream_figure_table_end(out, NULL);
  cream_figure_end(out, &figure);
  return true;
}

/* The colours of the classes. */
static void write_legend(FILE *out, const json_t *examples) {
  const json_t *classes = report_member(examples, "classes"), *name;
  size_t c;
  fputs("<ul class=\"legend\">", out);
  json_array_foreach(classes, c, name) {
    if (c == MOST_CLASSES || !json_is_string(name)) break;
    cream_html(
        out,
        "<li><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\" class=\"s%d\"><rect class=\"found\" x=\"8\" "
        "y=\"1\" width=\"14\" height=\"10\"/></svg>%s</li>",
        (int)(c % CREAM_FIGURE_STYLES), json_string_value(name));
  }
  fputs("</ul>\n", out);
}

/* number: of the run among those that are shown. */
static bool write_run(FILE *out, const report *r, const report_run *run, int number) {
  const json_t *image;
  bool any = false;
  size_t i;
  write_legend(out, run->examples);
  report_plots_begin(out);
  json_array_foreach(report_member(run->examples, "images"), i, image) {
    if (i < MOST_IMAGES) any |= put_image(out, r, run, image, MOST_IMAGES * number + (int)i);
  }
  report_plots_end(out);
  return any;
}

bool report_examples(FILE *out, const report *r) {
  int shown = 0;
  bool any = false;
  for (int i = 0; i < r->n_runs && shown < REPORT_DETAILED; i++)
    if (r->runs[i]->examples) any |= write_run(out, r, r->runs[i], shown++);
  return any;
}
