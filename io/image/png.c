#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_codec.h"

typedef struct reader {
  png_structp png;
  png_infop info;
  png_bytepp rows;
  const cream_image_input *input;
  size_t at; /* bytes read so far */
  char reason[160];
} reader;

static void on_error(png_structp png, png_const_charp message) {
  reader *self = png_get_error_ptr(png);
  snprintf(self->reason, sizeof self->reason, "%s", message);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png, (void)message;
}

static void on_read(png_structp png, png_bytep bytes, size_t size) {
  reader *self = png_get_io_ptr(png);
  if (size > self->input->size - self->at) png_error(png, "truncated");
  memcpy(bytes, self->input->data + self->at, size);
  self->at += size;
}

/* Converts 16-bit grey to RGB in place, clipped to 255 as in Pillow. Rows grow, so the last pixel comes first. */
static void grey16_to_rgb(png_structp png, png_row_infop row, png_bytep bytes) {
  (void)png;
  for (size_t x = row->width; x-- > 0;) memset(bytes + 3 * x, bytes[2 * x] ? 255 : bytes[2 * x + 1], 3);
}

/* Pixels may index entries that the palette lacks; Pillow fills these with a ramp of greys. */
static void complete_palette(reader *self) {
  png_colorp given;
  int count = 0, all = 1 << png_get_bit_depth(self->png, self->info);
  png_get_PLTE(self->png, self->info, &given, &count);
  png_color palette[256];
  for (int i = 0; i < all; i++)
    palette[i] = i < count ? given[i] : (png_color){(png_byte)i, (png_byte)i, (png_byte)i};
  png_set_PLTE(self->png, self->info, palette, all);
}

/* Makes libpng deliver rows as 8-bit RGB, whatever the depth and colour type of the file. */
static void set_transforms(reader *self) {
  png_structp png = self->png;
  int colour = png_get_color_type(png, self->info), depth = png_get_bit_depth(png, self->info);
  if (colour == PNG_COLOR_TYPE_GRAY && depth == 16) {
    png_set_read_user_transform_fn(png, grey16_to_rgb);
    png_set_user_transform_info(png, NULL, 8, 3);
  } else {
    if (colour == PNG_COLOR_TYPE_PALETTE) {
      complete_palette(self);
      png_set_palette_to_rgb(png);
    }
    if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    if (depth == 16) png_set_strip_16(png);
    png_set_strip_alpha(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, self->info);
}

static cream_status read_pixels(reader *self, cream_image *image, cream_error *err) {
  int width = (int)png_get_image_width(self->png, self->info);
  int height = (int)png_get_image_height(self->png, self->info);
  cream_status status = cream_image_resize(image, width, height, err);
  if (status) return status;
  size_t stride = (size_t)width * 3;
  set_transforms(self);
  CREAM_ASSERT(png_get_rowbytes(self->png, self->info) == stride);
  self->rows = malloc((size_t)height * sizeof *self->rows);
  if (!self->rows) return cream_fail_memory(err, (size_t)height * sizeof *self->rows, "rows of an image");
  for (int y = 0; y < height; y++) self->rows[y] = image->pixels + (size_t)y * stride;
  png_read_image(self->png, self->rows);
  return CREAM_OK;
}

cream_status cream_png_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                              cream_error *err) {
  reader self = {.input = input};
  cream_status status;
  self.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &self, on_error, on_warning);
  if (self.png) self.info = png_create_info_struct(self.png);
  if (!self.info) {
    png_destroy_read_struct(&self.png, NULL, NULL);
    return cream_fail_memory(err, 0, "a PNG decoder");
  }
  if (setjmp(png_jmpbuf(self.png))) {
    status = cream_image_damaged(input->name, "PNG", self.reason, err);
    goto done;
  }
  png_set_read_fn(self.png, &self, on_read);
  png_set_user_limits(self.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_keep_unknown_chunks(self.png, PNG_HANDLE_CHUNK_NEVER, NULL, -1); /* skip all but IHDR, PLTE, IDAT */
  png_read_info(self.png, self.info);
  png_uint_32 w = png_get_image_width(self.png, self.info), h = png_get_image_height(self.png, self.info);
  status = cream_image_check_size(input->name, w, h, err);
  if (!status) {
    *width = (int)w;
    *height = (int)h;
  }
  if (!status && image) status = read_pixels(&self, image, err);
done:
  free(self.rows);
  png_destroy_read_struct(&self.png, &self.info, NULL);
  return status;
}
