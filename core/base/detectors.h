/* The list of kinds of detectors: X(NAME, word). A line gives the constant CREAM_DETECT_NAME and the word of the setting
 * detect.head. core/detect/spec.h says what they are. */
#ifndef CREAM_CORE_DETECTORS_H
#define CREAM_CORE_DETECTORS_H

#define CREAM_DETECT_KINDS(X)                                                                                \
  X(RETINA, "retina")                                                                                        \
  X(LITE, "lite")

#define CREAM_DETECT_ENUM(name, word) CREAM_DETECT_##name,
typedef enum cream_detect_kind {
  CREAM_DETECT_NONE, /* a classifier */
  CREAM_DETECT_KINDS(CREAM_DETECT_ENUM) CREAM_DETECT_KIND_COUNT
} cream_detect_kind;
#undef CREAM_DETECT_ENUM

#endif
