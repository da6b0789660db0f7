/* The shapes and variants of every op, and the tests made of them. A program defines PARITY_TESTS(PARITY_TEST), adds its
 * machines (add_machine), and runs PARITY_TESTS(PARITY_ENTRY). */
#ifndef CREAM_TOOLS_PARITY_TABLES_H
#define CREAM_TOOLS_PARITY_TABLES_H

#include "parity_cases.h"

#define COUNT(table) (int)(sizeof(table) / sizeof *(table))

static const shape dense_shapes[] = {
    {2, 32, 32, 3, 16, 3, 2, 1},   {1, 33, 17, 3, 16, 3, 2, 1},   {2, 7, 9, 5, 13, 3, 1, 1},
    {3, 5, 4, 7, 3, 5, 2, 1},      {1, 9, 8, 4, 6, 3, 1, 2},      {1, 10, 9, 3, 5, 7, 1, 1},
    {2, 16, 16, 16, 96, 1, 1, 1},  {1, 33, 17, 24, 144, 1, 1, 1}, {3, 8, 8, 96, 24, 1, 1, 1},
    {2, 7, 7, 144, 40, 1, 1, 1},   {1, 3, 5, 37, 61, 1, 1, 1},    {4, 4, 4, 480, 80, 1, 1, 1},
    {2, 4, 4, 192, 1152, 1, 1, 1}, {2, 3, 3, 1152, 192, 1, 1, 1}, {7, 1, 1, 1280, 10, 1, 1, 1},
    {5, 1, 1, 31, 17, 1, 1, 1},    {1, 1, 1, 1, 1, 1, 1, 1},      {2, 9, 7, 24, 33, 1, 2, 1},
    {2, 64, 64, 32, 8, 1, 1, 1},   {2, 64, 65, 32, 5, 3, 2, 1},   {1, 5, 128, 3, 32, 3, 2, 1},
};
static const shape depthwise_shapes[] = {
    {2, 16, 16, 16, 16, 3, 1, 1}, {1, 33, 17, 96, 96, 3, 2, 1},   {2, 7, 7, 144, 144, 5, 1, 1},
    {1, 13, 11, 37, 37, 5, 2, 1}, {2, 9, 10, 24, 24, 7, 1, 1},    {1, 12, 17, 72, 72, 7, 2, 1},
    {3, 3, 2, 480, 480, 7, 1, 1}, {2, 1, 1, 1152, 1152, 5, 1, 1}, {1, 4, 4, 1152, 1152, 3, 1, 1},
    {2, 7, 5, 19, 19, 3, 1, 2},   {1, 14, 9, 40, 40, 5, 1, 2},    {1, 11, 15, 33, 33, 7, 1, 2},
    {2, 9, 9, 16, 16, 3, 2, 2},   {1, 10, 7, 21, 21, 5, 2, 2},    {1, 1, 6, 3, 3, 3, 1, 1},
    {1, 2, 2, 1, 1, 7, 2, 1},     {2, 8, 6, 17, 17, 1, 1, 1},     {1, 64, 5, 20, 20, 3, 2, 1},
    {2, 64, 64, 32, 32, 3, 1, 1}, {2, 65, 64, 32, 32, 5, 2, 1},
};
/* For ops without a convolution: cin channels. */
static const shape plane_shapes[] = {
    {2, 16, 16, 16, 16, 1, 1, 1}, {1, 33, 17, 96, 96, 1, 1, 1}, {3, 7, 7, 144, 144, 1, 1, 1},
    {2, 1, 1, 1152, 16, 1, 1, 1}, {4, 3, 5, 37, 37, 1, 1, 1},   {1, 1, 1, 1, 1, 1, 1, 1},
    {2, 4, 4, 480, 40, 1, 1, 1},  {5, 2, 1, 10, 10, 1, 1, 1},   {5, 12, 13, 176, 176, 1, 1, 1},
};

/* For run_act. */
static const shape act_shapes[] = {{2, 9, 7, 24, 33, 1, 1, 1}, {2, 7, 5, 19, 19, 1, 1, 1}};
#define ACT_VARIANT(name, word) {0, CREAM_ACT_##name, 0},
static const variant act_variants[] = {CREAM_ACTS(ACT_VARIANT)};

/* Every activation by every way that a tensor is read; then all other combinations that matter. */
#define FORWARD_VARIANT(name, word)  {MAP | GATE | BN, CREAM_ACT_##name, CREAM_BN_TRAIN},
#define BACKWARD_VARIANT(name, word) {MAP | BN | VALUE | POOL | AFFINE, CREAM_ACT_##name, 0},
#define MAP_VARIANT(name, word)      {MAP, CREAM_ACT_##name, 0},
static const shape act_dense_shapes[] = {{2, 7, 9, 5, 13, 3, 1, 1}, {1, 3, 5, 37, 61, 1, 1, 1}};
static const shape act_depthwise_shapes[] = {{2, 7, 5, 19, 19, 3, 1, 2}, {1, 13, 11, 37, 37, 5, 2, 1}};
static const shape act_plane_shapes[] = {{4, 3, 5, 37, 37, 1, 1, 1}};
static const variant act_forward_variants[] = {CREAM_ACTS(FORWARD_VARIANT)};
static const variant act_backward_variants[] = {CREAM_ACTS(BACKWARD_VARIANT)};
static const variant act_map_variants[] = {CREAM_ACTS(MAP_VARIANT)};

static const variant forward_variants[] = {
    {0, CREAM_ACT_NONE, CREAM_BN_TRAIN},
    {MAP | BN, CREAM_ACT_SWISH, CREAM_BN_TRAIN},
    {MAP | GATE | BN, CREAM_ACT_SWISH, CREAM_BN_BATCH},
    {MAP | BN, CREAM_ACT_NONE, CREAM_BN_TRAIN},
    {BN, CREAM_ACT_NONE, CREAM_BN_RUNNING},
    {MAP | BIAS, CREAM_ACT_HARD_SWISH, CREAM_BN_TRAIN},
    {MAP | BN | BIAS, CREAM_ACT_RELU, CREAM_BN_TRAIN},
    {GATE | BIAS, CREAM_ACT_NONE, CREAM_BN_TRAIN},
    {MAP | GATE, CREAM_ACT_HARD_SIGMOID, CREAM_BN_TRAIN},
};
static const variant backward_variants[] = {
    {0, CREAM_ACT_NONE, 0},
    {NO_SINK | AFFINE, CREAM_ACT_NONE, 0},
    {MAP | BN | AFFINE, CREAM_ACT_SWISH, 0},
    {MAP | GATE | BN | AFFINE, CREAM_ACT_SWISH, 0},
    {MAP | BN | VALUE | POOL | AFFINE, CREAM_ACT_SWISH, 0},
    {MAP | BN | VALUE | AFFINE, CREAM_ACT_HARD_SWISH, 0},
    {RESIDUAL | BN | ADD | AFFINE, CREAM_ACT_NONE, 0},
    {RESIDUAL | BN | IN_PLACE | AFFINE, CREAM_ACT_NONE, 0},
    {RESIDUAL | GATE | BN | ADD | AFFINE, CREAM_ACT_NONE, 0},
    {RESIDUAL | GATE | BN | IN_PLACE | AFFINE, CREAM_ACT_NONE, 0},
    {MAP | BN | ADD | AFFINE, CREAM_ACT_NONE, 0},
    {MAP | GATE | BIAS, CREAM_ACT_SWISH, 0},
    {MAP | BN | VALUE | POOL | NO_G | AFFINE, CREAM_ACT_SWISH, 0},
    {MAP | BN | VALUE | BIAS | IN_PLACE, CREAM_ACT_RELU, 0},
    {MAP | VALUE | POOL | NO_G | BIAS, CREAM_ACT_HARD_SWISH, 0},
    {GATE | BIAS | NO_SINK | VALUE, CREAM_ACT_SWISH, 0},
};

/* TensorFlow's padding: even and odd sides, strides that divide them or not, a stride above the kernel. */
static const shape same_shapes[] = {{2, 8, 9, 3, 16, 3, 2, 1},
                                    {1, 11, 14, 5, 7, 5, 2, 2},
                                    {1, 7, 6, 4, 5, 3, 3, 1},
                                    {1, 9, 6, 4, 3, 1, 2, 1}};
static const shape same_depthwise_shapes[] = {
    {2, 8, 9, 20, 20, 3, 2, 1},   {1, 13, 12, 33, 33, 5, 2, 1}, {1, 10, 34, 17, 17, 7, 2, 1},
    {2, 12, 9, 16, 16, 3, 2, 2},  {1, 6, 10, 21, 21, 5, 2, 2},  {1, 7, 6, 5, 5, 3, 4, 1},
    {1, 64, 66, 24, 24, 3, 2, 1}, {1, 2, 1, 19, 19, 7, 2, 1},   {1, 6, 5, 9, 9, 5, 3, 1}};
static const variant same_forward_variants[] = {{SAME | MAP | BN, CREAM_ACT_SWISH, CREAM_BN_TRAIN},
                                                {SAME | MAP | GATE | BIAS, CREAM_ACT_RELU6, CREAM_BN_TRAIN}};
static const variant same_backward_variants[] = {
    {SAME | MAP | BN | VALUE | POOL | AFFINE, CREAM_ACT_SWISH, 0},
    {SAME | RESIDUAL | GATE | BN | ADD | AFFINE, CREAM_ACT_NONE, 0},
    {SAME | MAP | GATE | BIAS, CREAM_ACT_SWISH, 0}};
static const variant se_variants[] = {
    {MAP, CREAM_ACT_SWISH, 0}, {MAP, CREAM_ACT_RELU, 0}, {MAP, CREAM_ACT_HARD_SWISH, 0}};
static const variant pool_variants[] = {
    {MAP, CREAM_ACT_SWISH, 0}, {MAP | IN_PLACE, CREAM_ACT_HARD_SWISH, 0}, {0, CREAM_ACT_NONE, 0}};
static const variant add_variants[] = {{MAP, CREAM_ACT_NONE, 0},
                                       {MAP | RESIDUAL, CREAM_ACT_NONE, 0},
                                       {MAP | GATE | RESIDUAL, CREAM_ACT_SWISH, 0},
                                       {0, CREAM_ACT_NONE, 0}};
static const variant loss_variants[] = {
    {0, 0, 0}, {BIAS, 0, 0}, {GATE, 0, 0}, {GATE | BIAS, 0, 0}, {BIAS | NO_SINK, 0, 0}};
static const shape fuse_shapes[] = {{2, 4, 4, 16, 16, 1, 1, 1},
                                    {1, 5, 7, 37, 37, 1, 1, 1},
                                    {2, 1, 1, 8, 8, 1, 1, 1},
                                    {3, 6, 3, 24, 24, 1, 1, 1}};
/* GATE: x[2] alone. */
static const variant fuse_variants[] = {{0, CREAM_ACT_NONE, 0},
                                        {MAP | BN, CREAM_ACT_NONE, 0},
                                        {MAP | BN | BIAS, CREAM_ACT_SWISH, 0},
                                        {MAP | RESIDUAL | IN_PLACE | BIAS, CREAM_ACT_NONE, 0},
                                        {MAP | BN | ADD | GATE, CREAM_ACT_RELU6, 0}};
static const shape box_loss_shapes[] = {{2, 3, 5, 3, 3, 1, 1, 1},
                                        {1, 1, 1, 1, 1, 1, 1, 1},
                                        {1, 2, 3, 90, 90, 1, 1, 1},
                                        {1, 9, 8, 20, 20, 1, 1, 1}};
static const variant box_loss_variants[] = {{0, 0, 0}, {MAP | BIAS, 0, 0}, {BIAS | NO_SINK, 0, 0}};
static const variant optim_variants[] = {{MAP, 0, 0},
                                         {ADD, 0, 0},
                                         {NO_G, 0, 0},
                                         {VALUE, 0, 0},
                                         {VALUE | ADD, 0, 0},
                                         {VALUE | BIAS, 0, 0},
                                         {VALUE | BIAS | ADD, 0, 0},
                                         {VALUE | BIAS | MAP, 0, 0}};
static const variant one_variant[] = {{0, 0, 0}};

/* Too large for every variant in a quick test. */
static inline bool is_large(const shape *s, bool depthwise) {
  return s->n * s->h * s->w * s->cin > 8000 || (!depthwise && s->cin * s->cout > 8000);
}

/* 1: all cases; N: one in N. */
static int parity_every = 1;

/* Every shape with every variant; large shapes with every third, in turn. */
static inline void check_table(run_case *run, bool depthwise, const shape *shapes, int shape_count,
                               const variant *variants, int variant_count) {
  for (int s = 0; s < shape_count; s++)
    for (int v = 0; v < variant_count; v++) {
      if (is_large(&shapes[s], depthwise) && (s + v) % 3 != 0) continue;
      if ((s * variant_count + v) % parity_every != 0) continue;
      op_case in = {shapes[s], depthwise, variants[v]};
      check_case(run, &in, (uint64_t)(s * 100 + v));
    }
}
#define CHECK_TABLE(run, depthwise, shapes, variants)                                                        \
  check_table(run, depthwise, shapes, COUNT(shapes), variants, COUNT(variants))

#define PARITY_TEST(name, run, depthwise, shapes, variants)                                                  \
  static void name(void **state) {                                                                           \
    (void)state;                                                                                             \
    CHECK_TABLE(run, depthwise, shapes, variants);                                                           \
  }
#define PARITY_TESTS(X)                                                                                      \
  X(conv_forward, run_conv_forward, false, dense_shapes, forward_variants)                                   \
  X(conv_backward, run_conv_backward, false, dense_shapes, backward_variants)                                \
  X(dwconv_forward, run_conv_forward, true, depthwise_shapes, forward_variants)                              \
  X(dwconv_backward, run_conv_backward, true, depthwise_shapes, backward_variants)                           \
  X(same_conv_forward, run_conv_forward, false, same_shapes, same_forward_variants)                          \
  X(same_conv_backward, run_conv_backward, false, same_shapes, same_backward_variants)                       \
  X(same_dwconv_forward, run_conv_forward, true, same_depthwise_shapes, same_forward_variants)               \
  X(same_dwconv_backward, run_conv_backward, true, same_depthwise_shapes, same_backward_variants)            \
  X(se_forward, run_se_forward, false, plane_shapes, se_variants)                                            \
  X(se_backward, run_se_backward, false, plane_shapes, se_variants)                                          \
  X(pool_forward, run_pool_forward, false, plane_shapes, pool_variants)                                      \
  X(pool_backward, run_pool_backward, false, plane_shapes, pool_variants)                                    \
  X(add_forward, run_add, false, plane_shapes, add_variants)                                                 \
  X(loss, run_loss, false, plane_shapes, loss_variants)                                                      \
  X(fuse, run_fuse, false, fuse_shapes, fuse_variants)                                                       \
  X(box_loss, run_box_loss, false, box_loss_shapes, box_loss_variants)                                       \
  X(flat, run_flat, false, plane_shapes, one_variant)                                                        \
  X(optim, run_optim, false, plane_shapes, optim_variants)                                                   \
  X(act, run_act, false, act_shapes, act_variants)                                                           \
  X(act_conv_forward, run_conv_forward, false, act_dense_shapes, act_forward_variants)                       \
  X(act_conv_backward, run_conv_backward, false, act_dense_shapes, act_backward_variants)                    \
  X(act_dwconv_forward, run_conv_forward, true, act_depthwise_shapes, act_forward_variants)                  \
  X(act_dwconv_backward, run_conv_backward, true, act_depthwise_shapes, act_backward_variants)               \
  X(act_se_forward, run_se_forward, false, act_plane_shapes, act_map_variants)                               \
  X(act_se_backward, run_se_backward, false, act_plane_shapes, act_map_variants)                             \
  X(act_pool_forward, run_pool_forward, false, act_plane_shapes, act_map_variants)                           \
  X(act_pool_backward, run_pool_backward, false, act_plane_shapes, act_map_variants)
#define PARITY_ENTRY(name, run, depthwise, shapes, variants) cmocka_unit_test(name),

#endif
