/* The method, without files and backends. Programs outside of this tree include tools/lib/cream.h, installed as
 * <cream/cream.h>. */
#ifndef CREAM_CORE_CREAM_H
#define CREAM_CORE_CREAM_H

#include "backend.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "core/base/rng.h"
#include "core/base/status.h"
#include "core/net/fold.h"
#include "core/net/net.h"
#include "core/search/board.h"
#include "core/search/search.h"
#include "core/space/complexity.h"
#include "core/space/range.h"
#include "core/space/space.h"
#include "core/train/evaluate.h"
#include "core/train/retrain.h"
#include "core/train/schedule.h"

#define CREAM_VERSION "0.2.0"

#endif
