#include "teacher_ranks.h"

#include <stdlib.h>
#include <string.h>

static bool leads(const teacher_ranks *t) {
  return t->cluster->rank == 0;
}

cream_status teacher_ranks_open(teacher_ranks *t, cream_cluster *cluster, cream_teacher_cache *cache,
                                const cream_teacher_cache_shape *shape, int parts, uint64_t *count,
                                cream_error *err) {
  const size_t ranks = (size_t)cluster->size;
  *t = (teacher_ranks){.cluster = cluster, .parts = (uint64_t)parts, .own = (uint64_t)parts / ranks};
  t->outputs = (size_t)shape->batch * (size_t)shape->top;
  t->record = t->outputs * (sizeof(uint32_t) + sizeof(float));
  const size_t bytes = t->record * ((size_t)parts + 1 + ranks);
  *count = 0;
  if (leads(t)) t->file = cream_teacher_cache_store(cache);
  if (leads(t)) *count = cream_teacher_cache_count(cache);
  cream_status status = cluster->broadcast(cluster, count, sizeof *count, err);
  t->steps = *count / t->parts;
  t->records = calloc(1, bytes);
  if (!t->records) return cream_fail_memory(err, bytes, "the outputs of the teacher");
  t->one = t->records + t->record * (size_t)parts;
  return status;
}

void teacher_ranks_close(teacher_ranks *t) {
  free(t->records);
  *t = (teacher_ranks){0};
}

static uint32_t *classes_of(unsigned char *record) {
  return (uint32_t *)(void *)record;
}
static float *probabilities_of(const teacher_ranks *t, unsigned char *record) {
  return (float *)(void *)(record + t->outputs * sizeof(uint32_t));
}

/* All ranks get the records of a step that the file has. */
static cream_status read_step(teacher_ranks *t, uint64_t step, cream_error *err) {
  cream_status status = CREAM_OK;
  for (uint64_t p = 0; leads(t) && p < t->parts && status == CREAM_OK; p++) {
    unsigned char *record = t->records + p * t->record;
    bool found;
    status = t->file.get(t->file.self, step * t->parts + p, classes_of(record), probabilities_of(t, record),
                         &found, err);
    CREAM_ASSERT(status != CREAM_OK || found);
  }
  if (status == CREAM_OK) status = t->cluster->broadcast(t->cluster, t->records, t->record * t->parts, err);
  t->step = status == CREAM_OK ? step + 1 : 0;
  return status;
}

static cream_status get(void *self, uint64_t number, uint32_t *classes, float *probabilities, bool *found,
                        cream_error *err) {
  teacher_ranks *t = self;
  const uint64_t step = number / t->parts;
  *found = step < t->steps;
  if (!*found) return CREAM_OK;
  cream_status status = t->step == step + 1 ? CREAM_OK : read_step(t, step, err);
  if (status != CREAM_OK) return status;
  unsigned char *record = t->records + number % t->parts * t->record;
  memcpy(classes, classes_of(record), t->outputs * sizeof *classes);
  memcpy(probabilities, probabilities_of(t, record), t->outputs * sizeof *probabilities);
  return CREAM_OK;
}

/* Part p of every rank; with the last one, the step is complete. */
static cream_status put(void *self, uint64_t number, const uint32_t *classes, const float *probabilities,
                        cream_error *err) {
  teacher_ranks *t = self;
  const uint64_t p = number % t->own, first = number / t->parts * t->parts;
  unsigned char *all = t->one + t->record;
  memcpy(classes_of(t->one), classes, t->outputs * sizeof *classes);
  memcpy(probabilities_of(t, t->one), probabilities, t->outputs * sizeof *probabilities);
  cream_status status = cream_cluster_gather(t->cluster, t->one, t->record, all, err);
  t->step = 0;
  for (uint64_t r = 0; r < (uint64_t)t->cluster->size && status == CREAM_OK; r++)
    memcpy(t->records + (r * t->own + p) * t->record, all + r * t->record, t->record);
  for (uint64_t i = 0; leads(t) && p == t->own - 1 && i < t->parts && status == CREAM_OK; i++) {
    unsigned char *record = t->records + i * t->record;
    status = t->file.put(t->file.self, first + i, classes_of(record), probabilities_of(t, record), err);
  }
  if (p == t->own - 1 && first == t->steps * t->parts) t->steps++;
  return status;
}

cream_external_store teacher_ranks_store(teacher_ranks *t) {
  return (cream_external_store){t, get, put};
}
