/* Neck, heads and decoding of a detector in an ONNX model: onnx.c adds the backbone, and this the rest. */
#ifndef CREAM_IO_ONNX_DETECT_H
#define CREAM_IO_ONNX_DETECT_H

#include "core/detect/anchors.h"
#include "core/net/fold.h"
#include "onnx_build.h"
#include "onnx_suppress.h"

/* Of an op at most; those of the decoding are as many as of one op. */
enum { ONNX_TAIL_NODES = 24, ONNX_TAIL_INITIALIZERS = 16 };

typedef struct onnx_detect {
  onnx_model *onnx;
  const cream_net *net;
  const float *weights; /* the net's weight block */
  float *statistics;    /* and its statistics */
  cream_net_tail_op *ops;
  int n_ops, features[CREAM_DETECT_FEATURES]; /* blocks of the backbone whose outputs are the features */
  char **values;                              /* names, numbered as in cream_net_tail_op */
  float *centres, *sizes;                     /* of the anchors, [anchors][2] */
  cream_detect_grid grid;
  int64_t *indices;                   /* of enlargements: a row of each op */
  float (*fusions)[CREAM_FUSE_MAX];   /* weights of fusions, by op */
  float limits[5];                    /* constants of the decoding and of ReLU6 */
  int64_t shapes[2][3], halves[2][2]; /* of outputs; columns of the deltas */
  int64_t row;                        /* the axis of anchors */
  bool suppresses;                    /* at the end of the model */
  onnx_suppress suppress;
} onnx_detect;

/* Reads what there is to write; limits: of suppression; NULL: none. In any case onnx_detect_close has to be called. */
cream_status onnx_detect_open(onnx_detect *, onnx_model *, const cream_net *, const float *weights,
                              const cream_detect_limits *limits, cream_error *);
void onnx_detect_close(onnx_detect *);
/* Adds the rest of the model to the values with the names `features`, and writes it. */
cream_status onnx_detect_save(onnx_detect *, char *const *features, const char *path,
                              const cream_pair *metadata, int n_metadata, cream_error *);

#endif
