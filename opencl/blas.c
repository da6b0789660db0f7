/* Products through CLBlast. */
#include "blas.h"
#include "error.h"
#include "launch.h"
#include "queue.h"
#include "tiling.h"

#include <clblast_c.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* CLBlast's strided products are wrong on the indirect path for some offsets and strides, and report success.
 * It takes the direct path for products smaller than this size cubed; the size must not exceed 2^21. */
enum { ALWAYS_DIRECT = 1 << 20, MAX_PARAMETERS = 16, WARM_SIDE = 4 };

/* A thread that compiles a routine by calling it. */
struct ocl_warm {
  cl_context context;
  cl_device_id device;
  ocl_routine routine;
  pthread_t thread;
  bool planned, begun, running;
  cl_int code;
  double seconds;
};

/* One product, or a batch of them. */
typedef struct product {
  ocl_routine routine;
  int batch, m, n, k;
  float alpha, beta;
  ocl_matrix a, b, c;
} product;

static CLBlastTranspose transposition(const ocl_matrix *matrix) {
  return matrix->transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static CLBlastStatusCode call(const product *p, cl_command_queue *queue, cl_event *event) {
  const ocl_matrix *a = &p->a, *b = &p->b, *c = &p->c;
  size_t m = (size_t)p->m, n = (size_t)p->n, k = (size_t)p->k;
  size_t lda = (size_t)a->ld, ldb = (size_t)b->ld, ldc = (size_t)c->ld;
  if (p->routine == OCL_GEMM)
    return CLBlastSgemm(CLBlastLayoutColMajor, transposition(a), transposition(b), m, n, k, p->alpha,
                        ocl_handle(a->at), a->at.offset, lda, ocl_handle(b->at), b->at.offset, ldb, p->beta,
                        ocl_handle(c->at), c->at.offset, ldc, queue, event);
  return CLBlastSgemmStridedBatched(
      CLBlastLayoutColMajor, transposition(a), transposition(b), m, n, k, p->alpha, ocl_handle(a->at),
      a->at.offset, lda, a->stride, ocl_handle(b->at), b->at.offset, ldb, b->stride, p->beta,
      ocl_handle(c->at), c->at.offset, ldc, c->stride, (size_t)p->batch, queue, event);
}

/* ---- warming --------------------------------------------------------------------------------------- */

/* Calls the routine with every combination of transpositions that is used; each is a kernel of its own. */
static cl_int call_all(ocl_routine routine, cl_command_queue *queue, cream_buf buf) {
  cl_int code = CL_SUCCESS;
  for (int way = 0; way < 3 && !code; way++) {
    ocl_matrix a = {buf, WARM_SIDE, 0, way == 2}, b = {buf, WARM_SIDE, 0, way == 1};
    ocl_matrix c = {{buf.mem, WARM_SIDE * WARM_SIDE}, WARM_SIDE, WARM_SIDE * WARM_SIDE, false};
    const product tiny = {routine, 1, WARM_SIDE, WARM_SIDE, WARM_SIDE, 1, 0, a, b, c};
    code = (cl_int)call(&tiny, queue, NULL);
  }
  return code ? code : clFinish(*queue);
}

/* Uses a queue and memory of its own: the runtime's queue belongs to another thread, and the runtime may end
 * before this thread where the device is lost. */
static void *warm_up(void *argument) {
  ocl_warm *warm = argument;
  double started = ocl_now();
  cl_command_queue queue = clCreateCommandQueue(warm->context, warm->device, 0, &warm->code);
  ocl_mem memory = {NULL, 2 * WARM_SIDE * WARM_SIDE};
  if (!warm->code)
    memory.mem = clCreateBuffer(warm->context, CL_MEM_READ_WRITE, 4 * memory.count, NULL, &warm->code);
  if (!warm->code) warm->code = call_all(warm->routine, &queue, (cream_buf){&memory, 0});
  if (memory.mem) clReleaseMemObject(memory.mem);
  if (queue) clReleaseCommandQueue(queue);
  warm->seconds = ocl_now() - started;
  return NULL;
}

/* Starts the thread with all signals blocked. */
static bool start(ocl_warm *warm) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = pthread_create(&warm->thread, NULL, warm_up, warm);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failure == 0;
}

void ocl_gemm_plan(const ocl_runtime *ocl, bool batched) {
  ocl->warm[batched ? OCL_GEMM_BATCHED : OCL_GEMM].planned = true;
}

void ocl_blas_warm(ocl_runtime *ocl) {
  for (int i = 0; i < OCL_ROUTINES; i++) {
    ocl_warm *warm = &ocl->warm[i];
    if (!warm->planned || warm->begun || ocl->own_blas || ocl->failed) continue;
    warm->begun = true;
    warm->running = start(warm); /* otherwise the first call compiles it */
  }
}

/* Waits until the routine is compiled. */
static void wait_for(ocl_runtime *ocl, ocl_routine routine) {
  ocl_warm *warm = &ocl->warm[routine];
  warm->begun = true;
  if (!warm->running) return;
  double started = ocl_now();
  pthread_join(warm->thread, NULL);
  warm->running = false;
  ocl->warm_waited += ocl_now() - started;
  ocl->warm_seconds += warm->seconds;
  if (warm->code) ocl_fail(ocl, warm->code, "CLBlast's compilation");
}

void ocl_blas_end(ocl_runtime *ocl) {
  for (int i = 0; ocl->warm && i < OCL_ROUTINES; i++)
    if (ocl->warm[i].running) pthread_join(ocl->warm[i].thread, NULL);
  free(ocl->warm);
  ocl->warm = NULL;
}

/* ---- products -------------------------------------------------------------------------------------- */

static void run_own(ocl_runtime *ocl, const product *p) {
  enum { ACROSS = 8, ALONG = 4 };
  const ocl_matrix *a = &p->a, *b = &p->b, *c = &p->c;
  ocl_size groups = {ocl_groups((size_t)p->m, ACROSS), ocl_groups((size_t)p->n, ALONG), (size_t)p->batch};
  ocl_run_gemm_own(ocl, groups, (ocl_size){ACROSS, ALONG, 1}, p->m, p->n, p->k, p->alpha, a->at, a->ld,
                   a->stride, a->transposed, b->at, b->ld, b->stride, b->transposed, p->beta, c->at, c->ld,
                   c->stride);
}

static void run_once(ocl_runtime *ocl, const product *p) {
  if (p->batch <= 0 || p->m <= 0 || p->n <= 0 || p->k <= 0) return;
  if (ocl->own_blas) {
    run_own(ocl, p);
    return;
  }
  wait_for(ocl, p->routine);
  if (ocl->failed) return;
  cl_event event, *wanted = ocl_timing(ocl, &event);
  cl_int code = ocl_fault(OCL_FAULT_LAUNCH, (cl_int)call(p, &ocl->queue, wanted));
  if (ocl_no_memory(code)) {
    ocl_wait(ocl); /* commands that have ended free their memory */
    if (ocl->failed) return;
    code = (cl_int)call(p, &ocl->queue, wanted);
  }
  ocl_queued(ocl, &ocl->products[p->routine], event, code);
}

/* CLBlast's work-groups along y are tiles of columns of C, of 8 or more: products of more columns than the limit
 * are several. */
enum { MOST_COLUMNS = 8 * OCL_MAX_GROUPS_Y };
static void run(ocl_runtime *ocl, const product *p) {
  for (int first = 0; first < p->n; first += MOST_COLUMNS) {
    product part = *p;
    size_t at = (size_t)first;
    part.n = p->n - first < MOST_COLUMNS ? p->n - first : MOST_COLUMNS;
    part.b.at = cream_buf_at(p->b.at, p->b.transposed ? at : at * (size_t)p->b.ld);
    part.c.at = cream_buf_at(p->c.at, at * (size_t)p->c.ld);
    run_once(ocl, &part);
  }
}

void ocl_gemm(ocl_runtime *ocl, int m, int n, int k, float alpha, ocl_matrix a, ocl_matrix b, float beta,
              ocl_matrix c) {
  run(ocl, &(product){OCL_GEMM, 1, m, n, k, alpha, beta, a, b, c});
}

void ocl_gemm_batched(ocl_runtime *ocl, int batch, int m, int n, int k, float alpha, ocl_matrix a,
                      ocl_matrix b, float beta, ocl_matrix c) {
  run(ocl, &(product){OCL_GEMM_BATCHED, batch, m, n, k, alpha, beta, a, b, c});
}

/* ---- parameters ------------------------------------------------------------------------------------ */

/* Splits "KERNEL NAME=VALUE ..." in place. */
static const char *parse(char *line, char **kernel, int *n, const char **names, size_t *values) {
  char *rest;
  *n = 0;
  *kernel = strtok_r(line, " \t\r", &rest);
  for (char *word; (word = strtok_r(NULL, " \t\r", &rest)); (*n)++) {
    char *equal = strchr(word, '='), *end;
    if (*n == MAX_PARAMETERS) return "too many parameters";
    if (!equal || equal == word) return "expected KERNEL NAME=VALUE ...";
    *equal = '\0';
    names[*n] = word;
    values[*n] = strtoul(equal + 1, &end, 10);
    if (end == equal + 1 || *end) return "a value is not a whole number";
    if (values[*n] == 0 && strstr(word, "WG")) return "a tile of 0"; /* CLBlast divides by it */
  }
  return *n ? NULL : "expected KERNEL NAME=VALUE ...";
}

const char *ocl_blas_override(ocl_runtime *ocl, const char *line) {
  char copy[512], *kernel;
  const char *names[MAX_PARAMETERS];
  size_t values[MAX_PARAMETERS];
  int n;
  if ((size_t)snprintf(copy, sizeof copy, "%s", line) >= sizeof copy) return "the line is too long";
  const char *problem = parse(copy, &kernel, &n, names, values);
  if (problem) return problem;
  CLBlastStatusCode code =
      CLBlastOverrideParameters(ocl->device, kernel, CLBlastPrecisionSingle, (size_t)n, names, values);
  return code ? "CLBlast refuses this line: the kernel is unknown, or parameters are missing" : NULL;
}

static const char *read_line(void *context, const char *line) {
  return ocl_tiling_is_line(line) ? NULL : ocl_blas_override(context, line);
}

cream_status ocl_blas_init(ocl_runtime *ocl, const cream_device_options *options, cream_error *err) {
  static const char *const names[] = {
      [OCL_GEMM] = "clblast gemm", [OCL_GEMM_BATCHED] = "clblast gemm batched"};
  _Static_assert(sizeof names / sizeof *names == OCL_ROUTINES, "a name for each routine");
  ocl->warm = calloc(OCL_ROUTINES, sizeof *ocl->warm);
  if (!ocl->warm) return cream_fail_memory(err, OCL_ROUTINES * sizeof *ocl->warm, "CLBlast");
  for (int i = 0; i < OCL_ROUTINES; i++) {
    ocl->warm[i] = (ocl_warm){.context = ocl->context, .device = ocl->device, .routine = (ocl_routine)i};
    snprintf(ocl->products[i].name, sizeof ocl->products[i].name, "%s", names[i]);
  }
  const char *blas = getenv("CREAM_OPENCL_BLAS");
  ocl->own_blas = blas && strcmp(blas, "own") == 0;
  if (ocl->own_blas) return CREAM_OK;
  char line[64];
  snprintf(line, sizeof line, "GemmRoutine XGEMM_MIN_INDIRECT_SIZE=%d", ALWAYS_DIRECT);
  cream_status status = ocl_parameters_each(options, read_line, ocl, err);
  if (status) return status;
  const char *problem = ocl_blas_override(ocl, line);
  if (!problem) return CREAM_OK;
  return cream_fail(
      err, CREAM_FAILED,
      "CLBlast refuses the direct path on %s, and its indirect path gives wrong results; install "
      "CLBlast 1.5.3 or later, or use --device cpu",
      ocl->name);
}
