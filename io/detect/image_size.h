/* The size of an image, from the beginning of its file. */
#ifndef CREAM_IO_IMAGE_SIZE_H
#define CREAM_IO_IMAGE_SIZE_H

#include "core/base/status.h"

/* CREAM_BAD_DATA: the file cannot be read, or is no image. */
cream_status cream_image_file_size(const char *path, int *width, int *height, cream_error *);

#endif
