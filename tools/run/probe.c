#include "probe.h"

#include <stdlib.h>
#include <string.h>

#include "isolated.h"
#include "probe_record.h"
#include "probe_store.h"

enum { MAX_DRIVERS = 8, LIST_SECONDS = 20, TEST_SECONDS = 120 };

/* What is known about a driver in this process. */
typedef struct known {
  const cream_driver *driver;
  probe_store store;
  bool prepared; /* `failure` is the result of probe_prepare */
  cream_error failure;
} known;

static known *known_of(const cream_driver *driver) {
  static known all[MAX_DRIVERS];
  for (int i = 0; i < MAX_DRIVERS; i++) {
    if (all[i].driver == driver) return &all[i];
    if (all[i].driver) continue;
    all[i].driver = driver;
    probe_store_read(&all[i].store, driver->name, driver->fingerprint ? driver->fingerprint() : 0);
    return &all[i];
  }
  abort();
}

bool probe_isolates(const cream_driver *driver) {
  cream_vendor any;
  const char *text = getenv("CREAM_DEVICE_PROBE");
  return driver->vendors && !(text && strcmp(text, "0") == 0) && driver->vendors(&any, 1) >= 0;
}

static double limit_of(const char *variable, double usual) {
  const char *text = getenv(variable);
  double seconds = text ? strtod(text, NULL) : 0;
  return seconds > 0 ? seconds : usual;
}

static double list_limit(void) {
  return limit_of("CREAM_DEVICE_LIST_SECONDS", LIST_SECONDS);
}

double probe_test_limit(void) {
  return limit_of("CREAM_DEVICE_TEST_SECONDS", TEST_SECONDS);
}

/* ---- one process --------------------------------------------------------------------------------------- */

typedef struct answer {
  bool started;          /* a process was */
  bool listed;           /* it came to the end of the list */
  bool done;             /* it came to its own end */
  cream_device *devices; /* freed by the caller */
  int count, tested;     /* tested: devices up to the last one tested */
  cream_error none;      /* why there is no device */
  char problem[256];     /* what it did instead of ending */
} answer;

static void read_list(isolated *process, answer *out) {
  static probe_record record;
  const double limit = list_limit();
  if (!isolated_read(process, &record, sizeof record, limit)) return;
  if (record.kind == PROBE_NONE) {
    out->none = record.error;
    out->listed = out->done = true;
  }
  if (record.kind != PROBE_LISTED || record.count <= 0) return;
  const int count = record.count;
  out->devices = calloc((size_t)count, sizeof *out->devices);
  for (int i = 0; i < count && out->devices; i++) {
    if (!isolated_read(process, &record, sizeof record, limit)) return;
    if (record.kind == PROBE_DEVICE) out->devices[out->count++] = record.device;
  }
  out->listed = out->count == count;
}

static void read_tests(isolated *process, answer *out) {
  static probe_record record;
  while (out->listed && !out->done) {
    if (!isolated_read(process, &record, sizeof record, probe_test_limit())) return;
    if (record.kind == PROBE_DONE) out->done = true;
    if (record.kind != PROBE_TESTED || record.index >= out->count) continue;
    out->devices[record.index] = record.device;
    out->tested = record.index + 1;
  }
}

/* As probe_serve. */
static answer ask(const cream_driver *driver, const char *what, const char *id, bool half) {
  answer out = {0};
  const char *words[] = {"probe", driver->name, what, id, half ? "half" : "single", NULL};
  isolated process;
  cream_error absent;
  out.started = isolated_start(&process, words, &absent) == CREAM_OK;
  if (!out.started) return out;
  read_list(&process, &out);
  const bool listed = out.listed;
  read_tests(&process, &out);
  isolated_stop(&process, listed ? probe_test_limit() : list_limit(), out.problem, sizeof out.problem);
  return out;
}

/* ---- vendors' drivers ---------------------------------------------------------------------------------- */

static void leave_out(known *k, const cream_vendor *vendor, const char *problem) {
  if (k->store.n_left_out == PROBE_MAX_LEFT_OUT) return;
  probe_left_out *next = &k->store.left_out[k->store.n_left_out++];
  snprintf(next->file, sizeof next->file, "%.255s", vendor->file);
  for (char *at = next->file; *at; at++)
    if (*at == ':' || (unsigned char)*at < ' ') *at = '_'; /* the store's separators */
  snprintf(next->problem, sizeof next->problem, "%.255s", problem);
}

static cream_status none_left(known *k, cream_error *err) {
  const probe_left_out *first = &k->store.left_out[0];
  if (k->store.n_left_out == 0)
    return cream_fail(err, CREAM_FAILED,
                      "the drivers of %s hung or crashed when they listed their devices; update them, or use "
                      "--device cpu",
                      k->driver->name);
  return cream_fail(
      err, CREAM_FAILED,
      "the driver %.100s did not list its devices, it %.200s; update or remove it, or use --device cpu",
      first->file, first->problem);
}

/* Lists each vendor's driver alone, and restricts this process to those that do no harm. */
static cream_status find_harmless(known *k, cream_error *err) {
  cream_vendor all[PROBE_MAX_LEFT_OUT], good[PROBE_MAX_LEFT_OUT];
  int count = k->driver->vendors(all, PROBE_MAX_LEFT_OUT), n = 0;
  k->store.n_left_out = 0;
  for (int v = 0; v < count; v++) {
    cream_status status = k->driver->restrict_to(&all[v], 1, err);
    if (status != CREAM_OK) return status;
    answer alone = ask(k->driver, "list", "-", false);
    free(alone.devices);
    if (alone.listed)
      good[n++] = all[v];
    else
      leave_out(k, &all[v], alone.problem);
  }
  cream_status status = k->driver->restrict_to(good, n, err);
  if (status != CREAM_OK) return status;
  return n > 0 ? CREAM_OK : none_left(k, err);
}

/* Restricts this process as a stored result says. */
static cream_status restrict_as_stored(known *k, cream_error *err) {
  cream_vendor all[PROBE_MAX_LEFT_OUT], good[PROBE_MAX_LEFT_OUT];
  if (k->store.n_left_out == 0) return CREAM_OK;
  int count = k->driver->vendors(all, PROBE_MAX_LEFT_OUT), n = 0;
  for (int v = 0; v < count; v++) {
    bool out = false;
    for (int i = 0; i < k->store.n_left_out; i++)
      out = out || strcmp(all[v].file, k->store.left_out[i].file) == 0;
    if (!out) good[n++] = all[v];
  }
  cream_status status = k->driver->restrict_to(good, n, err);
  if (status != CREAM_OK) return status;
  return n > 0 ? CREAM_OK : none_left(k, err);
}

/* ---- lists and tests ----------------------------------------------------------------------------------- */

/* A list without harm, with tests if `what` says so: a second one where the first did not come to its end. */
static cream_status harmless(known *k, const char *what, answer *out, cream_error *err) {
  *out = ask(k->driver, what, "-", false);
  if (!out->started || out->listed) return CREAM_OK;
  free(out->devices);
  cream_status status = find_harmless(k, err);
  *out = (answer){0};
  if (status != CREAM_OK) return status;
  *out = ask(k->driver, what, "-", false);
  if (!out->started || out->listed) return CREAM_OK;
  free(out->devices);
  *out = (answer){0};
  return none_left(k, err);
}

/* Stores what was found for later processes. */
static void remember(const known *k) {
  probe_store_write(&k->store, k->driver->name);
}

cream_status probe_prepare(const cream_driver *driver, cream_error *err) {
  known *k = known_of(driver);
  if (!k->prepared && probe_isolates(driver)) {
    answer list = {0};
    if (k->store.listed) {
      restrict_as_stored(k, &k->failure);
    } else {
      harmless(k, "list", &list, &k->failure);
      if (list.listed || k->store.n_left_out > 0) remember(k);
    }
    free(list.devices);
  }
  k->prepared = true;
  if (k->failure.status) *err = k->failure;
  return k->failure.status;
}

static void record_result(known *k, const cream_device *device, bool half) {
  if (!device->works) return;
  probe_store_add(&k->store, probe_digest(device, half));
  remember(k);
}

static void set_problem(cream_device *device, const char *problem) {
  device->works = false;
  snprintf(device->problem, sizeof device->problem,
           "its driver %s; update the driver, or allow more seconds with CREAM_DEVICE_TEST_SECONDS=N",
           problem);
}

void probe_device(const cream_driver *driver, cream_device *device, bool half) {
  known *k = known_of(driver);
  device->works = probe_isolates(driver) && probe_store_has(&k->store, probe_digest(device, half));
  if (device->works) return;
  if (!probe_isolates(driver)) {
    probe_test_here(driver, device, half);
    return;
  }
  answer tested = ask(driver, "test", device->id, half);
  const bool found = tested.tested > 0 && strcmp(tested.devices[tested.tested - 1].id, device->id) == 0;
  if (found) {
    device->works = tested.devices[tested.tested - 1].works;
    memcpy(device->problem, tested.devices[tested.tested - 1].problem, sizeof device->problem);
    record_result(k, device, half);
  } else if (tested.started) {
    set_problem(device, tested.problem);
  } else {
    probe_test_here(driver, device, half);
  }
  free(tested.devices);
}

/* Tests of devices after the first process has ended early: a new one for each that does. */
static void test_rest(known *k, answer *list) {
  while (!list->done && list->tested < list->count) {
    set_problem(&list->devices[list->tested], list->problem);
    int next = ++list->tested;
    if (next >= list->count) return;
    answer rest = ask(k->driver, "from", list->devices[next].id, false);
    for (int i = next; i < rest.tested && i < list->count; i++) list->devices[i] = rest.devices[i];
    if (rest.tested > next) list->tested = rest.tested;
    list->done = rest.done;
    memcpy(list->problem, rest.problem, sizeof list->problem);
    free(rest.devices);
  }
}

static cream_status list_here(const cream_driver *driver, cream_device **devices, int *count,
                              cream_error *err) {
  cream_status status = driver->list(devices, count, err);
  for (int i = 0; i < *count && status == CREAM_OK; i++)
    if (!(*devices)[i].works) probe_test_here(driver, &(*devices)[i], false);
  return status;
}

cream_status probe_all(const cream_driver *driver, cream_device **devices, int *count, cream_error *err) {
  *devices = NULL;
  *count = 0;
  if (!probe_isolates(driver)) return list_here(driver, devices, count, err);
  known *k = known_of(driver);
  const uint64_t fingerprint = k->store.fingerprint;
  answer list;
  k->store = (probe_store){.fingerprint = fingerprint};
  k->failure = (cream_error){0};
  cream_status status = harmless(k, "test", &list, &k->failure);
  k->prepared = true;
  if (status == CREAM_OK && !list.started) return list_here(driver, devices, count, err);
  if (status == CREAM_OK && list.count > 0) test_rest(k, &list);
  for (int i = 0; i < list.count; i++)
    if (list.devices[i].works) probe_store_add(&k->store, probe_digest(&list.devices[i], false));
  if (list.listed || k->store.n_left_out > 0) remember(k);
  *devices = list.devices;
  *count = list.count;
  if (status == CREAM_OK && list.none.status) k->failure = list.none;
  if (k->failure.status) *err = k->failure;
  return k->failure.status;
}

const probe_left_out *probe_left_out_of(const cream_driver *driver, int *count) {
  known *k = known_of(driver);
  *count = probe_isolates(driver) ? k->store.n_left_out : 0;
  return k->store.left_out;
}
