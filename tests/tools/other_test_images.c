/* other_test_images IN OUT: writes the digits of IN with the images of the test part inverted. */
#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

#include "core/base/data.h"
#include "io/dataset/digits.h"

enum { PIXELS = CREAM_DIGITS_SIDE * CREAM_DIGITS_SIDE, WHITE = 16, CLASSES = 10, SPLIT_SEED = 8801 };

static int pixels[CREAM_DIGITS_COUNT][PIXELS];
static int32_t labels[CREAM_DIGITS_COUNT];
static uint32_t test[CREAM_DIGITS_TEST], rest[CREAM_DIGITS_COUNT - CREAM_DIGITS_TEST];

static void read_line(gzFile in, int *values, int32_t *label) {
  char line[1024], *at = line;
  if (!gzgets(in, line, sizeof line)) exit(1);
  for (int i = 0; i < PIXELS; i++, at++) values[i] = (int)strtol(at, &at, 10);
  *label = (int32_t)strtol(at, &at, 10);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  gzFile in = gzopen(argv[1], "rb");
  FILE *out = fopen(argv[2], "w");
  if (!in || !out) return 1;
  for (int i = 0; i < CREAM_DIGITS_COUNT; i++) read_line(in, pixels[i], &labels[i]);
  cream_split(labels, CREAM_DIGITS_COUNT, CLASSES, SPLIT_SEED, CREAM_DIGITS_TEST, test, rest);
  for (int t = 0; t < CREAM_DIGITS_TEST; t++)
    for (int p = 0; p < PIXELS; p++) pixels[test[t]][p] = WHITE - pixels[test[t]][p];
  for (int i = 0; i < CREAM_DIGITS_COUNT; i++) {
    for (int p = 0; p < PIXELS; p++) fprintf(out, "%d,", pixels[i][p]);
    fprintf(out, "%d\n", (int)labels[i]);
  }
  gzclose(in);
  return fclose(out) == 0 ? 0 : 1;
}
