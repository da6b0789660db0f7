#include "launch.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *word, *title, *packages;
} mpis[] = {
#define MPI_ROW(name, word, title, packages) [CREAM_MPI_##name] = {word, title, packages},
    CREAM_MPIS(MPI_ROW)
#undef MPI_ROW
};
_Static_assert(sizeof mpis / sizeof *mpis == CREAM_MPI_COUNT, "every MPI has a word");

const char *cream_mpi_word(cream_mpi mpi) {
  return mpis[mpi].word;
}

const char *cream_mpi_title(cream_mpi mpi) {
  return mpis[mpi].title;
}

const char *cream_mpi_packages(cream_mpi mpi) {
  return mpis[mpi].packages;
}

/* Launchers, by variables that they set; the first match counts. mpirun inside a job of Slurm has both. */
static const struct {
  const char *name, *size, *rank, *here;
  cream_mpi mpi;
} launchers[] = {
    {"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE",
     CREAM_MPI_OPENMPI},
    {"mpirun of MPICH, or srun --mpi=pmi2", "PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS", CREAM_MPI_MPICH},
    {"srun --mpi=pmix", "SLURM_STEP_NUM_TASKS", "PMIX_RANK", "SLURM_STEP_TASKS_PER_NODE", CREAM_MPI_OPENMPI},
    {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_STEP_TASKS_PER_NODE", CREAM_MPI_COUNT},
};

static const cream_launch alone = {.size = 1, .here = 1, .mpi = CREAM_MPI_COUNT};

static bool number(const char *text, int *value) {
  char *end;
  if (!text || !*text) return false;
  long read = strtol(text, &end, 10);
  if (*end || read < 0 || read > 1 << 20) return false;
  *value = (int)read;
  return true;
}

/* The first number of a text: Slurm lists the tasks of all nodes, as in "2(x3),1". */
static int count_here(const char *text, int size) {
  const long read = text ? strtol(text, NULL, 10) : 1;
  return read >= 1 && read <= size ? (int)read : 1;
}

static cream_status override(const char *word, cream_launch *launch, cream_error *err) {
  if (!strcmp(word, "none")) {
    *launch = alone;
    return CREAM_OK;
  }
  for (int i = 0; i < CREAM_MPI_COUNT; i++)
    if (!strcmp(word, mpis[i].word)) {
      launch->mpi = (cream_mpi)i;
      launch->chosen = launch->several = true;
      return CREAM_OK;
    }
  return cream_fail(err, CREAM_BAD_CONFIG, "CREAM_MPI: got \"%.40s\", expected openmpi, mpich or none", word);
}

cream_status cream_launch_find(char *(*get)(const char *), cream_launch *launch, cream_error *err) {
  *launch = alone;
  for (size_t i = 0; i < sizeof launchers / sizeof *launchers && !launch->name; i++) {
    int size, rank;
    if (!number(get(launchers[i].size), &size) || !number(get(launchers[i].rank), &rank)) continue;
    *launch = (cream_launch){.size = size,
                             .rank = rank,
                             .here = count_here(get(launchers[i].here), size),
                             .several = true,
                             .mpi = launchers[i].mpi,
                             .name = launchers[i].name};
    /* The shell of a job of Slurm, and a step of one task, are no launch of MPI. */
    if (launch->mpi == CREAM_MPI_COUNT && size <= 1) *launch = alone;
  }
  const char *word = get("CREAM_MPI");
  return word && *word ? override(word, launch, err) : CREAM_OK;
}
