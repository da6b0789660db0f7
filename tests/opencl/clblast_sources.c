/* Loaded before PoCL: what CLBlast stores of a program that it has compiled, and compiles again for the next context, is the
 * program's source in place of its binary. For a binary PoCL compiles every kernel of the program once more, for work-groups
 * of any size: half a minute for kernels that nothing runs. Other programs' binaries are PoCL's.
 */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "CLSOURCE";

/* OpenCL's own function of that name; the library need not be among those of the program. */
static void *real(const char *name) {
  void *symbol = dlsym(RTLD_NEXT, name);
  void *library = symbol ? NULL : dlopen("libOpenCL.so.1", RTLD_NOW);
  if (library) symbol = dlsym(library, name);
  if (symbol) return symbol;
  fprintf(stderr, "clblast_sources: there is no %s\n", name);
  abort();
}
#define REAL(name)                                                                                           \
  __extension__({                                                                                            \
    void *symbol = real(#name);                                                                              \
    __typeof__(&name) function;                                                                              \
    memcpy(&function, &symbol, sizeof function);                                                             \
    function;                                                                                                \
  })

/* The source of one of CLBlast's programs of products, freed by the caller; NULL: another program. */
static char *source_of(cl_program program) {
  size_t size = 0;
  if (REAL(clGetProgramInfo)(program, CL_PROGRAM_SOURCE, 0, NULL, &size) || size == 0) return NULL;
  char *text = calloc(1, size + 1);
  if (!text) return NULL;
  if (!REAL(clGetProgramInfo)(program, CL_PROGRAM_SOURCE, size, text, NULL) && strstr(text, "XgemmDirect"))
    return text;
  free(text);
  return NULL;
}

/* "Binaries" are the magic bytes and the source. */
cl_int clGetProgramInfo(cl_program program, cl_program_info what, size_t size, void *to, size_t *needed) {
  char *source = what == CL_PROGRAM_BINARY_SIZES || what == CL_PROGRAM_BINARIES ? source_of(program) : NULL;
  if (!source) return REAL(clGetProgramInfo)(program, what, size, to, needed);
  const size_t length = strlen(source), all = sizeof magic + length;
  if (needed) *needed = what == CL_PROGRAM_BINARIES ? sizeof(unsigned char *) : sizeof all;
  if (to && what == CL_PROGRAM_BINARY_SIZES) memcpy(to, &all, sizeof all);
  if (to && what == CL_PROGRAM_BINARIES) {
    unsigned char *binary;
    memcpy(&binary, to, sizeof binary);
    if (binary) memcpy(binary, magic, sizeof magic);
    if (binary) memcpy(binary + sizeof magic, source, length);
  }
  free(source);
  return CL_SUCCESS;
}

cl_program clCreateProgramWithBinary(cl_context context, cl_uint n, const cl_device_id *devices,
                                     const size_t *lengths, const unsigned char **binaries, cl_int *status,
                                     cl_int *code) {
  if (n != 1 || lengths[0] <= sizeof magic || memcmp(binaries[0], magic, sizeof magic) != 0)
    return REAL(clCreateProgramWithBinary)(context, n, devices, lengths, binaries, status, code);
  const char *source = (const char *)binaries[0] + sizeof magic;
  const size_t length = lengths[0] - sizeof magic;
  if (status) *status = CL_SUCCESS;
  return REAL(clCreateProgramWithSource)(context, 1, &source, &length, code);
}
