/* The cache of a teacher's outputs in a run of several ranks. Rank 0 alone has the file: what is in it goes to all ranks,
 * step by step, and what is not goes from them to rank 0, which writes it in order. */
#ifndef CREAM_TOOLS_TEACHER_RANKS_H
#define CREAM_TOOLS_TEACHER_RANKS_H

#include "core/cluster/cluster.h"
#include "io/run/teacher_cache.h"

typedef struct teacher_ranks {
  cream_cluster *cluster;
  cream_external_store file; /* on rank 0 */
  uint64_t parts, own;       /* of a step; of a rank */
  uint64_t steps;            /* whole ones in the file */
  size_t outputs, record;    /* of a batch: numbers of each sort; bytes */
  unsigned char *records;    /* [parts]: classes, then probabilities, of a step */
  unsigned char *one;        /* [1 + ranks]: a record of this rank, and those of all */
  uint64_t step;             /* of the records that were read, from 1; 0: none */
} teacher_ranks;

/* Every rank calls it. cache: rank 0's; *count becomes the number of batches in it on all ranks. */
cream_status teacher_ranks_open(teacher_ranks *, cream_cluster *, cream_teacher_cache *cache,
                                const cream_teacher_cache_shape *, int parts, uint64_t *count, cream_error *);
/* A zeroed one too. */
void teacher_ranks_close(teacher_ranks *);
/* Its functions are called by all ranks at once, each for a part of the same step. */
cream_external_store teacher_ranks_store(teacher_ranks *);

#endif
