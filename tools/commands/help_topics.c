#include "help_topics.h"

#include <string.h>

#include "commands.h"
#include "core/search/search.h"
#include "io/cluster/mpi_module.h"
#include "io/config/arch.h"
#include "io/config/settings.h"
#include "io/config/space_yaml.h"
#include "io/dataset/formats.h"
#include "io/image/image_codec.h"
#include "tools/cli/environment.h"
#include "tools/cli/help.h"
#include "tools/run/bars.h"
#include "tools/run/device.h"

/* ---- settings ---------------------------------------------------------------------------------------- */

/* The part of a key before its first dot; "" for a key without one. */
static void section_of(const char *key, char *section, size_t size) {
  const char *dot = strchr(key, '.');
  snprintf(section, size, "%.*s", dot ? (int)(dot - key) : 0, key);
}

static bool reads_section(const cli_command *command, const char *section) {
  const char *key;
  char of[64];
  for (int i = 0; (key = cream_settings_key(i)); i++) {
    section_of(key, of, sizeof of);
    if (!strcmp(of, section) && cli_reads_setting(command, key)) return true;
  }
  return false;
}

static void print_section(FILE *out, const char *section) {
  const char *key;
  char of[64];
  int n = 0;
  for (int i = 0; (key = cream_settings_key(i)); i++) {
    section_of(key, of, sizeof of);
    n += !strcmp(of, section);
  }
  fprintf(out, "  %-14s%8d  ", *section ? section : "(none)", n);
  for (int i = 0; command_list[i]; i++)
    if (!command_list[i]->hidden && reads_section(command_list[i], section))
      fprintf(out, " %s", command_list[i]->name);
  fputc('\n', out);
}

static void topic_settings(FILE *out) {
  const char *key;
  char before[64] = "?", section[64];
  fputs("A setting has a name such as seed or search.epochs. Its value comes from, later ones overriding\n"
        "earlier ones: its default; the run that --resume or --run names; the file of --config, in YAML;\n"
        "then --set KEY=VALUE and options such as --epochs, in their order on the command line. A run\n"
        "writes all of its settings to config.yaml in its folder.\n\n"
        "  section       settings   read by\n",
        out);
  print_section(out, "");
  for (int i = 0; (key = cream_settings_key(i)); i++) {
    section_of(key, section, sizeof section);
    if (*section && strcmp(section, before) != 0) print_section(out, section);
    if (*section) strcpy(before, section);
  }
  fputs(
      "\ncream COMMAND --help prints those that a command reads, with their defaults; cream settings prints\n"
      "all of them with units and bounds.\n",
      out);
}

/* ---- data, spaces, networks -------------------------------------------------------------------------- */

static void topic_data(FILE *out) {
#define FORMAT(name, usage, summary) fprintf(out, "  %-24s%s\n", usage, summary);
#define IMAGES(name, word, extensions, magic, present)                                                       \
  if (*(extensions)) fprintf(out, "  %-8s%s%s\n", word, extensions, (present) ? "" : ": not in this build");
  fputs("--data names a data set:\n\n", out);
  CREAM_DATASET_FORMATS(FORMAT)
  fputs("\nFormats of image files:\n\n", out);
  CREAM_IMAGE_FORMATS(IMAGES)
  fputs(
      "\ncream data show and cream data check say what is in a data set and what is wrong with it. Training\n"
      "images are divided into those that are trained on and those held out (the setting heldout); test\n"
      "images are read at the very end only. More: docs/data.md. Images with boxes: cream help detect.\n",
      out);
#undef FORMAT
#undef IMAGES
}

static void topic_spaces(FILE *out) {
  cream_space space;
  cream_error err;
  fputs("A search space says which operations a layer can choose from. --space takes a built-in one, or a\n"
        "YAML file:\n\n  name           stages  ops   pixels\n",
        out);
  for (const char *const *name = cream_space_names(); *name; name++)
    if (cream_space_load(*name, &space, &err) == CREAM_OK)
      fprintf(out, "  %-14s%7d%5d   %d to %d\n", *name, space.n_stages, space.n_ops, space.resolution.min,
              space.resolution.max);
  fputs("\ncream profile --space NAME --flops MIN:MAX shows a space at the depths of a range of FLOPs. The\n"
        "format of the files: docs/formats.md.\n",
        out);
}

static void topic_networks(FILE *out) {
  static cream_arch arch;
  cream_error err;
  fputs("--arch takes a built-in network, the arch.json of a search, or choices in the cream space:\n\n"
        "  name                  M FLOPs   M params   pixels\n",
        out);
  for (const char *const *name = cream_arch_names(); *name; name++) {
    if (cream_arch_load(*name, &arch, &err) != CREAM_OK) continue;
    const cream_cost cost = cream_arch_cost(&arch.net);
    fprintf(out, "  %-20s%9.1f%11.2f%9d\n", *name, cream_cost_flops(&cost) / 1e6, cost.params / 1e6,
            arch.net.resolution);
  }
  fputs("\nThey are architectures, without weights; published weights: docs/published.md. FLOPs are counted "
        "as\n"
        "in the paper. cream profile --arch NAME shows a network by layer.\n",
        out);
}

static void topic_strategies(FILE *out) {
  fputs("The setting search.strategy is one of:\n\n", out);
  for (int i = 0; i < CREAM_STRATEGY_COUNT; i++)
    fprintf(out, "  %-10s%s\n", cream_strategy_name((cream_strategy)i),
            cream_strategy_summary((cream_strategy)i));
  fputs("\nMore: docs/strategies.md.\n", out);
}

/* ---- devices, ranks ---------------------------------------------------------------------------------- */

static void print_commands(FILE *out, cli_processes processes) {
  for (int i = 0; command_list[i]; i++)
    if (!command_list[i]->hidden && command_list[i]->processes == processes)
      fprintf(out, " %s", command_list[i]->name);
  fputc('\n', out);
}

static void topic_devices(FILE *out) {
  fputs("Kinds of devices in this program:", out);
  for (int i = 0; i < device_drivers(); i++) fprintf(out, " %s", device_driver_name(i));
  fputs("\n\n--device takes a kind, the id, the PCI address or the UUID of a device, a part of its name, or "
        "auto:\n"
        "the fastest of the CPU and the first device of each other kind. Results are the same bytes on the\n"
        "same device. --threads is the number of CPU threads, which changes the speed alone.\n\n"
        "cream devices lists the devices and tests each; cream bench measures them. More: docs/opencl.md.\n",
        out);
}

static void topic_ranks(FILE *out) {
  fputs(
      "Several processes, on one or many machines, work on one run where a launcher of MPI starts them, as\n"
      "in mpirun -n 4 cream search. The result has the same bytes for any number of them.\n\n"
      "  work together:         ",
      out);
  print_commands(out, CLI_RANKS);
  fputs("  each on its own:       ", out);
  print_commands(out, CLI_EACH_PROCESS);
  fputs("  one process only:      ", out);
  print_commands(out, CLI_ONE_PROCESS);
  fputs("\n  MPIs of this program:  ", out);
  for (int i = 0; i < CREAM_MPI_COUNT; i++)
    if (cream_mpi_present((cream_mpi)i)) fprintf(out, " %s", cream_mpi_title((cream_mpi)i));
  fputs("\n\nWithout MPI, --shard I/N divides the paths of a ranking and the runs of a study. More:\n"
        "docs/machines.md, docs/guide.md.\n",
        out);
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static void topic_bars(FILE *out) {
  fputs(
      "--require MEASURE=VALUE makes a command fail (exit code 1) where its result misses the bar; one line\n"
      "names the bars that were missed. --junit FILE writes a test case for each.\n",
      out);
  for (int l = 0; bar_lists[l]; l++) {
    fprintf(out, "\ncream %s:\n", bar_lists[l]->command);
    for (int i = 0; i < bar_lists[l]->n; i++) {
      const bar_measure *measure = &bar_lists[l]->measures[i];
      fprintf(out, "  %-11s%-9s%s%s\n", measure->word, measure->side == BAR_LEAST ? "at least" : "at most",
              measure->meaning,
              measure->unit == BAR_PERCENT  ? ", in per cent"
              : measure->unit == BAR_POINTS ? ", in points"
                                            : "");
    }
  }
  fputs("\nComplete jobs: docs/ci.md.\n", out);
}

static void topic_exit_codes(FILE *out) {
  for (const cli_exit_code *code = cli_exit_codes; code->meaning; code++)
    fprintf(out, "  %4d  %s\n", code->code, code->details);
  fputs("\nA failure prints one line on stderr: where, what is wrong, what was expected, and what to do.\n",
        out);
}

static void topic_environment(FILE *out) {
#define VARIABLE(name, effect) fprintf(out, "  %-32s%s\n", name, effect);
  ENVIRONMENT(VARIABLE)
#undef VARIABLE
}

static const struct {
  const char *word, *summary;
  void (*print)(FILE *);
} topics[] = {
#define TOPIC(name, word, summary) [HELP_TOPIC_##name] = {word, summary, topic_##name},
    HELP_TOPICS(TOPIC)
#undef TOPIC
};

const char *help_topic_word(int topic) {
  return topic < HELP_TOPIC_COUNT ? topics[topic].word : NULL;
}

const char *help_topic_summary(int topic) {
  return topics[topic].summary;
}

void help_topic_print(FILE *out, help_topic topic) {
  topics[topic].print(out);
}
