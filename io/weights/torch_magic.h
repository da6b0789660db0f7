/* The two forms of PyTorch's files, by their first bytes. */
#ifndef CREAM_IO_TORCH_MAGIC_H
#define CREAM_IO_TORCH_MAGIC_H

#include <stdbool.h>
#include <stddef.h>

typedef enum cream_torch_form {
  CREAM_TORCH_NONE,   /* not a file of PyTorch */
  CREAM_TORCH_ZIP,    /* since PyTorch 1.6: a zip archive */
  CREAM_TORCH_PICKLES /* before: pickles, then the storages */
} cream_torch_form;

/* The form of a file that begins with these bytes. */
cream_torch_form cream_torch_form_of(const unsigned char *bytes, size_t size);

/* Whether a file is in one of the forms; false for a file that cannot be read. */
bool cream_torch_recognise(const char *path);

#endif
