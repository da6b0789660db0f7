/* Encoding images as JPEG and PNG. */
#ifndef CREAM_IO_ENCODE_H
#define CREAM_IO_ENCODE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/status.h"

/* Encodes RGB [height, width, 3] as a JPEG of quality 1..100. The caller frees *data. CREAM_FAILED on error. */
cream_status cream_jpeg_encode(const uint8_t *pixels, int width, int height, int quality, uint8_t **data,
                               size_t *size, cream_error *);

/* Encodes RGB [height, width, 3] as a PNG and writes it to a stream. */
cream_status cream_png_encode(const uint8_t *pixels, int width, int height, FILE *, cream_error *);

#endif
