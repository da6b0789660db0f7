#include "tensorboard.h"

#include <stdlib.h>

#include "event.pb-c.h"

enum { MAX_SCALARS = 16 };

uint32_t cream_crc32c(const void *bytes, size_t size) {
  const unsigned char *from = bytes;
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; i++) {
    crc ^= from[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static uint32_t masked(const void *bytes, size_t size) {
  uint32_t crc = cream_crc32c(bytes, size);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static cream_status write_record(FILE *stream, const CreamTbEvent *event, cream_error *err) {
  size_t size = cream_tb_event__get_packed_size(event);
  uint8_t *data = malloc(size + 1);
  if (!data) return cream_fail_memory(err, size, "a TensorBoard record");
  uint64_t length = cream_tb_event__pack(event, data);
  uint32_t length_crc = masked(&length, sizeof length), data_crc = masked(data, size);
  fwrite(&length, sizeof length, 1, stream);
  fwrite(&length_crc, sizeof length_crc, 1, stream);
  fwrite(data, 1, size, stream);
  fwrite(&data_crc, sizeof data_crc, 1, stream);
  free(data);
  return CREAM_OK;
}

cream_status cream_tensorboard_begin(FILE *stream, double wall, cream_error *err) {
  CreamTbEvent event = CREAM_TB_EVENT__INIT;
  char version[] = "brain.Event:2";
  event.wall_time = wall;
  event.file_version = version;
  return write_record(stream, &event, err);
}

cream_status cream_tensorboard_write(FILE *stream, double wall, uint64_t step, const cream_scalar *scalars,
                                     int count, cream_error *err) {
  CREAM_ASSERT(count >= 0 && count <= MAX_SCALARS);
  CreamTbValue values[MAX_SCALARS], *pointers[MAX_SCALARS];
  CreamTbSummary summary = CREAM_TB_SUMMARY__INIT;
  CreamTbEvent event = CREAM_TB_EVENT__INIT;
  for (int i = 0; i < count; i++) {
    cream_tb_value__init(&values[i]);
    values[i].tag = (char *)scalars[i].tag;
    values[i].simple_value = (float)scalars[i].value;
    pointers[i] = &values[i];
  }
  summary.n_value = (size_t)count;
  summary.value = pointers;
  event.wall_time = wall;
  event.step = (int64_t)step;
  event.summary = &summary;
  return write_record(stream, &event, err);
}
