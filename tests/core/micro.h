/* The supernet of the space micro, and synthetic images for it. */
#ifndef CREAM_TESTS_CORE_MICRO_H
#define CREAM_TESTS_CORE_MICRO_H

#include "tests/core/synthetic.h"

#include "io/config/space_yaml.h"

enum { MICRO_SIDE = 32 };

static inline cream_skeleton micro_skeleton(void) {
  cream_space space;
  cream_skeleton skeleton;
  cream_error err;
  if (cream_space_load("micro", &space, &err)) fail_msg("%s", err.text);
  if (cream_skeleton_init(&skeleton, &space, (int[]){1, 2, 2, 2}, MICRO_SIDE, SYNTHETIC_CLASSES, &err))
    fail_msg("%s", err.text);
  return skeleton;
}

#endif
