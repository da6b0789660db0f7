/* The method: everything that needs neither files nor a backend of its own. Programs outside of this tree
 * include tools/lib/cream.h, installed as <cream/cream.h>. */
#ifndef CREAM_CORE_CREAM_H
#define CREAM_CORE_CREAM_H

#include "backend.h"
#include "board.h"
#include "complexity.h"
#include "config.h"
#include "data.h"
#include "evaluate.h"
#include "event.h"
#include "fold.h"
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
