/* Decoding: the same colours as Pillow, and broken files refused in one line. */
#include "images.h"

#include <dirent.h>

#include "io/base/file.h"
#include "io/image/image.h"

#define IMAGES CREAM_SOURCE_DIR "/tests/golden/images/"

static cream_error error;
static cream_image image;

static int teardown(void **state) {
  cream_image_free(&image);
  return scratch_teardown(state);
}

/* ---- Pillow ------------------------------------------------------------------------------------------ */

/* Compares tests/golden/images/NAME with EXPECTED.ppm: no value may differ by more than `limit`. */
static void check_golden(const char *name, const char *expected, int least_side, int limit) {
  char path[256];
  snprintf(path, sizeof path, IMAGES "%s", name);
  if (cream_image_read(path, least_side, &image, &error)) fail_msg("%s", error.text);
  snprintf(path, sizeof path, IMAGES "%s.ppm", expected);
  FILE *stream = fopen(path, "rb");
  assert_non_null(stream);
  int width = 0, height = 0;
  assert_int_equal(fscanf(stream, "P6 %d %d 255", &width, &height), 2);
  assert_int_equal(fgetc(stream), '\n');
  if (width != image.width || height != image.height)
    fail_msg("%s: %d x %d, expected %d x %d", name, image.width, image.height, width, height);
  for (int i = 0; i < width * height * 3; i++) {
    int value = fgetc(stream);
    assert_true(value != EOF);
    if (abs(value - image.pixels[i]) > limit)
      fail_msg("%s at (%d, %d) channel %d: %d, expected %d", expected, i / 3 % width, i / 3 / width, i % 3,
               image.pixels[i], value);
  }
  fclose(stream);
}

static void test_jpeg_as_pillow(void **state) {
  (void)state;
  static const char *const names[] = {"rgb-420.jpg",    "rgb-422.jpg",     "rgb-444.jpg",
                                      "grey.jpg",       "progressive.jpg", "rotated.jpg",
                                      "cmyk-adobe.jpg", "cmyk-plain.jpg",  "ycck.jpg"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_golden(names[i], names[i], 0, 1);
}

/* 101 x 67 at 1/2, 1/4 and 1/8: the shorter side is 34, 17, 9. */
static void test_jpeg_scaled_as_pillow(void **state) {
  (void)state;
  check_golden("large.jpg", "large.jpg-51", 34, 1);
  check_golden("large.jpg", "large.jpg-26", 17, 1);
  check_golden("large.jpg", "large.jpg-13", 9, 1);
  static const struct {
    int least, width, height;
  } cases[] = {{0, 101, 67}, {200, 101, 67}, {35, 101, 67}, {34, 51, 34}, {18, 51, 34},
               {17, 26, 17}, {10, 26, 17},   {9, 13, 9},    {1, 13, 9}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(cream_image_read(IMAGES "large.jpg", cases[i].least, &image, &error), CREAM_OK);
    assert_int_equal(image.width, cases[i].width);
    assert_int_equal(image.height, cases[i].height);
  }
}

static void test_png_as_pillow(void **state) {
  (void)state;
  static const char *const names[] = {"grey1.png",
                                      "grey2.png",
                                      "grey4.png",
                                      "grey8.png",
                                      "grey16.png",
                                      "grey16-dark.png",
                                      "grey8-trns.png",
                                      "rgb8.png",
                                      "rgb16.png",
                                      "la8.png",
                                      "la16.png",
                                      "rgba8.png",
                                      "rgba16.png",
                                      "palette1.png",
                                      "palette2.png",
                                      "palette4.png",
                                      "palette8.png",
                                      "palette8-trns.png",
                                      "palette8-short.png",
                                      "rgb8-interlaced.png",
                                      "grey1-interlaced.png",
                                      "rgba16-interlaced.png",
                                      "grey16-interlaced.png",
                                      "palette4-interlaced.png"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_golden(names[i], names[i], 0, 0);
}

/* All files of tests/golden/images that end with `suffix`. */
static void check_all(const char *suffix, int limit) {
  DIR *folder = opendir(IMAGES);
  const struct dirent *entry;
  int count = 0;
  assert_non_null(folder);
  while ((entry = readdir(folder))) {
    const size_t length = strlen(entry->d_name), end = strlen(suffix);
    if (length <= end || strcmp(entry->d_name + length - end, suffix) != 0) continue;
    check_golden(entry->d_name, entry->d_name, 0, limit);
    count++;
  }
  closedir(folder);
  assert_true(count >= 5);
}

static void test_bmp_as_pillow(void **state) {
  (void)state;
  check_all(".bmp", 0);
}

static void test_webp_as_pillow(void **state) {
  (void)state;
  if (!CREAM_WITH_WEBP) skip();
  check_all(".webp", 0);
}

static void test_gif_as_pillow(void **state) {
  (void)state;
  if (!CREAM_WITH_GIF) skip();
  check_all(".gif", 0);
}

static void test_tiff_as_pillow(void **state) {
  (void)state;
  if (!CREAM_WITH_TIFF) skip();
  check_all(".tif", 0);
}

/* ---- formats ----------------------------------------------------------------------------------------- */

static void check_png(const char *name, int width, int height, unsigned seed) {
  if (cream_image_read(scratch(name), 0, &image, &error)) fail_msg("%s", error.text);
  assert_int_equal(image.width, width);
  assert_int_equal(image.height, height);
  uint8_t *expected = image_pixels(width, height, seed);
  assert_memory_equal(image.pixels, expected, (size_t)width * (size_t)height * 3);
  free(expected);
}

/* The format is recognised by the bytes, not the name. Names may have any bytes. Memory is reused. */
static void test_format_by_content(void **state) {
  (void)state;
  image_write("really-png.jpg", image_png(40, 30, 1));
  check_png("really-png.jpg", 40, 30, 1);
  const uint8_t *before = image.pixels;
  image_write("one.png", image_png(1, 1, 3));
  check_png("one.png", 1, 1, 3);
  assert_ptr_equal(image.pixels, before);
  image_write("a name \xff\xfe with\nlines.png", image_png(5, 7, 2));
  check_png("a name \xff\xfe with\nlines.png", 5, 7, 2);
  image_write("one.jpg", image_jpeg(1, 1, 3));
  assert_int_equal(cream_image_read(scratch("one.jpg"), 8, &image, &error), CREAM_OK);
  assert_int_equal(image.width * image.height, 1);
}

static void test_size(void **state) {
  (void)state;
  int width = 0, height = 0;
  image_file files[] = {image_jpeg(33, 21, 0), image_png(33, 21, 0)};
  for (int i = 0; i < 2; i++) {
    if (cream_image_size(files[i].data, files[i].size, "it", &width, &height, &error))
      fail_msg("%s", error.text);
    assert_int_equal(width, 33);
    assert_int_equal(height, 21);
    free(files[i].data);
    width = height = 0;
  }
}

/* ---- broken ------------------------------------------------------------------------------------------ */

static void check_bad(const void *data, size_t size, const char *reason) {
  uint8_t *copy = malloc(size + 1); /* of the exact size, so that sanitizers detect reads beyond it */
  assert_non_null(copy);
  memcpy(copy, data, size);
  uint8_t *exact = realloc(copy, size ? size : 1);
  assert_fails(cream_image_decode(exact, size, "broken", 0, &image, &error), CREAM_BAD_DATA, error, reason);
  assert_text_contains(error.text, "broken: ");
  free(exact);
}

static void test_not_an_image(void **state) {
  (void)state;
  check_bad("", 0, "an empty file");
  check_bad("<html>", 6, "not an image");
  check_bad("\xff\xd8", 2, "not an image");
  check_bad("<html>", 6, CREAM_WITH_WEBP ? "expected JPEG or PNG or WebP" : "expected JPEG or PNG or");
  check_bad("GIF89a......", 12,
            CREAM_WITH_GIF ? "a damaged GIF" : "a GIF file, and this program was built without");
  check_bad("RIFF....WEBP", 12,
            CREAM_WITH_WEBP ? "a damaged WebP" : "a WebP file, and this program was built without");
  check_bad("RIFF....WAVEfmt ", 16, "WebP");
  check_bad("II*\0....", 8,
            CREAM_WITH_TIFF ? "a damaged TIFF" : "a TIFF file, and this program was built without");
  check_bad("BM", 2, "a damaged BMP: truncated");
  check_bad("\xff\xd8\xff", 3, "a damaged JPEG: truncated");
  check_bad("\x89PNG\r\n\x1a\n", 8, "a damaged PNG: truncated");
}

/* Truncated anywhere, except in the last bytes, which have no pixels. */
static void test_truncated(void **state) {
  (void)state;
  image_file jpeg = image_jpeg(64, 48, 1), png = image_png(64, 48, 1);
  for (unsigned long size = 3; size + 16 < jpeg.size; size += 7) check_bad(jpeg.data, size, "damaged JPEG");
  check_bad(jpeg.data, jpeg.size / 2, "broken: a damaged JPEG: truncated");
  for (unsigned long size = 8; size + 24 < png.size; size += 5)
    check_bad(png.data, size, "damaged PNG: truncated");
  free(jpeg.data);
  free(png.data);
}

/* The new formats, cut anywhere and with any byte changed: an image or one line, and no read beyond the data. */
static void check_mangled(const char *name) {
  char path[256];
  char *data;
  size_t size;
  snprintf(path, sizeof path, IMAGES "%s", name);
  assert_int_equal(cream_file_read(path, 1 << 20, &data, &size, &error), CREAM_OK);
  for (size_t cut = 4; cut < size; cut += 1 + size / 97) {
    uint8_t *exact = malloc(cut);
    assert_non_null(exact);
    memcpy(exact, data, cut);
    cream_image_decode(exact, cut, "cut", 0, &image, &error);
    free(exact);
  }
  check_bad(data, size / 2, "broken: a damaged");
  for (size_t at = 4; at < size; at += 1 + size / 97) {
    data[at] ^= 0x5a;
    int width = 0, height = 0;
    if (cream_image_size((uint8_t *)data, size, "changed", &width, &height, &error) == CREAM_OK &&
        (long)width * height < 1 << 20)
      cream_image_decode((uint8_t *)data, size, "changed", 0, &image, &error);
    data[at] ^= 0x5a;
  }
  free(data);
}

static void test_mangled(void **state) {
  (void)state;
  check_mangled("rgb.bmp");
  check_mangled("rle8.bmp");
  check_mangled("palette4.bmp");
  if (CREAM_WITH_WEBP) check_mangled("lossy.webp");
  if (CREAM_WITH_WEBP) check_mangled("animated.webp");
  if (CREAM_WITH_GIF) check_mangled("interlaced.gif");
  if (CREAM_WITH_TIFF) check_mangled("rgb-lzw.tif");
  if (CREAM_WITH_TIFF) check_mangled("palette.tif");
  cream_image_free(&image);
}

static void test_damaged(void **state) {
  (void)state;
  image_file png = image_png(64, 48, 1);
  png.data[png.size / 2] ^= 0x55;
  check_bad(png.data, png.size, "a damaged PNG");
  free(png.data);
  check_bad("\xff\xd8\xff\xe0 something else that is somewhat longer.", 44, "a damaged JPEG");
}

/* Headers with huge sizes: no memory of that size is allocated. */
static void test_absurd_size(void **state) {
  (void)state;
  image_file jpeg = image_jpeg(64, 48, 1), png = image_png(64, 48, 1);
  unsigned long at = 2;
  while (jpeg.data[at + 1] != 0xc0) at += 2 + (unsigned long)(jpeg.data[at + 2] << 8 | jpeg.data[at + 3]);
  memcpy(jpeg.data + at + 5, "\xff\xdc\xff\xdc", 4);
  check_bad(jpeg.data, jpeg.size, "65500 x 65500 pixels, more than the 178956970 allowed");
  memcpy(jpeg.data + at + 5, "\x00\x10\x00\x00", 4);
  check_bad(jpeg.data, jpeg.size, "a damaged JPEG");
  memcpy(png.data + 16, "\x7f\xff\xff\xff\x7f\xff\xff\xff", 8);
  uint32_t crc = (uint32_t)crc32(0, png.data + 12, 17);
  for (int i = 0; i < 4; i++) png.data[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
  check_bad(png.data, png.size, "2147483647 x 2147483647 pixels, more than");
  assert_true(image.capacity < 1 << 20);
  free(jpeg.data);
  free(png.data);
}

static void test_unreadable(void **state) {
  (void)state;
  assert_fails(cream_image_read(scratch("none.jpg"), 0, &image, &error), CREAM_BAD_DATA, error,
               "none.jpg: cannot be read: No such file");
  assert_int_equal(symlink("nowhere", scratch("dangling.jpg")), 0);
  assert_fails(cream_image_read(scratch("dangling.jpg"), 0, &image, &error), CREAM_BAD_DATA, error,
               "No such file");
  assert_int_equal(symlink("loop.jpg", scratch("loop.jpg")), 0);
  assert_fails(cream_image_read(scratch("loop.jpg"), 0, &image, &error), CREAM_BAD_DATA, error, "loop.jpg: ");
  assert_int_equal(mkdir(scratch("folder.jpg"), 0777), 0);
  assert_fails(cream_image_read(scratch("folder.jpg"), 0, &image, &error), CREAM_BAD_DATA, error,
               "it is a folder");
  assert_int_equal(mkfifo(scratch("pipe.jpg"), 0666), 0);
  assert_fails(cream_image_read(scratch("pipe.jpg"), 0, &image, &error), CREAM_BAD_DATA, error,
               "not a regular file");
  scratch_write("closed.jpg", "x", 1);
  assert_int_equal(chmod(scratch("closed.jpg"), 0), 0);
  assert_fails(cream_image_read(scratch("closed.jpg"), 0, &image, &error), CREAM_BAD_DATA, error,
               geteuid() ? "Permission denied" : "not an image");
  scratch_write("line\nfeed.jpg", "x", 1);
  assert_fails(cream_image_read(scratch("line\nfeed.jpg"), 0, &image, &error), CREAM_BAD_DATA, error,
               "line\\x0afeed.jpg: not an image");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_jpeg_as_pillow),    cmocka_unit_test(test_jpeg_scaled_as_pillow),
      cmocka_unit_test(test_png_as_pillow),     cmocka_unit_test(test_bmp_as_pillow),
      cmocka_unit_test(test_webp_as_pillow),    cmocka_unit_test(test_gif_as_pillow),
      cmocka_unit_test(test_tiff_as_pillow),    cmocka_unit_test(test_mangled),
      cmocka_unit_test(test_format_by_content), cmocka_unit_test(test_size),
      cmocka_unit_test(test_not_an_image),      cmocka_unit_test(test_truncated),
      cmocka_unit_test(test_damaged),           cmocka_unit_test(test_absurd_size),
      cmocka_unit_test(test_unreadable),
  };
  return cmocka_run_group_tests(tests, scratch_setup, teardown);
}
