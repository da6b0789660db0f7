/* Networks in 8 bits: quantised weights, calibrated values, and inference with integers.
 *
 * A network becomes a list of ops on values. Value 0 are the normalised images, value i + 1 is what op i computes. A
 * value is stored as unsigned bytes with one scale and zero point (quantise.h), the weights of a convolution as signed
 * bytes with a scale for each output channel and no zero point. A convolution with an activation:
 *
 *     sum[c] = bias[c] + sum over k of (x[k] - x.zero) * weights[c][k]            32-bit integers, exact
 *     z[c]   = saturate(round(sum[c] * x.scale * weight_scale[c] / z.scale) + z.zero)
 *     y[c]   = table[z[c]]                                                        the activation, a table of 256 bytes
 *
 * relu and relu6 need no table: z has the zero point 0, and its range ends at the largest value of the calibration, so
 * saturation is the activation. The last op, the classifier, leaves its sums as floats: they are the logits.
 * docs/export.md describes the whole; io/weights/onnx_int8.h writes the same ops as an ONNX model.
 */
#ifndef CREAM_CORE_INT8_H
#define CREAM_CORE_INT8_H

#include "calibration.h"
#include "core/base/data.h"
#include "core/net/fold.h"
#include "quantise.h"

/* X(name). */
#define CREAM_INT8_OPS(X)                                                                                    \
  X(CONV) /* a convolution or a linear layer */                                                              \
  X(ACT)  /* an activation by table */                                                                       \
  X(POOL) /* global average */                                                                               \
  X(GATE) /* the product of a value and a gate for each channel */                                           \
  X(ADD)  /* the sum of two values */
#define CREAM_INT8_OP_CONSTANT(name) CREAM_INT8_##name,
typedef enum cream_int8_kind { CREAM_INT8_OPS(CREAM_INT8_OP_CONSTANT) CREAM_INT8_OP_COUNT } cream_int8_kind;
#undef CREAM_INT8_OP_CONSTANT

typedef struct cream_int8_value {
  int side, c;       /* [side, side, c] */
  cream_quant quant; /* not of the logits */
  int observed;      /* its number in core/net/observe.h */
} cream_int8_value;

/* Weights of a convolution. */
typedef struct cream_int8_weights {
  size_t per_channel; /* weights of an output channel */
  int8_t *values;     /* [cout][cin or 1][kernel][kernel] */
  int8_t *packed;     /* the same as [cout][kernel][kernel][cin], depthwise as [kernel][kernel][cout] */
  float *scales;      /* [cout] */
  int32_t *biases;    /* [cout]: the bias / (x.scale * scales[c]) */
  int32_t *offsets;   /* [cout]: biases[c] - x.zero * the sum of the channel's weights */
} cream_int8_weights;

typedef struct cream_int8_op {
  cream_int8_kind kind;
  int a, b;                         /* the values that it reads; b: the gate, or the second of a sum */
  cream_act act;                    /* ACT: what the table computes; CONV: what saturation does */
  const cream_param *weight, *bias; /* CONV: in the table of the network; else: weight names the op */
  cream_unit_shape shape;           /* CONV */
  int pad_before, pad_after;        /* CONV: zeros above and to the left; below and to the right */
  bool linear;                      /* CONV: a linear layer with weights [cout, cin] */
  cream_int8_weights weights;       /* CONV */
  uint8_t table[256];               /* ACT */
} cream_int8_op;

typedef struct cream_int8 {
  int n_ops; /* ops[n_ops], values[n_ops + 1] */
  cream_int8_op *ops;
  cream_int8_value *values;
  int classes;
  size_t images; /* of the calibration */
} cream_int8;

/* Quantises a path of a folded network, which has to outlive the result, with the ranges of its values on all images of
 * a source, which are read twice. CREAM_BAD_DATA: a value or a weight is not finite. */
cream_status cream_int8_create(cream_net *, const cream_path *, cream_source *, cream_calibration,
                               cream_int8 **, cream_error *);
/* NULL is ignored. */
void cream_int8_destroy(cream_int8 *);

/* Bytes of memory that cream_int8_run needs for one image. */
size_t cream_int8_workspace(const cream_int8 *);
/* The logits [classes] of one image [side, side, 3] of bytes; mean and std of pixel/255. Threads may run the same
 * network, each with a workspace of its own. */
void cream_int8_run(const cream_int8 *, const uint8_t *pixels, const float *mean, const float *std,
                    void *workspace, float *logits);

#endif
