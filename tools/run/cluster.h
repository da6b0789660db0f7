/* The processes that train together: which there are, what they have to agree on, and how they end. Rank 0 alone prints and
 * writes; what the others print disappears, so that only failures need care. Alone, all of this does nothing. */
#ifndef CREAM_TOOLS_CLUSTER_H
#define CREAM_TOOLS_CLUSTER_H

#include <stdbool.h>

#include "core/cluster/cluster.h"
#include "core/net/state.h"
#include "io/cluster/launch.h"
#include "io/dataset/data.h"
#include "run_options.h"

/* Joins the others where a launcher has started several processes; from then on they print nothing. CREAM_BAD_CONFIG where
 * the command has no use for them, or their MPI is not that of the launcher. */
cream_status cluster_begin(const cli_command *, cream_error *);
/* NULL: alone. */
cream_cluster *cluster_ranks(void);
void cluster_set_timeout(double seconds);
/* The name of a rank's host, where there are several ranks. */
const char *cluster_host(int rank);
/* For a command whose processes work on their own: what started them; NULL: one process. */
const cream_launch *cluster_launch(void);
/* Whether this process prints and writes: rank 0, or alone. */
bool cluster_leads(void);
/* Whether this process prints why it could not join. */
bool cluster_reports(void);
/* Ends the run on all ranks. OK and INTERRUPTED wait for all of them; another status, here or on any rank, ends all processes and
 * does not return. Before memory is freed that calls of the cluster use, after a failure. */
cream_status cluster_end(cream_status, cream_error *);
/* The same for a failure alone. */
void cluster_end_failed(cream_status, cream_error *);

/* Before a run: all ranks have the same program and settings, but for data, device and threads, which each rank may have
 * its own of; they use the best instruction set that all have. --resume: the settings become rank 0's. By default, the
 * ranks of a host share its processors. NULL: there are no settings. CREAM_BAD_CONFIG names the first difference. */
cream_status cluster_agree(run_options *, cream_error *);
/* All ranks have the same images, under whatever name. */
cream_status cluster_agree_on_data(const cream_config *, const cream_dataset *, cream_error *);
/* Files that this rank has read are those of rank 0, by the hash of what they hold. what: "the weights of DIR". */
cream_status cluster_agree_on_files(uint64_t hash, const char *what, cream_error *);
/* All ranks compute on the same sort of device. */
cream_status cluster_agree_on_device(const cream_backend *, cream_error *);

/* Returns once all ranks have called it; fails where one has failed before. */
cream_status cluster_meet(cream_error *);

/* Every rank gets rank 0's status: its own failure, or that of rank 0. */
cream_status cluster_share_status(cream_status, cream_error *);
cream_status cluster_share(void *, size_t, cream_error *);
/* Every rank gets rank 0's state. */
cream_status cluster_share_state(const cream_state *, cream_error *);

#endif
