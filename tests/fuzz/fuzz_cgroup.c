/* Files of control groups: each line "@PATH" of the input begins the file of that path. */
#include "fuzz.h"

#include "core/base/cgroup.h"

typedef struct input {
  const uint8_t *data;
  size_t size;
} input;

/* Whether the line at `at` is "@" and the path. */
static bool begins_file(const input *in, size_t at, const char *path) {
  size_t length = strlen(path);
  return at + length + 2 <= in->size && in->data[at] == '@' && memcmp(in->data + at + 1, path, length) == 0 &&
         in->data[at + length + 1] == '\n';
}

static size_t next_line(const input *in, size_t at) {
  const uint8_t *end = memchr(in->data + at, '\n', in->size - at);
  return end ? (size_t)(end - in->data) + 1 : in->size;
}

static bool read_file(void *self, const char *path, char *text, size_t size) {
  const input *in = self;
  for (size_t at = 0; at < in->size; at = next_line(in, at)) {
    if (!begins_file(in, at, path)) continue;
    size_t begin = next_line(in, at), end = begin;
    while (end < in->size && in->data[end] != '@') end = next_line(in, end);
    size_t length = end - begin < size - 1 ? end - begin : size - 1;
    memcpy(text, in->data + begin, length);
    text[length] = 0;
    return true;
  }
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  size_t memory = cream_cgroup_memory(read_file, &in);
  CREAM_ASSERT(memory == cream_cgroup_memory(read_file, &in));
  CREAM_ASSERT(cream_cgroup_cpus(read_file, &in) >= 0);
  return 0;
}
