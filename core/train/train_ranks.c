#include "core/base/hash.h"
#include "train_internal.h"

/* What each rank has to say before a step. */
typedef struct vote {
  uint8_t stopped, late;
} vote;

bool cream_train_stopped(const cream_train *train) {
  return train->listener.stop && *train->listener.stop;
}

cream_status cream_train_ends(cream_train *train, uint64_t step, cream_train_ending *ending,
                              cream_error *err) {
  *ending = (cream_train_ending){cream_train_stopped(train), train_out_of_time(train)};
  if (cream_cluster_alone(train->cluster)) return CREAM_OK;
  vote votes[CREAM_MAX_RANKS];
  const vote own = {ending->stopped, ending->late};
  cream_status status = cream_cluster_gather(train->cluster, &own, sizeof own, votes, err);
  if (status) return status;
  for (int r = 0; r < train->cluster->size; r++) ending->stopped |= votes[r].stopped;
  ending->late = votes[0].late;
  bool due = train->check_every > 0 && step > 0 && step % (uint64_t)train->check_every == 0;
  return due ? cream_train_compare(train, step, err) : CREAM_OK;
}

cream_status cream_train_due(cream_train *train, uint64_t step, bool epoch_end, bool *due, cream_error *err) {
  const cream_checkpointer *checkpointer = &train->checkpointer;
  uint8_t answer = 0;
  *due = false;
  if (!checkpointer->due) return CREAM_OK;
  if (cream_cluster_rank(train->cluster) == 0)
    answer = checkpointer->due(checkpointer->self, step, epoch_end);
  cream_status status = cream_cluster_alone(train->cluster)
                            ? CREAM_OK
                            : train->cluster->broadcast(train->cluster, &answer, sizeof answer, err);
  *due = answer;
  return status;
}

/* A hash of whole 64-bit words: FNV-1a with a word in place of a byte, and a shift that spreads high bits. */
static uint64_t mix(uint64_t hash, const uint64_t *words, size_t count) {
  for (size_t i = 0; i < count; i++) {
    hash = (hash ^ words[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
  }
  return hash;
}

static cream_status hash_block(cream_backend *backend, cream_buf block, size_t count, uint64_t *hash,
                               cream_error *err) {
  enum { PIECE = 1 << 16 }; /* elements of 4 bytes */
  uint64_t *words = calloc(PIECE / 2 + 1, sizeof *words);
  if (!words) return cream_fail_memory(err, PIECE / 2 * sizeof *words, "a hash of the weights");
  cream_status status = CREAM_OK;
  for (size_t at = 0; at < count && !status; at += PIECE) {
    size_t n = count - at < PIECE ? count - at : PIECE;
    words[n / 2] = 0; /* the second half of the last word */
    status = backend->download(backend, words, cream_buf_at(block, at), n, err);
    *hash = mix(*hash, words, (n + 1) / 2);
  }
  free(words);
  return status;
}

cream_status cream_train_compare(cream_train *train, uint64_t step, cream_error *err) {
  cream_cluster *cluster = train->cluster;
  if (cream_cluster_alone(cluster)) return CREAM_OK;
  uint64_t own = CREAM_FNV1A_START, all[CREAM_MAX_RANKS];
  cream_net *net = train->net;
  cream_status status =
      hash_block(train->backend, cream_net_weights(net), cream_net_weight_count(net), &own, err);
  if (!status)
    status = hash_block(train->backend, cream_net_statistics(net), cream_net_statistic_count(net), &own, err);
  if (!status) status = cream_cluster_gather(cluster, &own, sizeof own, all, err);
  for (int r = 1; r < cluster->size && !status; r++)
    if (all[r] != all[0])
      status =
          cream_fail(err, CREAM_FAILED,
                     "step %llu: the weights of rank %d are not those of rank 0, so one of them has computed "
                     "something else; check that all ranks run the same program on processors with the same "
                     "instruction set, and their memory",
                     (unsigned long long)step, r);
  return status;
}
