#include "convert_reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/space_fields.h"

#define PADDING_WORD(name, word) [CREAM_PADDING_##name + 1] = word,
const char *const convert_paddings[] = {"keep", CREAM_PADDINGS(PADDING_WORD) NULL};

char *convert_channels_text(const float values[3], char *text, size_t size) {
  snprintf(text, size, "%.6g, %.6g, %.6g", (double)values[0], (double)values[1], (double)values[2]);
  return text;
}

/* ---- options --------------------------------------------------------------------------------------- */

/* Reads a number or a quotient, such as 127/255. */
static double read_number(const char *text, const char **end) {
  char *after;
  double value = strtod(text, &after);
  if (after == text) return NAN;
  if (*after == '/') {
    const char *divisor = after + 1;
    value /= strtod(divisor, &after);
    if (after == divisor) return NAN;
  }
  *end = after;
  return value;
}

/* Reads one number for all channels, or three. */
static cream_status read_channels(const char *option, const char *text, bool positive, float values[3],
                                  cream_error *err) {
  int count = 0;
  const char *at = text;
  bool good = true;
  for (; good && count < 3; count++) {
    double value = read_number(at, &at);
    good = value >= 0 && value <= 1 && (!positive || (float)value > 0);
    values[count] = (float)value;
    if (!good || *at != ',') {
      count++;
      break;
    }
    at++;
  }
  if (!good || *at || (count != 1 && count != 3))
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "%s: got `%.60s`, expected RED,GREEN,BLUE or one number for all, %s to 1, of pixel / 255; "
        "a quotient such as 127/255 is a number too",
        option, text, positive ? "more than 0" : "0");
  if (count == 1) values[1] = values[2] = values[0];
  return CREAM_OK;
}

static cream_status take_normalisation(const convert_given *given, cream_weights_info *info,
                                       cream_error *err) {
  if (!given->mean && !given->std) return CREAM_OK;
  if (!given->mean || !given->std)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s: expected %s with it", given->mean ? "--mean" : "--std",
                      given->mean ? "--std" : "--mean");
  info->has_normalisation = true;
  cream_status status = read_channels("--mean", given->mean, false, info->mean, err);
  return status ? status : read_channels("--std", given->std, true, info->std, err);
}

/* ---- evidence -------------------------------------------------------------------------------------- */

/* What the file says about padding and epsilon. */
typedef struct evidence {
  bool known;
  char from[80]; /* "its names are torchvision's" */
  cream_padding padding;
  double bn_eps;
} evidence;

static evidence evidence_of(const cream_weights_info *info, cream_naming naming,
                            const cream_naming_facts *facts) {
  evidence e = {0};
  if (info->bn_eps > 0) {
    e = (evidence){true, "its metadata say", info->padding, info->bn_eps};
  } else if (facts->known) {
    e = (evidence){true, "", facts->padding, facts->bn_eps};
    snprintf(e.from, sizeof e.from, "its names are those of %s, whose networks have",
             cream_naming_word(naming));
  }
  return e;
}

/* Whether timm has a network of the same names and shapes that computes something else (tf_*). */
static bool has_twin(const cream_arch *arch) {
  static const char *const beginnings[] = {"efficientnet-", "mobilenet-v3-"};
  for (size_t i = 0; arch && arch->builtin && i < sizeof beginnings / sizeof *beginnings; i++)
    if (strncmp(arch->net.space.name, beginnings[i], strlen(beginnings[i])) == 0) return true;
  return false;
}

static bool is_named_tf(const char *file) {
  const char *slash = strrchr(file, '/');
  return strncmp(slash ? slash + 1 : file, "tf_", 3) == 0;
}

static cream_status decide_network(const char *file, const convert_given *given, const evidence *e,
                                   cream_arch *arch, bool *open, cream_error *err) {
  cream_space *space = &arch->net.space;
  const bool whole = given->padding && given->bn_eps > 0;
  const cream_padding padding = given->padding ? (cream_padding)(given->padding - 1)
                                : e->known     ? e->padding
                                               : space->padding;
  const double bn_eps = given->bn_eps > 0 ? given->bn_eps : e->known ? e->bn_eps : space->bn_eps;
  if (!arch->builtin && e->known &&
      ((!given->padding && padding != space->padding) || (!(given->bn_eps > 0) && bn_eps != space->bn_eps)))
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: %s `padding` %s and `bn_eps` %g, but the file of --arch has %s and %g; choose with "
        "--padding %s --bn-eps %g or --padding %s --bn-eps %g",
        file, e->from, cream_padding_words[e->padding], e->bn_eps, cream_padding_words[space->padding],
        space->bn_eps, cream_padding_words[e->padding], e->bn_eps, cream_padding_words[space->padding],
        space->bn_eps);
  *open = !whole && !e->known && has_twin(arch);
  if (*open && is_named_tf(file))
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: the tensors do not say whether they are those of a `tf_` network, as the name of the file does; "
        "choose with --padding same --bn-eps 0.001 (tf_*) or --padding symmetric --bn-eps 1e-5 (others)",
        file);
  space->padding = padding;
  space->bn_eps = bn_eps;
  return CREAM_OK;
}

cream_status convert_decide(const char *file, const convert_given *given, const cream_weights_source *source,
                            cream_arch *arch, cream_weights_info *info, char *note, size_t size,
                            cream_error *err) {
  const cream_naming naming = cream_weights_source_naming(source);
  cream_naming_facts facts = {0};
  if (arch) facts = cream_naming_facts_of(naming, &arch->net);
  const evidence e = evidence_of(info, naming, &facts);
  bool open = false;
  note[0] = 0;
  if (!arch && (given->padding || given->bn_eps > 0))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--padding and --bn-eps are of a network: expected --arch with them");
  cream_status status = arch ? decide_network(file, given, &e, arch, &open, err) : CREAM_OK;
  if (status) return status;
  const bool measured = given->mean || info->has_normalisation || facts.known;
  if (!info->has_normalisation && facts.known) {
    memcpy(info->mean, facts.mean, sizeof info->mean);
    memcpy(info->std, facts.std, sizeof info->std);
    info->has_normalisation = true;
    if (!info->interpolation[0]) strcpy(info->interpolation, facts.interpolation);
  }
  if (arch) {
    info->padding = arch->net.space.padding;
    info->bn_eps = arch->net.space.bn_eps;
  }
  const bool normal_open = !measured && has_twin(arch);
  if (open)
    snprintf(note, size,
             "%s: timm's networks with and without `tf_` have these names and shapes; assumed: without, "
             "`padding` %s and `bn_eps` %g%s; for a `tf_` network: --padding same --bn-eps 0.001, and for "
             "many of them --mean 0.5 --std 0.5",
             file, cream_padding_words[info->padding], info->bn_eps,
             normal_open ? ", ImageNet's mean and std" : "");
  else if (normal_open)
    snprintf(note, size,
             "%s: assumed ImageNet's mean and std; many `tf_` networks of timm need --mean 0.5 --std 0.5",
             file);
  return take_normalisation(given, info, err);
}
