/* Searches a network for the digits, trains it, classifies images with it and saves it, in a few seconds:
 *   cc search.c $(pkg-config --cflags --libs cream) -o search && ./search */
#include <cream/cream.h>

static cream_error err;

static void try(cream_status status) {
  if (status == CREAM_OK) return;
  fprintf(stderr, "%s\n", err.text);
  exit(status);
}

/* As in a settings file. */
static const char settings[] = "search: {epochs: 2, batch: 64}\n"
                               "retrain: {epochs: 6, batch: 64, optim: sgd, ema: 0, lr: {lr: 3.2}}\n";

enum { BATCH = 64, HELDOUT = 140, SHOWN = 8, CLASSES = 10 };

static cream_source *source(const cream_dataset *data, cream_loader_options options) {
  cream_source *made;
  options.batch = BATCH;
  options.augment = options.train;
  try(cream_loader_create(data, &options, &made, &err));
  return made;
}

/* Prints the predicted classes of the first test images beside their labels. */
static void classify(cream_backend *cpu, cream_net *net, cream_source *test) {
  cream_path path = cream_skeleton_first_path(cream_net_skeleton(net));
  cream_batch batch;
  float logits[SHOWN][CLASSES];
  try(test->read(test, 0, 0, &batch, &err));
  cream_tensor x = cream_net_input(net, SHOWN, batch.side);
  cpu->upload_pixels(cpu, &x, batch.pixels, test->mean, test->std);
  cream_buf result = cream_net_forward(net, &path, &x, CREAM_BN_RUNNING, 0);
  try(cpu->download(cpu, logits, result, SHOWN * CLASSES, &err));
  for (int i = 0; i < SHOWN; i++) {
    int best = 0;
    for (int c = 1; c < CLASSES; c++)
      if (logits[i][c] > logits[i][best]) best = c;
    printf("label %d: predicted %d\n", batch.labels[i], best);
  }
}

int main(void) {
  cream_config config;
  cream_dataset *data;
  cream_space space;
  cream_backend *cpu;
  cream_config_defaults(&config);
  try(cream_settings_parse(&config, "settings", settings, sizeof settings - 1, &err));
  try(cream_dataset_open("digits", &data, &err));
  try(cream_space_load("micro", &space, &err));
  try(cream_cpu_create(&(cream_cpu_options){.threads = 0}, &cpu, &err));

  static cream_skeleton supernet, network;
  cream_range range = {3e6, 5e6}; /* FLOPs */
  int side = 0, depth[CREAM_MAX_STAGES] = {0};
  try(cream_range_resolve(&space, &range, data->classes, &side, depth, &err));
  try(cream_skeleton_init(&supernet, &space, depth, side, data->classes, &err));

  static uint32_t heldout[HELDOUT], rest[2000];
  size_t count = data->count[CREAM_PART_TRAIN];
  cream_split(data->labels[CREAM_PART_TRAIN], count, data->classes, 1, HELDOUT, heldout, rest);
  cream_loader_options train_options = {
      .indices = rest, .count = count - HELDOUT, .side = side, .train = true};
  cream_source *train = source(data, train_options);
  cream_source *judge =
      source(data, (cream_loader_options){.indices = heldout, .count = HELDOUT, .side = side});
  cream_source *test = source(data, (cream_loader_options){.part = CREAM_PART_TEST, .side = side});

  cream_search *search;
  cream_search_result found;
  char text[1024];
  cream_search_inputs inputs = {&config, &supernet, range, .train = train, .heldout = judge};
  try(cream_search_create(cpu, &inputs, &search, &err));
  try(cream_search_run(search, &found, &err));
  printf("found %s, %.2f M FLOPs\n", cream_path_format(&supernet, &found.path, text, sizeof text),
         cream_cost_flops(&found.cost) / 1e6);

  cream_retrain *retrain;
  cream_score score;
  network = cream_skeleton_fix(&supernet, &found.path);
  cream_path path = cream_skeleton_first_path(&network);
  try(cream_retrain_create(cpu, &(cream_retrain_inputs){&config, &network, train}, &retrain, &err));
  try(cream_retrain_run(retrain, &err));
  cream_net *net = cream_retrain_net(retrain);
  try(cream_evaluate(net, &path, test, CREAM_BN_RUNNING, &score, &err));
  printf("top-1 %.1f %% on %zu test images\n", 100 * score.top1, score.count);
  classify(cpu, net, test);

  try(cream_arch_save("arch.json", &network, NULL, &err));
  try(cream_weights_save("weights.safetensors", cpu, net, NULL, 0, NULL, 0, &err));

  cream_retrain_destroy(retrain), cream_search_destroy(search);
  for (int i = 0; i < 3; i++) cream_source_destroy((cream_source *[]){test, judge, train}[i]);
  cpu->destroy(cpu);
  data->destroy(data);
}
