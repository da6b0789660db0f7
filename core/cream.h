/* Cream in C: one-shot neural architecture search that distils prioritized paths (Peng et al., NeurIPS 2020).
 *
 * What the command line can do, a C program can do with these headers: choose a space (space.h) and a
 * FLOPs range (range.h), open a backend (cpu/cpu.h) and data (data.h; io/ has readers), search (search.h),
 * train what was found (retrain.h) and measure it (evaluate.h).
 */
#ifndef CREAM_CORE_CREAM_H
#define CREAM_CORE_CREAM_H

#include "backend.h"
#include "board.h"
#include "complexity.h"
#include "config.h"
#include "data.h"
#include "evaluate.h"
#include "event.h"
#include "net.h"
#include "range.h"
#include "retrain.h"
#include "rng.h"
#include "schedule.h"
#include "search.h"
#include "space.h"
#include "status.h"

#define CREAM_VERSION "0.1.0"

#endif
