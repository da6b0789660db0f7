/* The list of activations: slopes, words, and that the loader for PyTorch and the formats page have every
 * word.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/activation.h"

#define ACT_WORD(name, word) [CREAM_ACT_##name] = word,
static const char *const words[CREAM_ACT_COUNT] = {CREAM_ACTS(ACT_WORD)};

/* The slope is the derivative of the value; points keep away from kinks at whole numbers. */
static void test_slopes(void **state) {
  (void)state;
  const float h = 1.0f / 128;
  for (cream_act act = 0; act < CREAM_ACT_COUNT; act++)
    for (float x = -9.5f; x < 10; x += 0.25f) {
      if (x == roundf(x)) continue;
      float expected = (cream_act_value(act, x + h) - cream_act_value(act, x - h)) / (2 * h);
      if (fabsf(cream_act_slope(act, x) - expected) > 1e-3f)
        fail_msg("%s: slope %g at %g, expected %g", words[act], (double)cream_act_slope(act, x), (double)x,
                 (double)expected);
    }
}

static void test_relu6(void **state) {
  (void)state;
  const float x[] = {-1, 0, 0.5f, 6, 7}, value[] = {0, 0, 0.5f, 6, 6}, slope[] = {0, 0, 1, 0, 0};
  for (int i = 0; i < 5; i++) {
    assert_true(cream_act_value(CREAM_ACT_RELU6, x[i]) == value[i]);
    assert_true(cream_act_slope(CREAM_ACT_RELU6, x[i]) == slope[i]);
  }
}

static void test_words_differ(void **state) {
  (void)state;
  for (int i = 0; i < CREAM_ACT_COUNT; i++)
    for (int j = 0; j < i; j++) assert_string_not_equal(words[i], words[j]);
}

/* `text` with each word between the quotes that the file uses. */
static void assert_words(const char *path, char quote) {
  static char text[1 << 17];
  char name[1024], quoted[64];
  snprintf(name, sizeof name, "%s/%s", CREAM_SOURCE_DIR, path);
  FILE *file = fopen(name, "r");
  assert_non_null(file);
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  for (int i = 0; i < CREAM_ACT_COUNT; i++) {
    snprintf(quoted, sizeof quoted, "%c%s%c", quote, words[i], quote);
    if (!strstr(text, quoted)) fail_msg("%s has no activation %s", path, quoted);
  }
}

static void test_words_elsewhere(void **state) {
  (void)state;
  assert_words("tools/python/cream_nas/torch_model.py", '\'');
  assert_words("docs/formats.md", '`');
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_slopes), cmocka_unit_test(test_relu6),
                                     cmocka_unit_test(test_words_differ),
                                     cmocka_unit_test(test_words_elsewhere)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
