/* The names that programs give to the tensors of the same networks: timm's, which are this program's own, torchvision's
 * and efficientnet_pytorch's. A scheme is a row of patterns and what its networks have in common (naming.c).
 */
#ifndef CREAM_IO_NAMING_H
#define CREAM_IO_NAMING_H

#include "core/net/net.h"

/* Schemes X(name, word), in the order in which they are tried. Each needs its patterns in naming.c. */
#define CREAM_NAMINGS(X)                                                                                     \
  X(TIMM, "timm")                                                                                            \
  X(EFFICIENTNET_PYTORCH, "efficientnet_pytorch")                                                            \
  X(TORCHVISION_EFFICIENTNET, "torchvision (efficientnet)")                                                  \
  X(TORCHVISION_MOBILENET_V3, "torchvision (mobilenet_v3)")                                                  \
  X(TORCHVISION_MOBILENET_V2, "torchvision (mobilenet_v2)")                                                  \
  X(TORCHVISION_MNASNET, "torchvision (mnasnet)")

#define CREAM_NAMING_ENUM(name, word) CREAM_NAMING_##name,
typedef enum cream_naming { CREAM_NAMINGS(CREAM_NAMING_ENUM) CREAM_NAMING_COUNT } cream_naming;
#undef CREAM_NAMING_ENUM

const char *cream_naming_word(cream_naming);

/* Writes the name that a scheme has for the parameter `own` of a network. False: it has none, because it does not know
 * such a layer. */
bool cream_naming_of(cream_naming, const cream_skeleton *, const char *own, char *name, size_t size);

/* The parameters of a network under the names of a scheme, in place. False: some have no name or two have the same. */
bool cream_naming_apply(cream_naming, const cream_skeleton *, cream_param *, int n_params);

/* How the names of a network's layers begin: tensors under it that the network does not have are layers of another. */
const char *cream_naming_body(cream_naming, char *text, size_t size);

/* What a scheme says of its networks beside their weights. */
typedef struct cream_naming_facts {
  bool known; /* false: the same names stand for networks that compute different things; the rest is 0 */
  cream_padding padding;
  double bn_eps;
  float mean[3], std[3];
  const char *interpolation;
} cream_naming_facts;
cream_naming_facts cream_naming_facts_of(cream_naming, const cream_skeleton *);

#endif
