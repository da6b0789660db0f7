/* Depths follow from limits of latency as they do from ranges of FLOPs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/space/range.h"
#include "io/config/space_yaml.h"

enum { CLASSES = 10, SIDE = 32, ALL_LAYERS = 99 };

/* A device on which a million FLOPs take a millisecond; its table has no networks of more than `deepest` layers. */
typedef struct device {
  int deepest;
} device;

static cream_status find(const void *self, const cream_skeleton *skeleton, cream_latencies *latencies,
                         cream_error *err) {
  const device *d = self;
  cream_costs costs;
  if (skeleton->n_layers > d->deepest) return cream_fail(err, CREAM_BAD_CONFIG, "t.json: no such block");
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  *latencies = (cream_latencies){.n_layers = costs.n_layers, .fixed = cream_cost_flops(&costs.fixed) / 1e6};
  for (int l = 0; l < costs.n_layers; l++)
    for (int i = 0; i < costs.n_options[l]; i++)
      latencies->layer[l][i] = cream_cost_flops(&costs.layer[l][i]) / 1e6;
  return CREAM_OK;
}

static const device whole = {ALL_LAYERS};
static const cream_latency_source source = {find, &whole, SIDE};

static cream_space micro(void) {
  cream_space space;
  cream_error err;
  if (cream_space_load("micro", &space, &err)) fail_msg("%s", err.text);
  return space;
}

/* The depths as a text: "1,2,2,2"; of a failure, its message. */
static const char *depths(const cream_limits *limits, int n, const cream_latency_source *from) {
  static char text[sizeof(cream_error)];
  cream_space space = micro();
  cream_error err;
  int side = 0, depth[CREAM_MAX_STAGES] = {0}, at = 0;
  if (cream_limits_resolve(&space, limits, n, from, CLASSES, &side, depth, &err)) {
    snprintf(text, sizeof text, "%s", err.text);
    return text;
  }
  assert_int_equal(side, SIDE);
  for (int s = 0; s < space.n_stages; s++)
    at += snprintf(text + at, sizeof text - (size_t)at, "%s%d", s ? "," : "", depth[s]);
  return text;
}

static void expect(const cream_limits *limits, int n, const cream_latency_source *from,
                   const char *expected) {
  const char *got = depths(limits, n, from);
  if (!strstr(got, expected)) fail_msg("got \"%s\", expected \"%s\"", got, expected);
}

static cream_limits flops(double low, double high) {
  return (cream_limits){.flops = {1e6 * low, 1e6 * high}};
}

static cream_limits ms(double low, double high) {
  return (cream_limits){.ms = {low, high}};
}

static void latency_gives_the_depths_that_flops_give(void **state) {
  (void)state;
  for (double most = 3; most <= 6; most += 0.5) {
    char expected[sizeof(cream_error)];
    cream_limits limits = flops(0.8 * most, most);
    snprintf(expected, sizeof expected, "%s", depths(&limits, 1, NULL));
    assert_non_null(strchr(expected, ','));
    limits = ms(0.8 * most, most); /* a budget */
    expect(&limits, 1, &source, expected);
    limits = ms(0, most); /* --latency */
    expect(&limits, 1, &source, expected);
  }
  cream_limits limits = ms(0, 1000); /* more than any network takes */
  expect(&limits, 1, &source, "1,3,3,3");
  limits = ms(0, 3.5);
  expect(&limits, 1, NULL, "1,3,3,3"); /* latencies are not known */
}

static void several_budgets(void **state) {
  (void)state;
  const cream_limits in_flops[] = {flops(2.4, 3), flops(3.2, 4)}, in_ms[] = {ms(2.4, 3), ms(3.2, 4)},
                     mixed[] = {flops(2.4, 3), ms(3.2, 4)}, apart[] = {ms(1.6, 2), ms(6.4, 8)};
  char expected[64];
  snprintf(expected, sizeof expected, "%s", depths(in_flops, 2, NULL));
  assert_non_null(strchr(expected, ','));
  expect(in_ms, 2, &source, expected);
  /* each has a path at these depths, and the means are between the two */
  assert_non_null(strchr(depths(mixed, 2, &source), ','));
  expect(apart, 2, &source,
         "search.budgets: no supernet of space `micro` at 32 pixels has paths for all of the 2");
}

static void flops_and_latency(void **state) {
  (void)state;
  cream_limits limits = flops(4, 6);
  char free_of_ms[64];
  snprintf(free_of_ms, sizeof free_of_ms, "%s", depths(&limits, 1, NULL));
  limits.ms.max = 100;
  expect(&limits, 1, &source, free_of_ms);
  limits.ms.max = 4.2; /* few paths, at shallower depths too */
  assert_non_null(strchr(depths(&limits, 1, &source), ','));
  limits.ms.max = 3;
  expect(&limits, 1, &source,
         "flops and latency: no path of space `micro` at 32 pixels lies in 4:6 M and takes 0:3 ms");
}

static void limits_that_cannot_be_met(void **state) {
  (void)state;
  cream_limits limits = ms(0, 0.5);
  expect(
      &limits, 1, &source,
      "latency: no path of space `micro` at 32 pixels takes 0:0.5 ms at any depths; by the latency table its "
      "networks take 1.");
  limits = ms(900, 1000);
  expect(&limits, 1, &source, "latency: no path of space `micro` at 32 pixels takes 900:1000 ms");
}

static void depths_that_the_table_lacks(void **state) {
  (void)state;
  const device shallow = {6}, other = {0};
  const cream_latency_source of_shallow = {find, &shallow, SIDE}, of_other = {find, &other, SIDE};
  cream_limits limits = ms(0, 1000);
  expect(&limits, 1, &of_shallow, "1,1,2,2");
  expect(&limits, 1, &of_other, "t.json: no such block");
}

static void given_depths_stay(void **state) {
  (void)state;
  cream_space space = micro();
  cream_error err;
  int side = 0, depth[CREAM_MAX_STAGES] = {1, 3, 1, 2};
  const cream_limits limits = ms(0, 3);
  if (cream_limits_resolve(&space, &limits, 1, &source, CLASSES, &side, depth, &err))
    fail_msg("%s", err.text);
  const int expected[] = {1, 3, 1, 2};
  assert_memory_equal(depth, expected, sizeof expected);
  /* of several resolutions, that of the latencies */
  int any[CREAM_MAX_STAGES] = {0};
  space.resolution.max = 64;
  side = 0;
  const cream_latency_source at_64 = {find, &whole, 64};
  if (cream_limits_resolve(&space, &limits, 1, &at_64, CLASSES, &side, any, &err))
    assert_non_null(strstr(err.text, "at 64 pixels"));
  assert_int_equal(side, 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(latency_gives_the_depths_that_flops_give),
      cmocka_unit_test(several_budgets),
      cmocka_unit_test(flops_and_latency),
      cmocka_unit_test(limits_that_cannot_be_met),
      cmocka_unit_test(depths_that_the_table_lacks),
      cmocka_unit_test(given_depths_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
