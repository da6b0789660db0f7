#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MAX_THREADS = 256 };

typedef struct loop {
  atomic_size_t next;
  size_t count;
  void (*work)(void *self, int thread, size_t item);
  void *self;
} loop;

typedef struct runner {
  loop *loop;
  int thread;
} runner;

static void *run(void *argument) {
  runner *r = argument;
  size_t item;
  while ((item = atomic_fetch_add(&r->loop->next, 1)) < r->loop->count)
    r->loop->work(r->loop->self, r->thread, item);
  return NULL;
}

void cream_parallel(int threads, size_t count, void (*work)(void *self, int thread, size_t item),
                    void *self) {
  loop l = {.count = count, .work = work, .self = self};
  runner runners[MAX_THREADS];
  pthread_t ids[MAX_THREADS];
  int started = 0;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  runners[0] = (runner){&l, 0};
  for (int i = 1; i < threads; i++) {
    runners[i] = (runner){&l, i};
    if (pthread_create(&ids[started], NULL, run, &runners[i]) != 0) break;
    started++;
  }
  run(&runners[0]);
  for (int i = 0; i < started; i++) pthread_join(ids[i], NULL);
}
