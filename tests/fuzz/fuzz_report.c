#include "fuzz.h"

#include "io/report/html.h"
#include "io/report/report.h"
#include "io/run/run.h"

enum { N_NAMES = 8, MAX_PATH = 128 };
static const char *const names[N_NAMES] = {"metrics.jsonl", "board.json", "result.json", "origin.json",
                                           "rank.json",     "study.json", "config.yaml", "arch.json"};

static const char *in_folder(const char *folder, const char *name) {
  static char paths[4][MAX_PATH];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, MAX_PATH, "%s/%s", folder, name);
  return path;
}

static void write_file(const char *path, const uint8_t *data, size_t size) {
  FILE *stream = fopen(path, "wb");
  CREAM_ASSERT(stream && fwrite(data, 1, size, stream) == size && fclose(stream) == 0);
}

/* The name of a part's file, from its first byte, "0" to "7". */
static const char *name_of(uint8_t byte) {
  return names[byte % N_NAMES];
}

/* The page has only its own markup, whatever the folders hold. */
static void check_page(const char *path) {
  static char text[8 << 20];
  FILE *stream = fopen(path, "rb");
  CREAM_ASSERT(stream);
  size_t size = fread(text, 1, sizeof text - 1, stream);
  fclose(stream);
  text[size] = 0;
  CREAM_ASSERT(size > 7 && strcmp(text + size - 8, "</html>\n") == 0 && strlen(text) == size);
  CREAM_ASSERT(!strstr(text, "<script") && !strstr(text, "<img") && !strstr(text, "=\"nan\""));
}

static char folder[] = "/tmp/cream-fuzz-XXXXXX";

static void clean_up(void) {
  for (int i = 0; i < N_NAMES; i++) unlink(in_folder(folder, names[i]));
  unlink(in_folder(folder, "page.html"));
  rmdir(folder);
}

/* The input is the files of a run folder, separated by bytes of 0x1e (ASCII's record separator). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool made;
  if (!made) CREAM_ASSERT(mkdtemp(folder) && !atexit(clean_up));
  made = true;
  for (int i = 0; i < N_NAMES; i++) unlink(in_folder(folder, names[i]));
  for (size_t at = 0; at < size;) {
    const uint8_t *end = memchr(data + at, 0x1e, size - at);
    size_t length = end ? (size_t)(end - data) - at : size - at;
    if (length) write_file(in_folder(folder, name_of(data[at])), data + at + 1, length - 1);
    at += length + 1;
  }
  const char *const dirs[] = {folder, folder};
  const char *page = in_folder(folder, "page.html");
  cream_report_outcome outcome;
  cream_error error;
  cream_status status = cream_report_write(dirs, 1 + (int)(size % 2), page, &outcome, &error);
  fuzz_check(status, &error);
  if (status == CREAM_OK) check_page(page);
  return 0;
}
