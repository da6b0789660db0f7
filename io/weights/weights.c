#include "weights.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "path_weights.h"
#include "prefix.h"
#include "weights_info.h"

enum { NAMED = 3 }; /* tensors that a message names */

/* A copy of a net's two blocks in host memory. */
typedef struct host {
  size_t n_weights, n_statistics;
  float *weights, *statistics;
} host;

static void host_free(host *blocks) {
  free(blocks->weights);
  free(blocks->statistics);
  *blocks = (host){0};
}

static cream_status host_alloc(host *blocks, const cream_net *net, cream_error *err) {
  blocks->n_weights = cream_net_weight_count(net);
  blocks->n_statistics = cream_net_statistic_count(net);
  blocks->weights = calloc(blocks->n_weights + 1, sizeof(float));
  blocks->statistics = calloc(blocks->n_statistics + 1, sizeof(float));
  if (blocks->weights && blocks->statistics) return CREAM_OK;
  size_t bytes = (blocks->n_weights + blocks->n_statistics) * sizeof(float);
  host_free(blocks);
  return cream_fail_memory(err, bytes, "a copy of the weights");
}

static float *host_values(const host *blocks, const cream_param *param) {
  return (param->statistic ? blocks->statistics : blocks->weights) + param->offset;
}

cream_status cream_weights_save(const char *path, cream_backend *backend, const cream_net *net,
                                const cream_st_tensor *extra, int n_extra, const cream_pair *metadata,
                                int n_metadata, cream_error *err) {
  int count;
  const cream_param *params = cream_net_params(net, &count);
  host blocks;
  cream_status status = host_alloc(&blocks, net, err);
  if (status) return status;
  size_t total = (size_t)count + (size_t)n_extra;
  cream_st_tensor *tensors = calloc(total + 1, sizeof *tensors);
  if (!tensors) {
    status = cream_fail_memory(err, total * sizeof *tensors, "the table of tensors");
    goto done;
  }
  status = backend->download(backend, blocks.weights, cream_net_weights(net), blocks.n_weights, err);
  if (!status && blocks.n_statistics)
    status =
        backend->download(backend, blocks.statistics, cream_net_statistics(net), blocks.n_statistics, err);
  if (status) goto done;
  for (int i = 0; i < count; i++) {
    tensors[i] = (cream_st_tensor){.name = params[i].name,
                                   .dtype = CREAM_ST_F32,
                                   .n_dims = params[i].n_dims,
                                   .data = host_values(&blocks, &params[i])};
    for (int d = 0; d < params[i].n_dims; d++) tensors[i].dims[d] = (uint64_t)params[i].dims[d];
  }
  for (int i = 0; i < n_extra; i++) tensors[count + i] = extra[i];
  status = cream_st_write(path, tensors, (int)total, metadata, n_metadata, err);
done:
  free(tensors);
  host_free(&blocks);
  return status;
}

/* ---- loading ------------------------------------------------------------------------------------- */

/* "3 tensors missing: a, b, c" as it grows; the names beyond the first few are only counted. */
typedef struct tally {
  int count;
  char names[200];
} tally;

static void tally_add(tally *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tally_add(tally *list, const char *format, ...) {
  list->count++;
  if (list->count > NAMED) return;
  size_t used = strlen(list->names);
  if (list->count > 1) used += (size_t)snprintf(list->names + used, sizeof list->names - used, ", ");
  if (used >= sizeof list->names) return;
  va_list args;
  va_start(args, format);
  vsnprintf(list->names + used, sizeof list->names - used, format, args);
  va_end(args);
}

static void tally_print(const tally *list, const char *what, char *text, size_t size) {
  size_t used = strlen(text);
  if (list->count == 0 || used >= size) return;
  snprintf(text + used, size - used, "%s%d tensor%s %s: %s%s", used ? "; " : "", list->count,
           list->count == 1 ? "" : "s", what, list->names, list->count > NAMED ? ", ..." : "");
}

static void shape_text(int n_dims, const uint64_t *dims, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "[");
  for (int d = 0; d < n_dims && used < size; d++)
    used += (size_t)snprintf(text + used, size - used, d ? ",%ju" : "%ju", (uintmax_t)dims[d]);
  if (used < size) snprintf(text + used, size - used, "]");
}

/* Adds `tensor` to a list if its shape or type is not the parameter's. */
static void check_shape(const cream_st_tensor *tensor, const cream_param *param, tally *list, tally *types) {
  uint64_t dims[4];
  bool same = tensor->n_dims == param->n_dims;
  for (int d = 0; d < param->n_dims; d++) {
    dims[d] = (uint64_t)param->dims[d];
    same = same && tensor->dims[d] == dims[d];
  }
  if (!same) {
    char has[64], needs[64];
    shape_text(tensor->n_dims, tensor->dims, has, sizeof has);
    shape_text(param->n_dims, dims, needs, sizeof needs);
    tally_add(list, "%s is %s, expected %s", param->name, has, needs);
  } else if (tensor->dtype != CREAM_ST_F32) {
    tally_add(types, "%s is of type %s, expected F32", param->name, cream_st_dtype_name(tensor->dtype));
  }
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const cream_st_tensor *const *)a)->name, (*(const cream_st_tensor *const *)b)->name);
}

static int name_against_tensor(const void *name, const void *tensor) {
  return strcmp(name, (*(const cream_st_tensor *const *)tensor)->name);
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

bool cream_weights_counter(const char *name) {
  return ends_with(name, ".num_batches_tracked") || strcmp(name, "n_averaged") == 0 ||
         ends_with(name, ".n_averaged");
}

static bool is_classifier(const char *name) {
  return strncmp(name, "classifier.", strlen("classifier.")) == 0;
}

/* Whether only the last layer has other shapes: *has and *needs are then the classes of the file and of the network. */
static bool other_classes(const cream_param *params, int n_params, const cream_st_tensor *const *found,
                          int n_wrong, int *has, int *needs) {
  int wrong = 0;
  for (int i = 0; i < n_params; i++) {
    const cream_st_tensor *tensor = found[i];
    if (!tensor || !is_classifier(params[i].name) || tensor->n_dims != params[i].n_dims ||
        tensor->dims[0] == (uint64_t)params[i].dims[0] || tensor->dims[0] > INT32_MAX)
      continue;
    bool same = true;
    for (int d = 1; d < params[i].n_dims; d++) same &= tensor->dims[d] == (uint64_t)params[i].dims[d];
    wrong += same;
    *has = (int)tensor->dims[0];
    *needs = params[i].dims[0];
  }
  return wrong > 0 && wrong == n_wrong;
}

/* Whether the names of the network are there after a prefix. */
static bool has_prefix(const cream_param *params, int n_params, const cream_st_tensor *tensors,
                       size_t count) {
  cream_prefixes *prefixes = calloc(1, sizeof *prefixes);
  const char **names = calloc(count + 1, sizeof *names);
  bool has = prefixes && names;
  for (size_t i = 0; has && i < count; i++) names[i] = tensors[i].name;
  has =
      has && !cream_prefixes_find(names, (int)count, params, n_params, prefixes, NULL) && prefixes->count > 0;
  free(names);
  free(prefixes);
  return has;
}

/* Writes what to do about weights that do not match. */
static void advise(const cream_param *params, int n_params, const cream_st_tensor *tensors, size_t count,
                   const cream_st_tensor *const *found, const tally *missing, const tally *wrong,
                   const tally *types, char *text, size_t size) {
  int has = 0, needs = 0;
  if (missing->count ? has_prefix(params, n_params, tensors, count) : !wrong->count && types->count)
    snprintf(text, size, "convert the file with `cream convert FILE OUT --arch NETWORK`, which mends %s",
             missing->count ? "prefixes of names" : "other types");
  else if (!missing->count && other_classes(params, n_params, found, wrong->count, &has, &needs))
    snprintf(text, size,
             "the weights are for %d classes, the network has %d: take a network with `classes` %d, or train "
             "on %d "
             "classes with cream retrain --weights",
             has, needs, has, needs);
  else
    snprintf(text, size, "take the network (--arch) that the weights were made for");
}

cream_status cream_weights_match(const char *path, const cream_param *params, int n_params,
                                 const cream_st_tensor *tensors, int n_tensors, const cream_st_tensor **found,
                                 cream_weights_report *report, cream_error *err) {
  size_t count = (size_t)n_tensors;
  tally missing = {0}, wrong = {0}, types = {0}, extra = {0};
  const cream_st_tensor **sorted = calloc(count + 1, sizeof *sorted);
  bool *used = calloc(count + 1, sizeof *used);
  cream_status status = CREAM_OK;
  if (!sorted || !used) {
    status = cream_fail_memory(err, count * sizeof *sorted, "the table of tensors");
    goto done;
  }
  for (size_t i = 0; i < count; i++) sorted[i] = &tensors[i];
  qsort(sorted, count, sizeof *sorted, by_name);
  for (int i = 0; i < n_params; i++) {
    const cream_st_tensor **place =
        bsearch(params[i].name, sorted, count, sizeof *sorted, name_against_tensor);
    found[i] = place ? *place : NULL;
    if (!place) {
      tally_add(&missing, "%s", params[i].name);
    } else {
      used[*place - tensors] = true;
      check_shape(*place, &params[i], &wrong, &types);
    }
  }
  for (size_t i = 0; i < count; i++)
    if (!used[i] && !cream_weights_counter(tensors[i].name)) tally_add(&extra, "%s", tensors[i].name);

  if (missing.count || wrong.count || types.count) {
    char text[300] = "", advice[160];
    tally_print(&missing, "missing", text, sizeof text);
    tally_print(&wrong, "of another shape", text, sizeof text);
    tally_print(&types, "of another type", text, sizeof text);
    tally_print(&extra, "not in this network", text, sizeof text);
    advise(params, n_params, tensors, count, found, &missing, &wrong, &types, advice, sizeof advice);
    status = cream_fail(err, CREAM_BAD_DATA, "%s: does not match the network: %s; %s", path, text, advice);
  } else if (report) {
    *report = (cream_weights_report){.loaded = n_params, .extra = extra.count};
    tally_print(&extra, "not used", report->text, sizeof report->text);
  }
done:
  free(sorted);
  free(used);
  return status;
}

static bool all_finite(const float *values, size_t count) {
  bool finite = true;
  for (size_t i = 0; i < count; i++) finite &= isfinite(values[i]) != 0;
  return finite;
}

/* Whether the last layer alone does not match, because it has another number of classes. */
static bool only_classes_differ(const cream_param *params, int n_params, const cream_st_tensor *const *found,
                                cream_weights_report *report) {
  tally wrong = {0}, types = {0};
  int has = 0, needs = 0;
  for (int i = 0; i < n_params; i++) {
    if (!found[i]) return false;
    check_shape(found[i], &params[i], &wrong, &types);
  }
  if (types.count || !other_classes(params, n_params, found, wrong.count, &has, &needs)) return false;
  *report = (cream_weights_report){.loaded = n_params - wrong.count, .extra = wrong.count};
  return true;
}

/* A new last layer: its classes, those of the file, and which of the file's rows it keeps. */
typedef struct new_classifier {
  bool wanted;
  int classes, had;
  const int *row_of; /* [classes], -1: a new class; NULL: all are new */
  int kept;
} new_classifier;

static new_classifier plan_classifier(const cream_param *params, int n_params,
                                      const cream_st_tensor *const *found, const int *row_of) {
  new_classifier plan = {.wanted = true, .row_of = row_of};
  for (int i = 0; i < n_params; i++)
    if (is_classifier(params[i].name)) {
      plan.classes = params[i].dims[0];
      plan.had = (int)found[i]->dims[0];
    }
  for (int c = 0; row_of && c < plan.classes; c++) {
    if (row_of[c] >= plan.had) { /* names that are not those of the rows */
      plan.row_of = NULL;
      plan.kept = 0;
      break;
    }
    plan.kept += row_of[c] >= 0;
  }
  return plan;
}

static void report_classifier(const new_classifier *plan, cream_weights_report *report) {
  char also[sizeof report->text];
  const int fresh = plan->classes - plan->kept;
  const char *separator = report->text[0] ? "; " : "";
  memcpy(also, report->text, sizeof also);
  if (plan->row_of)
    snprintf(report->text, sizeof report->text,
             "new classifier: %d of its %d classes keep%s the weights of the same name, %d %s new; the "
             "weights are for %d classes%s%.80s",
             plan->kept, plan->classes, plan->kept == 1 ? "s" : "", fresh, fresh == 1 ? "is" : "are",
             plan->had, separator, also);
  else
    snprintf(report->text, sizeof report->text,
             "new classifier: all of its %d classes are new; the weights are for %d classes%s%.80s",
             plan->classes, plan->had, separator, also);
}

/* Copies the rows of the classes that stay; those of new classes are 0, so that the first steps do not send the large
 * gradients of random logits into the trained layers (Kolesnikov et al., Big Transfer, 2020, section 3.3). */
static void copy_rows(const new_classifier *plan, const cream_param *param, const cream_st_tensor *tensor,
                      float *values) {
  const size_t row = param->count / (size_t)plan->classes;
  const float *data = tensor->data;
  for (int c = 0; c < plan->classes; c++) {
    const int from = plan->row_of ? plan->row_of[c] : -1;
    if (from >= 0)
      memcpy(values + (size_t)c * row, data + (size_t)from * row, row * sizeof *values);
    else
      memset(values + (size_t)c * row, 0, row * sizeof *values);
  }
}

/* Copies the tensors to the blocks. */
static cream_status copy_found(const char *path, const cream_param *params, int n_params,
                               const cream_st_tensor *const *found, const new_classifier *plan,
                               const host *blocks, cream_error *err) {
  for (int i = 0; i < n_params; i++) {
    float *values = host_values(blocks, &params[i]);
    if (plan->wanted && is_classifier(params[i].name))
      copy_rows(plan, &params[i], found[i], values);
    else
      memcpy(values, found[i]->data, params[i].count * sizeof *values);
    if (!all_finite(values, params[i].count))
      return cream_fail(err, CREAM_BAD_DATA, "%s: tensor `%s`: got values that are not finite", path,
                        params[i].name);
  }
  return CREAM_OK;
}

/* How a file is read. */
typedef struct load_options {
  bool backbone; /* nothing else is read */
  bool any_classes;
  const int *row_of;              /* with any_classes: see cream_weights_load_any_classes; or NULL */
  const cream_skeleton *supernet; /* the file is a supernet's; NULL: the network's own */
  const cream_path *choices;
} load_options;

/* The tensors of the file, or those of one path. */
static cream_status list_tensors(const cream_st_file *file, const load_options *options,
                                 cream_path_weights *selected, const cream_st_tensor **tensors, int *n,
                                 cream_error *err) {
  *selected = (cream_path_weights){0};
  *n = cream_st_tensors(file, tensors);
  if (!options->supernet) return CREAM_OK;
  cream_status status =
      cream_path_weights_select(options->supernet, options->choices, *tensors, *n, selected, err);
  *tensors = selected->tensors;
  *n = selected->count;
  return status;
}

/* Fails if the metadata say that the weights are for other convolutions or batch norms. */
static cream_status check_network(const char *path, const cream_st_file *file, const cream_skeleton *net,
                                  cream_error *err) {
  cream_weights_info info;
  cream_error ignored; /* other metadata are checked where they are used */
  if (cream_weights_info_read(path, file, "bilinear", &info, &ignored)) return CREAM_OK;
  cream_status status = cream_weights_info_check(path, &info, &net->space, err);
  cream_weights_info_free(&info);
  return status;
}

/* The parameters of the backbone, freed by the caller. */
static cream_status select_backbone(const cream_net *net, cream_param **out, int *count, cream_error *err) {
  int all, n = 0;
  const cream_param *params = cream_net_params(net, &all);
  *out = malloc((size_t)all * sizeof **out);
  if (!*out) return cream_fail_memory(err, (size_t)all * sizeof **out, "the table of parameters");
  for (int i = 0; i < all; i++)
    if (cream_net_in_backbone(net, &params[i])) (*out)[n++] = params[i];
  *count = n;
  return CREAM_OK;
}

static cream_status load(const char *path, const load_options *options, cream_backend *backend,
                         cream_net *net, cream_weights_report *report, cream_error *err) {
  int count, n_tensors;
  const cream_param *params = cream_net_params(net, &count);
  const cream_st_tensor *tensors;
  cream_weights_report matched;
  cream_path_weights selected = {0};
  cream_st_file *file;
  cream_status status = cream_st_open(path, &file, err);
  if (status) return status;
  host blocks = {0};
  new_classifier plan = {0};
  const cream_st_tensor **found = calloc((size_t)count + 1, sizeof *found);
  cream_param *backbone = NULL;
  if (options->backbone) {
    status = select_backbone(net, &backbone, &count, err);
    params = backbone;
  }
  if (!status) status = list_tensors(file, options, &selected, &tensors, &n_tensors, err);
  if (!status && !found)
    status = cream_fail_memory(err, (size_t)count * sizeof *found, "the table of parameters");
  if (!status) status = check_network(path, file, cream_net_skeleton(net), err);
  if (status) goto done;
  status = cream_weights_match(path, params, count, tensors, n_tensors, found, &matched, err);
  bool differ =
      status == CREAM_BAD_DATA && options->any_classes && only_classes_differ(params, count, found, &matched);
  if (differ) status = CREAM_OK;
  if (!status && (differ || options->row_of)) {
    plan = plan_classifier(params, count, found, options->row_of);
    report_classifier(&plan, &matched);
  }
  if (!status) status = host_alloc(&blocks, net, err);
  if (!status && (plan.wanted || options->backbone))
    status = backend->download(backend, blocks.weights, cream_net_weights(net), blocks.n_weights, err);
  if (!status && options->backbone)
    status =
        backend->download(backend, blocks.statistics, cream_net_statistics(net), blocks.n_statistics, err);
  if (!status) status = copy_found(path, params, count, found, &plan, &blocks, err);
  if (status) goto done;
  backend->upload(backend, cream_net_weights(net), blocks.weights, blocks.n_weights);
  if (blocks.n_statistics)
    backend->upload(backend, cream_net_statistics(net), blocks.statistics, blocks.n_statistics);
  status = backend->synchronise(backend, err);
  if (report) *report = matched;
done:
  host_free(&blocks);
  cream_path_weights_free(&selected);
  free(backbone);
  free(found);
  cream_st_close(file);
  return status;
}

cream_status cream_weights_load(const char *path, cream_backend *backend, cream_net *net,
                                cream_weights_report *report, cream_error *err) {
  return load(path, &(load_options){0}, backend, net, report, err);
}

cream_status cream_weights_load_backbone(const char *path, cream_backend *backend, cream_net *net,
                                         cream_weights_report *report, cream_error *err) {
  return load(path, &(load_options){.backbone = true}, backend, net, report, err);
}

cream_status cream_weights_load_any_classes(const char *path, cream_backend *backend, cream_net *net,
                                            const int *row_of, cream_weights_report *report,
                                            cream_error *err) {
  return load(path, &(load_options){.any_classes = true, .row_of = row_of}, backend, net, report, err);
}

cream_status cream_weights_load_path(const char *path, const cream_skeleton *supernet,
                                     const cream_path *choices, cream_backend *backend, cream_net *net,
                                     cream_weights_report *report, cream_error *err) {
  const load_options options = {.any_classes = true, .supernet = supernet, .choices = choices};
  return load(path, &options, backend, net, report, err);
}
