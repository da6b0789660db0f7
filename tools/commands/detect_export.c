/* cream detect export. */
#include "detect.h"
#include "export.h"
#include "io/weights/onnx.h"
#include "tools/run/detector.h"

static void print(const cream_model *m, const char *out, const cream_detect_limits *suppress) {
  const cream_skeleton *net = &m->arch.net;
  const cream_detect_grid grid = cream_detect_grid_of(&net->detect, net->resolution);
  const size_t anchors = cream_detect_anchor_count(&grid);
  printf("%s: ONNX opset %d, input [batch,3,%d,%d], %s", out, CREAM_ONNX_OPSET, net->resolution,
         net->resolution, suppress ? "size [batch,2], " : "");
  const size_t all = anchors * (size_t)net->classes;
  if (suppress) {
    const size_t n = (size_t)suppress->detections < all ? (size_t)suppress->detections : all;
    printf("count [batch], boxes [batch,%zu,4], scores [batch,%zu], classes [batch,%zu]\n", n, n, n);
  } else
    printf("boxes [batch,%zu,4], scores [batch,%zu,%d]\n", anchors, anchors, net->classes);
}

cream_status detect_export(const detect_options *options, cream_error *err) {
  static cream_model m;
  const char *out = options->out ? options->out : "detector.onnx";
  const cream_detect_limits limits = cream_detect_limits_of(&options->run.config.detect);
  const cream_detect_limits *suppress = options->suppress ? &limits : NULL;
  cream_status status = detector_open(&m, &options->run.config, 1, err);
  if (!status) status = export_save(&m, NULL, suppress, out, err);
  if (!status) print(&m, out, suppress);
  cream_model_close(&m);
  return status;
}
