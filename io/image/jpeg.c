#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "image_codec.h"

enum {
  MAX_SCANS = 500,    /* of a progressive file: each covers the whole image */
  LINES_AT_ONCE = 16, /* rows requested per call; the library returns at most those of one block row */
};

typedef struct reader {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf out;
  char reason[JMSG_LENGTH_MAX];
} reader;

static _Noreturn void stop(j_common_ptr jpeg, const char *reason) {
  reader *self = jpeg->client_data;
  if (reason)
    snprintf(self->reason, sizeof self->reason, "%s", reason);
  else
    jpeg->err->format_message(jpeg, self->reason);
  longjmp(self->out, 1);
}

static void on_error(j_common_ptr jpeg) {
  stop(jpeg, NULL);
}

/* Of all warnings, Pillow treats only the end of the data as an error. */
static void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF) stop(jpeg, "truncated");
}

static void on_progress(j_common_ptr jpeg) {
  if (((j_decompress_ptr)jpeg)->input_scan_number > MAX_SCANS) stop(jpeg, "more than 500 scans");
}

/* The smallest scale, in eighths, that leaves at least `least` pixels on the shorter side; 8 if least is 0. */
static unsigned scale_for(unsigned shorter, int least) {
  unsigned eighths = 8;
  while (least > 0 && eighths > 1 && (shorter * (eighths / 2) + 7) / 8 >= (unsigned)least) eighths /= 2;
  return eighths;
}

/* Converts a row of CMYK as Adobe writes it (255: no ink) to RGB, as Pillow does:
 * white = 255 - K, colour = white - ink * white / 255, rounded. */
static void cmyk_to_rgb(const uint8_t *cmyk, int width, uint8_t *rgb) {
  for (int x = 0; x < width; x++, cmyk += 4, rgb += 3) {
    int white = cmyk[3];
    for (int c = 0; c < 3; c++) {
      int product = (255 - cmyk[c]) * white + 128;
      rgb[c] = (uint8_t)(white - ((product >> 8) + product) / 256);
    }
  }
}

/* Reads image->height rows, starting after those already read or skipped. */
static void read_rows(reader *self, cream_image *image) {
  j_decompress_ptr jpeg = &self->jpeg;
  unsigned first = jpeg->output_scanline, last = first + (unsigned)image->height;
  size_t stride = (size_t)image->width * 3;
  bool cmyk = jpeg->out_color_space == JCS_CMYK;
  JSAMPARRAY scratch = NULL;
  if (cmyk) scratch = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
  while (jpeg->output_scanline < last) {
    uint8_t *at = image->pixels + (jpeg->output_scanline - first) * stride;
    JSAMPROW rows[LINES_AT_ONCE];
    for (int i = 0; i < LINES_AT_ONCE; i++) rows[i] = at + (size_t)i * stride;
    unsigned left = last - jpeg->output_scanline;
    if (cmyk) {
      jpeg_read_scanlines(jpeg, scratch, 1);
      cmyk_to_rgb(scratch[0], image->width, at);
    } else {
      jpeg_read_scanlines(jpeg, rows, left < LINES_AT_ONCE ? left : LINES_AT_ONCE);
    }
  }
}

/* The smallest scale, in eighths, that leaves the part at least as large as the crop requires. */
static unsigned scale_for_part(const cream_image_crop *part) {
  unsigned across = scale_for((unsigned)part->width, part->least_width);
  unsigned down = scale_for((unsigned)part->height, part->least_height);
  return across > down ? across : down;
}

/* Starts to decompress at the beginning of the part; blocks of pixels outside it are not decoded. Sets the size and
 * the position of the image. */
static cream_status start_part(j_decompress_ptr jpeg, const cream_image_crop *part, cream_image *image,
                               cream_error *err) {
  /* Colours at the edges of the decoded region are interpolated without their neighbours. */
  enum { MARGIN = 2 };
  int shrink = (int)(jpeg->scale_denom / jpeg->scale_num);
  int left = part->left / shrink - MARGIN, right = (part->left + part->width - 1) / shrink + 1 + MARGIN;
  int top = part->top / shrink - MARGIN, bottom = (part->top + part->height - 1) / shrink + 1 + MARGIN;
  if (left < 0) left = 0;
  if (top < 0) top = 0;
  if (right > (int)jpeg->output_width) right = (int)jpeg->output_width;
  if (bottom > (int)jpeg->output_height) bottom = (int)jpeg->output_height;
  JDIMENSION first = (JDIMENSION)left, width = (JDIMENSION)(right - left);
  jpeg_start_decompress(jpeg);
  if (width < jpeg->output_width) jpeg_crop_scanline(jpeg, &first, &width);
  cream_status status = cream_image_resize(image, (int)width, bottom - top, err);
  if (status) return status;
  if (top > 0) jpeg_skip_scanlines(jpeg, (JDIMENSION)top);
  image->left = (int)first;
  image->top = top;
  image->shrink = shrink;
  return CREAM_OK;
}

cream_status cream_jpeg_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                               cream_error *err) {
  reader self = {0};
  j_decompress_ptr jpeg = &self.jpeg;
  cream_status status;
  jpeg->err = jpeg_std_error(&self.errors);
  self.errors.error_exit = on_error;
  self.errors.emit_message = on_message;
  self.progress.progress_monitor = on_progress;
  jpeg->client_data = &self;
  if (setjmp(self.out)) {
    jpeg_destroy_decompress(jpeg);
    return cream_image_damaged(input->name, "JPEG", self.reason, err);
  }
  jpeg_create_decompress(jpeg);
  jpeg->progress = &self.progress;
  jpeg_mem_src(jpeg, input->data, input->size);
  jpeg_read_header(jpeg, TRUE);
  status = cream_image_check_size(input->name, jpeg->image_width, jpeg->image_height, err);
  if (!status) {
    *width = (int)jpeg->image_width;
    *height = (int)jpeg->image_height;
  }
  if (!status && image) {
    unsigned shorter = jpeg->image_width < jpeg->image_height ? jpeg->image_width : jpeg->image_height;
    jpeg->scale_denom = 8;
    cream_image_crop *part = image->crop;
    if (part) part->choose(part, *width, *height);
    jpeg->scale_num = part ? scale_for_part(part) : scale_for(shorter, input->least_side);
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_calc_output_dimensions(jpeg);
    if (part) {
      status = start_part(jpeg, part, image, err);
    } else {
      status = cream_image_resize(image, (int)jpeg->output_width, (int)jpeg->output_height, err);
      if (!status) jpeg_start_decompress(jpeg);
    }
    if (!status) read_rows(&self, image);
  }
  jpeg_destroy_decompress(jpeg);
  return status;
}
