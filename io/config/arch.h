/* Architecture files: one network, self-contained, as JSON. Format: docs/formats.md. Some are built in (io/config/archs):
 * the paper's six networks (cream-14 ... cream-604), and those of timm in docs/formats.md. */
#ifndef CREAM_IO_ARCH_H
#define CREAM_IO_ARCH_H

#include "core/space/complexity.h"
#include "core/space/space.h"
#include "io/base/json.h"

typedef struct cream_arch {
  cream_skeleton net;  /* fixed; its space has only the ops of the file and these depths */
  char space_hash[33]; /* of the space that the network was found in */
  bool
      builtin; /* loaded by name or list: the classes are ImageNet's, and any other number may replace them */
} cream_arch;

/* Writes a fixed skeleton atomically; the same network gives the same bytes. space_hash: the hash from the file that the
 * network was loaded from, or NULL for the hash of the skeleton's own space. */
cream_status cream_arch_save(const char *path, const cream_skeleton *fixed, const char *space_hash,
                             cream_error *);

/* The names of the built-in architectures; ends in NULL. */
const char *const *cream_arch_names(void);

/* Loads a network by the name of a built-in one, from a file, or from a list of choices (arch_list.h). CREAM_BAD_CONFIG,
 * with file, line and key, for anything that is missing, unknown or out of bounds; `arch` is unchanged then. The costs that
 * a file gives are not compared: they follow from the other keys. Detectors are refused. */
cream_status cream_arch_load(const char *path, cream_arch *arch, cream_error *);
/* The same for any network, also that of a detector. */
cream_status cream_arch_load_any(const char *path, cream_arch *arch, cream_error *);

/* Loads a network as cream_arch_load does, and sets *text to the bytes of its file as cream_arch_save writes them, ended by
 * 0; the caller frees it. `text` is unchanged on error. */
cream_status cream_arch_text(const char *path, char **text, cream_error *);

/* Changes the side of the input images, 8 to 4096 pixels. */
void cream_arch_set_resolution(cream_arch *, int side);

/* FLOPs, multiply-adds and parameters of a fixed skeleton at its resolution. */
cream_cost cream_arch_cost(const cream_skeleton *fixed);

/* Writes the names of a path's ops in one stage as a JSON array. */
void cream_json_layers(cream_json *, const char *key, const cream_skeleton *, const cream_path *, int stage);

#endif
