#include "encode.h"

#include <setjmp.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <png.h>

typedef struct writer {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  jmp_buf out;
  unsigned char *data;
  unsigned long size;
} writer;

static _Noreturn void on_error(j_common_ptr jpeg) {
  writer *self = jpeg->client_data;
  longjmp(self->out, 1);
}

cream_status cream_jpeg_encode(const uint8_t *pixels, int width, int height, int quality, uint8_t **data,
                               size_t *size, cream_error *err) {
  writer self = {0};
  j_compress_ptr jpeg = &self.jpeg;
  jpeg->err = jpeg_std_error(&self.errors);
  self.errors.error_exit = on_error;
  jpeg->client_data = &self;
  if (setjmp(self.out)) {
    jpeg_destroy_compress(jpeg);
    free(self.data);
    return cream_fail(err, CREAM_FAILED, "cannot encode an image of %d x %d pixels as JPEG", width, height);
  }
  jpeg_create_compress(jpeg);
  jpeg_mem_dest(jpeg, &self.data, &self.size);
  jpeg->image_width = (JDIMENSION)width;
  jpeg->image_height = (JDIMENSION)height;
  jpeg->input_components = 3;
  jpeg->in_color_space = JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, quality, TRUE);
  jpeg_start_compress(jpeg, TRUE);
  for (int y = 0; y < height; y++) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)y * (size_t)width * 3);
    jpeg_write_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_compress(jpeg);
  jpeg_destroy_compress(jpeg);
  *data = self.data;
  *size = self.size;
  return CREAM_OK;
}

static void write_rows(png_structp png, png_infop info, const uint8_t *pixels, int width, int height,
                       FILE *stream) {
  png_init_io(png, stream);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < height; y++) png_write_row(png, pixels + (size_t)y * (size_t)width * 3);
  png_write_end(png, info);
}

cream_status cream_png_encode(const uint8_t *pixels, int width, int height, FILE *stream, cream_error *err) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_write_struct(&png, NULL);
    return cream_fail_memory(err, 0, "writing a PNG");
  }
  cream_status status = CREAM_OK;
  if (setjmp(png_jmpbuf(png)))
    status = cream_fail(err, CREAM_FAILED, "cannot encode an image of %d x %d pixels as PNG", width, height);
  else
    write_rows(png, info, pixels, width, height, stream);
  png_destroy_write_struct(&png, &info);
  return status;
}
