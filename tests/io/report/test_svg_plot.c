#include "tests/io/scratch.h"

#include <math.h>

#include "io/report/html.h"
#include "io/report/svg_plot.h"

/* The output since the last begin(). */
static char *written;

static FILE *begin(void) {
  static size_t size;
  free(written);
  written = NULL;
  FILE *out = open_memstream(&written, &size);
  assert_non_null(out);
  return out;
}

static int occurrences(const char *text, const char *word) {
  int count = 0;
  for (const char *at = text; (at = strstr(at, word)); at += strlen(word)) count++;
  return count;
}

static void check_text(const char *text, const char *expected) {
  FILE *out = begin();
  cream_html_text(out, text);
  fclose(out);
  assert_string_equal(written, expected);
}

static void escaping(void **state) {
  (void)state;
  check_text("a & b < c > \"d\" 'e'\n\t", "a &amp; b &lt; c &gt; &quot;d&quot; &#39;e&#39;\n\t");
  check_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\xa8", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\xa8");
  check_text("\x01\x7f\xc2\x85", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  check_text("x\xc3", "x\xef\xbf\xbd");               /* cut */
  check_text("\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"); /* '<' in two bytes */
  check_text("\xe0\x80\xbc", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  check_text("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
  check_text("\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd");
  FILE *out = begin();
  cream_html(out, "<b title=\"%s\">%5.2f %d%% %llu %zu %g %c</b>", "\"><i>", 2.5, -3, 1ULL << 40, (size_t)7,
             0.1, 'x');
  fclose(out);
  assert_string_equal(written, "<b title=\"&quot;&gt;&lt;i&gt;\"> 2.50 -3% 1099511627776 7 0.1 x</b>");
}

static void check_ticks(double min, double max, int most, int count, double first, double step) {
  double ticks[CREAM_TICKS], found;
  assert_int_equal(cream_ticks(min, max, most, ticks, &found), count);
  assert_true(fabs(found - step) < 1e-9 * step);
  for (int i = 0; i < count; i++)
    assert_true(fabs(ticks[i] - (first + i * step)) <= 1e-9 * fmax(step, fabs(first)));
}

static void prefixes(void **state) {
  (void)state;
  FILE *out = begin();
  cream_html_prefixed(
      out, "<a href=\"#x\">id=\"y\"</a> <svg  id=\"x\" aria-labelledby=\"x-t x-d\"/> <a href=\"y#\"/>  ",
      "p-");
  fclose(out);
  assert_string_equal(written,
                      "<a href=\"#p-x\">id=\"y\"</a> <svg  id=\"p-x\" aria-labelledby=\"p-x-t p-x-d\"/> "
                      "<a href=\"y#\"/>  ");
}

static void ticks(void **state) {
  (void)state;
  check_ticks(0, 10, 6, 6, 0, 2);
  check_ticks(0.1, 9.7, 6, 6, 0, 2);
  check_ticks(-1, 1, 5, 5, -1, 0.5);
  check_ticks(3.3, 4.85, 8, 8, 3.25, 0.25);
  check_ticks(0, 1280, 8, 8, 0, 200);
  check_ticks(1e-7, 9e-7, 6, 6, 0, 2e-7);
  check_ticks(14e6, 604e6, 4, 4, 0, 250e6);
  /* An empty range: the ticks enclose the value. */
  double found, values[CREAM_TICKS];
  int count = cream_ticks(50, 50, 6, values, &found);
  assert_true(count >= 2 && values[0] < 50 && values[count - 1] > 50);
  count = cream_ticks(0, 0, 6, values, &found);
  assert_true(count >= 2 && values[0] < 0 && values[count - 1] > 0);
  /* For any range, ticks are few, ascending and enclose the data. */
  for (int i = 0; i < 2000; i++) {
    double low = (i % 97 - 48) * pow(10, i % 13 - 6), high = low + (1 + i % 31) * pow(10, i % 11 - 5);
    int most = 2 + i % 9;
    count = cream_ticks(low, high, most, values, &found);
    assert_true(count >= 2 && count <= most);
    assert_true(values[0] <= low + found * 1e-6 && values[count - 1] >= high - found * 1e-6);
    for (int t = 1; t < count; t++) assert_true(values[t] > values[t - 1]);
  }
}

static void check_tick_text(double value, double step, double largest, const char *expected) {
  char text[24];
  assert_string_equal(cream_tick_text(value, step, largest, text, sizeof text), expected);
}

static void tick_texts(void **state) {
  (void)state;
  check_tick_text(0.25, 0.25, 1, "0.25");
  check_tick_text(0.5, 0.25, 1, "0.50");
  check_tick_text(200, 200, 1400, "200");
  check_tick_text(20000, 20000, 60000, "20k");
  check_tick_text(0, 20000, 60000, "0");
  check_tick_text(2500000, 500000, 3e6, "2.5M");
  check_tick_text(-1e-17, 0.1, 1, "0.0");
  check_tick_text(2e-7, 2e-7, 1e-6, "2e-07");
  check_tick_text(3e9, 1e9, 5e9, "3G");
}

static void plots(void **state) {
  (void)state;
  static const cream_point line[] = {{0, 1, 0, 2}, {1, NAN, 0, 0}, {2, 3, 2, 4}, {3, 2, 1, 3}};
  static const cream_point dots[] = {{1, 2, 0, 0}, {2, INFINITY, 0, 0}};
  static const cream_point bars[] = {{0.5, 3, 0, 1}, {1.5, 1, 1, 2}};
  static const char *const labels[] = {"<first>", NULL};
  cream_plot plot = cream_plot_of("p", "A & B", "x (s)", "y <%>", "how \"to\" read");
  assert_true(cream_plot_empty(&plot));
  cream_plot_add(&plot, "gap", CREAM_SERIES_DOTS, dots + 1, 1);
  assert_true(cream_plot_empty(&plot));
  plot.n_series = 0;
  cream_plot_add(&plot, "<line>", CREAM_SERIES_LINE, line, 4)->band = true;
  cream_plot_add(&plot, "dots", CREAM_SERIES_DOTS, dots, 2)->labels = labels;
  cream_plot_add(&plot, "bars", CREAM_SERIES_BARS, bars, 2);
  assert_false(cream_plot_empty(&plot));
  FILE *out = begin();
  cream_plot_write(out, &plot);
  fclose(out);
  assert_non_null(strstr(written, "<figure id=\"p\">\n<h3>A &amp; B</h3>"));
  assert_non_null(
      strstr(written, "role=\"img\" aria-labelledby=\"p-t p-d\"><title id=\"p-t\">A &amp; B</title>"));
  assert_non_null(strstr(written,
                         "<desc id=\"p-d\">y &lt;%&gt; against x (s). &lt;line&gt;: 4 points from 1 to 3, "
                         "the last is 2."));
  assert_non_null(strstr(written, "<figcaption>how &quot;to&quot; read</figcaption>"));
  assert_null(strstr(written, "<line>"));
  assert_null(strstr(written, "<first>"));
  assert_null(strstr(written, "nan"));
  assert_null(strstr(written, "inf"));
  /* A gap interrupts the line; a point that is not finite has no mark, but a row with dashes. */
  const char *path = strstr(written, "class=\"line\"");
  assert_non_null(path);
  assert_int_equal(occurrences(path, "M"), occurrences(path, "class=\"mark\"") + 2 + 1);
  assert_int_equal(occurrences(written, "class=\"bar\""), 2 + 1);
  assert_int_equal(occurrences(written, "<tr><td>"), 8);
  assert_int_equal(occurrences(written, "<td>2</td><td>-</td><td>-</td><td>-</td>"), 1);
  assert_int_equal(occurrences(written, "<figure"), occurrences(written, "</figure>"));
  assert_int_equal(occurrences(written, "<svg"), occurrences(written, "</svg>"));
  assert_int_equal(occurrences(written, "<g"), occurrences(written, "</g>"));
}

/* For thousands of points the table has a few hundred rows, among them the first and the last. */
static void thinned(void **state) {
  (void)state;
  enum { N = 5000 };
  static cream_point points[N];
  for (int i = 0; i < N; i++) points[i] = (cream_point){.x = i, .y = sin(i)};
  cream_plot plot = cream_plot_of("p", "t", "x", "y", "c");
  for (int s = 0; s < 2; s++) cream_plot_add(&plot, "s", CREAM_SERIES_LINE, points, N);
  FILE *out = begin();
  cream_plot_write(out, &plot);
  fclose(out);
  assert_int_equal(occurrences(written, "<tr><td>"), CREAM_PLOT_ROWS);
  assert_non_null(strstr(written, "<td>0</td><td>0</td>"));
  assert_non_null(strstr(written, "<td>4999</td>"));
  assert_non_null(strstr(written, "the rows are evenly spaced"));
  /* In a full plot a new series replaces the last. */
  for (int s = 0; s < 2 * CREAM_PLOT_SERIES; s++) cream_plot_add(&plot, "s", CREAM_SERIES_DOTS, points, 1);
  assert_int_equal(plot.n_series, CREAM_PLOT_SERIES);
}

static void heat_maps(void **state) {
  (void)state;
  static const double values[] = {1, 0, 0.25, NAN};
  static const char *const rows[] = {"1.0", "<2>"}, *const columns[] = {"a", "b"};
  const cream_heat heat = {"h", "Heat", "caption", "block", "layer", 2, 2, values, rows, columns};
  FILE *out = begin();
  cream_heat_write(out, &heat);
  fclose(out);
  assert_int_equal(occurrences(written, "class=\"heat\""), 3 + 5); /* cells, legend */
  assert_non_null(strstr(written, "<title>1.0, a: 100.0 %</title>"));
  assert_non_null(strstr(written, "&lt;2&gt;, a: 25.0 %"));
  assert_int_equal(occurrences(written, "<tr><td>"), 3);
  assert_null(strstr(written, "nan"));
  /* The legend is drawn like the cells. */
  assert_int_equal(occurrences(written, "fill-opacity=\"0.760\""), 2);
  assert_int_equal(occurrences(written, "class=\"mid strong\""), 1);
  assert_null(strstr(written, "rotate"));
}

/* Names that do not fit are vertical, and cut between characters; those of the table are whole. */
static void long_names(void **state) {
  (void)state;
  enum { N = 12 };
  static double values[N * N];
  static const char *names[N];
  for (int i = 0; i < N; i++) names[i] = "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 67890 xyz";
  const cream_heat heat = {"h", "Heat", "caption", "x", "y", N, N, values, names, names};
  FILE *out = begin();
  cream_heat_write(out, &heat);
  fclose(out);
  assert_int_equal(occurrences(written, "rotate(-90"), N);
  assert_int_equal(
      occurrences(written, ">\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 6789\xe2\x80\xa6<"),
      2 * N);
  assert_int_equal(occurrences(written, "67890 xyz</td><td>"), 2 * N * N);
}

static int end(void **state) {
  (void)state;
  free(written);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(escaping), cmocka_unit_test(prefixes),   cmocka_unit_test(long_names),
      cmocka_unit_test(ticks),    cmocka_unit_test(tick_texts), cmocka_unit_test(plots),
      cmocka_unit_test(thinned),  cmocka_unit_test(heat_maps),
  };
  return cmocka_run_group_tests(tests, NULL, end);
}
