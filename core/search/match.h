/* Matching a path with a teacher of the board (docs/method.md, section 2, step 3), and the board's images on the device. */
#ifndef CREAM_CORE_MATCH_H
#define CREAM_CORE_MATCH_H

#include "board.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "core/net/net.h"
#include "core/train/evaluate.h"

/* Device memory by board slot: slices x_k, outputs phi_k, and the meta network M. */
typedef struct cream_match {
  cream_backend *backend;
  cream_net *net;
  int capacity, slice, classes; /* K, s */
  cream_meta_input input;
  size_t inputs;    /* of M: s*classes; 2*s*classes for CREAM_META_PAIR */
  size_t image;     /* elements of one image in device memory */
  cream_buf slices; /* K*s images */
  cream_buf phi, p; /* [K][s*classes]: probabilities, or logits for CREAM_META_LOGITS */
  cream_buf diff;   /* [K][inputs]: the inputs of M */
  cream_buf pairs;  /* [K][inputs], for CREAM_META_PAIR */
  cream_buf origin; /* [K][inputs] zeros, for CREAM_META_PAIR: `diff` is then pairs - origin */
  cream_buf theta;  /* [inputs] weights, then a bias */
  cream_buf scores; /* [K] */
  cream_buf probe;  /* held-out images that scores are measured on */
  int n_probe;
  int32_t *probe_labels;
  float *logits;  /* [batch of the net, classes], on the host */
  uint8_t *taken; /* zeros, one for each held-out image; scratch of cream_rng_choose */
} cream_match;

typedef struct cream_match_options {
  int capacity, slice;
  cream_meta_input input;
  int probe; /* number of held-out images of a score */
  uint64_t
      seed; /* of theta (uniform in +-1/sqrt(inputs), as PyTorch's linear layer) and the probe's images */
} cream_match_options;

/* Allocates device memory, draws theta and uploads the probe's images from `heldout`. CREAM_BAD_CONFIG: `heldout` has
 * fewer images than a slice. On failure nothing stays allocated; cream_match_destroy takes a zeroed one too. */
cream_status cream_match_init(cream_match *, cream_net *, cream_source *heldout, const cream_match_options *,
                              cream_error *);
void cream_match_destroy(cream_match *);

/* The largest batch of a forward pass in training (`batch`), scoring and matching with a board of `entries`: the batch
 * that the net must be created for. */
int cream_match_batch(const cream_match_options *, int entries, int batch);

/* Accuracy and loss of a path on the probe; batch norm uses the statistics of the probe's batches. */
cream_status cream_match_score(cream_match *, const cream_path *, cream_score *, cream_error *);

/* Draws a new entry's slice (by seed and step), uploads it, and computes its output phi. net: whose weights the entry has;
 * NULL: those of the matched net. */
cream_status cream_match_enter(cream_match *, cream_net *net, cream_source *heldout, cream_board_entry *,
                               uint64_t seed, cream_error *);
/* Uploads the slice of an entry that has one; its output phi is left alone. */
cream_status cream_match_show(cream_match *, cream_source *heldout, const cream_board_entry *, cream_error *);
/* phi_k = softmax(f_k(x_k)), or f_k(x_k) for CREAM_META_LOGITS, with the present weights. */
void cream_match_output(cream_match *, const cream_board_entry *);

/* Draws `slice` held-out images by seed and step and uploads them: images to `raw`, labels to `labels`. */
cream_status cream_match_heldout(cream_match *, cream_source *heldout, uint64_t seed, uint64_t step,
                                 cream_buf raw, cream_buf labels, cream_tensor *x, cream_error *);

typedef struct cream_teaching {
  int entry; /* the teacher's place on the board; -1: there is no teacher */
  double
      rho; /* matching degree; 1 for a teacher that was not matched, so that both losses have the same weight */
} cream_teaching;

/* Chooses a teacher for `path` among the entries of a board (slots inside the capacity), never the path itself.
 * CREAM_TEACHER_META matches all entries in one forward pass in evaluation mode. CREAM_TEACHER_LARGEST is no entry: the
 * caller has that path. */
cream_status cream_match_teacher(cream_match *, const cream_board *, const cream_path *, cream_teacher,
                                 uint64_t seed, uint64_t step, cream_teaching *, cream_error *);

#endif
