#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "io/report/term_axis.h"
#include "io/report/term_plot.h"
#include "io/report/term_text.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static void cuts(const char *text, int columns, bool unicode, const char *expected) {
  char out[64];
  int width = cream_term_cut(text, columns, unicode, out, sizeof out);
  assert_string_equal(out, expected);
  assert_true(width == cream_term_width(out) && width <= (columns > 0 ? columns : 0));
}

static void cutting(void **state) {
  (void)state;
  cuts("abcdef", 6, true, "abcdef");
  cuts("abcdef", 5, true, "abcd\xe2\x80\xa6");
  cuts("abcdef", 5, false, "ab...");
  cuts("abcdef", 2, false, "..");
  cuts("abcdef", 1, true, "\xe2\x80\xa6");
  cuts("abcdef", 0, true, "");
  cuts("", 5, true, "");
  /* Characters of several bytes, of two columns, and of none. */
  cuts("\xc3\xa4\xc3\xb6\xc3\xbc", 3, true, "\xc3\xa4\xc3\xb6\xc3\xbc");
  cuts("\xc3\xa4\xc3\xb6\xc3\xbc", 2, true, "\xc3\xa4\xe2\x80\xa6");
  cuts("\xe6\x97\xa5\xe6\x9c\xac", 4, true, "\xe6\x97\xa5\xe6\x9c\xac");
  cuts("\xe6\x97\xa5\xe6\x9c\xac", 3, true, "\xe6\x97\xa5\xe2\x80\xa6");
  assert_int_equal(cream_term_width("a\xcc\x88"), 1);
  /* Nothing reaches the terminal that is not text. */
  cuts("a\033[2J\n\xff\xc2\x9b\xe2\x80\xae", 20, true, "a?[2J???????");
  char small[8];
  assert_int_equal(cream_term_cut("abcdefghijkl", 12, true, small, sizeof small), 5);
  assert_string_equal(small, "abcd\xe2\x80\xa6");
}

static void joins(int columns, const char *expected) {
  cream_term_field fields[] = {{2, "epoch 1/2"}, {0, "step 3/4"}, {9, ""}, {1, "ETA 0:12"}};
  char out[64];
  cream_term_join(fields, 4, columns, false, out, sizeof out);
  assert_string_equal(out, expected);
}

static void lines(void **state) {
  (void)state;
  joins(29, "epoch 1/2  step 3/4  ETA 0:12");
  joins(28, "step 3/4  ETA 0:12");
  joins(17, "step 3/4");
  joins(6, "ste...");
  char bar[32];
  assert_string_equal(cream_term_bar(0.5, 6, bar), "[##..]");
  assert_string_equal(cream_term_bar(2, 6, bar), "[####]");
  assert_string_equal(cream_term_bar(NAN, 3, bar), "[.]");
  const cream_term_column table[] = {{4, -1}, {8, 2}, {8, 1}, {8, 2}};
  assert_int_equal(cream_term_fit(table, 4, 38, 10), 15);
  assert_int_equal(cream_term_fit(table, 4, 37, 10), 7);
  assert_int_equal(cream_term_fit(table, 4, 22, 10), 5);
  assert_int_equal(cream_term_fit(table, 4, 2, 10), 1);
}

static void widens(double low, double high, int most, double from, double to, double step) {
  assert_near(cream_tick_widen(&low, &high, most), step, 1e-9 * step);
  assert_near(low, from, 1e-9 * step);
  assert_near(high, to, 1e-9 * step);
}

static void labels(double value, double step, double largest, const char *expected) {
  char text[24];
  assert_string_equal(cream_tick_label(value, step, largest, text), expected);
}

static void ticks(void **state) {
  (void)state;
  assert_near(cream_tick_step(10, 10), 1, 1e-12);
  assert_near(cream_tick_step(10, 9), 2, 1e-12);
  assert_near(cream_tick_step(10, 3), 5, 1e-12);
  assert_near(cream_tick_step(0.3, 3), 0.1, 1e-12);
  assert_near(cream_tick_step(7e-7, 3), 5e-7, 1e-18);
  widens(0, 40, 4, 0, 40, 10);
  widens(0.93, 2.31, 3, 0, 3, 1);
  widens(-0.1, 0.1, 2, -0.1, 0.1, 0.1);
  widens(0.0499, 0.0501, 2, 0.0499, 0.0501, 0.0001);
  /* Whatever the range, it is inside, and the step is 1, 2 or 5 times a power of ten. */
  uint32_t random = 7;
  for (int i = 0; i < 2000; i++) {
    random = random * 1664525u + 1013904223u;
    double low = ((double)(random >> 8) / (1 << 23) - 1) * pow(10, i % 19 - 9);
    double high = low + (1 + (random >> 20)) * pow(10, i % 13 - 9) * fmax(1e-6, fabs(low));
    double from = low, to = high, step = cream_tick_widen(&from, &to, 2 + i % 5);
    assert_true(from <= low + 1e-6 * step && to >= high - 1e-6 * step &&
                (to - from) / step < 2 + i % 5 + 0.5);
    double first = step / pow(10, floor(log10(step) + 1e-9));
    assert_true(fabs(first - 1) < 1e-6 || fabs(first - 2) < 1e-6 || fabs(first - 5) < 1e-6);
  }
  labels(0.30000000000000004, 0.1, 0.5, "0.3");
  labels(-1e-17, 0.1, 0.5, "0");
  labels(20, 5, 40, "20");
  labels(1.5, 0.5, 2, "1.5");
  labels(12000, 2000, 20000, "12k");
  labels(500000, 500000, 1500000, "0.5M");
  labels(0.0002, 0.0001, 0.0005, "2e-4");
  labels(0.00025, 0.00005, 0.0005, "2.5e-4");
  labels(2e15, 1e15, 5e15, "2e15");
}

static void smoothing(void **state) {
  (void)state;
  static cream_curve raw, smooth;
  raw = (cream_curve){0};
  for (int i = 0; i < 100; i++) cream_curve_add(&raw, i, i % 2 ? 3 : 1);
  cream_curve_smooth(&raw, 0, &smooth);
  assert_memory_equal(&raw, &smooth, sizeof raw);
  cream_curve_smooth(&raw, 0.5, &smooth);
  assert_near(smooth.points[0].y, 1, 1e-12); /* without bias towards 0 */
  assert_near(smooth.points[1].y, (0.5 * 1 + 3) / 1.5, 1e-12);
  assert_true(smooth.points[1].x == 1 && smooth.points[1].low == 3);
  cream_curve_smooth(&raw, 0.9, &smooth);
  for (int i = 60; i < 100; i++) assert_true(fabs(smooth.points[i].y - 2) < 0.1);
}

/* Draws the plot as lines of text. */
static void draw(const cream_term_plot *plot, int width, int height, const cream_term *term, char *text,
                 size_t size) {
  static cream_term_canvas canvas;
  cream_term_draw(&canvas, plot, width, height, term);
  FILE *out = fmemopen(text, size, "w");
  for (int line = 0; line < canvas.height; line++) {
    cream_term_write_line(out, &canvas, line, term);
    fputc('\n', out);
  }
  fclose(out);
}

static void terminal(void **state) {
  (void)state;
  static cream_curve up, flat;
  up = flat = (cream_curve){0};
  for (int i = 0; i < 5; i++) cream_curve_add(&up, i, 10 * i);
  cream_curve_add(&flat, 0, 20);
  cream_curve_add(&flat, 4, 20);
  cream_term_plot plot = {.title = "t", .n = 2, .curves = {{"up", &up}, {"flat", &flat}}};
  const cream_term ascii = {false, false}, braille = {true, false}, colour = {true, true};
  char text[20000];
  draw(&plot, 24, 7, &ascii, text, sizeof text);
  assert_string_equal(text, "t * up 40 o flat 20     \n"
                            "     40+               *\n"
                            "       |           **** \n"
                            "     20+oooooooo***ooooo\n"
                            "       |    ****        \n"
                            "      0+****            \n"
                            "        0       2      4\n");
  draw(&plot, 24, 7, &braille, text, sizeof text);
  assert_non_null(strstr(text, "\xe2\xa0"));
  for (char *line = text, *stop; (stop = strchr(line, '\n')); line = stop + 1) {
    int columns = 0;
    for (char *at = line; at < stop; at++) columns += ((unsigned char)*at & 0xc0) != 0x80;
    assert_int_equal(columns, 24);
  }
  draw(&plot, 24, 7, &colour, text, sizeof text);
  assert_non_null(strstr(text, "\033[36m * up 40\033[0m"));
  /* Without colour the lines differ in their marks, and the legend names them. */
  draw(&plot, 60, 9, &braille, text, sizeof text);
  assert_null(strchr(text, '\033'));
  const char *rows = strchr(text, '\n');
  assert_true(strchr(rows, '*') && strchr(rows, 'o') && strstr(text, "* up 40 o flat 20"));
  /* A legend that does not fit ends in a sign. */
  plot.title = "a title that takes most columns";
  draw(&plot, 40, 7, &ascii, text, sizeof text);
  assert_true(strncmp(text, "a title that takes most columns * up ...\n", 41) == 0);
  /* Raw values are drawn faintly below the line, which may be hidden. */
  static cream_curve noisy, smooth;
  noisy = (cream_curve){0};
  for (int i = 0; i < 60; i++) cream_curve_add(&noisy, i, i % 2 ? 3 : 1);
  cream_curve_smooth(&noisy, 0.9, &smooth);
  cream_term_plot raw = {.title = "t", .n = 1, .curves = {{"a", &smooth, &noisy}}};
  draw(&raw, 40, 9, &ascii, text, sizeof text);
  assert_non_null(strstr(text, "......"));
  draw(&raw, 40, 9, &colour, text, sizeof text);
  assert_non_null(strstr(text, "\033[2;36m\xc2\xb7\033[0m"));
  /* No points, one point, a size that is too small, one that is too large. */
  cream_term_plot empty = {.title = "a title that is longer than the plot is wide", .n = 1};
  static cream_curve none;
  empty.curves[0].name = "none";
  empty.curves[0].curve = &none;
  draw(&empty, 3, 1, &ascii, text, sizeof text);
  assert_true(strncmp(text, "a title that is longe...\n", 25) == 0);
  cream_curve_add(&none, 7, -7);
  draw(&empty, 100000, 100000, &braille, text, sizeof text);
  assert_non_null(strstr(text, "\xe2\x94\x82"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cutting),   cmocka_unit_test(lines),    cmocka_unit_test(ticks),
      cmocka_unit_test(smoothing), cmocka_unit_test(terminal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
