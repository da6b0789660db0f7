#include "match.h"
#include "meta.h"
#include "search_internal.h"

/* Cream: prioritized paths teach (docs/method.md, section 2). */

typedef struct prioritized {
  cream_match match;
  cream_meta meta;
  cream_buf soft;                 /* [batch, classes]: probabilities of the teacher */
  cream_buf heldout_x, heldout_y; /* the meta network's held-out slice */
  cream_buf first_x, first_y;     /* with several parts, on rank 0: images and labels of the first one */
  float *theta;                   /* [inputs + 1], on the host: the meta network on its way to other ranks */
  cream_teaching teaching;        /* of the present step; with a fixed teacher, entry 0 where it teaches */
  cream_path largest;             /* CREAM_TEACHER_LARGEST: the teacher of all paths but itself */
  cream_board others;             /* of another search, whose paths teach; empty: those of this one do */
  bool introduced;                /* they have their slices and outputs */
  int start_epoch, board_epoch;   /* the first epochs with a teacher and with a board */
} prioritized;

static cream_match_options match_options(const cream_search *search) {
  const cream_search_config *config = &search->config.search;
  return (cream_match_options){.capacity = search->n_targets * config->board.size + search->n_others,
                               .slice = config->meta.slice,
                               .input = config->meta.input,
                               .probe = config->board.images ? config->board.images : config->batch,
                               .seed = search->config.seed};
}

static int net_batch(const cream_search *search) {
  const cream_search_config *config = &search->config.search;
  cream_match_options options = match_options(search);
  const int entries = config->board.size > search->n_others ? config->board.size : search->n_others;
  return cream_match_batch(&options, entries, config->batch);
}

/* Rank 0 updates the meta network, on the images of the first part. */
static bool updates_meta(const cream_search *search) {
  return cream_cluster_rank(search->train.cluster) == 0;
}

/* What the meta network takes where a step has several parts. */
static cream_status open_parts(cream_search *search, cream_error *err) {
  prioritized *self = search->strategy_state;
  cream_backend *backend = search->backend;
  const size_t batch = (size_t)search->config.search.batch;
  const size_t theta = (self->match.inputs + 1) * sizeof *self->theta;
  cream_status status = CREAM_OK;
  if (!search_has_parts(search)) return CREAM_OK;
  self->theta = malloc(theta);
  if (!self->theta) return cream_fail_memory(err, theta, "the meta network");
  if (!updates_meta(search)) return CREAM_OK;
  status = backend->alloc(backend, batch * self->match.image, &self->first_x, err);
  return status ? status : backend->alloc(backend, batch, &self->first_y, err);
}

/* The board of another search. Slices are drawn by steps that no entry of a board has. */
static void open_others(cream_search *search) {
  prioritized *self = search->strategy_state;
  cream_board_init(&self->others, CREAM_MAX_BOARD, 0);
  self->others.first_slot = search->n_targets * search->config.search.board.size;
  self->others.count = search->n_others;
  for (int i = 0; i < search->n_others; i++)
    self->others.entries[i] = (cream_board_entry){
        .path = search->others[i], .step = UINT64_MAX - 1 - (uint64_t)i, .slot = self->others.first_slot + i};
}

static cream_status open(cream_search *search, cream_error *err) {
  prioritized *self = search->strategy_state;
  const cream_search_config *config = &search->config.search;
  cream_backend *backend = search->backend;
  cream_match_options options = match_options(search);
  self->largest = cream_costs_extreme(&search->costs, true);
  open_others(search);
  self->start_epoch = cream_search_start_epoch(config);
  /* The board fills during the epoch before distillation starts, or, without distillation, during the last epoch. */
  self->board_epoch = self->start_epoch < config->epochs ? self->start_epoch - 1 : config->epochs - 1;
  size_t classes = (size_t)search->skeleton.classes, slice = (size_t)config->meta.slice;
  cream_status status = cream_match_init(&self->match, search->train.net, search->heldout, &options, err);
  if (!status) status = cream_meta_init(&self->meta, search->train.net, err);
  if (!status) status = backend->alloc(backend, (size_t)config->batch * classes, &self->soft, err);
  if (!status) status = backend->alloc(backend, slice * self->match.image, &self->heldout_x, err);
  if (!status) status = backend->alloc(backend, slice, &self->heldout_y, err);
  return status ? status : open_parts(search, err);
}

static void close(cream_search *search) {
  prioritized *self = search->strategy_state;
  cream_buf *buffers[] = {&self->soft, &self->heldout_x, &self->heldout_y, &self->first_x, &self->first_y};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) search->backend->release(search->backend, *buffers[i]);
  cream_meta_destroy(&self->meta);
  cream_match_destroy(&self->match);
  free(self->theta);
}

/* ---- one step ---------------------------------------------------------------------------------------- */

/* The board whose paths teach. */
static const cream_board *teachers(const cream_search *search) {
  const prioritized *self = search->strategy_state;
  return self->others.count ? &self->others : &search->targets[search->target].board;
}

/* Slices and outputs of another search's paths, whose weights are there now. */
static cream_status introduce(cream_search *search, cream_error *err) {
  prioritized *self = search->strategy_state;
  cream_status status = CREAM_OK;
  for (int i = 0; i < self->others.count && !self->introduced && !status; i++)
    status = cream_match_enter(&self->match, search->others_net, search->heldout, &self->others.entries[i],
                               search->config.seed, err);
  self->introduced = !status;
  return status;
}

/* The teacher's probabilities on x, the batch of the last forward_train, into `soft`. */
static void teach(cream_search *search, const cream_path *teacher, const cream_tensor *x) {
  prioritized *self = search->strategy_state;
  cream_buf logits = search->others_net ? cream_net_forward(search->others_net, teacher, x, CREAM_BN_BATCH, 0)
                                        : cream_net_forward_teacher(search->train.net, teacher);
  search->backend->softmax(search->backend, logits, x->n, search->skeleton.classes, self->soft);
}

/* Chooses the teacher of the step's path. */
static cream_status match(cream_search *search, const cream_event *event, cream_error *err) {
  prioritized *self = search->strategy_state;
  const cream_board *board = teachers(search);
  self->teaching = (cream_teaching){-1, 1};
  if (event->epoch < self->start_epoch) return CREAM_OK;
  if (search->config.search.teacher == CREAM_TEACHER_LARGEST) {
    self->teaching.entry = cream_path_equal(&search->path, &self->largest) ? -1 : 0;
    return CREAM_OK;
  }
  if (board->count == 0) return CREAM_OK;
  cream_status status = introduce(search, err);
  if (status) return status;
  return cream_match_teacher(&self->match, board, &search->path, search->config.search.teacher,
                             search->config.seed, search->step, &self->teaching, err);
}

/* The teacher of the step, which has one. */
static const cream_path *teacher_path(const cream_search *search) {
  const prioritized *self = search->strategy_state;
  if (search->config.search.teacher == CREAM_TEACHER_LARGEST) return &self->largest;
  return &teachers(search)->entries[self->teaching.entry].path;
}

/* Whether step `step` (from 1) updates the meta network. */
static bool meta_due(const cream_search *search, uint64_t step) {
  const prioritized *self = search->strategy_state;
  const cream_search_config *config = &search->config.search;
  return step % (uint64_t)config->meta.every == 0 && self->teaching.entry >= 0 &&
         config->teacher == CREAM_TEACHER_META;
}

/* Stores the images of the first part, which later parts overwrite. */
static void store_first(cream_search *search) {
  prioritized *self = search->strategy_state;
  const size_t n = (size_t)search->x.n;
  search->backend->copy(search->backend, self->first_x, search->x.raw, n * self->match.image);
  search->backend->copy(search->backend, self->first_y, search->train.labels, n);
}

static cream_status train_part(cream_search *search, int part, cream_event *event, cream_error *err) {
  prioritized *self = search->strategy_state;
  const cream_teaching *teaching = &self->teaching;
  cream_status status = search_begin_part(search, part, event, err);
  if (status) return status;
  cream_buf logits = search_forward(search);
  if (!search_has_parts(search)) status = match(search, event, err);
  if (status) return status;
  cream_loss loss = search_label_loss(search);
  if (teaching->entry >= 0) {
    teach(search, teacher_path(search), &search->x);
    loss.soft = (float)(teaching->rho / 2);
    loss.hard = (float)(1 - teaching->rho / 2);
    loss.target = self->soft;
    event->rho = teaching->rho;
  }
  if (part == 0 && cream_buf_present(self->first_x) && meta_due(search, search->step + 1))
    store_first(search);
  search_learn(search, &loss, logits);
  return CREAM_OK;
}

/* Steps 1 to 4: forward pass, matching, distillation, backward pass, update. Several parts share one teacher, which is
 * chosen by the statistics that the last step has left. */
static cream_status step(cream_search *search, cream_event *event, cream_error *err) {
  cream_rng rng = search_begin_draw(search);
  search_draw(search, &rng);
  cream_status status = search_has_parts(search) ? match(search, event, err) : CREAM_OK;
  for (int part = 0; part < search_own_parts(search) && !status; part++)
    status = train_part(search, part, event, err);
  return status ? status : search_update(search, event, err);
}

/* ---- after it ---------------------------------------------------------------------------------------- */

/* Step 5 on rank 0. `teaching`: by the present weights. */
static cream_status descend(cream_search *search, const cream_teaching *teaching, cream_event *event,
                            cream_error *err) {
  prioritized *self = search->strategy_state;
  const cream_search_config *config = &search->config.search;
  const cream_board_entry *teacher = &teachers(search)->entries[teaching->entry];
  cream_meta_problem problem = {.path = &search->path,
                                .x_train = search->x,
                                .y_train = search->train.labels,
                                .target = self->soft,
                                .y_heldout = self->heldout_y,
                                .lr = (float)event->lr,
                                .smoothing = (float)config->smoothing,
                                .rho = (float)teaching->rho};
  if (search_has_parts(search)) {
    problem.x_train.raw = self->first_x;
    problem.y_train = self->first_y;
  }
  if (search_has_parts(search) || teaching->entry != self->teaching.entry) {
    cream_net_forward_train(search->train.net, &search->path, &problem.x_train, CREAM_BN_BATCH, 0, 0, 0, 0);
    teach(search, &teacher->path, &problem.x_train);
  }
  if (config->meta.slice < problem.x_train.n) problem.x_train.n = config->meta.slice;
  cream_status status = cream_match_heldout(&self->match, search->heldout, search->config.seed, search->step,
                                            self->heldout_x, self->heldout_y, &problem.x_heldout, err);
  double slope;
  if (!status) status = cream_meta_slope(&self->meta, &problem, &slope, NULL, err);
  if (status) return status;
  return cream_meta_descend(&self->meta, &self->match, teacher->slot, slope, teaching->rho, config->meta.lr,
                            config->meta.clip, &event->meta_gradient, err);
}

/* Rank 0's meta network and gradient norm become those of all ranks. */
static cream_status share_meta(cream_search *search, cream_event *event, cream_error *err) {
  prioritized *self = search->strategy_state;
  cream_backend *backend = search->backend;
  cream_cluster *cluster = search->train.cluster;
  const size_t count = self->match.inputs + 1;
  cream_status status = CREAM_OK;
  if (cream_cluster_alone(cluster)) return CREAM_OK;
  if (updates_meta(search)) status = backend->download(backend, self->theta, self->match.theta, count, err);
  if (!status) status = cluster->broadcast(cluster, self->theta, count * sizeof *self->theta, err);
  if (!status) status = cluster->broadcast(cluster, &event->meta_gradient, sizeof event->meta_gradient, err);
  if (!status && !updates_meta(search)) backend->upload(backend, self->match.theta, self->theta, count);
  return status;
}

/* Step 5, on the first images of the batch and a held-out slice drawn for this step. */
static cream_status update_meta(cream_search *search, cream_event *event, cream_error *err) {
  prioritized *self = search->strategy_state;
  const cream_board *board = teachers(search);
  cream_teaching teaching;
  /* The weights have changed since the step's matching: match again. */
  cream_status status = cream_match_teacher(&self->match, board, &search->path, CREAM_TEACHER_META,
                                            search->config.seed, search->step, &teaching, err);
  if (!status && updates_meta(search)) status = descend(search, &teaching, event, err);
  if (!status) status = share_meta(search, event, err);
  if (status) return status;
  search->meta_updates++;
  event->kind = CREAM_EVENT_META;
  return cream_train_emit(&search->train, event, err);
}

static cream_status offer(cream_search *search, int target, const cream_board_entry *candidate,
                          cream_event *event, cream_error *err) {
  prioritized *self = search->strategy_state;
  cream_board *board = &search->targets[target].board;
  bool entered;
  int at = cream_board_offer(board, candidate, &entered);
  if (!entered) return CREAM_OK;
  cream_status status =
      cream_match_enter(&self->match, NULL, search->heldout, &board->entries[at], search->config.seed, err);
  if (!status) status = search_set_prior(search, err);
  return status ? status : search_emit_board(search, target, at, event, err);
}

/* Step 6: scores the path and offers it to the boards. With several budgets, a board takes only paths inside its own. */
static cream_status update_boards(cream_search *search, const cream_path *path, cream_event *event,
                                  cream_error *err) {
  prioritized *self = search->strategy_state;
  bool takes[CREAM_MAX_BUDGETS] = {false}, any = false;
  for (int t = 0; t < search->n_targets; t++) {
    takes[t] = search->n_targets == 1 || cream_limits_hold(&search->targets[t].limits, &search->costs, path);
    any |= takes[t];
  }
  if (!any) return CREAM_OK;
  cream_score score = {0};
  cream_status status = cream_match_score(&self->match, path, &score, err);
  cream_board_entry candidate = search_entry(search, path, &score);
  if (!status) status = search_emit_score(search, &candidate, event, err);
  for (int t = 0; t < search->n_targets && !status; t++)
    if (takes[t]) status = offer(search, t, &candidate, event, err);
  return status;
}

static cream_status after(cream_search *search, cream_event *event, cream_error *err) {
  prioritized *self = search->strategy_state;
  const cream_search_config *config = &search->config.search;
  cream_status status = meta_due(search, search->step) ? update_meta(search, event, err) : CREAM_OK;
  if (!status && event->epoch >= self->board_epoch && search->step % (uint64_t)config->board.every == 0)
    status = update_boards(search, &search->path, event, err);
  return status;
}

/* Computes scores and outputs of all entries again, with the present weights. */
static cream_status epoch(cream_search *search, cream_error *err) {
  prioritized *self = search->strategy_state;
  for (int t = 0; t < search->n_targets; t++) {
    cream_board *board = &search->targets[t].board;
    for (int e = 0; e < board->count; e++) {
      cream_board_entry *entry = &board->entries[e];
      cream_score score;
      cream_status status = cream_match_score(&self->match, &entry->path, &score, err);
      if (status) return status;
      entry->score = score.top1;
      entry->loss = score.loss;
      cream_match_output(&self->match, entry);
    }
    cream_board_sort(board);
  }
  return CREAM_OK;
}

/* ---- the end ----------------------------------------------------------------------------------------- */

static bool has_answer(const cream_search *search, const search_target *target) {
  for (int e = 0; e < target->board.count; e++)
    if (cream_limits_hold(&target->limits, &search->costs, &target->board.entries[e].path)) return true;
  return false;
}

/* Paths are offered after every search.board.every-th step from the epoch `board_epoch` on. */
static uint64_t board_opens(const cream_search *search) {
  const prioritized *self = search->strategy_state;
  uint64_t every = (uint64_t)search->config.search.board.every;
  uint64_t before = self->board_epoch > 0 ? (uint64_t)self->board_epoch * search->per_epoch : 0;
  return (before / every + 1) * every;
}

/* Writes why the target's board has no answer. */
static void explain(const cream_search *search, const search_target *target, char *text, size_t size) {
  uint64_t opens = board_opens(search);
  if (target->board.count == 0 && search->step < opens)
    snprintf(
        text, size,
        "the training ended after step %llu, before the board opens at step %llu: the answer is the best of "
        "%d paths drawn inside the limits",
        (unsigned long long)search->step, (unsigned long long)opens, target->board.capacity);
  else
    snprintf(text, size,
             "the board had no path inside the limits at the end: the answer is the best of %d drawn there",
             target->board.capacity);
}

/* A board can end without a path inside the limits: the search ended before the board opened, or drew paths everywhere.
 * The board is then filled with paths drawn inside. */
static cream_status finish(cream_search *search, cream_error *err) {
  for (int t = 0; t < search->n_targets; t++) {
    search_target *target = &search->targets[t];
    if (has_answer(search, target)) continue;
    int wanted = target->board.capacity;
    char text[200];
    explain(search, target, text, sizeof text);
    cream_event note = {
        .kind = CREAM_EVENT_NOTE, .phase = "search", .step = search->step, .rho = -1, .note = text};
    cream_status status = cream_train_emit(&search->train, &note, err);
    if (status) return status;
    target->board.count = 0;
    cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_PATH, search->step);
    for (int i = 0; i < wanted; i++) {
      cream_path path = cream_range_sampler_draw(target->sampler, &rng);
      cream_event event = {.phase = "search", .step = search->step, .rho = -1};
      if ((status = update_boards(search, &path, &event, err))) return status;
    }
  }
  return CREAM_OK;
}

/* ---- the state --------------------------------------------------------------------------------------- */

static void state(cream_search *search, cream_state *state) {
  prioritized *self = search->strategy_state;
  cream_match *match = &self->match;
  size_t outputs = (size_t)match->slice * (size_t)match->classes;
  cream_state_add_device(state, "meta.theta", match->theta, match->inputs + 1);
  const size_t own = (size_t)self->others.first_slot; /* outputs of other searches' paths do not change */
  cream_state_add_device(state, "board.outputs", match->phi, own * outputs);
}

static cream_status restored(cream_search *search, cream_error *err) {
  prioritized *self = search->strategy_state;
  cream_status status = CREAM_OK;
  for (int t = 0; t < search->n_targets; t++)
    for (int e = 0; e < search->targets[t].board.count && !status; e++)
      status = cream_match_show(&self->match, search->heldout, &search->targets[t].board.entries[e], err);
  return status;
}

static search_meta meta(const cream_search *search) {
  const prioritized *self = search->strategy_state;
  return (search_meta){.inputs = self->match.inputs, .theta = self->match.theta};
}

SEARCH_STRATEGY(cream, "prioritized paths teach the others", search_one_path, step, finish, .teaches = true,
                .state_size = sizeof(prioritized), .net_batch = net_batch, .open = open, .close = close,
                .after = after, .epoch = epoch, .board_opens = board_opens, .state = state,
                .restored = restored, .meta = meta);
