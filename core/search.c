#include "search.h"

#include "match.h"
#include "meta.h"
#include "rng.h"
#include "schedule.h"
#include "train.h"

struct cream_search {
  cream_config config;
  cream_skeleton skeleton;
  cream_range range;
  cream_costs costs;
  cream_source *train_source, *heldout;
  cream_backend *backend;
  cream_train train;
  cream_match match;
  cream_meta meta;
  cream_board board;
  cream_range_sampler *sampler;
  cream_buf target;    /* the teacher's probabilities [batch, classes] */
  cream_buf heldout_x; /* the meta network's held-out slice */
  cream_buf heldout_y;
  int start_epoch, board_epoch;
  uint64_t step, meta_updates;
  cream_board_image image; /* the board as a state holds it */
};

/* ---- creation ---------------------------------------------------------------------------------------- */

static cream_status set_prior(cream_search *search, cream_error *err) {
  const cream_skeleton *skeleton = &search->skeleton;
  const cream_search_config *config = &search->config.search;
  double prior[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  if (config->prior == CREAM_PRIOR_BOARD) {
    cream_board_prior(&search->board, skeleton, 1, prior);
    return cream_range_sampler_set_prior(search->sampler, prior, err);
  }
  double given = 0;
  for (int i = 0; i < CREAM_MAX_OPS; i++) given += config->fixed_prior[i];
  if (config->prior != CREAM_PRIOR_FIXED || given == 0) return CREAM_OK; /* uniform, as it was made */
  for (int l = 0; l < skeleton->n_layers; l++) {
    double sum = 0;
    for (int i = 0; i < skeleton->layers[l].n_options; i++)
      sum += prior[l][i] = config->fixed_prior[skeleton->layers[l].options[i]];
    /* a layer without any of the named ops keeps all it has */
    for (int i = 0; sum == 0 && i < skeleton->layers[l].n_options; i++) prior[l][i] = 1;
  }
  return cream_range_sampler_set_prior(search->sampler, prior, err);
}

static cream_status create_sampler(cream_search *search, cream_error *err) {
  int n_options[CREAM_MAX_LAYERS];
  for (int l = 0; l < search->skeleton.n_layers; l++) n_options[l] = search->skeleton.layers[l].n_options;
  cream_costs_init(&search->costs, &search->skeleton, search->skeleton.resolution);
  cream_status status =
      cream_range_sampler_create(&search->costs, n_options, &search->range, &search->sampler, err);
  return status ? status : set_prior(search, err);
}

static cream_status check_int(const char *key, int value, int low, int high, cream_error *err) {
  if (value >= low && value <= high) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %d, expected %d to %d", key, value, low, high);
}

static cream_status check(const cream_search *search, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  int least = search->config.recalibrate.mode == CREAM_RECALIBRATION_RESET;
  cream_status status = cream_train_check(&search->skeleton, search->train_source, config->epochs,
                                          config->batch, "search", err);
  if (!status) status = check_int("search.board.size", config->board.size, 1, CREAM_MAX_BOARD, err);
  if (!status) status = check_int("search.meta.slice", config->meta.slice, 1, CREAM_MAX_SLICE, err);
  if (!status) status = check_int("search.meta.every", config->meta.every, 1, 1 << 30, err);
  if (!status) status = check_int("search.board.every", config->board.every, 1, 1 << 30, err);
  if (!status) status = check_int("search.recalibrate", config->recalibrate, least, 1 << 20, err);
  if (!status && search->heldout->count == 0)
    status =
        cream_fail(err, CREAM_BAD_CONFIG, "heldout: no images are held out, expected some; raise heldout");
  return status;
}

static cream_status create_state(cream_search *search, const cream_search_inputs *inputs, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_backend *backend = search->backend;
  cream_match_options match = {.capacity = config->board.size,
                               .slice = config->meta.slice,
                               .probe = config->board.images ? config->board.images : config->batch,
                               .seed = search->config.seed};
  int batch = cream_match_batch(&match, config->batch);
  if (search->heldout->batch > batch) batch = search->heldout->batch;
  cream_train_options train = {.skeleton = &search->skeleton,
                               .net = {.batch = batch, .train = true, .seed = search->config.seed},
                               .batch = config->batch,
                               .time_budget = search->config.time_budget,
                               .listener = inputs->listener,
                               .keeper = inputs->keeper,
                               .on_nan = search->config.on_nan};
  cream_status status = cream_train_init(&search->train, backend, &train, err);
  cream_net *net = search->train.net;
  if (!status) status = cream_match_init(&search->match, net, search->heldout, &match, err);
  if (!status) status = cream_meta_init(&search->meta, net, err);
  size_t classes = (size_t)search->skeleton.classes, slice = (size_t)config->meta.slice;
  if (!status) status = backend->alloc(backend, (size_t)config->batch * classes, &search->target, err);
  if (!status) status = backend->alloc(backend, slice * search->match.picture, &search->heldout_x, err);
  if (!status) status = backend->alloc(backend, slice, &search->heldout_y, err);
  return status;
}

cream_status cream_search_create(cream_backend *backend, const cream_search_inputs *inputs,
                                 cream_search **out, cream_error *err) {
  *out = NULL;
  cream_search *search = calloc(1, sizeof *search);
  if (!search) return cream_fail_memory(err, sizeof *search, "a search");
  search->backend = backend;
  search->config = *inputs->config;
  search->skeleton = *inputs->skeleton;
  search->range = inputs->range;
  search->train_source = inputs->train;
  search->heldout = inputs->heldout;
  const cream_search_config *config = &search->config.search;
  search->start_epoch = config->start_epoch >= 0 ? config->start_epoch : config->epochs / 6;
  /* The board fills during the epoch before distillation starts, or, without any, during the last. */
  search->board_epoch = search->start_epoch < config->epochs ? search->start_epoch - 1 : config->epochs - 1;
  cream_status status = check(search, err);
  if (!status) {
    cream_board_init(&search->board, config->board.size, config->board.gap / 100);
    status = create_sampler(search, err);
  }
  if (!status) status = create_state(search, inputs, err);
  if (status)
    cream_search_destroy(search);
  else
    *out = search;
  return status;
}

void cream_search_destroy(cream_search *search) {
  if (!search) return;
  cream_buf *buffers[] = {&search->target, &search->heldout_x, &search->heldout_y};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) search->backend->release(search->backend, *buffers[i]);
  cream_meta_destroy(&search->meta);
  cream_match_destroy(&search->match);
  cream_train_destroy(&search->train);
  cream_range_sampler_destroy(search->sampler);
  free(search);
}

/* ---- one step ---------------------------------------------------------------------------------------- */

/* The teacher's probabilities on the batch of the last forward_train, into search->target. */
static void teach(cream_search *search, int entry, int n) {
  cream_buf logits = cream_net_forward_teacher(search->train.net, &search->board.entries[entry].path);
  search->backend->softmax(search->backend, logits, n, search->skeleton.classes, search->target);
}

/* Forward, match, distil, backward, update. x is the uploaded batch. */
static cream_status train_step(cream_search *search, const cream_path *path, const cream_tensor *x,
                               cream_event *event, cream_teaching *teaching, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_train *train = &search->train;
  cream_buf logits = cream_net_forward_train(train->net, path, x, CREAM_BN_TRAIN, 0.1f, 0, 0, 0);
  *teaching = (cream_teaching){-1, 1};
  if (event->epoch >= search->start_epoch && search->board.count > 0) {
    cream_status status = cream_match_teacher(&search->match, &search->board, path, config->teacher,
                                              search->config.seed, search->step, teaching, err);
    if (status) return status;
  }
  cream_loss loss = {.hard = 1, .smoothing = (float)config->smoothing, .labels = train->labels};
  if (teaching->entry >= 0) {
    teach(search, teaching->entry, x->n);
    loss.soft = (float)(teaching->rho / 2);
    loss.hard = (float)(1 - teaching->rho / 2);
    loss.target = search->target;
    event->rho = teaching->rho;
  }
  cream_train_loss(train, &loss, logits, x->n);
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  cream_optim optim = {.kind = CREAM_OPTIM_SGD,
                       .lr = (float)event->lr,
                       .momentum = (float)config->momentum,
                       .weight_decay = (float)config->weight_decay,
                       .nesterov = true};
  cream_status status = cream_train_clip(train, path, config->clip, err);
  if (status) return status;
  cream_train_update(train, path, &optim);
  return cream_train_result(train, event, "search.lr.lr", err);
}

/* Step 5 of section 2, on the first images of the batch and a held-out slice drawn for this step. */
static cream_status update_meta(cream_search *search, const cream_path *path, const cream_tensor *x,
                                int entry, cream_event *event, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  int slice = config->meta.slice < x->n ? config->meta.slice : x->n;
  cream_teaching teaching;
  int slot = search->board.entries[entry].slot;
  /* The weights have moved since the step's own matching: match again. */
  cream_status status = cream_match_teacher(&search->match, &search->board, path, CREAM_TEACHER_META,
                                            search->config.seed, search->step, &teaching, err);
  if (status) return status;
  if (teaching.entry != entry) {
    entry = teaching.entry;
    slot = search->board.entries[entry].slot;
    cream_net_forward_train(search->train.net, path, x, CREAM_BN_BATCH, 0, 0, 0, 0);
    teach(search, entry, x->n);
  }
  cream_meta_problem problem = {.path = path,
                                .x_train = *x,
                                .y_train = search->train.labels,
                                .target = search->target,
                                .y_heldout = search->heldout_y,
                                .lr = (float)event->lr,
                                .smoothing = (float)config->smoothing,
                                .rho = (float)teaching.rho};
  problem.x_train.n = slice;
  status = cream_match_heldout(&search->match, search->heldout, search->config.seed, search->step,
                               search->heldout_x, search->heldout_y, &problem.x_heldout, err);
  double slope;
  if (!status) status = cream_meta_slope(&search->meta, &problem, &slope, NULL, err);
  if (!status)
    status = cream_meta_descend(&search->meta, &search->match, slot, slope, teaching.rho, config->meta.lr,
                                config->meta.clip, &event->meta_gradient, err);
  if (status) return status;
  search->meta_updates++;
  event->kind = CREAM_EVENT_META;
  return cream_train_emit(&search->train, event, err);
}

static cream_board_entry scored(const cream_search *search, const cream_path *path,
                                const cream_score *score) {
  cream_cost cost = cream_costs_path(&search->costs, path);
  return (cream_board_entry){.path = *path,
                             .score = score->top1,
                             .loss = score->loss,
                             .flops = cream_cost_flops(&cost),
                             .params = cost.params,
                             .step = search->step};
}

/* Step 6 of section 2. */
static cream_status update_board(cream_search *search, const cream_path *path, cream_event *event,
                                 cream_error *err) {
  cream_score score;
  cream_status status = cream_match_score(&search->match, path, &score, err);
  if (status) return status;
  cream_board_entry candidate = scored(search, path, &score);
  bool entered;
  int at = cream_board_offer(&search->board, &candidate, &entered);
  if (!entered) return CREAM_OK;
  status = cream_match_enter(&search->match, search->heldout, &search->board.entries[at], search->config.seed,
                             err);
  if (!status) status = set_prior(search, err);
  if (status) return status;
  event->kind = CREAM_EVENT_BOARD;
  event->board = &search->board;
  event->entry = at;
  return cream_train_emit(&search->train, event, err);
}

/* Scores and outputs of all entries with the present weights. */
static cream_status refresh_board(cream_search *search, cream_error *err) {
  for (int e = 0; e < search->board.count; e++) {
    cream_board_entry *entry = &search->board.entries[e];
    cream_score score;
    cream_status status = cream_match_score(&search->match, &entry->path, &score, err);
    if (status) return status;
    entry->score = score.top1;
    entry->loss = score.loss;
    cream_match_output(&search->match, entry);
  }
  cream_board_sort(&search->board);
  return CREAM_OK;
}

/* ---- the state --------------------------------------------------------------------------------------- */

void cream_search_state(cream_search *search, cream_state *state) {
  cream_match *match = &search->match;
  size_t outputs = (size_t)match->slice * (size_t)match->classes;
  *state = (cream_state){.backend = search->backend, .step = search->step};
  cream_state_add_host(state, "step", CREAM_STATE_U64, &search->step, 1);
  cream_state_add_host(state, "meta.updates", CREAM_STATE_U64, &search->meta_updates, 1);
  cream_train_state(&search->train, state);
  cream_state_add_device(state, "meta.theta", match->theta, outputs + 1);
  cream_state_add_device(state, "board.outputs", match->phi, (size_t)match->capacity * outputs);
  cream_board_pack(&search->board, &search->image);
  cream_board_image_parts(&search->image, state);
}

cream_status cream_search_restored(cream_search *search, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_status status = cream_train_restored(&search->train, err);
  if (!status)
    status = cream_board_unpack(&search->board, &search->image, &search->skeleton, config->meta.slice,
                                search->heldout->count, err);
  for (int e = 0; e < search->board.count && !status; e++)
    status = cream_match_show(&search->match, search->heldout, &search->board.entries[e], err);
  return status ? status : set_prior(search, err);
}

static cream_status keep(cream_search *search, cream_error *err) {
  cream_state state;
  cream_search_state(search, &state);
  return cream_train_save(&search->train, &state, err);
}

static cream_status roll_back(cream_search *search, cream_error *err) {
  cream_state state;
  cream_search_state(search, &state);
  cream_status status = cream_train_roll_back(&search->train, &state, &search->step, err);
  return status ? status : cream_search_restored(search, err);
}

/* ---- the run ----------------------------------------------------------------------------------------- */

/* *epoch_event: gets the numbers of the step. */
static cream_status run_step(cream_search *search, uint64_t per_epoch, cream_event *epoch_event,
                             cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_train *train = &search->train;
  cream_event event = *epoch_event;
  cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_PATH, search->step);
  cream_path path = cream_range_sampler_draw(search->sampler, &rng);
  cream_batch batch;
  cream_status status = search->train_source->read(search->train_source, (uint64_t)event.epoch,
                                                   search->step % per_epoch, &batch, err);
  if (status) return status;
  cream_tensor x = cream_train_upload(train, search->train_source, &batch);
  event.path = &path;
  event.rho = -1;
  event.lr =
      search->train.lr_scale * cream_lr_at(&config->lr, search->step, event.steps, per_epoch, config->batch);
  cream_teaching teaching;
  if ((status = train_step(search, &path, &x, &event, &teaching, err))) return status;
  search->step++;
  *epoch_event = event;
  epoch_event->path = NULL;
  event.step = search->step;
  event.waited = search->train_source->waited;
  event.kind = CREAM_EVENT_STEP;
  if ((status = cream_train_emit(train, &event, err))) return status;
  bool meta_due = search->step % (uint64_t)config->meta.every == 0;
  if (meta_due && teaching.entry >= 0 && config->teacher == CREAM_TEACHER_META)
    if ((status = update_meta(search, &path, &x, teaching.entry, &event, err))) return status;
  if (event.epoch >= search->board_epoch && search->step % (uint64_t)config->board.every == 0)
    return update_board(search, &path, &event, err);
  return CREAM_OK;
}

static cream_status end_epoch(cream_search *search, cream_event event, cream_error *err) {
  cream_status status = refresh_board(search, err);
  if (!status) status = set_prior(search, err);
  event.kind = CREAM_EVENT_EPOCH;
  event.step = search->step;
  event.epoch++;
  event.board = &search->board;
  if (!status) status = cream_train_emit(&search->train, &event, err);
  cream_train_begin_epoch(&search->train, search->step);
  return status;
}

static cream_status train_supernet(cream_search *search, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  uint64_t per_epoch = cream_source_steps(search->train_source, true);
  cream_event event = {
      .phase = "search", .steps = per_epoch * (uint64_t)config->epochs, .epochs = config->epochs, .rho = -1};
  event.kind = CREAM_EVENT_START;
  event.step = search->step;
  cream_status status = cream_train_emit(&search->train, &event, err);
  cream_train_begin_epoch(&search->train, search->step);
  while (!status && search->step < event.steps && !cream_train_out_of_time(&search->train)) {
    if (cream_train_stopped(&search->train)) {
      status = keep(search, err);
      return status ? status
                    : cream_fail(err, CREAM_INTERRUPTED, "interrupted after step %llu",
                                 (unsigned long long)search->step);
    }
    event.epoch = (int)(search->step / per_epoch);
    status = run_step(search, per_epoch, &event, err);
    bool epoch_end = search->step % per_epoch == 0;
    if (!status && epoch_end) status = end_epoch(search, event, err);
    if (!status && cream_train_due(&search->train, search->step, epoch_end)) status = keep(search, err);
    if (status && cream_train_may_roll_back(&search->train)) status = roll_back(search, err);
  }
  return status ? status : keep(search, err);
}

/* A search that ended before its board opened still has an answer: a path drawn from the range. */
static cream_status seed_board(cream_search *search, cream_error *err) {
  if (search->board.count > 0) return CREAM_OK;
  cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_PATH, search->step);
  cream_path path = cream_range_sampler_draw(search->sampler, &rng);
  cream_event event = {.phase = "search", .step = search->step, .rho = -1};
  return update_board(search, &path, &event, err);
}

static bool better(const cream_search_result *a, const cream_search_result *b) {
  if (a->score.top1 != b->score.top1) return a->score.top1 > b->score.top1;
  if (a->score.loss != b->score.loss) return a->score.loss < b->score.loss;
  return cream_cost_flops(&a->cost) < cream_cost_flops(&b->cost);
}

static cream_status measure_entry(cream_search *search, int e, cream_search_result *result,
                                  cream_error *err) {
  const cream_path *path = &search->board.entries[e].path;
  cream_net *net = search->train.net;
  *result = (cream_search_result){.path = *path, .cost = cream_costs_path(&search->costs, path), .entry = e};
  cream_status status =
      cream_recalibrate(net, path, search->train_source, (uint64_t)search->config.search.epochs,
                        search->config.recalibrate.mode, search->config.search.recalibrate, err);
  if (status) return status;
  return cream_evaluate(net, path, search->heldout, CREAM_BN_RUNNING, 0, &result->score, err);
}

/* Recalibrates and evaluates every board path on the whole held-out set; the best is the answer. The net is
 * left with the winner's statistics. */
static cream_status select_path(cream_search *search, cream_search_result *best, cream_error *err) {
  cream_search_result measured;
  for (int e = 0; e < search->board.count; e++) {
    if (cream_train_stopped(&search->train))
      return cream_fail(err, CREAM_INTERRUPTED, "interrupted during the final selection");
    cream_status status = measure_entry(search, e, &measured, err);
    if (status) return status;
    cream_event event = {.kind = CREAM_EVENT_SELECT,
                         .phase = "search",
                         .step = search->step,
                         .rho = -1,
                         .accuracy = measured.score.top1,
                         .top5 = measured.score.top5,
                         .eval_loss = measured.score.loss,
                         .split = "heldout",
                         .board = &search->board,
                         .path = &measured.path,
                         .entry = e};
    if ((status = cream_train_emit(&search->train, &event, err))) return status;
    if (e == 0 || better(&measured, best)) *best = measured;
  }
  return best->entry == search->board.count - 1 ? CREAM_OK
                                                : measure_entry(search, best->entry, &measured, err);
}

cream_status cream_search_run(cream_search *search, cream_search_result *result, cream_error *err) {
  cream_status status = train_supernet(search, err);
  if (!status) status = seed_board(search, err);
  if (!status) status = select_path(search, result, err);
  return status;
}

cream_net *cream_search_net(cream_search *search) {
  return search->train.net;
}
const cream_board *cream_search_board(const cream_search *search) {
  return &search->board;
}
uint64_t cream_search_meta_updates(const cream_search *search) {
  return search->meta_updates;
}
uint64_t cream_search_step(const cream_search *search) {
  return search->step;
}

cream_status cream_search_meta(const cream_search *search, float *theta, cream_error *err) {
  size_t count = (size_t)search->match.slice * (size_t)search->skeleton.classes + 1;
  return search->backend->download(search->backend, theta, search->match.theta, count, err);
}
