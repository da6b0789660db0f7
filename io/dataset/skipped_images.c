#include "skipped_images.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct cream_skipped {
  size_t of_part[CREAM_PARTS]; /* images */
  cream_skipped_report *report;
  void *context;
  size_t all, limit;
  double max_share;
  pthread_mutex_t lock; /* one report at a time */
  atomic_size_t count;
  atomic_uchar *known[CREAM_PARTS]; /* [count / 8 + 1]: a bit per image */
};

cream_status cream_skipped_create(const size_t count[CREAM_PARTS], double max_share,
                                  cream_skipped_report *report, void *context, cream_skipped **out,
                                  cream_error *err) {
  CREAM_ASSERT(max_share >= 0 && max_share <= 1);
  cream_skipped *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "the list of skipped images");
  memcpy(self->of_part, count, sizeof self->of_part);
  self->report = report;
  self->context = context;
  self->max_share = max_share;
  pthread_mutex_init(&self->lock, NULL);
  for (int part = 0; part < CREAM_PARTS; part++) {
    self->all += count[part];
    self->known[part] = calloc(count[part] / 8 + 1, 1);
    if (!self->known[part]) {
      cream_skipped_destroy(self);
      return cream_fail_memory(err, count[part] / 8 + 1, "the list of skipped images");
    }
  }
  self->limit = (size_t)(max_share * (double)self->all);
  *out = self;
  return CREAM_OK;
}

void cream_skipped_destroy(cream_skipped *self) {
  if (!self) return;
  for (int part = 0; part < CREAM_PARTS; part++) free(self->known[part]);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

bool cream_skipped_known(const cream_skipped *self, cream_part part, size_t index) {
  CREAM_ASSERT(index < self->of_part[part]);
  return atomic_load(&self->known[part][index / 8]) >> index % 8 & 1;
}

size_t cream_skipped_count(const cream_skipped *self) {
  return atomic_load(&self->count);
}

cream_status cream_skipped_add(cream_skipped *self, cream_part part, size_t index, const cream_error *reason,
                               cream_error *err) {
  CREAM_ASSERT(index < self->of_part[part]);
  unsigned char bit = (unsigned char)(1u << index % 8);
  pthread_mutex_lock(&self->lock);
  if (!(atomic_fetch_or(&self->known[part][index / 8], bit) & bit)) {
    atomic_fetch_add(&self->count, 1);
    if (self->report) self->report(self->context, part, index, reason->text);
  }
  size_t count = atomic_load(&self->count);
  pthread_mutex_unlock(&self->lock);
  if (count <= self->limit) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "max_bad: %zu of %zu images cannot be used, expected at most the share %g; last error: %.340s", count,
      self->all, self->max_share, reason->text);
}
