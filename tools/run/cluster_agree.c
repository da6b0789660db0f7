/* What the ranks of a run have to agree on before it begins. */
#define _GNU_SOURCE
#include <cblas.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster.h"
#include "core/base/isa.h"
#include "core/cream.h"
#include "cpu/cpu.h"
#include "cpu/threads.h"
#include "io/config/settings.h"
#include "io/run/origin.h"
#include "tools/cli/signals.h"

/* What a rank says about itself. */
typedef struct introduction {
  char version[32];
  uint64_t config_size;
  char blas[32];
  int isa, processors; /* processors of the host */
  int threads;         /* that the rank may use */
  cpu_set_t may_use;
} introduction;

static introduction introduce(void) {
  introduction own;
  memset(&own, 0, sizeof own);
  snprintf(own.version, sizeof own.version, "%s", CREAM_VERSION);
  snprintf(own.blas, sizeof own.blas, "%s", openblas_get_corename());
  own.config_size = sizeof(cream_config);
  own.isa = cream_isa_best();
  own.threads = cream_cpu_threads();
  own.processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
  CPU_ZERO(&own.may_use);
  if (sched_getaffinity(0, sizeof own.may_use, &own.may_use) != 0) CPU_SET(0, &own.may_use);
  return own;
}

static cream_status check_versions(const introduction *own, const introduction *first, cream_error *err) {
  if (strcmp(own->version, first->version) == 0 && own->config_size == first->config_size) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "the program is cream %s here and cream %s%s on rank 0 (%s); install the same on all hosts",
      own->version, first->version, strcmp(own->version, first->version) ? "" : " of another build",
      cluster_host(0));
}

/* Kernels of one instruction set on all hosts, where those of different sets may give different bytes; a line where a host
 * is limited by another. */
static void agree_on_isa(const introduction *all, int size) {
  int lowest = 0;
  bool same = true;
  for (int r = 1; r < size; r++) {
    same = same && all[r].isa == all[0].isa && !strcmp(all[r].blas, all[0].blas);
    if (all[r].isa < all[lowest].isa) lowest = r;
  }
  setenv("CREAM_ISA", cream_isa_name((cream_isa)all[lowest].isa), 1);
  if (same) return;
  for (int r = 0; r < size; r++)
    if (all[r].isa != all[lowest].isa) {
      fprintf(stderr, "kernels: %s on all ranks, because rank %d (%s) has no better ones\n",
              cream_isa_name((cream_isa)all[lowest].isa), lowest, cluster_host(lowest));
      break;
    }
  for (int r = 1; r < size; r++)
    if (strcmp(all[r].blas, all[0].blas) != 0) {
      fprintf(stderr,
              "kernels: OpenBLAS has those for %s on rank 0 (%s) and for %s on rank %d (%s); another number "
              "of ranks "
              "may give other bytes, unless OPENBLAS_CORETYPE is set to the same on all hosts\n",
              all[0].blas, cluster_host(0), all[r].blas, r, cluster_host(r));
      break;
    }
}

/* The processors that a rank may use are divided among the ranks of the host that may use them too. */
static void share_threads(const introduction *all, int rank, int size) {
  int here = 0, sharing = 0;
  for (int r = 0; r < size; r++) {
    cpu_set_t both;
    if (strcmp(cluster_host(r), cluster_host(rank)) != 0) continue;
    CPU_AND(&both, &all[r].may_use, &all[rank].may_use);
    here++;
    sharing += CPU_COUNT(&both) > 0;
  }
  int threads = all[rank].threads / (sharing ? sharing : 1);
  if (threads < 1) threads = 1;
  cream_cpu_limit_threads(threads);
  const int fair = all[rank].processors / here;
  if (rank == 0 && CPU_COUNT(&all[rank].may_use) < all[rank].processors && 2 * threads <= fair)
    fprintf(stderr,
            "threads: %d on rank 0 (%s), because the launcher binds it to %d of %d processors; mpirun "
            "--bind-to none "
            "lets it use %d\n",
            threads, cluster_host(rank), CPU_COUNT(&all[rank].may_use), all[rank].processors, fair);
}

/* Every rank may have its own. */
static const char *const local[] = {"data", "out", "device", "opencl.parameters", "threads", NULL};

static cream_status agree_on_settings(run_options *options, cream_error *err) {
  static cream_config root;
  cream_config *own = &options->config;
  root = *own;
  bool resume = options->resume;
  cream_status status = cluster_share(&root, sizeof root, err);
  if (status == CREAM_OK) status = cluster_share(&resume, sizeof resume, err);
  if (status != CREAM_OK || cluster_leads()) return status;
  if (resume) { /* the folder of the run may be on rank 0's host alone */
    static cream_config kept;
    kept = *own;
    *own = root;
    memcpy(own->data, kept.data, sizeof own->data);
    memcpy(own->device, kept.device, sizeof own->device);
    memcpy(own->opencl.parameters, kept.opencl.parameters, sizeof own->opencl.parameters);
    own->threads = kept.threads;
    return signals_choose(own->signals, err);
  }
  const char *key = cream_settings_differ(own, &root, local);
  if (!key) return CREAM_OK;
  char here[128], there[128];
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%s is %s here and %s on rank 0 (%s); start all ranks with the same settings", key,
                    cream_settings_get(own, key, here, sizeof here),
                    cream_settings_get(&root, key, there, sizeof there), cluster_host(0));
}

cream_status cluster_agree(run_options *options, cream_error *err) {
  cream_cluster *ranks = cluster_ranks();
  if (cream_cluster_alone(ranks)) return CREAM_OK;
  const introduction own = introduce();
  introduction *all = calloc((size_t)ranks->size, sizeof *all);
  if (!all) return cream_fail_memory(err, (size_t)ranks->size * sizeof *all, "the other ranks");
  cream_status status = cream_cluster_gather(ranks, &own, sizeof own, all, err);
  if (status == CREAM_OK) status = check_versions(&own, &all[0], err);
  if (status == CREAM_OK && options) status = agree_on_settings(options, err);
  if (status == CREAM_OK) {
    if (options) cluster_set_timeout(options->config.cluster.timeout);
    if (!options || options->config.exact == CREAM_EXACT_THREADS) agree_on_isa(all, ranks->size);
    share_threads(all, ranks->rank, ranks->size);
  }
  free(all);
  return status;
}

/* Fails on a rank whose line differs from rank 0's. what: "%s" of both lines. */
static cream_status compare(const char *own, size_t size, const char *key, const char *cure,
                            cream_error *err) {
  char first[256] = "";
  if (cream_cluster_alone(cluster_ranks())) return CREAM_OK;
  if (size > sizeof first) size = sizeof first;
  memcpy(first, own, size);
  cream_status status = cluster_share(first, size, err);
  if (status != CREAM_OK || strncmp(first, own, size) == 0) return status;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %s here and %s on rank 0; %s", key, own, first, cure);
}

cream_status cluster_agree_on_data(const cream_config *config, const cream_dataset *dataset,
                                   cream_error *err) {
  char hex[33] = "", line[200];
  if (cream_cluster_alone(cluster_ranks())) return CREAM_OK;
  cream_status status = cream_data_fingerprint(dataset, hex, err);
  if (status != CREAM_OK) return status;
  memset(line, 0, sizeof line);
  snprintf(line, sizeof line, "%zu images with fingerprint %s%s", dataset->count[CREAM_PART_TRAIN], hex,
           dataset->decode ? " and an augmentation of their own" : "");
  char key[120];
  snprintf(key, sizeof key, "data %.100s", config->data);
  return compare(line, sizeof line, key, "all ranks need the same data set, under whatever name", err);
}

cream_status cluster_agree_on_files(uint64_t hash, const char *what, cream_error *err) {
  uint64_t first = hash;
  cream_status status = cluster_share(&first, sizeof first, err);
  if (status != CREAM_OK || first == hash) return status;
  return cream_fail(err, CREAM_BAD_DATA, "%s are not those on %s; copy them here", what, cluster_host(0));
}

cream_status cluster_agree_on_device(const cream_backend *backend, cream_error *err) {
  char name[64] = "";
  snprintf(name, sizeof name, "%s", backend->name);
  return compare(name, sizeof name, "device", "all ranks need the same sort of device", err);
}
