/* JPEG and PNG files, encoded by libjpeg and libpng. */
#ifndef CREAM_TESTS_IO_IMAGES_H
#define CREAM_TESTS_IO_IMAGES_H

#include "tests/io/scratch.h"

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

typedef struct image_file {
  unsigned char *data;
  unsigned long size;
} image_file;

/* An image, [height, width, 3], that depends on the seed. The caller frees it. */
__attribute__((unused)) static uint8_t *image_pixels(int width, int height, unsigned seed) {
  uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
  assert_non_null(pixels);
  for (int i = 0, y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (unsigned c = 0; c < 3; c++)
        pixels[i++] = (uint8_t)((unsigned)(x * 3 + y * 2) * (c + 1) + 37 * seed);
  return pixels;
}

__attribute__((unused)) static image_file image_jpeg(int width, int height, unsigned seed) {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  image_file file = {0};
  uint8_t *pixels = image_pixels(width, height, seed);
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &file.data, &file.size);
  jpeg.image_width = (JDIMENSION)width;
  jpeg.image_height = (JDIMENSION)height;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < height; y++) {
    JSAMPROW row = pixels + (size_t)y * (size_t)width * 3;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  free(pixels);
  return file;
}

__attribute__((unused)) static image_file image_png(int width, int height, unsigned seed) {
  png_image png = {.version = PNG_IMAGE_VERSION,
                   .width = (png_uint_32)width,
                   .height = (png_uint_32)height,
                   .format = PNG_FORMAT_RGB};
  uint8_t *pixels = image_pixels(width, height, seed);
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  image_file file = {.data = malloc(size)};
  assert_non_null(file.data);
  assert_true(png_image_write_to_memory(&png, file.data, &size, 0, pixels, 0, NULL));
  file.size = size;
  free(pixels);
  return file;
}

/* Writes NAME in the scratch folder and frees the data of the file. */
__attribute__((unused)) static void image_write(const char *name, image_file file) {
  scratch_write(name, file.data, file.size);
  free(file.data);
}

#endif
