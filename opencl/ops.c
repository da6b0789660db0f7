#include "ops.h"

#define INIT_GROUP(group, ops) ocl_##group##_init(backend);
void ocl_ops_init(cream_backend *backend) {
  CREAM_COMPUTE_GROUPS(INIT_GROUP)
}
