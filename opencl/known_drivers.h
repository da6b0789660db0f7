/* Drivers with known problems: facts that were measured, or reported in public by others. A row needs a source.
 *
 * X(action, platform, device, from, before, what, todo, source)
 *   action    AVOID: the device is used only if it is named; WARN: a run prints the problem; INFO: `cream devices` does
 *   platform, device   parts of their names, in any case; "": any
 *   from, before       versions of the driver (CL_DRIVER_VERSION), compared number by number; "": no bound
 *   what, todo         one line: "WHAT; TODO"
 *
 * CREAM_OPENCL_KNOWN=0 ignores the list. */
#ifndef CREAM_OPENCL_KNOWN_DRIVERS_H
#define CREAM_OPENCL_KNOWN_DRIVERS_H

#include "core/device.h"

#define OCL_KNOWN_DRIVERS(X)                                                                                 \
  X(AVOID, "Clover", "", "", "",                                                                             \
    "Mesa has dropped this driver, and its compiler crashes on neural networks", "use Mesa's rusticl",       \
    "https://github.com/void-linux/void-packages/issues/43921, https://github.com/weldr/lorax/pull/1498")    \
  X(AVOID, "Intel Gen OCL", "", "", "", "Beignet is abandoned and computes wrongly", "use intel-opencl-icd", \
    "https://github.com/openwall/john/issues/3749")                                                          \
  X(AVOID, "Intel(R) OpenCL", "Arc", "22.53", "23",                                                          \
    "kernels sometimes overtake each other in this version, and results are wrong", "update the driver",     \
    "https://github.com/intel/compute-runtime/issues/622")                                                   \
  X(WARN, "NVIDIA CUDA", "", "470.57.02", "515.43.04",                                                       \
    "mul_hi, from which dropout draws its numbers, can be wrong in this version", "update the driver",       \
    "https://github.com/filecoin-project/rust-fil-proofs/issues/1525")                                       \
  X(INFO, "Intel(R) OpenCL", "Graphics", "", "", "Linux ends work that the GPU has not finished after 20 s", \
    "if a run fails so, raise i915.request_timeout_ms",                                                      \
    "DRM_I915_REQUEST_TIMEOUT in drivers/gpu/drm/i915/Kconfig.profile of Linux")                             \
  X(INFO, "rusticl", "", "26.1.5", "", "kernels do not compile with the libclc of LLVM 22",                  \
    "install a libclc that is patched for it", "https://github.com/darktable-org/darktable/issues/21662")    \
  X(INFO, "rusticl", "llvmpipe", "", "23", "it gives no times of kernels", "measure whole steps",            \
    "measured with 22.3.6")                                                                                  \
  X(INFO, "AMD Accelerated", "", "3558", "3559", "programs do not link on some systems",                     \
    "use another version", "https://github.com/ROCm/ROCm-OpenCL-Runtime/issues/161")                         \
  X(INFO, "Portable Computing Language", "", "3.1", "3.2",                                                   \
    "reductions with doubling strides are miscompiled, which the kernels here avoid", "no action is needed", \
    "measured with 3.1")

/* Sets `known` and `avoid` from the first row that fits. */
void ocl_set_known(cream_device *);

#endif
