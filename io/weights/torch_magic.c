#include "torch_magic.h"

#include <stdio.h>
#include <string.h>

cream_torch_form cream_torch_form_of(const unsigned char *bytes, size_t size) {
  if (size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0) return CREAM_TORCH_ZIP;
  bool pickle = size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
  return pickle ? CREAM_TORCH_PICKLES : CREAM_TORCH_NONE;
}

bool cream_torch_recognise(const char *path) {
  unsigned char head[16];
  FILE *stream = fopen(path, "rb");
  size_t size = stream ? fread(head, 1, sizeof head, stream) : 0;
  if (stream) fclose(stream);
  cream_torch_form form = cream_torch_form_of(head, size);
  /* A safetensors file with a header of 640 bytes begins like a pickle too, but its header follows. */
  if (form == CREAM_TORCH_PICKLES && size > 8 && head[8] == '{') return false;
  return form != CREAM_TORCH_NONE;
}
