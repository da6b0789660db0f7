/* Launchers by the environment that they make. */
#include "tests/io/scratch.h"

#include "io/cluster/launch.h"

static const char *const *environment; /* name, value, ..., NULL */

static char *get(const char *name) {
  for (const char *const *at = environment; *at; at += 2)
    if (!strcmp(at[0], name)) return (char *)at[1];
  return NULL;
}

static cream_launch find(const char *const *variables) {
  cream_launch launch;
  cream_error err;
  environment = variables;
  assert_int_equal(cream_launch_find(get, &launch, &err), CREAM_OK);
  return launch;
}
#define FIND(...) find((const char *const[]){__VA_ARGS__, NULL})

static void assert_alone(cream_launch launch) {
  assert_int_equal(launch.size, 1);
  assert_int_equal(launch.rank, 0);
  assert_false(launch.several);
}

static void test_launchers(void **state) {
  (void)state;
  assert_alone(FIND("HOME", "/root"));
  cream_launch launch = FIND("OMPI_COMM_WORLD_SIZE", "8", "OMPI_COMM_WORLD_RANK", "3", "PMIX_RANK", "3");
  assert_true(launch.several && launch.size == 8 && launch.rank == 3 && launch.mpi == CREAM_MPI_OPENMPI);
  assert_int_equal(launch.here, 1); /* it does not say */
  launch = FIND("SLURM_STEP_NUM_TASKS", "8", "PMIX_RANK", "0", "SLURM_STEP_TASKS_PER_NODE", "2(x3),1");
  assert_int_equal(launch.here, 2);
  launch = FIND("OMPI_COMM_WORLD_SIZE", "8", "OMPI_COMM_WORLD_RANK", "3", "OMPI_COMM_WORLD_LOCAL_SIZE", "9");
  assert_int_equal(launch.here, 1); /* more than there are */
  launch = FIND("PMI_SIZE", "4", "PMI_RANK", "0");
  assert_true(launch.several && launch.size == 4 && launch.rank == 0 && launch.mpi == CREAM_MPI_MPICH);
  launch = FIND("SLURM_STEP_NUM_TASKS", "16", "PMIX_RANK", "15", "SLURM_PROCID", "15");
  assert_true(launch.several && launch.size == 16 && launch.rank == 15 && launch.mpi == CREAM_MPI_OPENMPI);
  /* srun without an MPI */
  launch = FIND("SLURM_STEP_NUM_TASKS", "2", "SLURM_PROCID", "1");
  assert_true(launch.several && launch.size == 2 && launch.rank == 1 && launch.mpi == CREAM_MPI_COUNT);
  assert_non_null(launch.name);
}

/* The script of a job of Slurm has the variables of the job, and is one process; mpirun inside it counts. */
static void test_jobs(void **state) {
  (void)state;
  assert_alone(FIND("SLURM_NTASKS", "8", "SLURM_PROCID", "0", "SLURM_JOB_ID", "77"));
  assert_alone(FIND("SLURM_STEP_NUM_TASKS", "1", "SLURM_PROCID", "0"));
  cream_launch launch = FIND("SLURM_STEP_NUM_TASKS", "4", "SLURM_PROCID", "0", "OMPI_COMM_WORLD_SIZE", "8",
                             "OMPI_COMM_WORLD_RANK", "5");
  assert_true(launch.size == 8 && launch.rank == 5 && launch.mpi == CREAM_MPI_OPENMPI);
  assert_alone(FIND("PMI_SIZE", "many", "PMI_RANK", "0"));
}

static void test_choice(void **state) {
  (void)state;
  assert_alone(FIND("OMPI_COMM_WORLD_SIZE", "8", "OMPI_COMM_WORLD_RANK", "3", "CREAM_MPI", "none"));
  cream_launch launch = FIND("PMI_SIZE", "4", "PMI_RANK", "1", "CREAM_MPI", "openmpi");
  assert_true(launch.chosen && launch.size == 4 && launch.mpi == CREAM_MPI_OPENMPI);
  launch = FIND("CREAM_MPI", "mpich"); /* a launcher that is not known */
  assert_true(launch.chosen && launch.several && launch.mpi == CREAM_MPI_MPICH);
  cream_error err;
  environment = (const char *const[]){"CREAM_MPI", "lam", NULL};
  assert_fails(cream_launch_find(get, &launch, &err), CREAM_BAD_CONFIG, err, "CREAM_MPI: got \"lam\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_launchers),
      cmocka_unit_test(test_jobs),
      cmocka_unit_test(test_choice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
