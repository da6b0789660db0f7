#include "search_internal.h"

/* Cream: prioritized paths teach (section 2 of docs/method.md). */

static cream_status open(cream_search *search, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_backend *backend = search->backend;
  search->cream.start_epoch = config->start_epoch >= 0 ? config->start_epoch : config->epochs / 6;
  /* The board fills during the epoch before distillation starts, or, without any, during the last. */
  search->cream.board_epoch =
      search->cream.start_epoch < config->epochs ? search->cream.start_epoch - 1 : config->epochs - 1;
  size_t classes = (size_t)search->skeleton.classes, slice = (size_t)config->meta.slice;
  size_t picture = search->cream.match.picture;
  cream_status status = cream_meta_init(&search->cream.meta, search->train.net, err);
  if (!status) status = backend->alloc(backend, (size_t)config->batch * classes, &search->soft, err);
  if (!status) status = backend->alloc(backend, slice * picture, &search->cream.heldout_x, err);
  if (!status) status = backend->alloc(backend, slice, &search->cream.heldout_y, err);
  return status;
}

static void close(cream_search *search) {
  cream_buf *buffers[] = {&search->cream.heldout_x, &search->cream.heldout_y};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) search->backend->release(search->backend, *buffers[i]);
  cream_meta_destroy(&search->cream.meta);
}

/* ---- one step ---------------------------------------------------------------------------------------- */

/* The teacher's probabilities on the batch of the last forward_train, into search->soft. */
static void teach(cream_search *search, const cream_board_entry *teacher, int n) {
  cream_buf logits = cream_net_forward_teacher(search->train.net, &teacher->path);
  search->backend->softmax(search->backend, logits, n, search->skeleton.classes, search->soft);
}

/* Forward, match, distil, backward, update. */
static cream_status step(cream_search *search, const cream_tensor *x, cream_event *event, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_train *train = &search->train;
  cream_teaching *teaching = &search->cream.teaching;
  cream_rng rng = search_begin_draw(search);
  search_draw(search, &rng);
  const cream_board *board = &search->targets[search->target].board;
  cream_buf logits =
      cream_net_forward_train(train->net, &search->path, x, CREAM_BN_TRAIN, CREAM_BN_MOMENTUM, 0, 0, 0);
  *teaching = (cream_teaching){-1, 1};
  if (event->epoch >= search->cream.start_epoch && board->count > 0) {
    cream_status status = cream_match_teacher(&search->cream.match, board, &search->path, config->teacher,
                                              search->config.seed, search->step, teaching, err);
    if (status) return status;
  }
  cream_loss loss = {.hard = 1, .smoothing = (float)config->smoothing, .labels = train->labels};
  if (teaching->entry >= 0) {
    teach(search, &board->entries[teaching->entry], x->n);
    loss.soft = (float)(teaching->rho / 2);
    loss.hard = (float)(1 - teaching->rho / 2);
    loss.target = search->soft;
    event->rho = teaching->rho;
  }
  return search_learn(search, &loss, logits, x->n, event, err);
}

/* ---- after it ---------------------------------------------------------------------------------------- */

/* Step 5 of section 2, on the first images of the batch and a held-out slice drawn for this step. */
static cream_status update_meta(cream_search *search, const cream_tensor *x, cream_event *event,
                                cream_error *err) {
  const cream_search_config *config = &search->config.search;
  const cream_board *board = &search->targets[search->target].board;
  cream_match *match = &search->cream.match;
  const cream_path *path = &search->path;
  int slice = config->meta.slice < x->n ? config->meta.slice : x->n;
  cream_teaching teaching;
  /* The weights have moved since the step's own matching: match again. */
  cream_status status = cream_match_teacher(match, board, path, CREAM_TEACHER_META, search->config.seed,
                                            search->step, &teaching, err);
  if (status) return status;
  if (teaching.entry != search->cream.teaching.entry) {
    cream_net_forward_train(search->train.net, path, x, CREAM_BN_BATCH, 0, 0, 0, 0);
    teach(search, &board->entries[teaching.entry], x->n);
  }
  cream_meta_problem problem = {.path = path,
                                .x_train = *x,
                                .y_train = search->train.labels,
                                .target = search->soft,
                                .y_heldout = search->cream.heldout_y,
                                .lr = (float)event->lr,
                                .smoothing = (float)config->smoothing,
                                .rho = (float)teaching.rho};
  problem.x_train.n = slice;
  status = cream_match_heldout(match, search->heldout, search->config.seed, search->step,
                               search->cream.heldout_x, search->cream.heldout_y, &problem.x_heldout, err);
  double slope;
  if (!status) status = cream_meta_slope(&search->cream.meta, &problem, &slope, NULL, err);
  if (!status)
    status = cream_meta_descend(&search->cream.meta, match, board->entries[teaching.entry].slot, slope,
                                teaching.rho, config->meta.lr, config->meta.clip, &event->meta_gradient, err);
  if (status) return status;
  search->meta_updates++;
  event->kind = CREAM_EVENT_META;
  return cream_train_emit(&search->train, event, err);
}

static cream_status offer(cream_search *search, int target, const cream_board_entry *candidate,
                          cream_event *event, cream_error *err) {
  cream_board *board = &search->targets[target].board;
  bool entered;
  int at = cream_board_offer(board, candidate, &entered);
  if (!entered) return CREAM_OK;
  cream_status status =
      cream_match_enter(&search->cream.match, search->heldout, &board->entries[at], search->config.seed, err);
  if (!status) status = search_set_prior(search, err);
  return status ? status : search_tell_board(search, target, at, event, err);
}

/* Step 6 of section 2. One of several boards takes paths of its own budget alone. */
static cream_status update_boards(cream_search *search, const cream_path *path, cream_event *event,
                                  cream_error *err) {
  bool takes[CREAM_MAX_BUDGETS], any = false;
  for (int t = 0; t < search->n_targets; t++) {
    takes[t] = search->n_targets == 1 || cream_limits_hold(&search->targets[t].limits, &search->costs, path);
    any |= takes[t];
  }
  if (!any) return CREAM_OK;
  cream_score score = {0};
  cream_status status = cream_match_score(&search->cream.match, path, &score, err);
  cream_board_entry candidate = search_entry(search, path, &score);
  if (!status) status = search_tell_score(search, &candidate, event, err);
  for (int t = 0; t < search->n_targets && !status; t++)
    if (takes[t]) status = offer(search, t, &candidate, event, err);
  return status;
}

static cream_status after(cream_search *search, const cream_tensor *x, cream_event *event, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_status status = CREAM_OK;
  bool meta_due = search->step % (uint64_t)config->meta.every == 0;
  if (meta_due && search->cream.teaching.entry >= 0 && config->teacher == CREAM_TEACHER_META)
    status = update_meta(search, x, event, err);
  if (!status && event->epoch >= search->cream.board_epoch &&
      search->step % (uint64_t)config->board.every == 0)
    status = update_boards(search, &search->path, event, err);
  return status;
}

/* Scores and outputs of all entries with the present weights. */
static cream_status epoch(cream_search *search, cream_error *err) {
  for (int t = 0; t < search->n_targets; t++) {
    cream_board *board = &search->targets[t].board;
    for (int e = 0; e < board->count; e++) {
      cream_board_entry *entry = &board->entries[e];
      cream_score score;
      cream_status status = cream_match_score(&search->cream.match, &entry->path, &score, err);
      if (status) return status;
      entry->score = score.top1;
      entry->loss = score.loss;
      cream_match_output(&search->cream.match, entry);
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

/* A search that ended before its board opened, or drew paths everywhere and has none inside the limits on the
 * board, still has an answer: the best of paths drawn inside. */
static cream_status finish(cream_search *search, cream_error *err) {
  for (int t = 0; t < search->n_targets; t++) {
    search_target *target = &search->targets[t];
    if (has_answer(search, target)) continue;
    int wanted = target->board.capacity;
    char text[200];
    snprintf(text, sizeof text,
             "the board had no path inside the limits at the end: the answer is the best of %d drawn there",
             wanted);
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
  cream_match *match = &search->cream.match;
  size_t outputs = (size_t)match->slice * (size_t)match->classes;
  cream_state_add_device(state, "meta.theta", match->theta, match->inputs + 1);
  cream_state_add_device(state, "board.outputs", match->phi, (size_t)match->capacity * outputs);
}

static cream_status restored(cream_search *search, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int t = 0; t < search->n_targets; t++)
    for (int e = 0; e < search->targets[t].board.count && !status; e++)
      status =
          cream_match_show(&search->cream.match, search->heldout, &search->targets[t].board.entries[e], err);
  return status;
}

const cream_strategy_ops cream_strategy_cream = {.open = open,
                                                 .close = close,
                                                 .step = step,
                                                 .after = after,
                                                 .epoch = epoch,
                                                 .finish = finish,
                                                 .state = state,
                                                 .restored = restored};
