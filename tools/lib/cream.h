/* Cream in C: one-shot neural architecture search that distils prioritized paths (Peng et al., NeurIPS 2020).
 *
 * What the command line can do, a C program can do with this header and -lcream: open images (io/data.h) and
 * make batches of them (io/loader.h), choose a space (io/space_yaml.h) and a FLOPs range (core/range.h), open
 * a backend (cpu/cpu.h), search (core/search.h), train what was found (core/retrain.h), measure it
 * (core/evaluate.h), classify with it (core/net.h), and save it (io/arch.h, io/weights.h, io/onnx.h).
 * docs/library.md shows how; the functions that these headers declare are all that the library exports.
 */
#ifndef CREAM_LIB_CREAM_H
#define CREAM_LIB_CREAM_H

#include "core/cream.h"
#include "core/fold.h"
#include "cpu/cpu.h"
#include "io/arch.h"
#include "io/data.h"
#include "io/latency_table.h"
#include "io/loader.h"
#include "io/onnx.h"
#include "io/settings.h"
#include "io/space_yaml.h"
#include "io/transform.h"
#include "io/weights.h"
#include "io/weights_info.h"

#endif
