/* The values inside a network: what a calibration measures. */
#ifndef CREAM_CORE_OBSERVE_H
#define CREAM_CORE_OBSERVE_H

#include "net.h"

/* Takes value `index` of the network for all images of the batch: count floats, valid during the call. */
typedef void cream_observer(void *self, int index, const float *values, size_t count);

/* Runs a path of a folded network (fold.h) in inference and gives its values to `observer`, numbered from 0:
 *
 *     the images, normalised; then by block and layer, in the order of execution,
 *       the output of the convolution; the value after its activation, if it has one;
 *       with a squeeze-excite: the pooled value, the output of its first convolution, the value after se_act, the
 *       output of its second convolution, the value after se_gate, the gated value (after an activation NONE: nothing);
 *       at the end of a residual block: the sum;
 *     the value that is pooled globally, before the linear layers. */
cream_status cream_net_observe(cream_net *, const cream_path *, const cream_tensor *x,
                               cream_observer *observer, void *self, cream_error *);

#endif
