/* From settings to the network that a command works on, and its device. */
#ifndef CREAM_TOOLS_NETWORK_H
#define CREAM_TOOLS_NETWORK_H

#include "core/backend.h"
#include "core/space/budget.h"
#include "core/space/complexity.h"
#include "core/space/latency.h"
#include "io/config/arch.h"
#include "run_data.h"

/* The device that the settings ask for. */
cream_status run_backend(const cream_config *, cream_backend **, cream_error *);

/* The supernet of config->space. Depths and resolution are those of the settings, or follow from the limits of FLOPs
 * and, where there is a table of latencies, of milliseconds. classes 0: the space's own number. */
cream_status run_supernet(const cream_config *, int classes, cream_skeleton *, cream_error *);
/* The latencies of the supernet from config->search.latency.table; *known: there is a table. */
cream_status run_latencies(const cream_config *, const cream_skeleton *, cream_latencies *, bool *known,
                           cream_error *);
/* The limits of the networks that are searched: of each budget, or one with the label "". */
cream_status run_limits(const cream_config *, cream_budget[CREAM_MAX_BUDGETS], int *n, cream_error *);
/* config->flops in FLOPs. */
cream_range run_range(const cream_config *);

/* The network of the architecture config->arch, at config->resolution where that is set. */
cream_status run_arch(const cream_config *, cream_arch *, cream_error *);
/* Fails where config->weights is empty, or is that of a folder of --run that is a search: it has no such file. */
cream_status run_check_weights(const cream_config *, cream_error *);
/* Gives a network that is trained the number of classes of the data; a line on stderr says so where the
 * network was found with another number. */
void run_take_classes(cream_arch *, const run_data *);
/* Fails where the network has another number of classes than the data. A built-in network gets the data's. */
cream_status run_check_classes(cream_arch *, const run_data *, cream_error *);

#endif
