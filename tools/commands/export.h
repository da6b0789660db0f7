/* What `cream export` and `cream detect export` share. */
#ifndef CREAM_TOOLS_EXPORT_H
#define CREAM_TOOLS_EXPORT_H

#include "core/detect/decode.h"
#include "core/quant/int8.h"
#include "tools/lib/model.h"

/* Writes the ONNX model of a network with the metadata that a program needs to run it. int8 NULL: in float; suppress: of a
 * detector, as in cream_onnx_save. */
cream_status export_save(const cream_model *, const cream_int8 *int8, const cream_detect_limits *suppress,
                         const char *out, cream_error *);

#endif
