/* WebP, through libwebp. An animation is its first frame on a black canvas. */
#include "image_codec.h"

#if CREAM_WITH_WEBP
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static cream_status read_first_frame(const cream_image_input *input, cream_image *image, cream_error *err) {
  const WebPData data = {input->data, input->size};
  WebPDemuxer *demuxer = WebPDemux(&data);
  WebPIterator frame;
  if (!demuxer) return cream_image_damaged(input->name, "WebP", "truncated", err);
  const size_t stride = (size_t)image->width * 3;
  bool good = false;
  memset(image->pixels, 0, stride * (size_t)image->height);
  if (WebPDemuxGetFrame(demuxer, 1, &frame)) {
    if (frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width <= image->width - frame.x_offset &&
        frame.height <= image->height - frame.y_offset) {
      const size_t start = (size_t)frame.y_offset * stride + (size_t)frame.x_offset * 3;
      good = WebPDecodeRGBInto(frame.fragment.bytes, frame.fragment.size, image->pixels + start,
                               stride * (size_t)image->height - start, (int)stride) != NULL;
    }
    WebPDemuxReleaseIterator(&frame);
  }
  WebPDemuxDelete(demuxer);
  return good ? CREAM_OK : cream_image_damaged(input->name, "WebP", "truncated or corrupt", err);
}

cream_status cream_webp_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                               cream_error *err) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(input->data, input->size, &features) != VP8_STATUS_OK)
    return cream_image_damaged(input->name, "WebP", "no header of an image", err);
  cream_status status =
      cream_image_check_size(input->name, (uint32_t)features.width, (uint32_t)features.height, err);
  if (status) return status;
  *width = features.width;
  *height = features.height;
  if (image) status = cream_image_resize(image, features.width, features.height, err);
  if (status || !image) return status;
  if (features.has_animation) return read_first_frame(input, image, err);
  const int stride = 3 * features.width;
  if (WebPDecodeRGBInto(input->data, input->size, image->pixels, (size_t)stride * (size_t)features.height,
                        stride))
    return CREAM_OK;
  return cream_image_damaged(input->name, "WebP", "truncated or corrupt", err);
}
#else
cream_status cream_webp_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                               cream_error *err) {
  (void)image, (void)width, (void)height;
  return cream_image_no_library(input->name, "WebP", "libwebp", err);
}
#endif
