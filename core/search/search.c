#include <math.h>

#include "search_internal.h"

/* ---- creation ---------------------------------------------------------------------------------------- */

/* Writes the weights of search.fixed_prior to prior; false: none is given. */
static bool fixed_prior(const cream_search *search, double (*prior)[CREAM_MAX_OPS]) {
  const cream_skeleton *skeleton = &search->skeleton;
  const double *given = search->config.search.fixed_prior;
  double all = 0;
  for (int i = 0; i < CREAM_MAX_OPS; i++) all += given[i];
  for (int l = 0; l < skeleton->n_layers; l++) {
    double sum = 0;
    for (int i = 0; i < skeleton->layers[l].n_options; i++)
      sum += prior[l][i] = given[skeleton->layers[l].options[i]];
    /* a layer without any of the named ops draws uniformly */
    for (int i = 0; sum == 0 && i < skeleton->layers[l].n_options; i++) prior[l][i] = 1;
  }
  return all > 0;
}

static cream_status check_fixed_prior(const cream_search *search, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  for (int i = search->skeleton.space.n_ops; i < CREAM_MAX_OPS; i++)
    if (config->prior == CREAM_PRIOR_FIXED && config->fixed_prior[i] > 0)
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "search.fixed_prior: got %d weights or more, but space `%s` has %d ops", i + 1,
                        search->skeleton.space.name, search->skeleton.space.n_ops);
  return CREAM_OK;
}

/* Writes the prior that search.prior and a board give to prior; false: it is uniform, as that of a new sampler. */
static bool find_prior(const cream_search *search, const cream_board *board, double (*prior)[CREAM_MAX_OPS]) {
  switch (search->config.search.prior) {
  case CREAM_PRIOR_FIXED:
    return fixed_prior(search, prior);
  case CREAM_PRIOR_BOARD:
    cream_board_prior(board, &search->skeleton, 1, prior);
    return true;
  case CREAM_PRIOR_UNIFORM:
  case CREAM_PRIOR_COUNT:
    break;
  }
  return false;
}

cream_status search_set_prior(cream_search *search, cream_error *err) {
  double prior[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  cream_status status = check_fixed_prior(search, err);
  for (int t = 0; t < search->n_targets && !status; t++)
    if (find_prior(search, &search->targets[t].board, prior))
      status = cream_range_sampler_set_prior(search->targets[t].sampler, prior, err);
  if (status || !search->anywhere || !find_prior(search, &search->targets[0].board, prior)) return status;
  bool of_board = search->config.search.prior == CREAM_PRIOR_BOARD;
  for (int t = 1; t < search->n_targets && of_board; t++) cream_board_count(&search->targets[t].board, prior);
  return cream_range_sampler_set_prior(search->anywhere, prior, err);
}

static cream_status create_targets(cream_search *search, const cream_search_inputs *inputs,
                                   cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_status status =
      cream_budgets_parse(config->budgets, config->budget_share, search->budgets, &search->n_budgets, err);
  if (!status && search->n_budgets > 0 && inputs->range.max > 0)
    status = cream_fail(err, CREAM_BAD_CONFIG,
                        "search.budgets: a FLOPs range is given too; give one of them (flops=any)");
  search->n_targets = search->n_budgets ? search->n_budgets : 1;
  if (inputs->latencies) search->latencies = *inputs->latencies;
  search->has_latencies = inputs->latencies != NULL;
  cream_range reach = cream_costs_reach(&search->costs);
  for (int t = 0; t < search->n_targets && !status; t++) {
    search_target *target = &search->targets[t];
    target->limits.flops = inputs->range;
    if (search->n_budgets) target->limits = search->budgets[t].limits;
    cream_limits_cap(&target->limits, inputs->max_ms);
    if (target->limits.ms.max > 0 && !search->has_latencies)
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "latency: a limit of %g ms needs a table of latencies; give --latency-table FILE",
                        target->limits.ms.max);
    target->limits.latencies = &search->latencies;
    cream_board_init(&target->board, config->board.size, config->board.gap / 100);
    target->board.first_slot = t * config->board.size;
    target->board.order = config->order;
    target->board.rule = config->board.rule;
    target->board.buckets = config->board.buckets;
    bool bounded = target->limits.flops.max > 0 && config->sampling == CREAM_SAMPLING_RANGE;
    target->board.low = bounded ? fmax(target->limits.flops.min, reach.min) : reach.min;
    target->board.high = bounded ? fmin(target->limits.flops.max, reach.max) : reach.max;
    status = cream_range_sampler_create(&search->costs, &target->limits, &target->sampler, err);
  }
  const cream_limits none = {.ms = {0, 0}};
  if (!status && config->sampling == CREAM_SAMPLING_EVERYWHERE)
    status = cream_range_sampler_create(&search->costs, &none, &search->anywhere, err);
  return status ? status : search_set_prior(search, err);
}

static cream_status check_int(const char *key, int value, int low, int high, cream_error *err) {
  if (value >= low && value <= high) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %d, expected %d to %d", key, value, low, high);
}

/* Teachers from the board of another search need a way of choosing one. */
static cream_status check_teacher_run(const cream_search *search, cream_error *err) {
  const cream_teacher teacher = search->config.search.teacher;
  if (search->n_others == 0) return CREAM_OK;
  if (!search->strategy->teaches)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "search.teacher_run: search.strategy is %s, which has no teachers, expected cream; leave "
        "search.teacher_run empty",
        search->strategy->name);
  if (teacher != CREAM_TEACHER_NONE && teacher != CREAM_TEACHER_LARGEST) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "search.teacher_run: search.teacher is %s, which is no path of a board; expected meta, top1 "
      "or random",
      teacher == CREAM_TEACHER_NONE ? "none" : "largest");
}

static cream_status check(const cream_search *search, const cream_cluster *cluster, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  const cream_train_settings settings = {"search", config->epochs, config->batch, config->accumulate,
                                         cluster};
  int least = search->config.recalibrate.mode == CREAM_RECALIBRATION_RESET;
  cream_status status = cream_train_check(&search->skeleton, search->train_source, &settings, err);
  if (!status) status = check_int("search.board.size", config->board.size, 1, CREAM_MAX_BOARD, err);
  if (!status && config->board.rule == CREAM_BOARD_PARETO)
    status = check_int("search.board.buckets", config->board.buckets, 1, config->board.size, err);
  if (!status) status = check_int("search.meta.slice", config->meta.slice, 1, CREAM_MAX_SLICE, err);
  if (!status) status = check_int("search.meta.every", config->meta.every, 1, 1 << 30, err);
  if (!status) status = check_int("search.board.every", config->board.every, 1, 1 << 30, err);
  if (!status) status = check_int("search.recalibrate", config->recalibrate, least, 1 << 20, err);
  if (!status && cream_external_given(&config->external) && !search->strategy->teaches)
    status =
        cream_fail(err, CREAM_BAD_CONFIG,
                   "search.external: search.strategy is %s, which has no teachers, expected cream; leave "
                   "search.external empty, or use a teacher in the retraining (retrain.teacher)",
                   search->strategy->name);
  if (!status) status = check_teacher_run(search, err);
  if (!status && search->heldout->count == 0)
    status =
        cream_fail(err, CREAM_BAD_CONFIG, "heldout: no images are held out, expected some; raise heldout");
  return status;
}

static cream_status create_strategy(cream_search *search, cream_error *err) {
  const search_strategy *strategy = search->strategy;
  if (strategy->state_size > 0) {
    search->strategy_state = calloc(1, strategy->state_size);
    if (!search->strategy_state) return cream_fail_memory(err, strategy->state_size, "the search strategy");
  }
  return strategy->check ? strategy->check(search, err) : CREAM_OK;
}

/* The supernet of teachers from another search, for batches and slices. */
static cream_status create_others(cream_search *search, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  const cream_net_options options = {.batch = config->batch > config->meta.slice ? config->batch
                                                                                 : config->meta.slice,
                                     .seed = search->config.seed};
  return cream_net_create(search->backend, &search->skeleton, &options, &search->others_net, err);
}

static cream_status create_state(cream_search *search, const cream_search_inputs *inputs, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  const search_strategy *strategy = search->strategy;
  int batch = strategy->net_batch ? strategy->net_batch(search) : config->batch;
  if (search->heldout->batch > batch) batch = search->heldout->batch;
  cream_train_options train = {.skeleton = &search->skeleton,
                               .net = {.batch = batch, .train = true, .seed = search->config.seed},
                               .batch = config->batch,
                               .accumulate = config->accumulate,
                               .paths = strategy->batch_paths(config, &search->skeleton),
                               .cluster = inputs->cluster,
                               .half = search->config.cluster.exchange == CREAM_EXCHANGE_HALF,
                               .check_every = search->config.cluster.check_every,
                               .time_budget = search->config.time_budget,
                               .listener = inputs->listener,
                               .checkpointer = inputs->checkpointer,
                               .on_nan = search->config.on_nan};
  cream_status status = cream_train_init(&search->train, search->backend, &train, err);
  if (!status)
    status = search->backend->alloc(search->backend, cream_net_statistic_count(search->train.net),
                                    &search->statistics, err);
  if (!status && search->n_others) status = create_others(search, err);
  return status || !strategy->open ? status : strategy->open(search, err);
}

cream_status cream_search_create(cream_backend *backend, const cream_search_inputs *inputs,
                                 cream_search **out, cream_error *err) {
  *out = NULL;
  cream_search *search = calloc(1, sizeof *search);
  if (!search) return cream_fail_memory(err, sizeof *search, "a search");
  search->backend = backend;
  search->config = *inputs->config;
  search->skeleton = *inputs->skeleton;
  search->train_source = inputs->train;
  search->heldout = inputs->heldout;
  search->strategy = search_strategy_at(search->config.search.strategy);
  CREAM_ASSERT(inputs->n_teachers >= 0 && inputs->n_teachers <= CREAM_MAX_BOARD);
  search->n_others = inputs->n_teachers;
  for (int i = 0; i < search->n_others; i++) search->others[i] = inputs->teachers[i];
  search->others_hash = search->restored_by = inputs->teachers_hash;
  cream_costs_init(&search->costs, &search->skeleton, search->skeleton.resolution);
  cream_status status = check(search, inputs->cluster, err);
  if (!status) {
    search->per_epoch =
        cream_source_steps(search->train_source, true) / (uint64_t)search->config.search.accumulate;
    search->steps = search->per_epoch * (uint64_t)search->config.search.epochs;
    status = create_targets(search, inputs, err);
  }
  if (!status) status = create_strategy(search, err);
  if (!status) status = create_state(search, inputs, err);
  if (status)
    cream_search_destroy(search);
  else
    *out = search;
  return status;
}

void cream_search_destroy(cream_search *search) {
  if (!search) return;
  if (search->strategy->close && search->strategy_state) search->strategy->close(search);
  free(search->strategy_state);
  if (cream_buf_present(search->statistics)) search->backend->release(search->backend, search->statistics);
  cream_net_destroy(search->others_net);
  cream_train_destroy(&search->train);
  for (int t = 0; t < search->n_targets; t++) cream_range_sampler_destroy(search->targets[t].sampler);
  cream_range_sampler_destroy(search->anywhere);
  free(search);
}

/* ---- what strategies share --------------------------------------------------------------------------- */

int search_one_path(const cream_search_config *config, const cream_skeleton *skeleton) {
  (void)config, (void)skeleton;
  return 1;
}

cream_loss search_label_loss(const cream_search *search) {
  return (cream_loss){
      .hard = 1, .smoothing = (float)search->config.search.smoothing, .labels = search->train.labels};
}

cream_rng search_begin_draw(cream_search *search) {
  search->target = 0;
  if (search->n_targets > 1) {
    cream_rng turn = cream_rng_at(search->config.seed, CREAM_RNG_BUDGET, search->step);
    search->target = (int)cream_rng_below(&turn, (uint32_t)search->n_targets);
  }
  return cream_rng_at(search->config.seed, CREAM_RNG_PATH, search->step);
}

void search_draw(cream_search *search, cream_rng *rng) {
  search->path = cream_range_sampler_draw(
      search->anywhere ? search->anywhere : search->targets[search->target].sampler, rng);
}

cream_optim search_optim(const cream_search *search, const cream_event *event) {
  const cream_search_config *config = &search->config.search;
  return (cream_optim){.kind = CREAM_OPTIM_SGD,
                       .lr = (float)event->lr,
                       .momentum = (float)config->momentum,
                       .weight_decay = (float)config->weight_decay,
                       .nesterov = true};
}

cream_status search_begin_part(cream_search *search, int part, const cream_event *event, cream_error *err) {
  cream_train *train = &search->train;
  cream_source *source = search->train_source;
  cream_batch batch;
  if (part == 0) cream_train_begin_step(train);
  cream_train_begin_part(train, part);
  uint64_t at = cream_train_batch_number(train, search->step % search->per_epoch);
  cream_status status = source->read(source, (uint64_t)event->epoch, at, &batch, err);
  if (!status && search->teacher)
    status =
        cream_external_run(search->teacher, &batch, cream_train_batch_number(train, search->step), 1, err);
  if (!status) search->x = cream_train_upload(train, source, &batch);
  return status;
}

cream_buf search_forward(cream_search *search) {
  return cream_train_forward(&search->train, &search->path, &search->x, 0, 0, 0);
}

void search_learn(cream_search *search, const cream_loss *loss, cream_buf logits) {
  cream_train *train = &search->train;
  const int n = search->x.n;
  if (search->teacher)
    cream_external_loss(search->teacher, loss, logits, n, cream_net_dlogits(train->net), train->result);
  else
    cream_train_loss(train, loss, logits, n);
  cream_train_backward(train);
}

cream_status search_train_path(cream_search *search, cream_event *event, cream_error *err) {
  const cream_loss loss = search_label_loss(search);
  for (int part = 0; part < search_own_parts(search); part++) {
    cream_status status = search_begin_part(search, part, event, err);
    if (status) return status;
    search_learn(search, &loss, search_forward(search));
  }
  return search_update(search, event, err);
}

cream_status search_update(cream_search *search, cream_event *event, cream_error *err) {
  cream_train *train = &search->train;
  cream_optim optim = search_optim(search, event);
  cream_status status = cream_train_end_step(train, err);
  if (!status) status = cream_train_clip(train, &search->path, search->config.search.clip, err);
  if (status) return status;
  cream_train_update(train, &search->path, &optim);
  return cream_train_result(train, event, "search.lr.lr", err);
}

cream_board_entry search_entry(const cream_search *search, const cream_path *path, const cream_score *score) {
  cream_cost cost = cream_costs_path(&search->costs, path);
  return (cream_board_entry){.path = *path,
                             .score = score->top1,
                             .loss = score->loss,
                             .flops = cream_cost_flops(&cost),
                             .params = cost.params,
                             .step = search->step};
}

cream_status search_emit_score(cream_search *search, const cream_board_entry *candidate, cream_event *event,
                               cream_error *err) {
  event->kind = CREAM_EVENT_SCORE;
  event->candidate = candidate;
  return cream_train_emit(&search->train, event, err);
}

static const char *label(const cream_search *search, int target) {
  return search->n_budgets ? search->budgets[target].label : NULL;
}

cream_status search_emit_board(cream_search *search, int target, int at, cream_event *event,
                               cream_error *err) {
  event->kind = CREAM_EVENT_BOARD;
  event->board = &search->targets[target].board;
  event->budget = label(search, target);
  event->entry = at;
  return cream_train_emit(&search->train, event, err);
}

/* ---- the state --------------------------------------------------------------------------------------- */

void cream_search_state(cream_search *search, cream_state *state) {
  *state = (cream_state){.backend = search->backend, .step = search->step};
  cream_state_add_host(state, "step", CREAM_STATE_U64, &search->step, 1);
  cream_state_add_host(state, "meta.updates", CREAM_STATE_U64, &search->meta_updates, 1);
  cream_train_state(&search->train, state);
  if (search->strategy->state) search->strategy->state(search, state);
  for (int t = 0; t < search->n_targets; t++) cream_board_pack(&search->targets[t].board, t, &search->image);
  cream_board_image_parts(&search->image, search->n_targets, state);
  if (search->teacher) cream_state_add_host(state, "external", CREAM_STATE_U64, &search->taught_by, 1);
  if (search->n_others) cream_state_add_host(state, "teacher_run", CREAM_STATE_U64, &search->restored_by, 1);
}

void cream_search_teach(cream_search *search, cream_external *teacher) {
  CREAM_ASSERT(!teacher || search->strategy->teaches);
  search->teacher = teacher;
  search->taught_by = teacher ? cream_external_fingerprint(teacher) : 0;
}

cream_status cream_search_restored(cream_search *search, cream_error *err) {
  cream_status status = cream_train_restored(&search->train, err);
  if (!status && search->teacher)
    status = cream_external_check(search->teacher, "search.external", search->taught_by, err);
  if (!status && search->restored_by != search->others_hash)
    status = cream_fail(
        err, CREAM_BAD_DATA,
        "search.teacher_run: the board or the supernet that teaches has changed since the checkpoint was "
        "written; restore its files, or choose another --out");
  for (int t = 0; t < search->n_targets && !status; t++)
    status = cream_board_unpack(&search->targets[t].board, t, &search->image, &search->skeleton,
                                search->config.search.meta.slice, search->heldout->count, err);
  if (!status && search->strategy->restored) status = search->strategy->restored(search, err);
  return status ? status : search_set_prior(search, err);
}

static cream_status checkpoint(cream_search *search, cream_error *err) {
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

static double waited(const cream_search *search) {
  return search->train_source->waited + search->heldout->waited;
}

/* *epoch_event: receives the numbers of the step. */
static cream_status run_step(cream_search *search, cream_event *epoch_event, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  cream_train *train = &search->train;
  cream_event event = *epoch_event;
  event.step = search->step;
  event.path = &search->path;
  event.rho = -1;
  event.lr = search->train.lr_scale * cream_lr_at(&config->lr, search->step, event.steps, search->per_epoch,
                                                  config->batch * config->accumulate);
  cream_status status = search->strategy->step(search, &event, err);
  if (status) return status;
  search->step++;
  event.waited = waited(search);
  *epoch_event = event;
  epoch_event->path = NULL;
  event.step = search->step;
  event.kind = CREAM_EVENT_STEP;
  if ((status = cream_train_emit(train, &event, err))) return status;
  return search->strategy->after ? search->strategy->after(search, &event, err) : CREAM_OK;
}

static cream_status end_epoch(cream_search *search, cream_event event, cream_error *err) {
  cream_status status = search->strategy->epoch ? search->strategy->epoch(search, err) : CREAM_OK;
  if (!status) status = search_set_prior(search, err);
  event.kind = CREAM_EVENT_EPOCH;
  event.step = search->step;
  event.waited = waited(search);
  event.epoch++;
  event.board = &search->targets[0].board;
  event.budget = label(search, 0);
  if (!status) status = cream_train_emit(&search->train, &event, err);
  cream_train_begin_epoch(&search->train, search->step);
  return status;
}

static cream_status train_supernet(cream_search *search, cream_error *err) {
  cream_event event = {
      .phase = "search", .steps = search->steps, .epochs = search->config.search.epochs, .rho = -1};
  event.kind = CREAM_EVENT_START;
  event.step = search->step;
  cream_status status = cream_train_compare(&search->train, search->step, err);
  if (!status) status = cream_train_emit(&search->train, &event, err);
  cream_train_begin_epoch(&search->train, search->step);
  search->train_source->announced = cream_train_announced(&search->train);
  while (!status && search->step < event.steps) {
    cream_train_ending ending;
    bool due = false;
    if ((status = cream_train_ends(&search->train, search->step, &ending, err)) || ending.late) break;
    if (ending.stopped) {
      status = checkpoint(search, err);
      return status ? status
                    : cream_fail(err, CREAM_INTERRUPTED, "interrupted after step %llu",
                                 (unsigned long long)search->step);
    }
    event.epoch = (int)(search->step / search->per_epoch);
    status = run_step(search, &event, err);
    bool epoch_end = search->step % search->per_epoch == 0;
    if (!status && epoch_end) status = end_epoch(search, event, err);
    if (!status) status = cream_train_due(&search->train, search->step, epoch_end, &due, err);
    if (!status && due) status = checkpoint(search, err);
    if (status && cream_train_may_roll_back(&search->train)) status = roll_back(search, err);
  }
  if (!status && search->step < event.steps)
    status = cream_train_emit_budget(&search->train, &event, search->step, err);
  return status ? status : checkpoint(search, err);
}

cream_status cream_search_choose(cream_search *search, cream_search_result *results, cream_error *err) {
  cream_status status = CREAM_OK;
  search_save_statistics(search);
  if (search->strategy->finish) status = search->strategy->finish(search, err);
  for (int t = 0; t < search->n_targets && !status; t++) status = search_select(search, t, &results[t], err);
  if (!search->strategy->restore_best) search_restore_statistics(search);
  return status;
}

cream_status cream_search_run(cream_search *search, cream_search_result *results, cream_error *err) {
  cream_error unwanted; /* a rollback reports the reason */
  if (!err) err = &unwanted;
  cream_status status = train_supernet(search, err);
  return status ? status : cream_search_choose(search, results, err);
}

/* ---- queries ----------------------------------------------------------------------------------------- */

size_t cream_search_messages(const cream_search *search) {
  return cream_train_messages(&search->train);
}

cream_net *cream_search_teacher_net(cream_search *search) {
  return search->others_net;
}
cream_net *cream_search_net(cream_search *search) {
  return search->train.net;
}
int cream_search_targets(const cream_search *search) {
  return search->n_targets;
}
const cream_budget *cream_search_budget(const cream_search *search, int target) {
  return search->n_budgets ? &search->budgets[target] : NULL;
}
const cream_board *cream_search_board(const cream_search *search, int target) {
  return &search->targets[target].board;
}
uint64_t cream_search_meta_updates(const cream_search *search) {
  return search->meta_updates;
}
uint64_t cream_search_step(const cream_search *search) {
  return search->step;
}
uint64_t cream_search_steps(const cream_search *search) {
  return search->steps;
}
uint64_t cream_search_board_opens(const cream_search *search) {
  uint64_t step = search->strategy->board_opens ? search->strategy->board_opens(search) : search->steps;
  return step < search->steps ? step : search->steps;
}
static search_meta meta(const cream_search *search) {
  return search->strategy->meta ? search->strategy->meta(search) : (search_meta){0};
}

size_t cream_search_meta_inputs(const cream_search *search) {
  return meta(search).inputs;
}

cream_status cream_search_meta(const cream_search *search, float *theta, cream_error *err) {
  search_meta own = meta(search);
  CREAM_ASSERT(own.inputs > 0);
  return search->backend->download(search->backend, theta, own.theta, own.inputs + 1, err);
}
