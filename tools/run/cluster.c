#include "cluster.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "io/cluster/carrier.h"
#include "io/cluster/mpi_module.h"

static struct {
  cream_transport transport;
  cream_carrier *carrier; /* NULL: alone */
  cream_launch launch;
  const char *command;
  bool each; /* every process works on its own */
  FILE *err; /* the stderr that the process began with */
} run;

cream_cluster *cluster_ranks(void) {
  return run.carrier ? cream_carrier_cluster(run.carrier) : NULL;
}

void cluster_set_timeout(double seconds) {
  cream_carrier_set_timeout(run.carrier, seconds);
}

const char *cluster_host(int rank) {
  return cream_carrier_host(run.carrier, rank);
}

const cream_launch *cluster_launch(void) {
  return run.each && run.launch.size > 1 ? &run.launch : NULL;
}

bool cluster_leads(void) {
  return !run.carrier || cluster_ranks()->rank == 0;
}

bool cluster_reports(void) {
  return run.carrier ? cluster_ranks()->rank == 0 : run.each || run.launch.rank == 0;
}

/* ---- joining ------------------------------------------------------------------------------------------- */

static void sleep_for(double seconds) {
  nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))}, NULL);
}

/* All processes are about to be ended, and MPICH's launcher ends with them: it does not read any more what is still in the
 * pipe then, or between its parts. */
static void wait_for_launcher(void) {
  const int fd = fileno(run.err);
  int unread = 0;
  for (int i = 0; i < 200 && !isatty(fd) && ioctl(fd, FIONREAD, &unread) == 0 && unread > 0; i++)
    sleep_for(0.01);
  sleep_for(0.3);
}

static void report(void *self, const char *line) {
  (void)self;
  fflush(stdout);
  fprintf(run.err, "cream %s: %s\n", run.command, line);
  fflush(run.err);
  wait_for_launcher();
}

/* What this process prints from now on disappears; file descriptor 2 stays, for the messages of libraries. */
static void silence(void) {
  FILE *nowhere = fopen("/dev/null", "w");
  if (!nowhere || !freopen("/dev/null", "w", stdout)) return;
  stderr = nowhere;
}

static cream_status check_command(const cli_command *command, const cream_launch *launch, cream_error *err) {
  switch (command->processes) {
  case CLI_ONE_PROCESS:
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "%s started %d processes, but the command runs in one; start it alone, or set CREAM_MPI=none "
        "for processes that have nothing to do with each other",
        launch->name, launch->size);
  case CLI_EACH_PROCESS:
  case CLI_RANKS:
    break;
  }
  if (launch->mpi != CREAM_MPI_COUNT || run.each) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "srun started %d processes without an MPI; use srun --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH), "
      "or set CREAM_MPI=none for runs that have nothing to do with each other",
      launch->size);
}

/* The launcher and the library belong together, or every process is the only one of its own world. */
static cream_status check_size(cream_error *err) {
  const int size = cluster_ranks()->size, announced = run.launch.size;
  if (!run.launch.name || size == announced) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "%s started %d processes, but in %s there %s %d; use the launcher of %s, or set CREAM_MPI=%s",
      run.launch.name, announced, cream_mpi_title(run.launch.mpi), size == 1 ? "is" : "are", size,
      cream_mpi_title(run.launch.mpi),
      cream_mpi_word(run.launch.mpi == CREAM_MPI_MPICH ? CREAM_MPI_OPENMPI : CREAM_MPI_MPICH));
}

static cream_status open(cream_error *err) {
  cream_launch *launch = &run.launch;
  if (!launch->chosen && !cream_mpi_present(launch->mpi) && launch->mpi == CREAM_MPI_OPENMPI &&
      strstr(launch->name, "pmix") && cream_mpi_present(CREAM_MPI_MPICH))
    launch->mpi = CREAM_MPI_MPICH; /* PMIx serves both */
  cream_status status = cream_mpi_load(launch->mpi, &run.transport, err);
  const cream_carrier_options options = {.transport = &run.transport, .timeout = 600, .report = report};
  if (status == CREAM_OK) status = cream_carrier_open(&options, &run.carrier, err);
  if (status != CREAM_OK) return status;
  status = check_size(err);
  if (status != CREAM_OK) { /* these processes know nothing of each other */
    const cream_error reason = *err;
    if (cluster_ranks()->size == 1) (void)cluster_end(CREAM_OK, err);
    *err = reason;
    return status;
  }
  const int size = cluster_ranks()->size;
  if (cluster_ranks()->rank > 0) silence();
  if (size > CREAM_MAX_RANKS)
    return cream_fail(err, CREAM_BAD_CONFIG, "%d processes; expected at most %d", size, CREAM_MAX_RANKS);
  if ((size & (size - 1)) == 0) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%d processes; expected a power of two (1, 2, 4, 8, ...), by which the "
                    "parts of a step are divided",
                    size);
}

/* Where processes end without each other, launchers end the rest as soon as one has failed: rank 0 prints first. */
static cream_status let_rank_0_print(cream_status status) {
  if (status != CREAM_OK && !cluster_reports()) sleep_for(0.3);
  return status;
}

cream_status cluster_begin(const cli_command *command, cream_error *err) {
  run.err = stderr;
  run.command = command->name;
  run.each = command->processes == CLI_EACH_PROCESS;
  cream_status status = cream_launch_find(getenv, &run.launch, err);
  const bool several = run.launch.size > 1 || run.launch.chosen;
  if (status != CREAM_OK || !several) return status;
  if (run.launch.size > 1) status = check_command(command, &run.launch, err);
  if (status != CREAM_OK || command->processes != CLI_RANKS) return let_rank_0_print(status);
  return let_rank_0_print(open(err));
}

/* ---- the end ------------------------------------------------------------------------------------------- */

cream_status cluster_end(cream_status status, cream_error *err) {
  if (!run.carrier) return status;
  cream_carrier *carrier = run.carrier;
  fflush(stdout);
  status = cream_carrier_end(carrier, status, err);
  run.carrier = NULL;
  cream_carrier_destroy(carrier);
  return status;
}

void cluster_end_failed(cream_status status, cream_error *err) {
  if (status != CREAM_OK && status != CREAM_INTERRUPTED) (void)cluster_end(status, err);
}

/* ---- what rank 0 has ----------------------------------------------------------------------------------- */

cream_status cluster_share(void *bytes, size_t size, cream_error *err) {
  cream_cluster *ranks = cluster_ranks();
  return ranks ? ranks->broadcast(ranks, bytes, size, err) : CREAM_OK;
}

cream_status cluster_meet(cream_error *err) {
  cream_cluster *ranks = cluster_ranks();
  char all[CREAM_MAX_RANKS] = {0};
  return cream_cluster_alone(ranks) ? CREAM_OK : cream_cluster_gather(ranks, "", 1, all, err);
}

cream_status cluster_share_status(cream_status status, cream_error *err) {
  cream_error shared = {0};
  if (cream_cluster_alone(cluster_ranks())) return status;
  if (status != CREAM_OK) shared = *err;
  shared.status = status;
  cream_status passed = cluster_share(&shared, sizeof shared, err);
  if (passed != CREAM_OK) return passed;
  if (shared.status != CREAM_OK) *err = shared;
  return shared.status;
}

static cream_status share_part(cream_backend *backend, const cream_state_part *part, float *memory,
                               cream_error *err) {
  if (part->kind != CREAM_STATE_F32) return cluster_share(part->host, cream_state_part_bytes(part), err);
  cream_status status = CREAM_OK;
  if (cluster_leads()) status = backend->download(backend, memory, part->device, part->count, err);
  if (status == CREAM_OK) status = cluster_share(memory, cream_state_part_bytes(part), err);
  if (status != CREAM_OK || cluster_leads()) return status;
  backend->upload(backend, part->device, memory, part->count);
  return backend->synchronise(backend, err);
}

cream_status cluster_share_state(const cream_state *state, cream_error *err) {
  if (cream_cluster_alone(cluster_ranks())) return CREAM_OK;
  size_t largest = 0;
  for (int i = 0; i < state->n; i++) {
    const size_t bytes = cream_state_part_bytes(&state->parts[i]);
    if (bytes > largest) largest = bytes;
  }
  float *memory = malloc(largest + 1);
  if (!memory) return cream_fail_memory(err, largest, "the state of rank 0");
  cream_status status = CREAM_OK;
  for (int i = 0; i < state->n && status == CREAM_OK; i++)
    status = share_part(state->backend, &state->parts[i], memory, err);
  free(memory);
  return status == CREAM_OK && state->seconds ? cluster_share(state->seconds, sizeof *state->seconds, err)
                                              : status;
}
