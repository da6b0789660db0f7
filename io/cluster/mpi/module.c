/* MPI as a transport. This file is compiled once with the headers of each MPI, because their ABIs differ. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

#include "io/cluster/transport.h"

_Static_assert(sizeof(MPI_Request) <= sizeof(uintptr_t), "a request fits into an id");

static cream_status fail(int code, const char *what, cream_error *err) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  err->status = CREAM_FAILED;
  snprintf(err->text, sizeof err->text, "MPI: %s failed: %.300s", what, text);
  for (char *at = err->text; *at; at++)
    if ((unsigned char)*at < ' ') *at = ' ';
  return CREAM_FAILED;
}

static void keep(cream_request *request, MPI_Request from) {
  request->id = 0;
  memcpy(&request->id, &from, sizeof from);
}

static MPI_Request kept(const cream_request *request) {
  MPI_Request to;
  memcpy(&to, &request->id, sizeof to);
  return to;
}

/* Signals keep the actions of the program: some versions of MPI catch those of a crash. One thread calls everything. */
static cream_status join(void *self, int *rank, int *size, cream_error *err) {
  int level = 0;
  (void)self;
  int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
  if (code != MPI_SUCCESS) return fail(code, "MPI_Init_thread", err);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, size);
  if (level >= MPI_THREAD_FUNNELED) return CREAM_OK;
  err->status = CREAM_FAILED;
  snprintf(err->text, sizeof err->text, "this MPI was built without threads; expected MPI_THREAD_FUNNELED");
  return CREAM_FAILED;
}

static void leave(void *self) {
  (void)self;
  MPI_Finalize();
}

static void end_all(void *self, int code) {
  (void)self;
  MPI_Abort(MPI_COMM_WORLD, code);
}

static cream_status begin_send(void *self, const void *bytes, size_t size, int to, int tag,
                               cream_request *request, cream_error *err) {
  (void)self;
  MPI_Request made;
  int code = MPI_Isend(bytes, (int)size, MPI_BYTE, to, tag, MPI_COMM_WORLD, &made);
  if (code != MPI_SUCCESS) return fail(code, "a message to another rank", err);
  keep(request, made);
  return CREAM_OK;
}

static cream_status begin_receive(void *self, void *bytes, size_t size, int from, int tag,
                                  cream_request *request, cream_error *err) {
  (void)self;
  MPI_Request made;
  int source = from == CREAM_ANY_RANK ? MPI_ANY_SOURCE : from;
  int code = MPI_Irecv(bytes, (int)size, MPI_BYTE, source, tag, MPI_COMM_WORLD, &made);
  if (code != MPI_SUCCESS) return fail(code, "a message from another rank", err);
  keep(request, made);
  return CREAM_OK;
}

static cream_status test(void *self, cream_request *request, bool *done, cream_error *err) {
  (void)self;
  MPI_Request made = kept(request);
  int flag = 0;
  int code = MPI_Test(&made, &flag, MPI_STATUS_IGNORE);
  keep(request, made);
  *done = flag != 0;
  return code == MPI_SUCCESS ? CREAM_OK : fail(code, "the connection to another rank", err);
}

static void cancel(void *self, cream_request *request) {
  (void)self;
  MPI_Request made = kept(request);
  if (made == MPI_REQUEST_NULL) return;
  MPI_Cancel(&made);
  MPI_Request_free(&made);
}

extern const cream_mpi_module cream_mpi_module_table;
__attribute__((visibility("default"))) const cream_mpi_module cream_mpi_module_table = {
    .version = CREAM_MPI_INTERFACE,
    .transport = {NULL, join, leave, end_all, begin_send, begin_receive, test, cancel},
};
