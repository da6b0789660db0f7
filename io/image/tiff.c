/* TIFF, through libtiff: the first image, turned as its orientation says, as in Pillow. */
#include "image_codec.h"

#if CREAM_WITH_TIFF
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

typedef struct reader {
  TIFF *tiff;
  const cream_image_input *input;
  toff_t at;
  char reason[160];
  uint32_t width, height;
  uint16_t bits, samples, photometric, planar, format, orientation;
} reader;

static tmsize_t read_bytes(thandle_t handle, void *bytes, tmsize_t size) {
  reader *self = (reader *)handle;
  const toff_t all = self->input->size, left = self->at < all ? all - self->at : 0;
  const size_t count = size < 0 ? 0 : (toff_t)size < left ? (size_t)size : (size_t)left;
  if (count) memcpy(bytes, self->input->data + self->at, count);
  self->at += count;
  return (tmsize_t)count;
}

static tmsize_t write_bytes(thandle_t handle, void *bytes, tmsize_t size) {
  (void)handle, (void)bytes, (void)size;
  return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  reader *self = (reader *)handle;
  self->at = whence == SEEK_CUR   ? self->at + offset
             : whence == SEEK_END ? self->input->size + offset
                                  : offset;
  return self->at;
}

static int close_nothing(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t size_of(thandle_t handle) {
  return ((const reader *)handle)->input->size;
}

static int on_error(TIFF *tiff, void *self, const char *module, const char *format, va_list arguments) {
  (void)tiff, (void)module;
  reader *r = self;
  if (!*r->reason) vsnprintf(r->reason, sizeof r->reason, format, arguments);
  for (char *at = r->reason; *at; at++)
    if ((unsigned char)*at < ' ' || (unsigned char)*at > '~') *at = '?';
  return 1;
}

static int on_warning(TIFF *tiff, void *self, const char *module, const char *format, va_list arguments) {
  (void)tiff, (void)self, (void)module, (void)format, (void)arguments;
  return 1;
}

static cream_status damaged(const reader *self, cream_error *err) {
  return cream_image_damaged(self->input->name, "TIFF", *self->reason ? self->reason : "it cannot be decoded",
                             err);
}

static bool open_tiff(reader *self) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return false;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, self);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, self);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)4 * CREAM_MAX_PIXELS);
  self->tiff = TIFFClientOpenExt("image", "rm", (thandle_t)self, read_bytes, write_bytes, seek, close_nothing,
                                 size_of, NULL, NULL, options);
  TIFFOpenOptionsFree(options);
  return self->tiff != NULL;
}

static bool read_fields(reader *self) {
  TIFF *t = self->tiff;
  TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &self->bits);
  TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &self->samples);
  TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &self->planar);
  TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &self->format);
  TIFFGetFieldDefaulted(t, TIFFTAG_ORIENTATION, &self->orientation);
  if (self->orientation < ORIENTATION_TOPLEFT || self->orientation > ORIENTATION_LEFTBOT)
    self->orientation = ORIENTATION_TOPLEFT;
  return TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &self->width) &&
         TIFFGetField(t, TIFFTAG_IMAGELENGTH, &self->height) &&
         TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &self->photometric);
}

/* Whether rows are read as they are: grey or RGB of 8 or 16 bits, with or without further samples. */
static bool has_plain_rows(const reader *self) {
  const bool grey =
      self->photometric == PHOTOMETRIC_MINISBLACK || self->photometric == PHOTOMETRIC_MINISWHITE;
  const bool rgb = self->photometric == PHOTOMETRIC_RGB && self->samples >= 3;
  return !TIFFIsTiled(self->tiff) && self->planar == PLANARCONFIG_CONTIG && (grey || rgb) &&
         self->samples <= 8 && (self->bits == 8 || self->bits == 16) && self->format == SAMPLEFORMAT_UINT;
}

/* 16-bit grey is clipped and 16-bit colours are cut to 8 bits, as in Pillow. libtiff gives the machine's byte order. */
static void convert_row(const reader *self, const uint8_t *from, uint8_t *to) {
  const bool grey = self->photometric != PHOTOMETRIC_RGB;
  for (uint32_t x = 0; x < self->width; x++, to += 3)
    for (size_t c = 0; c < 3; c++) {
      const size_t sample = (size_t)x * self->samples + (grey ? 0 : c);
      unsigned value = from[sample];
      if (self->bits == 16) {
        uint16_t wide;
        memcpy(&wide, from + 2 * sample, sizeof wide);
        value = grey ? (wide > 255 ? 255 : wide) : wide >> 8;
      }
      to[c] = (uint8_t)(self->photometric == PHOTOMETRIC_MINISWHITE ? 255 - value : value);
    }
}

static cream_status read_rows(reader *self, cream_image *image, cream_error *err) {
  const tmsize_t size = TIFFScanlineSize(self->tiff);
  const size_t least = (size_t)self->width * self->samples * self->bits / 8;
  if (size <= 0 || (size_t)size < least) return damaged(self, err);
  uint8_t *row = malloc((size_t)size);
  if (!row) return cream_fail_memory(err, (size_t)size, "a row of an image");
  bool good = true;
  for (uint32_t y = 0; good && y < self->height; y++) {
    good = TIFFReadScanline(self->tiff, row, y, 0) == 1;
    if (good) convert_row(self, row, image->pixels + (size_t)y * self->width * 3);
  }
  free(row);
  return good ? CREAM_OK : damaged(self, err);
}

/* All other kinds, as libtiff converts them. */
static cream_status read_any(reader *self, cream_image *image, cream_error *err) {
  const size_t pixels = (size_t)self->width * self->height;
  uint32_t *raster = malloc(pixels * sizeof *raster);
  if (!raster) return cream_fail_memory(err, pixels * sizeof *raster, "an image");
  const bool good =
      TIFFReadRGBAImageOriented(self->tiff, self->width, self->height, raster, self->orientation, 1) == 1;
  for (size_t i = 0; good && i < pixels; i++) {
    image->pixels[3 * i] = (uint8_t)TIFFGetR(raster[i]);
    image->pixels[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
    image->pixels[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
  }
  free(raster);
  return good ? CREAM_OK : damaged(self, err);
}

/* The first row and column of the file as they are seen: orientations 5 to 8 exchange rows and columns. */
static cream_status turn(const reader *self, cream_image *image, cream_error *err) {
  const uint16_t to = self->orientation;
  if (to == ORIENTATION_TOPLEFT) return CREAM_OK;
  const bool exchanged = to >= ORIENTATION_LEFTTOP;
  const bool from_right = to == ORIENTATION_TOPRIGHT || to == ORIENTATION_BOTRIGHT ||
                          to == ORIENTATION_RIGHTTOP || to == ORIENTATION_RIGHTBOT;
  const bool from_bottom = to == ORIENTATION_BOTRIGHT || to == ORIENTATION_BOTLEFT ||
                           to == ORIENTATION_RIGHTBOT || to == ORIENTATION_LEFTBOT;
  const size_t width = exchanged ? self->height : self->width,
               height = exchanged ? self->width : self->height;
  const size_t bytes = width * height * 3;
  uint8_t *read = malloc(bytes);
  if (!read) return cream_fail_memory(err, bytes, "an image");
  memcpy(read, image->pixels, bytes);
  for (size_t y = 0; y < height; y++)
    for (size_t x = 0; x < width; x++) {
      const size_t seen_x = from_right ? width - 1 - x : x, seen_y = from_bottom ? height - 1 - y : y;
      const size_t column = exchanged ? seen_y : seen_x, row = exchanged ? seen_x : seen_y;
      memcpy(image->pixels + (y * width + x) * 3, read + (row * self->width + column) * 3, 3);
    }
  free(read);
  image->width = (int)width;
  image->height = (int)height;
  return CREAM_OK;
}

cream_status cream_tiff_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                               cream_error *err) {
  reader self = {.input = input};
  if (!open_tiff(&self)) return damaged(&self, err);
  cream_status status = read_fields(&self) ? CREAM_OK : damaged(&self, err);
  if (!status) status = cream_image_check_size(input->name, self.width, self.height, err);
  if (!status) {
    const bool exchanged = self.orientation >= ORIENTATION_LEFTTOP;
    *width = (int)(exchanged ? self.height : self.width);
    *height = (int)(exchanged ? self.width : self.height);
  }
  if (!status && image) status = cream_image_resize(image, (int)self.width, (int)self.height, err);
  if (!status && image)
    status = has_plain_rows(&self) ? read_rows(&self, image, err) : read_any(&self, image, err);
  if (!status && image) status = turn(&self, image, err);
  TIFFClose(self.tiff);
  return status;
}
#else
cream_status cream_tiff_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                               cream_error *err) {
  (void)image, (void)width, (void)height;
  return cream_image_no_library(input->name, "TIFF", "libtiff 4.5", err);
}
#endif
