/* Matching a path with a teacher of the board (section 2, step 3), and the board's images on the device. */
#ifndef CREAM_CORE_MATCH_H
#define CREAM_CORE_MATCH_H

#include "board.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "core/train/evaluate.h"
#include "core/net/net.h"

/* Device memory by board slot: slices x_k, outputs phi_k, and the meta network M. */
typedef struct cream_match {
  cream_backend *backend;
  cream_net *net;
  int capacity, slice, classes; /* K, s */
  cream_meta_input input;
  size_t inputs;    /* of M: s*classes, or twice that for CREAM_META_PAIR */
  size_t picture;   /* elements of one picture in device memory */
  cream_buf slices; /* K*s pictures */
  cream_buf phi, p; /* [K][s*classes]: probabilities, or logits for CREAM_META_LOGITS */
  cream_buf diff;   /* [K][inputs]: what M sees */
  cream_buf pairs,
      origin;       /* CREAM_META_PAIR: [K][inputs], and as many zeros, which `diff` is the distance to */
  cream_buf theta;  /* [inputs] weights and a bias */
  cream_buf scores; /* [K] */
  cream_buf probe;  /* held-out pictures that scores are measured on */
  int n_probe;
  int32_t *probe_labels;
  float *logits;  /* [batch of the net, classes], on the host */
  uint8_t *taken; /* zeros, one for each held-out image: cream_rng_choose */
} cream_match;

typedef struct cream_match_options {
  int capacity, slice;
  cream_meta_input input;
  int probe;     /* held-out images of a score */
  uint64_t seed; /* of theta (uniform +-1/sqrt(s*classes), as PyTorch's linear) and the probe's images */
} cream_match_options;

/* Pictures come from `heldout`. cream_match_destroy takes a zeroed one too. */
cream_status cream_match_init(cream_match *, cream_net *, cream_source *heldout, const cream_match_options *,
                              cream_error *);
void cream_match_destroy(cream_match *);

/* The largest batch that matching with boards of `entries` and scoring run at once: a net must take it. */
int cream_match_batch(const cream_match_options *, int entries, int batch);

/* Accuracy and loss of a path on the probe, with the batch statistics of the probe itself. */
cream_status cream_match_score(cream_match *, const cream_path *, cream_score *, cream_error *);

/* Draws a new entry's slice (by seed and step), uploads it, and computes its output phi. */
cream_status cream_match_enter(cream_match *, cream_source *heldout, cream_board_entry *, uint64_t seed,
                               cream_error *);
/* Uploads the slice of an entry that has one; its output phi is left alone. */
cream_status cream_match_show(cream_match *, cream_source *heldout, const cream_board_entry *, cream_error *);
/* phi_k = softmax(f_k(x_k)), or f_k(x_k) for CREAM_META_LOGITS, with the present weights. */
void cream_match_output(cream_match *, const cream_board_entry *);

/* Draws `slice` held-out images by seed and step and uploads them: pictures to `raw`, labels to `labels`. */
cream_status cream_match_heldout(cream_match *, cream_source *heldout, uint64_t seed, uint64_t step,
                                 cream_buf raw, cream_buf labels, cream_tensor *x, cream_error *);

typedef struct cream_teaching {
  int entry;  /* of the board; -1: no teacher but the path itself */
  double rho; /* matching degree; 1 where the teacher was not matched: both losses weigh the same */
} cream_teaching;

/* Chooses a teacher for `path` on one board, whose slots lie inside the capacity. META: all entries in one
 * forward pass in evaluation mode. A path does not teach itself. */
cream_status cream_match_teacher(cream_match *, const cream_board *, const cream_path *, cream_teacher,
                                 uint64_t seed, uint64_t step, cream_teaching *, cream_error *);

#endif
