/* What started this process: a launcher of MPI or a batch system, by its environment variables. */
#ifndef CREAM_IO_CLUSTER_LAUNCH_H
#define CREAM_IO_CLUSTER_LAUNCH_H

#include <stdbool.h>

#include "core/base/status.h"

/* X(name, word, title, packages): the MPIs that there are modules for. The word is that of CREAM_MPI and of the module's
 * file, the packages are Debian's. */
#define CREAM_MPIS(X)                                                                                        \
  X(OPENMPI, "openmpi", "Open MPI", "libopenmpi-dev, openmpi-bin")                                           \
  X(MPICH, "mpich", "MPICH", "libmpich-dev, mpich")
#define CREAM_MPI_CONSTANT(name, word, title, packages) CREAM_MPI_##name,
typedef enum cream_mpi { CREAM_MPIS(CREAM_MPI_CONSTANT) CREAM_MPI_COUNT } cream_mpi;
#undef CREAM_MPI_CONSTANT

typedef struct cream_launch {
  int size, rank;   /* as announced; 1 and 0 without a launcher */
  int here;         /* of `size`, those on this host; 1 where the launcher does not say */
  bool several;     /* a launcher that can have several processes: MPI is opened */
  cream_mpi mpi;    /* the launcher's; CREAM_MPI_COUNT: it fits any, or none */
  bool chosen;      /* by CREAM_MPI */
  const char *name; /* of the launcher, "mpirun of Open MPI"; NULL: none */
} cream_launch;

/* `get` is getenv. CREAM_BAD_CONFIG where CREAM_MPI is no word of openmpi, mpich and none. */
cream_status cream_launch_find(char *(*get)(const char *), cream_launch *, cream_error *);
const char *cream_mpi_word(cream_mpi);
const char *cream_mpi_title(cream_mpi);
const char *cream_mpi_packages(cream_mpi);

#endif
