/* Properties of a run, as the content of a table's cell. Internal to io/report/report*.c. */
#ifndef CREAM_IO_REPORT_CELLS_H
#define CREAM_IO_REPORT_CELLS_H

#include <stdio.h>

#include "report_data.h"

/* Writes a property of the run, "-" if it is not known. */
typedef void report_put_cell(FILE *, const report_run *);

report_put_cell report_put_state, report_put_command, report_put_data, report_put_space;
/* Of every network of the run. */
report_put_cell report_put_path, report_put_flops, report_put_macs, report_put_params, report_put_latency;
/* Top-1 accuracy on the held-out and on the test images. */
report_put_cell report_put_heldout, report_put_test;
report_put_cell report_put_resolution, report_put_steps, report_put_updates, report_put_notes;
report_put_cell report_put_time, report_put_memory, report_put_speed;

#endif
