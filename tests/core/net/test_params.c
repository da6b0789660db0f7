/* The roles of a network's parameters: they agree with the names, and every role has its initial values. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/net/net.h"
#include "tests/core/detector.h"

enum { BATCH = 2 };

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

/* The role that timm's names stand for. */
static cream_param_role role_by_name(const cream_param *param) {
  if (ends_with(param->name, ".running_mean")) return CREAM_PARAM_BN_MEAN;
  if (ends_with(param->name, ".running_var")) return CREAM_PARAM_BN_VAR;
  if (ends_with(param->name, "conv_dw.weight")) return CREAM_PARAM_DEPTHWISE;
  if (param->n_dims == 4) return CREAM_PARAM_CONV;
  if (param->n_dims == 2) return CREAM_PARAM_LINEAR;
  const char *end = strrchr(param->name, '.'), *layer = end;
  while (layer > param->name && layer[-1] != '.') layer--;
  if (strncmp(layer, "bn", 2)) return CREAM_PARAM_BIAS;
  return !strcmp(end, ".weight") ? CREAM_PARAM_BN_GAMMA : CREAM_PARAM_BN_BETA;
}

typedef struct moments {
  double mean, deviation, largest;
} moments;

static moments moments_of(const float *values, size_t count) {
  moments m = {0};
  for (size_t i = 0; i < count; i++) m.mean += (double)values[i] / (double)count;
  for (size_t i = 0; i < count; i++) {
    m.deviation += pow(values[i] - m.mean, 2) / (double)count;
    m.largest = fmax(m.largest, fabs((double)values[i]));
  }
  m.deviation = sqrt(m.deviation);
  return m;
}

static void check_values(const cream_param *param, moments m) {
  const double taps = param->n_dims == 4 ? param->dims[2] * param->dims[3] : 1;
  const double tolerance = 4 / sqrt((double)param->count); /* of a deviation, relative */
  switch (param->role) {
  case CREAM_PARAM_CONV:
    assert_true(fabs(m.deviation / sqrt(2 / (taps * param->dims[0])) - 1) < tolerance);
    return;
  case CREAM_PARAM_DEPTHWISE:
    assert_true(fabs(m.deviation / sqrt(2 / taps) - 1) < tolerance);
    return;
  case CREAM_PARAM_LINEAR:
    assert_true(m.largest <= 1 / sqrt(param->dims[0]) &&
                fabs(m.deviation * sqrt(3.0 * param->dims[0]) - 1) < tolerance);
    return;
  case CREAM_PARAM_PYRAMID:
    assert_true(m.largest <= sqrt(3 / (taps * param->dims[1])) &&
                fabs(m.deviation * sqrt(taps * param->dims[1]) - 1) < tolerance);
    return;
  case CREAM_PARAM_HEAD:
    assert_true(fabs(m.deviation / 0.01 - 1) < tolerance);
    return;
  case CREAM_PARAM_PRIOR:
    assert_true(fabs(m.mean + log(99)) < 1e-6 && m.deviation < 1e-6);
    return;
  case CREAM_PARAM_FUSION:
  case CREAM_PARAM_BN_GAMMA:
  case CREAM_PARAM_BN_VAR:
    assert_true(fabs(m.mean - 1) < 1e-12 && m.deviation < 1e-12);
    return;
  case CREAM_PARAM_BIAS:
  case CREAM_PARAM_BN_BETA:
  case CREAM_PARAM_BN_MEAN:
    assert_true(m.largest == 0);
    return;
  }
  fail_msg("%s has no role", param->name);
}

static int seen[CREAM_PARAM_BN_VAR + 1];

/* by_name: a parameter's role follows from its name. */
static void check_network(const cream_skeleton *skeleton, bool by_name) {
  cream_backend *backend = synthetic_backend(false, 1);
  cream_net *net;
  cream_error err;
  cream_net_options options = {.batch = BATCH, .seed = 5};
  assert_int_equal(cream_net_create(backend, skeleton, &options, &net, &err), CREAM_OK);
  int count;
  const cream_param *params = cream_net_params(net, &count);
  for (int i = 0; i < count; i++) {
    const cream_param *param = &params[i];
    if (by_name && param->role != role_by_name(param))
      fail_msg("%s has role %d", param->name, (int)param->role);
    assert_int_equal(param->statistic,
                     param->role == CREAM_PARAM_BN_MEAN || param->role == CREAM_PARAM_BN_VAR);
    seen[param->role]++;
    float *values = malloc(param->count * sizeof *values);
    cream_buf block = param->statistic ? cream_net_statistics(net) : cream_net_weights(net);
    assert_int_equal(
        backend->download(backend, values, cream_buf_at(block, param->offset), param->count, &err), CREAM_OK);
    if (param->count >= 64 || param->n_dims == 1) check_values(param, moments_of(values, param->count));
    free(values);
  }
  cream_net_destroy(net);
  backend->destroy(backend);
}

static void test_roles(void **state) {
  (void)state;
  const cream_skeleton skeleton = synthetic_skeleton(), retina = detector_skeleton(CREAM_DETECT_RETINA),
                       lite = detector_skeleton(CREAM_DETECT_LITE);
  check_network(&skeleton, true);
  check_network(&retina, false);
  check_network(&lite, false);
  for (int role = 0; role <= CREAM_PARAM_BN_VAR; role++) assert_true(seen[role] > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_roles)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
