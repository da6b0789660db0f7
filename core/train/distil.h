/* Distillation from the outputs of another network (Hinton et al., arXiv:1503.02531, section 2, equation 1):
 *
 *     L = (1 - w) * L_labels + w * T^2 * KL(softmax(t / T) || softmax(z / T)),
 *
 * the mean over the batch, with the logits t of the teacher and z of the student. T^2 keeps the size of the gradient,
 * whose second part is w * T * (softmax(z / T) - softmax(t / T)) / N. L_labels is any cream_loss: smoothed labels, the
 * targets of mixup, the distillation within a search.
 */
#ifndef CREAM_CORE_DISTIL_H
#define CREAM_CORE_DISTIL_H

#include "core/backend.h"

typedef struct cream_distil {
  cream_backend *backend;
  int classes;
  float weight, temperature; /* w and T */
  cream_buf scaled;          /* [batch, classes]: logits / T */
  cream_buf target;          /* [batch, classes]: softmax(t / T) */
  cream_buf gradient;        /* [batch, classes]: by z / T */
  cream_buf results;         /* [2][4], of backend->loss */
} cream_distil;

/* On failure nothing stays allocated. cream_distil_destroy takes a zeroed one too. */
cream_status cream_distil_init(cream_distil *, cream_backend *, int batch, int classes, double weight,
                               double temperature, cream_error *);
void cream_distil_destroy(cream_distil *);

/* For logits z and the teacher's logits t [n, classes], writes dL/dz to dlogits, and to result[4]: L, the cross-entropy
 * of the hard part of `labels` as backend->loss has it, T^2 * KL, and the number of correct images. */
void cream_distil_loss(cream_distil *, const cream_loss *labels, cream_buf logits, cream_buf teacher, int n,
                       cream_buf dlogits, cream_buf result);

#endif
