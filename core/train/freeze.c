#include "freeze.h"

#include <stdio.h>
#include <string.h>

/* "blocks.0 (1 block), blocks.1 (2 blocks)" */
static void list_stages(const cream_skeleton *skeleton, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (int s = 0; s < skeleton->space.n_stages && used < size; s++)
    used += (size_t)snprintf(text + used, size - used, "%sblocks.%d (%d block%s)", s ? ", " : "", s,
                             skeleton->depth[s], skeleton->depth[s] == 1 ? "" : "s");
}

/* The number of parts up to a stage or block, the stem included; 0: there is no such stage or block. */
static int parts_up_to(const cream_skeleton *skeleton, const char *text) {
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    char block[32], stage[32];
    snprintf(block, sizeof block, "blocks.%d.%d", layer->stage, layer->index);
    snprintf(stage, sizeof stage, "blocks.%d", layer->stage);
    bool last = l + 1 == skeleton->n_layers || layer[1].stage != layer->stage;
    if (strcmp(text, block) == 0 || (last && strcmp(text, stage) == 0)) return l + 2;
  }
  return 0;
}

cream_status cream_freeze_parse(const cream_skeleton *skeleton, const char *text, int *frozen,
                                cream_error *err) {
  const bool detector = skeleton->detect.kind != CREAM_DETECT_NONE;
  const int convolutions = skeleton->n_layers + (detector ? 1 : 2);
  if (strcmp(text, "none") == 0)
    *frozen = 0;
  else if (strcmp(text, "stem") == 0)
    *frozen = 1;
  else if (strcmp(text, "head") == 0 && !detector)
    *frozen = convolutions;
  else if (strcmp(text, "backbone") == 0)
    *frozen = convolutions + (skeleton->space.head.features > 0 && !detector);
  else
    *frozen = parts_up_to(skeleton, text);
  if (*frozen || strcmp(text, "none") == 0) return CREAM_OK;
  char stages[400];
  list_stages(skeleton, stages, sizeof stages);
  if (detector)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "retrain.freeze: got \"%.40s\", expected none, stem, %s, a block of a stage as blocks.0.0, or "
        "backbone (all but neck and heads)",
        text, stages);
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "retrain.freeze: got \"%.40s\", expected none, stem, %s, a block of a stage as blocks.0.0, head, "
      "or backbone (all but the classifier)",
      text, stages);
}
