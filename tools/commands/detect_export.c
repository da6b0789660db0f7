/* cream detect export. */
#include "detect.h"
#include "export.h"
#include "io/weights/onnx.h"
#include "tools/run/detector.h"

cream_status detect_export(const detect_options *options, cream_error *err) {
  static cream_model m;
  const char *out = options->out ? options->out : "detector.onnx";
  cream_status status = detector_open(&m, &options->run.config, 1, err);
  if (!status) status = export_save(&m, NULL, out, err);
  if (!status) {
    const cream_skeleton *net = &m.arch.net;
    const cream_detect_grid grid = cream_detect_grid_of(&net->detect, net->resolution);
    const size_t anchors = cream_detect_anchor_count(&grid);
    printf("%s: ONNX opset %d, input [batch,3,%d,%d], boxes [batch,%zu,4], scores [batch,%zu,%d]\n", out,
           CREAM_ONNX_OPSET, net->resolution, net->resolution, anchors, anchors, net->classes);
  }
  cream_model_close(&m);
  return status;
}
