#include <stdio.h>

#include "common.h"
#include "core/complexity.h"

/* The costliest option of every layer. */
static cream_path costliest(const cream_skeleton *skeleton) {
  cream_costs costs;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  cream_path path = cream_skeleton_first_path(skeleton);
  for (int l = 0; l < skeleton->n_layers; l++)
    for (int o = 0; o < skeleton->layers[l].n_options; o++)
      if (cream_cost_flops(&costs.layer[l][o]) > cream_cost_flops(&costs.layer[l][path.choice[l]]))
        path.choice[l] = (uint8_t)o;
  return path;
}

static void print_cost(const cream_cost *cost) {
  printf("%10.3f %10.3f %10.3f\n", cost->macs / 1e6, cream_cost_flops(cost) / 1e6, cost->params / 1e6);
}

static void print_table(const cream_skeleton *skeleton, const cream_cost_row *rows, int count) {
  cream_cost total = {0};
  printf("%s, %dx%d pixels, %d classes\n", skeleton->space.name, skeleton->resolution, skeleton->resolution,
         skeleton->classes);
  printf("%-14s %-10s %9s %11s %10s %10s %10s\n", "part", "op", "side", "channels", "macs (M)", "FLOPs (M)",
         "params (M)");
  for (int i = 0; i < count; i++) {
    char side[32], channels[32];
    snprintf(side, sizeof side, "%d>%d", rows[i].side_in, rows[i].side_out);
    snprintf(channels, sizeof channels, "%d>%d", rows[i].cin, rows[i].cout);
    printf("%-14s %-10s %9s %11s ", rows[i].name, rows[i].op, side, channels);
    print_cost(&rows[i].cost);
    total = cream_cost_add(total, rows[i].cost);
  }
  printf("%-14s %-10s %9s %11s ", "total", "", "", "");
  print_cost(&total);
  printf("macs: multiply-adds of convolutions and linear layers; FLOPs as the paper counts them\n");
}

static void write_cost(cream_json *json, const cream_cost *cost) {
  cream_json_number(json, "macs", cost->macs);
  cream_json_number(json, "paper_flops", cream_cost_flops(cost));
  cream_json_number(json, "params", cost->params);
}

static void write_json(const cream_skeleton *skeleton, const cream_cost_row *rows, int count) {
  cream_cost total = {0};
  for (int i = 0; i < count; i++) total = cream_cost_add(total, rows[i].cost);
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "space", skeleton->space.name);
  cream_json_integer(&json, "resolution", (uint64_t)skeleton->resolution);
  cream_json_integer(&json, "classes", (uint64_t)skeleton->classes);
  write_cost(&json, &total);
  cream_json_array(&json, "layers", true);
  for (int i = 0; i < count; i++) {
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "name", rows[i].name);
    cream_json_string(&json, "op", rows[i].op);
    cream_json_integer(&json, "side_in", (uint64_t)rows[i].side_in);
    cream_json_integer(&json, "side_out", (uint64_t)rows[i].side_out);
    cream_json_integer(&json, "cin", (uint64_t)rows[i].cin);
    cream_json_integer(&json, "cout", (uint64_t)rows[i].cout);
    write_cost(&json, &rows[i].cost);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

static cream_status profile_run(const tool_options *options, cream_error *err) {
  static cream_arch arch;
  cream_skeleton *skeleton = &arch.net;
  cream_path path;
  if (*options->config.arch) {
    cream_status status = common_arch(&options->config, &arch, err);
    if (status != CREAM_OK) return status;
    path = cream_skeleton_first_path(skeleton);
  } else {
    cream_status status = common_supernet(&options->config, 0, skeleton, err);
    if (status != CREAM_OK) return status;
    path = costliest(skeleton);
    fprintf(stderr, "the largest network of the space at these depths; --arch FILE profiles a network\n");
  }
  cream_cost_row rows[CREAM_MAX_LAYERS + 2];
  int count = cream_costs_rows(skeleton, &path, skeleton->resolution, rows);
  if (options->json)
    write_json(skeleton, rows, count);
  else
    print_table(skeleton, rows, count);
  return CREAM_OK;
}

const tool tool_profile = {
    .name = "profile",
    .summary = "what a network, or the largest of a space, costs: a table by layer and the totals",
    .options = "arch space flops config set json ",
    .notes =
        "macs counts multiply-adds of convolutions and linear layers; FLOPs, as the paper counts them, adds\n"
        "two for each output of a batch norm and one for each input of a pooling.\n",
    .run = profile_run,
};
