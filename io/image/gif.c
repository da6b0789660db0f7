/* GIF, through giflib: the first frame. */
#include "image_codec.h"

#if CREAM_WITH_GIF
#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
  GifFileType *gif;
  const cream_image_input *input;
  size_t at;
  int transparent; /* index of the transparent colour, which is around the frame; 0: none */
} reader;

static int read_bytes(GifFileType *gif, GifByteType *bytes, int size) {
  reader *self = gif->UserData;
  const size_t left = self->input->size - self->at, count = (size_t)size < left ? (size_t)size : left;
  memcpy(bytes, self->input->data + self->at, count);
  self->at += count;
  return (int)count;
}

static cream_status damaged(const reader *self, cream_error *err) {
  return cream_image_damaged(self->input->name, "GIF",
                             self->at == self->input->size ? "truncated" : "corrupt", err);
}

/* Reads up to the first frame. */
static bool find_frame(reader *self) {
  for (;;) {
    GifRecordType type;
    GifByteType *block;
    int code;
    if (DGifGetRecordType(self->gif, &type) == GIF_ERROR) return false;
    if (type == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(self->gif) != GIF_ERROR;
    if (type != EXTENSION_RECORD_TYPE || DGifGetExtension(self->gif, &code, &block) == GIF_ERROR)
      return false;
    while (block) {
      if (code == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4) self->transparent = block[1] & 1 ? block[4] : 0;
      if (DGifGetExtensionNext(self->gif, &block) == GIF_ERROR) return false;
    }
  }
}

/* Entries that the palette lacks are a ramp of greys, as in Pillow. */
static void colour_of(const ColorMapObject *map, int index, uint8_t *to) {
  if (!map || index >= map->ColorCount)
    memset(to, index, 3);
  else
    memcpy(to, (const uint8_t[]){map->Colors[index].Red, map->Colors[index].Green, map->Colors[index].Blue},
           3);
}

static bool read_line(reader *self, cream_image *image, uint8_t palette[256][3], GifByteType *line, int y) {
  const GifImageDesc *frame = &self->gif->Image;
  if (DGifGetLine(self->gif, line, frame->Width) == GIF_ERROR) return false;
  uint8_t *to = image->pixels + ((size_t)(frame->Top + y) * (size_t)image->width + (size_t)frame->Left) * 3;
  for (int x = 0; x < frame->Width; x++) memcpy(to + 3 * x, palette[line[x]], 3);
  return true;
}

static cream_status read_frame(reader *self, cream_image *image, cream_error *err) {
  static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
  const GifImageDesc *frame = &self->gif->Image;
  const ColorMapObject *map = frame->ColorMap ? frame->ColorMap : self->gif->SColorMap;
  uint8_t palette[256][3];
  for (int i = 0; i < 256; i++) colour_of(map, i, palette[i]);
  const size_t pixels = (size_t)image->width * (size_t)image->height;
  for (size_t i = 0; i < pixels; i++) memcpy(image->pixels + 3 * i, palette[self->transparent], 3);
  GifByteType *line = malloc((size_t)frame->Width + 1);
  if (!line) return cream_fail_memory(err, (size_t)frame->Width, "a row of an image");
  bool good = true;
  for (int pass = 0; pass < (frame->Interlace ? 4 : 1); pass++)
    for (int y = frame->Interlace ? first[pass] : 0; good && y < frame->Height;
         y += frame->Interlace ? step[pass] : 1)
      good = read_line(self, image, palette, line, y);
  free(line);
  return good ? CREAM_OK : damaged(self, err);
}

static int larger(int a, int b) {
  return a > b ? a : b;
}

cream_status cream_gif_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                              cream_error *err) {
  reader self = {.input = input};
  int code;
  self.gif = DGifOpen(&self, read_bytes, &code);
  if (!self.gif) return damaged(&self, err);
  cream_status status = CREAM_OK;
  if (!find_frame(&self)) status = damaged(&self, err);
  const GifImageDesc *frame = &self.gif->Image;
  if (!status) {
    *width = larger(self.gif->SWidth, frame->Left + frame->Width);
    *height = larger(self.gif->SHeight, frame->Top + frame->Height);
    status = cream_image_check_size(input->name, (uint32_t)*width, (uint32_t)*height, err);
  }
  if (!status && image) status = cream_image_resize(image, *width, *height, err);
  if (!status && image) status = read_frame(&self, image, err);
  DGifCloseFile(self.gif, &code);
  return status;
}
#else
cream_status cream_gif_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                              cream_error *err) {
  (void)image, (void)width, (void)height;
  return cream_image_no_library(input->name, "GIF", "giflib", err);
}
#endif
