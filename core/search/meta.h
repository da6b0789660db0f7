/* The update of the meta network M (docs/method.md, section 2, step 5): how the held-out loss changes with the matching degree.
 *
 * With L_train(w; rho) = 1/2 [rho * KD + (2 - rho) * CE] on a training slice, the virtual step
 * w' = w - lr * grad L_train(w; rho) gives, over all weights of the path and without a second backward graph,
 *
 *     d CE_heldout(w') / d rho = -(lr/2) * <grad CE_heldout(w'), grad KD(w) - grad CE(w)>.
 *
 * The chain to theta is d rho / d theta = rho * (1 - rho) * [phi_p(x_k) - phi_k, 1]; other inputs of M
 * (cream_meta_input) take the place of the difference.
 */
#ifndef CREAM_CORE_META_H
#define CREAM_CORE_META_H

#include "core/net/net.h"
#include "match.h"

/* Memory of the update; `weights` and `direction` are as large as the net's gradient block. */
typedef struct cream_meta {
  cream_backend *backend;
  cream_net *net;
  cream_buf weights;   /* w of the path while w' is in place */
  cream_buf direction; /* grad KD - grad CE */
  cream_buf dots;      /* one for each slice */
  cream_buf result;    /* [4] */
  cream_slice *slices;
  float *host;
} cream_meta;

/* One virtual step: images, labels (int32 [n]) and the teacher's probabilities ([n, classes]) of the training slice,
 * images and labels of the held-out slice. */
typedef struct cream_meta_problem {
  const cream_path *path;
  cream_tensor x_train, x_heldout;
  cream_buf y_train, target, y_heldout;
  float lr, smoothing, rho;
} cream_meta_problem;

/* On failure nothing stays allocated. cream_meta_destroy takes a zeroed one too. */
cream_status cream_meta_init(cream_meta *, cream_net *, cream_error *);
void cream_meta_destroy(cream_meta *);

/* *slope = d CE_heldout(w') / d rho, and *loss = CE_heldout(w') if `loss` is not NULL. Weights and statistics are
 * unchanged on return; gradients are overwritten. */
cream_status cream_meta_slope(cream_meta *, const cream_meta_problem *, double *slope, double *loss,
                              cream_error *);

/* One descent step on theta for the board entry in `slot`, whose input of M is match->diff[slot]:
 * theta -= lr * g with g = slope * rho * (1 - rho) * [diff, 1], scaled down to norm `clip` (0: never).
 * *norm: of g before scaling. */
cream_status cream_meta_descend(cream_meta *, cream_match *, int slot, double slope, double rho, double lr,
                                double clip, double *norm, cream_error *);

#endif
