/* Shared by the subcommands: from settings to the things that the core works with. */
#ifndef CREAM_TOOLS_COMMON_H
#define CREAM_TOOLS_COMMON_H

#include "core/space/complexity.h"
#include "core/train/evaluate.h"
#include "core/space/latency.h"
#include "io/config/arch.h"
#include "io/dataset/skipped_images.h"
#include "io/dataset/data.h"
#include "io/dataset/loader.h"
#include "io/run/run.h"
#include "io/weights/weights.h"
#include "checkpoint.h"
#include "tools/cli/options.h"
#include "tools/cli/progress.h"

/* The images of a run. The held-out ones come out of the training part; both lists are sorted. */
typedef struct common_data {
  cream_dataset *dataset;
  cream_skipped *bad; /* pictures that could not be used, told on stderr */
  cream_augment_config augment;
  int workers; /* threads that make the batches of a source */
  uint32_t *heldout, *rest;
  size_t n_heldout, n_rest;
} common_data;

/* Opens config->data and draws config->heldout of its training images by config->seed. */
cream_status common_data_open(const cream_config *, common_data *, cream_error *);
void common_data_close(common_data *);
/* Sources of batches: training (shuffled, augmented), held out, test. Ended by cream_source_destroy. */
cream_status common_train_source(const common_data *, const cream_config *, int batch, int side,
                                 cream_source **, cream_error *);
cream_status common_heldout_source(const common_data *, int batch, int side, cream_source **, cream_error *);
cream_status common_test_source(const common_data *, int batch, int side, cream_source **, cream_error *);

/* The device that the settings ask for. */
cream_status common_backend(const cream_config *, cream_backend **, cream_error *);

/* config->space at the depths and the resolution that the settings ask for or the range leads to.
 * classes 0: the space's own number. */
cream_status common_supernet(const cream_config *, int classes, cream_skeleton *, cream_error *);
/* The network of the architecture config->arch, at config->resolution where that is set. */
cream_status common_arch(const cream_config *, cream_arch *, cream_error *);
/* The network must have the data's number of classes; a built-in one gets it. */
/* That there is a weights file to read, as far as its name tells; a folder of --run that is a search has none. */
cream_status common_check_weights(const cream_config *, cream_error *);
cream_status common_check_classes(cream_arch *, const common_data *, cream_error *);
/* The latencies of the supernet from config->search.latency.table; *known: there is a table. */
cream_status common_latencies(const cream_config *, const cream_skeleton *, cream_latencies *, bool *known,
                              cream_error *);
/* config->flops in FLOPs. */
cream_range common_range(const cream_config *);

/* Evaluates the network on the test part and tells how fast it was. confusion: as cream_evaluate_confusion
 * has it, or NULL. */
typedef struct common_test {
  cream_score score;
  double images_per_second;
} common_test;
cream_status common_test_net(cream_net *, const common_data *, int batch, uint32_t *confusion, common_test *,
                             cream_error *);

/* Writes a network's weights with the names of the data's classes and how its pictures were prepared; `extra`
 * tensors as in cream_weights_save. */
cream_status common_save_weights(const char *path, const cream_net *, const common_data *,
                                 const cream_st_tensor *extra, int n_extra, cream_error *);

/* A run that makes a folder has to be told which. */
cream_status common_check_out(const cream_config *, cream_error *);

/* A run that trains: its folder, and what shows it. */
typedef struct common_run {
  cream_run folder;
  keep keep;
  progress progress;
  int images;                   /* of a step */
  uint64_t steps;               /* done since it was opened, */
  double trained_from, trained; /* from when (progress_now()), and how long until the last */
  bool open;
} common_run;

/* Shows a run and writes its metrics; stops at SIGINT and SIGTERM.
 * `run` must stay where it is, and be open when the first event comes. */
cream_listener common_run_listener(common_run *);
/* Makes the folder config->out, writes the settings and the split; with --resume, the target goes on from
 * there. The skeleton is not copied; a step trains `images`. */
cream_status common_run_open(common_run *, const tool_options *, const common_data *, const cream_skeleton *,
                             int images, const keep_target *, cream_error *);
/* Closes the run if it is open. `status` is the run's own: returned where it is a failure. */
cream_status common_run_close(common_run *, cream_status status, cream_error *);
/* Tells the listener that the test is done. split: "test", "test-trained". */
cream_status common_run_tested(common_run *, const char *split, const common_test *, cream_error *);
/* Completes `result` (command, net and scores are set) and writes it; with --json also to stdout. */
cream_status common_run_result(const common_run *, const tool_options *, cream_net *, cream_run_result *,
                               cream_error *);
/* For people, on stdout: a network and what it costs; what a test gave. */
void common_print_network(const cream_skeleton *, const cream_path *);
void common_print_test(const char *title, const common_test *);

/* A file's text on stdout. */
cream_status common_print_file(const char *path, cream_error *);
/* "FOLDER/NAME"; fails where that is too long. */
cream_status common_join(char *text, size_t size, const char *folder, const char *name, cream_error *);

#endif
