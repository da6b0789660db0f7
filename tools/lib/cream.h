/* Cream in C: one-shot neural architecture search that distils prioritized paths (Peng et al., NeurIPS 2020).
 *
 * A C program can do what the command line does with this header and -lcream: open images (io/dataset/data.h) and
 * make batches of them (io/dataset/loader.h), load a space (io/config/space_yaml.h) and a FLOPs range
 * (core/space/range.h), open a backend (cpu/cpu.h), search (core/search/search.h), train the network found
 * (core/train/retrain.h), evaluate it (core/train/evaluate.h), save it (io/config/arch.h, io/weights/weights.h,
 * io/weights/onnx.h), and classify image files with it (tools/lib/classifier.h) or other input (core/net/net.h).
 * Guide: docs/library.md. The library exports exactly the functions that these headers declare.
 */
#ifndef CREAM_LIB_CREAM_H
#define CREAM_LIB_CREAM_H

#include "core/cream.h"
#include "core/net/fold.h"
#include "cpu/cpu.h"
#include "io/config/arch.h"
#include "io/config/latency_table.h"
#include "io/config/settings.h"
#include "io/config/space_yaml.h"
#include "io/dataset/data.h"
#include "io/dataset/loader.h"
#include "io/image/transform.h"
#include "io/weights/onnx.h"
#include "io/weights/weights.h"
#include "io/weights/weights_info.h"
#include "tools/lib/classifier.h"

#endif
