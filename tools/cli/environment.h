/* The environment variables that the program reads. */
#ifndef CREAM_TOOLS_ENVIRONMENT_H
#define CREAM_TOOLS_ENVIRONMENT_H

/* X(name, effect), in the order in which they are printed. Those of OpenCL are explained in docs/opencl.md. */
#define ENVIRONMENT(X)                                                                                       \
  X("CREAM_ISA", "highest set of kernels for the CPU: auto, generic, avx2, avx512 or avx512-bf16")           \
  X("OMP_WAIT_POLICY, GOMP_SPINCOUNT", "how long waiting threads spin; a short time unless one is set")      \
  X("OMP_NUM_THREADS", "the most threads that a command takes where --threads does not say how many")        \
  X("NO_COLOR", "no colours on a terminal")                                                                  \
  X("COLUMNS, LINES", "the size that output is made for, in place of the terminal's")                        \
  X("XDG_CACHE_HOME", "where measurements of devices and compiled kernels are stored; else ~/.cache")        \
  X("CREAM_MPI", "openmpi or mpich: this MPI, whatever the launcher; none: no MPI")                          \
  X("CREAM_MPI_MODULE", "the file of the MPI module, in place of the installed one")                         \
  X("CREAM_LOCAL_RANK", "the number of this process on its host, for --device opencl:local")                 \
  X("CREAM_DEVICE_PROBE", "0: drivers are loaded in the program at once, without a process of their own")    \
  X("CREAM_DEVICE_LIST_SECONDS", "how long listing the devices may take")                                    \
  X("CREAM_DEVICE_TEST_SECONDS", "how long the test of a device may take")                                   \
  X("CREAM_DEVICE_UNMEASURED", "1: auto takes a working OpenCL device without measuring its speed")          \
  X("CREAM_OPENCL_MODULE", "the file of the OpenCL module, in place of the installed one")                   \
  X("CREAM_OPENCL_MEMORY", "MB that runs may plan to use of a device")                                       \
  X("CREAM_OPENCL_BUFFER", "MB of the largest buffer")                                                       \
  X("CREAM_OPENCL_CACHE", "0: compiled kernels are not stored; 1: they are, with every driver")              \
  X("CREAM_OPENCL_KNOWN", "0: the list of drivers with known problems is ignored")                           \
  X("CREAM_OPENCL_TUNED", "0: parameters that cream bench --tune --keep kept for a device are ignored")      \
  X("CREAM_OPENCL_PRODUCTS", "own or clblast: what computes products")                                       \
  X("CREAM_OPENCL_KERNELS", "cpu or gpu: the kernels for this type of device, on any device")                \
  X("CREAM_OPENCL_OPTIONS", "options for the compiler of our OpenCL kernels: -cl-opt-disable")               \
  X("CREAM_OPENCL_GROUPS", "launches of more work-groups are cut")                                           \
  X("CREAM_OPENCL_SYNC", "1: waits after every kernel, so that a failure names it")                          \
  X("CREAM_OPENCL_BLAS", "own: a plain kernel in place of CLBlast, for Oclgrind")                            \
  X("CREAM_OPENCL_FAULT", "a call that fails, for tests")

#endif
