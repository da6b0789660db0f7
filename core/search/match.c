#include "match.h"

#include <math.h>

#include "core/base/elementary.h"
#include "core/base/rng.h"

static size_t outputs(const cream_match *match) {
  return (size_t)match->slice * (size_t)match->classes;
}

static cream_tensor image_tensor(const cream_match *match, cream_buf raw, int first, int n) {
  int side = cream_net_skeleton(match->net)->resolution;
  return (cream_tensor){
      .n = n, .h = side, .w = side, .c = 3, .raw = cream_buf_at(raw, match->image * (size_t)first)};
}

int cream_match_batch(const cream_match_options *options, int entries, int batch) {
  int matching = entries * options->slice;
  return matching > batch ? matching : batch;
}

/* Uploads the `n` held-out images `indices` to raw, from image `first` on, and copies their labels to labels[n]; labels
 * may be NULL. */
static cream_status upload(cream_match *match, cream_source *heldout, const uint32_t *indices, int n,
                           cream_buf raw, int first, int32_t *labels, cream_error *err) {
  for (int done = 0; done < n;) {
    int part = n - done < heldout->batch ? n - done : heldout->batch;
    cream_batch batch;
    cream_status status = heldout->pick(heldout, indices + done, part, &batch, err);
    if (status) return status;
    cream_tensor x = image_tensor(match, raw, first + done, part);
    match->backend->upload_pixels(match->backend, &x, batch.pixels, heldout->mean, heldout->std);
    for (int i = 0; labels && i < part; i++) labels[done + i] = batch.labels[i];
    done += part;
  }
  return CREAM_OK;
}

static cream_status fill_probe(cream_match *match, cream_source *heldout, uint64_t seed, cream_error *err) {
  size_t n = (size_t)match->n_probe, k = (size_t)match->classes, batch = (size_t)cream_net_batch(match->net);
  uint32_t *indices = malloc(n * sizeof *indices);
  match->probe_labels = malloc(n * sizeof *match->probe_labels);
  match->logits = malloc(batch * k * sizeof *match->logits);
  match->taken = calloc(heldout->count, sizeof *match->taken);
  if (!indices || !match->probe_labels || !match->logits || !match->taken) {
    free(indices);
    return cream_fail_memory(err, (2 * n + batch * k) * 4 + heldout->count, "the images of a score");
  }
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_SLICE, UINT64_MAX);
  cream_rng_choose(&rng, heldout->count, match->n_probe, indices, match->taken);
  cream_status status =
      upload(match, heldout, indices, match->n_probe, match->probe, 0, match->probe_labels, err);
  free(indices);
  return status;
}

static cream_status init_theta(cream_match *match, uint64_t seed, cream_error *err) {
  size_t n = match->inputs;
  float *theta = malloc((n + 1) * sizeof *theta);
  if (!theta) return cream_fail_memory(err, (n + 1) * sizeof *theta, "the meta network");
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_META, 0);
  float bound = (float)(1 / sqrt((double)n));
  for (size_t i = 0; i <= n; i++) theta[i] = cream_rng_range(&rng, -bound, bound);
  match->backend->upload(match->backend, match->theta, theta, n + 1);
  cream_status status = match->backend->synchronise(match->backend, err);
  free(theta);
  return status;
}

cream_status cream_match_init(cream_match *match, cream_net *net, cream_source *heldout,
                              const cream_match_options *options, cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  int side = skeleton->resolution;
  *match = (cream_match){.backend = backend,
                         .net = net,
                         .capacity = options->capacity,
                         .slice = options->slice,
                         .classes = skeleton->classes,
                         .input = options->input,
                         .n_probe = options->probe};
  match->inputs = outputs(match) * (options->input == CREAM_META_PAIR ? 2 : 1);
  if ((size_t)options->slice > heldout->count)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "search.meta.slice: got %d, expected at most the %zu held-out images; raise heldout",
                      options->slice, heldout->count);
  if ((size_t)match->n_probe > heldout->count) match->n_probe = (int)heldout->count;
  match->image = backend->tensor_size(backend, 1, side, side, 3);
  size_t K = (size_t)match->capacity, all = K * outputs(match);
  cream_status status = backend->alloc(backend, K * (size_t)match->slice * match->image, &match->slices, err);
  if (!status) status = backend->alloc(backend, all, &match->phi, err);
  if (!status) status = backend->alloc(backend, all, &match->p, err);
  if (!status) status = backend->alloc(backend, K * match->inputs, &match->diff, err);
  if (!status) status = backend->alloc(backend, match->inputs + 1, &match->theta, err);
  if (!status && match->input == CREAM_META_PAIR) {
    status = backend->alloc(backend, K * match->inputs, &match->pairs, err);
    if (!status) status = backend->alloc(backend, K * match->inputs, &match->origin, err);
  }
  if (!status) status = backend->alloc(backend, K, &match->scores, err);
  if (!status) status = backend->alloc(backend, (size_t)match->n_probe * match->image, &match->probe, err);
  if (!status) status = init_theta(match, options->seed, err);
  if (!status) status = fill_probe(match, heldout, options->seed, err);
  if (status) cream_match_destroy(match);
  return status;
}

void cream_match_destroy(cream_match *match) {
  cream_buf *buffers[] = {&match->slices, &match->phi,   &match->p,     &match->diff,  &match->theta,
                          &match->scores, &match->probe, &match->pairs, &match->origin};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) match->backend->release(match->backend, *buffers[i]);
  free(match->probe_labels);
  free(match->logits);
  free(match->taken);
  *match = (cream_match){0};
}

cream_status cream_match_score(cream_match *match, const cream_path *path, cream_score *score,
                               cream_error *err) {
  int k = match->classes, most = cream_net_batch(match->net);
  *score = (cream_score){0};
  cream_status status = CREAM_OK;
  for (int done = 0; done < match->n_probe && !status;) {
    int part = match->n_probe - done < most ? match->n_probe - done : most;
    cream_tensor x = image_tensor(match, match->probe, done, part);
    cream_buf out = cream_net_forward(match->net, path, &x, CREAM_BN_BATCH, 0);
    status = match->backend->download(match->backend, match->logits, out, (size_t)part * (size_t)k, err);
    if (!status) cream_score_add(score, match->logits, match->probe_labels + done, part, k);
    done += part;
  }
  return status;
}

/* Writes what M sees of logits [images, classes] to out. */
static void put_outputs(cream_match *match, cream_buf logits, int images, cream_buf out) {
  switch (match->input) {
  case CREAM_META_LOGITS:
    match->backend->copy(match->backend, out, logits, (size_t)images * (size_t)match->classes);
    return;
  case CREAM_META_SOFTMAX:
  case CREAM_META_PAIR:
  case CREAM_META_COUNT:
    match->backend->softmax(match->backend, logits, images, match->classes, out);
  }
}

static void put_phi(cream_match *match, cream_net *net, const cream_board_entry *entry) {
  cream_tensor x = image_tensor(match, match->slices, entry->slot * match->slice, match->slice);
  cream_buf logits = cream_net_forward(net, &entry->path, &x, CREAM_BN_RUNNING, 0);
  cream_buf phi = cream_buf_at(match->phi, (size_t)entry->slot * outputs(match));
  put_outputs(match, logits, match->slice, phi);
}

void cream_match_output(cream_match *match, const cream_board_entry *entry) {
  put_phi(match, match->net, entry);
}

cream_status cream_match_enter(cream_match *match, cream_net *net, cream_source *heldout,
                               cream_board_entry *entry, uint64_t seed, cream_error *err) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_SLICE, entry->step);
  cream_rng_choose(&rng, heldout->count, match->slice, entry->slice, match->taken);
  cream_status status = cream_match_show(match, heldout, entry, err);
  if (!status) put_phi(match, net ? net : match->net, entry);
  return status;
}

cream_status cream_match_show(cream_match *match, cream_source *heldout, const cream_board_entry *entry,
                              cream_error *err) {
  return upload(match, heldout, entry->slice, match->slice, match->slices, entry->slot * match->slice, NULL,
                err);
}

cream_status cream_match_heldout(cream_match *match, cream_source *heldout, uint64_t seed, uint64_t step,
                                 cream_buf raw, cream_buf labels, cream_tensor *x, cream_error *err) {
  uint32_t indices[CREAM_MAX_SLICE];
  int32_t values[CREAM_MAX_SLICE];
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_META, step);
  cream_rng_choose(&rng, heldout->count, match->slice, indices, match->taken);
  cream_status status = upload(match, heldout, indices, match->slice, raw, 0, values, err);
  if (status) return status;
  match->backend->upload(match->backend, labels, values, (size_t)match->slice);
  *x = image_tensor(match, raw, 0, match->slice);
  return match->backend->synchronise(match->backend, err);
}

/* Fills `count` pairs from slot `first` on: the path's output on slice k, then the output of entry k. */
static void join_pairs(cream_match *match, int first, int count) {
  size_t n = outputs(match);
  for (int slot = first; slot < first + count; slot++) {
    cream_buf pair = cream_buf_at(match->pairs, (size_t)slot * match->inputs);
    match->backend->copy(match->backend, pair, cream_buf_at(match->p, (size_t)slot * n), n);
    match->backend->copy(match->backend, cream_buf_at(pair, n), cream_buf_at(match->phi, (size_t)slot * n),
                         n);
  }
}

/* scores[slot - first slot] = r_k = M(phi_p(x_k) - phi_k) for every entry. */
static cream_status match_scores(cream_match *match, const cream_board *board, const cream_path *path,
                                 float *scores, cream_error *err) {
  cream_backend *backend = match->backend;
  int images = board->count * match->slice, slot = board->first_slot;
  size_t first = (size_t)slot, n = outputs(match);
  cream_tensor x = image_tensor(match, match->slices, slot * match->slice, images);
  cream_buf logits = cream_net_forward(match->net, path, &x, CREAM_BN_RUNNING, 0);
  cream_buf p = cream_buf_at(match->p, first * n), phi = cream_buf_at(match->phi, first * n);
  put_outputs(match, logits, images, p);
  if (match->input == CREAM_META_PAIR) {
    join_pairs(match, slot, board->count);
    p = cream_buf_at(match->pairs, first * match->inputs);
    phi = cream_buf_at(match->origin, first * match->inputs);
  }
  cream_buf out = cream_buf_at(match->scores, first);
  backend->match(backend, p, phi, match->theta, board->count, (int)match->inputs,
                 cream_buf_at(match->diff, first * match->inputs), out);
  return backend->download(backend, scores, out, (size_t)board->count, err);
}

static cream_teaching best_match(const cream_board *board, const float *scores, int self) {
  cream_teaching teaching = {-1, 1};
  float best = 0;
  for (int e = 0; e < board->count; e++) {
    float score = scores[board->entries[e].slot - board->first_slot];
    if (e != self && (teaching.entry < 0 || score > best)) {
      teaching.entry = e;
      best = score;
    }
  }
  if (teaching.entry >= 0) teaching.rho = 1 / (1 + cream_exp(-(double)best));
  return teaching;
}

cream_status cream_match_teacher(cream_match *match, const cream_board *board, const cream_path *path,
                                 cream_teacher teacher, uint64_t seed, uint64_t step,
                                 cream_teaching *teaching, cream_error *err) {
  *teaching = (cream_teaching){-1, 1};
  int self = cream_board_find(board, path);
  int others = board->count - (self >= 0), chosen = 0; /* among the others */
  if (others == 0) return CREAM_OK;
  switch (teacher) {
  case CREAM_TEACHER_META: {
    float scores[CREAM_MAX_BOARD];
    cream_status status = match_scores(match, board, path, scores, err);
    if (!status) *teaching = best_match(board, scores, self);
    return status;
  }
  case CREAM_TEACHER_TOP1:
    break;
  case CREAM_TEACHER_RANDOM: {
    cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEACHER, step);
    chosen = (int)cream_rng_below(&rng, (uint32_t)others);
    break;
  }
  case CREAM_TEACHER_LARGEST: /* is on no board */
  case CREAM_TEACHER_NONE:
  case CREAM_TEACHER_COUNT:
    return CREAM_OK;
  }
  teaching->entry = chosen + (self >= 0 && chosen >= self);
  return CREAM_OK;
}
