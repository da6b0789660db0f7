/* The external teacher that settings name: retrain.teacher and search.external. */
#ifndef CREAM_TOOLS_TEACHER_H
#define CREAM_TOOLS_TEACHER_H

#include "core/train/external.h"
#include "io/image/resample.h"
#include "io/run/teacher_cache.h"
#include "run_data.h"
#include "teacher_ranks.h"
#include "tools/lib/model.h"

/* What a zeroed one holds grows from teacher_read on; `external` is NULL where the settings name no teacher. */
typedef struct teacher {
  const char *key; /* "retrain.teacher"; NULL: there is no teacher */
  const cream_external_config *config;
  char arch[1024], weights[1024];
  cream_model model; /* architecture and metadata alone */
  int *row_of;       /* the weights' class for each class of the data; NULL: the same */
  uint64_t fingerprint;
  int side; /* of the student's images */
  int workers;
  cream_scratch *scratch;     /* [workers] */
  cream_teacher_cache *cache; /* of several ranks, on rank 0 */
  teacher_ranks ranks;        /* with a cache and several ranks */
  uint64_t cached;            /* batches in the cache at the beginning */
  cream_external *external;
} teacher;

/* How a training uses its teacher. */
typedef struct teacher_use {
  int batch;
  double mixup;             /* retrain.mixup */
  uint64_t epochs, batches; /* of an epoch; for the cache */
  int parts;                /* of a step; for the cache of several ranks */
} teacher_use;

/* Reads the files' metadata, and compares the classes with the data's by name. side: of the student's images. The settings
 * `config` must stay where they are. Does nothing where they name no teacher. */
cream_status teacher_read(teacher *, const char *key, const cream_external_config *config,
                          const cream_config *, const run_data *, int side, cream_error *);
/* Creates the teacher without weights and destroys it, for a backend that counts memory. */
cream_status teacher_count(const teacher *, cream_backend *, const teacher_use *, cream_error *);
/* Opens the cache, on all ranks at once. Not in a dry run, which writes nothing. */
cream_status teacher_open_cache(teacher *, const cream_config *, const run_data *, const teacher_use *,
                                cream_error *);
/* Creates the teacher, loads its weights and folds its batch norms: t->external. Where the cache has all batches, there is
 * no network. */
cream_status teacher_open(teacher *, cream_backend *, const teacher_use *, cream_error *);
/* Before the backend is destroyed. */
void teacher_close(teacher *);

#endif
