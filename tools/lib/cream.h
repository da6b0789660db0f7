/* Cream in C: one-shot neural architecture search that distils prioritized paths (Peng et al., NeurIPS 2020).
 *
 * What the command line can do, a C program can do with this header and -lcream: open images (io/dataset/data.h) and
 * make batches of them (io/dataset/loader.h), choose a space (io/config/space_yaml.h) and a FLOPs range (core/space/range.h), open
 * a backend (cpu/cpu.h), search (core/search/search.h), train what was found (core/train/retrain.h), measure it
 * (core/train/evaluate.h), classify with it (core/net/net.h), and save it (io/config/arch.h, io/weights/weights.h, io/weights/onnx.h).
 * docs/library.md shows how; the functions that these headers declare are all that the library exports.
 */
#ifndef CREAM_LIB_CREAM_H
#define CREAM_LIB_CREAM_H

#include "core/cream.h"
#include "core/net/fold.h"
#include "cpu/cpu.h"
#include "io/config/arch.h"
#include "io/dataset/data.h"
#include "io/config/latency_table.h"
#include "io/dataset/loader.h"
#include "io/weights/onnx.h"
#include "io/config/settings.h"
#include "io/config/space_yaml.h"
#include "io/image/transform.h"
#include "io/weights/weights.h"
#include "io/weights/weights_info.h"

#endif
