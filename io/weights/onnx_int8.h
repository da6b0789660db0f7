/* Exports networks in 8 bits (core/quant/int8.h) as ONNX models. See docs/export.md. */
#ifndef CREAM_IO_ONNX_INT8_H
#define CREAM_IO_ONNX_INT8_H

#include "core/quant/int8.h"
#include "safetensors.h"

/* As cream_onnx_save, which see for input, output and metadata: `net` in the 8 bits of `int8`, with QuantizeLinear and
 * DequantizeLinear around its ops. */
cream_status cream_onnx_save_int8(const char *path, const cream_int8 *int8, const cream_net *net,
                                  const cream_pair *metadata, int n_metadata, cream_error *);

#endif
