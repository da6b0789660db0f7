#include "wire.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TAG_NOTICE = 10, TAG_DATA, SPINS = 64 };
static const double answer_seconds = 2, notice_seconds = 2, longest_pause = 1e-4;

double cream_wire_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void cream_wire_pause(unsigned looks) {
  if (looks < SPINS) {
    sched_yield(); /* ranks may share a processor */
    return;
  }
  double seconds = 1e-5;
  for (unsigned i = SPINS; i < looks && seconds < longest_pause; i += 4) seconds *= 1.2;
  if (seconds > longest_pause) seconds = longest_pause;
  nanosleep(&(struct timespec){0, (long)(seconds * 1e9)}, NULL);
}

/* ---- failures ------------------------------------------------------------------------------------------ */

static cream_status give_up(cream_wire *w, int rank, const cream_error *cause, cream_error *err) {
  if (!w->failed) {
    w->failed = true;
    w->failed_rank = rank;
    w->failure = *cause;
  }
  *err = w->failure;
  return err->status;
}

static void post(cream_wire *w, cream_letter *letter, int to, const cream_notice *notice) {
  cream_error ignored;
  if (letter->sent) return; /* the last one is still under way */
  letter->notice = *notice;
  letter->sent = w->transport->send(w->transport->self, &letter->notice, sizeof letter->notice, to,
                                    TAG_NOTICE, &letter->request, &ignored) == CREAM_OK;
}

/* The number of letters that are under way. */
static int under_way(cream_wire *w, cream_letter *letters) {
  cream_error ignored;
  int n = 0;
  for (int to = 0; to < w->size; to++) {
    cream_letter *letter = &letters[to];
    bool done = false;
    if (letter->sent && w->transport->test(w->transport->self, &letter->request, &done, &ignored))
      done = true;
    letter->sent = letter->sent && !done;
    n += letter->sent;
  }
  return n;
}

static void post_to_all(cream_wire *w, const cream_notice *notice) {
  for (int to = 0; to < w->size; to++)
    if (to != w->rank) post(w, &w->letters[to], to, notice);
}

static cream_notice notice_of(const cream_wire *w, int kind) {
  cream_notice notice = {.rank = w->rank, .arrived = atomic_load(&w->arrived)};
  notice.kind = kind;
  snprintf(notice.host, sizeof notice.host, "%s", w->host);
  return notice;
}

static cream_status announce(cream_wire *w, cream_error *err) {
  cream_notice notice = notice_of(w, CREAM_NOTICE_FAILED);
  notice.status = w->own.status;
  snprintf(notice.text, sizeof notice.text, "%s", w->own.text);
  post_to_all(w, &notice);
  const double until = cream_wire_now() + notice_seconds;
  for (unsigned looks = 0; under_way(w, w->letters) && cream_wire_now() < until;) cream_wire_pause(looks++);
  return give_up(w, w->rank, &w->own, err);
}

static cream_status listen(cream_wire *w, cream_error *err) {
  cream_status status = w->transport->receive(w->transport->self, &w->incoming, sizeof w->incoming,
                                              CREAM_ANY_RANK, TAG_NOTICE, &w->listening, err);
  w->listens = status == CREAM_OK;
  return status;
}

/* The rank asks again only after its last number has arrived, so that the letter is free, or is about to be. */
static void give(cream_wire *w, int to) {
  cream_notice notice = notice_of(w, CREAM_NOTICE_GIVE);
  notice.arrived = w->next++;
  w->gives = true;
  for (unsigned looks = 0; under_way(w, w->gifts) && w->gifts[to].sent;) cream_wire_pause(looks++);
  post(w, &w->gifts[to], to, &notice);
}

static cream_status heed(cream_wire *w, const cream_notice *notice, cream_error *err) {
  switch (notice->kind) {
  case CREAM_NOTICE_FAILED:
    if (w->hosts && !w->hosts[notice->rank][0])
      snprintf(w->hosts[notice->rank], CREAM_HOST_NAME, "%.60s", notice->host);
    cream_error cause = {(cream_status)notice->status, ""};
    snprintf(cause.text, sizeof cause.text, "%s", notice->text);
    return give_up(w, notice->rank, &cause, err);
  case CREAM_NOTICE_ASK:
    (void)under_way(w, w->answers);
    const cream_notice answer = notice_of(w, CREAM_NOTICE_ANSWER);
    post(w, &w->answers[notice->rank], notice->rank, &answer);
    return CREAM_OK;
  case CREAM_NOTICE_ANSWER:
    w->answered[notice->rank] = notice->arrived + 1;
    return CREAM_OK;
  case CREAM_NOTICE_TAKE:
    give(w, notice->rank);
    return CREAM_OK;
  case CREAM_NOTICE_GIVE:
    w->number = notice->arrived;
    w->given = true;
    return CREAM_OK;
  }
  return CREAM_OK;
}

cream_status cream_wire_poll(cream_wire *w, cream_error *err) {
  if (w->failed) {
    *err = w->failure;
    return err->status;
  }
  if (atomic_load(&w->announce)) return announce(w, err);
  bool done = false;
  cream_status status = CREAM_OK;
  if (w->listens) status = w->transport->test(w->transport->self, &w->listening, &done, err);
  if (status != CREAM_OK || !w->listens || !done) return status;
  const cream_notice notice = w->incoming;
  status = listen(w, err);
  return status == CREAM_OK ? heed(w, &notice, err) : status;
}

/* ---- a rank that does not arrive ----------------------------------------------------------------------- */

static void list_missing(const cream_wire *w, char *text, size_t size) {
  const uint64_t here = atomic_load(&w->arrived);
  size_t used = 0;
  text[0] = '\0';
  for (int rank = 0; rank < w->size; rank++) {
    if (rank == w->rank || w->answered[rank] > here) continue;
    if (used + 120 > size) {
      used += (size_t)snprintf(text + used, size - used, ", ...");
      break;
    }
    used += (size_t)snprintf(text + used, size - used, "%s%d (%s%s)", used ? ", " : "", rank, w->hosts[rank],
                             w->answered[rank] ? "" : ", which does not answer");
  }
}

static bool all_answered(const cream_wire *w) {
  for (int rank = 0; rank < w->size; rank++)
    if (rank != w->rank && !w->answered[rank]) return false;
  return true;
}

/* Asks all ranks how far they are, and fails with what is known. */
static cream_status time_out(cream_wire *w, double timeout, cream_error *err) {
  memset(w->answered, 0, (size_t)w->size * sizeof *w->answered);
  const cream_notice question = notice_of(w, CREAM_NOTICE_ASK);
  post_to_all(w, &question);
  const double until = cream_wire_now() + answer_seconds;
  cream_status status = CREAM_OK;
  for (unsigned looks = 0; status == CREAM_OK && !all_answered(w) && cream_wire_now() < until;
       cream_wire_pause(looks++)) {
    (void)under_way(w, w->letters);
    status = cream_wire_poll(w, err);
  }
  if (status != CREAM_OK) return status; /* another rank was first */
  char missing[320];
  list_missing(w, missing, sizeof missing);
  cream_fail(&w->own, CREAM_FAILED,
             "cluster.timeout: %g s without a message; %s%s; raise it, or see docs/machines.md", timeout,
             *missing ? "did not arrive: rank " : "all ranks arrived, but the network does not deliver",
             missing);
  return announce(w, err);
}

/* ---- jobs ---------------------------------------------------------------------------------------------- */

cream_status cream_wire_take(cream_wire *w, uint64_t *number, cream_error *err) {
  if (w->rank == 0) {
    *number = w->next++;
    w->gives = true;
    return cream_wire_poll(w, err);
  }
  const double from = cream_wire_now();
  const cream_notice question = notice_of(w, CREAM_NOTICE_TAKE);
  w->given = false;
  post(w, &w->gifts[0], 0, &question);
  cream_status status = CREAM_OK;
  for (unsigned looks = 0; status == CREAM_OK && (!w->given || under_way(w, w->gifts));
       cream_wire_pause(looks++)) {
    status = cream_wire_poll(w, err);
    const double timeout = atomic_load(&w->timeout);
    if (status == CREAM_OK && !w->given && timeout > 0 && cream_wire_now() - from > timeout)
      status = time_out(w, timeout, err);
  }
  *number = w->number;
  return status;
}

/* ---- messages ------------------------------------------------------------------------------------------ */

/* MPI sends short messages at once, and asks before long ones. The answer comes behind whatever else is on its way in that
 * direction, and the network idles meanwhile: sums, which all ranks expect, travel in short pieces. */
enum { EAGER = 63 << 10, SUM = 1 << 21 };

static cream_status begin(cream_wire *w, bool sends, void *bytes, size_t size, int peer, cream_parcel *parcel,
                          cream_error *err) {
  char *at = bytes;
  const size_t most = size <= SUM ? EAGER : CREAM_MAX_MESSAGE;
  *parcel = (cream_parcel){0};
  cream_status status = CREAM_OK;
  do {
    const size_t piece = size < most ? size : most;
    CREAM_ASSERT(parcel->n < (int)(sizeof parcel->requests / sizeof *parcel->requests));
    cream_request *request = &parcel->requests[parcel->n];
    status = sends ? w->transport->send(w->transport->self, at, piece, peer, TAG_DATA, request, err)
                   : w->transport->receive(w->transport->self, at, piece, peer, TAG_DATA, request, err);
    parcel->n += status == CREAM_OK;
    at += piece;
    size -= piece;
  } while (size && status == CREAM_OK);
  return status;
}

cream_status cream_wire_send(cream_wire *w, const void *bytes, size_t size, int to, cream_parcel *parcel,
                             cream_error *err) {
  return begin(w, true, (void *)bytes, size, to, parcel, err);
}

cream_status cream_wire_receive(cream_wire *w, void *bytes, size_t size, int from, cream_parcel *parcel,
                                cream_error *err) {
  return begin(w, false, bytes, size, from, parcel, err);
}

static cream_status look(cream_wire *w, cream_parcel *parcel, bool *all, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int i = 0; i < parcel->n && status == CREAM_OK; i++) {
    if (parcel->done[i]) continue;
    status = w->transport->test(w->transport->self, &parcel->requests[i], &parcel->done[i], err);
    if (!parcel->done[i]) *all = false;
  }
  return status;
}

cream_status cream_wire_wait(cream_wire *w, cream_parcel *const *parcels, int n, bool limited,
                             cream_error *err) {
  const double from = cream_wire_now();
  w->gives = false;
  for (unsigned looks = 0;; cream_wire_pause(looks++)) {
    bool all = true;
    cream_status status = CREAM_OK;
    for (int i = 0; i < n && status == CREAM_OK; i++) status = look(w, parcels[i], &all, err);
    if (status == CREAM_OK && all) return CREAM_OK;
    if (status == CREAM_OK) status = cream_wire_poll(w, err);
    const double timeout = atomic_load(&w->timeout);
    if (status == CREAM_OK && limited && timeout > 0 && cream_wire_now() - from > timeout)
      status = time_out(w, timeout, err);
    if (status != CREAM_OK) return status;
  }
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

cream_status cream_wire_open(cream_wire *w, cream_error *err) {
  if (gethostname(w->host, sizeof w->host) != 0) strcpy(w->host, "unknown host");
  w->host[sizeof w->host - 1] = '\0';
  cream_status status = w->transport->open(w->transport->self, &w->rank, &w->size, err);
  if (status != CREAM_OK) return status;
  const size_t size = (size_t)w->size;
  w->hosts = calloc(size, sizeof *w->hosts);
  w->answered = calloc(size, sizeof *w->answered);
  w->letters = calloc(size, sizeof *w->letters);
  w->answers = calloc(size, sizeof *w->answers);
  w->gifts = calloc(size, sizeof *w->gifts);
  if (!w->hosts || !w->answered || !w->letters || !w->answers || !w->gifts)
    return cream_fail_memory(err, size * sizeof *w->letters, "the other ranks");
  return w->size > 1 ? listen(w, err) : CREAM_OK;
}

void cream_wire_close(cream_wire *w) {
  if (w->listens) w->transport->cancel(w->transport->self, &w->listening);
  w->listens = false;
  w->transport->close(w->transport->self);
}

void cream_wire_free(cream_wire *w) {
  free(w->hosts);
  free(w->answered);
  free(w->letters);
  free(w->answers);
  free(w->gifts);
  w->hosts = NULL;
  w->answered = NULL;
  w->letters = NULL;
  w->answers = NULL;
  w->gifts = NULL;
}
