/* The data set formats: what is read, and that broken data sets are refused when they are opened, in one line. */
#include "datasets.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

/* ---- list -------------------------------------------------------------------------------------------- */

static void test_list(void **state) {
  (void)state;
  make_class("listed/a b", 4, 20);
  write_text("listed/list.txt", "\xef\xbb\xbf"
                                "a b/0.jpg 1\r\n\na b/1.PNG   0  \na b/2.jpg\t1\na b/3.PNG 0");
  cream_dataset *set = open_set("list", "listed/list.txt", ",val=0.5");
  assert_int_equal(set->classes, 2);
  assert_string_equal(set->class_names[1], "1");
  assert_int_equal(set->count[CREAM_PART_TRAIN], 2);
  for (int part = 0; part < 2; part++)
    for (size_t i = 0; i < 2; i++) {
      assert_int_equal(set->load(set, (cream_part)part, i, 0, &image, &error), CREAM_OK);
      assert_int_equal(set->labels[part][i], image.width % 2 == 0);
    }
  set->destroy(set);

  write_text("listed/parts.txt", "/x/y 1.jpg\tzebra\ttrain\n\xff\xfe.jpg\tant\ttrain\nz.jpg\tzebra\tval\n");
  set = open_set("list", "listed/parts.txt", "");
  assert_string_equal(set->class_names[0], "ant");
  assert_string_equal(set->class_names[1], "zebra");
  assert_int_equal(set->labels[CREAM_PART_TRAIN][0], 1);
  assert_int_equal(set->labels[CREAM_PART_TEST][0], 1);
  check_path(set, CREAM_PART_TRAIN, 0, "/x/y 1.jpg");
  check_path(set, CREAM_PART_TRAIN, 1, scratch("listed/\xff\xfe.jpg"));
  set->destroy(set);

  write_text("listed/numbers.txt", "a\t10\ttrain\nb\t9\ttrain\nc\t9\ttest\n");
  check_refused("list", "listed/numbers.txt", "", CREAM_BAD_DATA,
                "numbers.txt:1: label out of range; expected numbers from 0 without gaps, got '10'");
  set = open_set("list", "listed/numbers.txt", ",labels=names");
  assert_string_equal(set->class_names[0], "10");
  assert_int_equal(set->labels[CREAM_PART_TEST][0], 1);
  set->destroy(set);
}

static void test_list_broken(void **state) {
  (void)state;
  static const struct {
    const char *text, *reason;
  } cases[] = {
      {"", "broken.txt: no images"},
      {"\n\r\n\n", "broken.txt: no images"},
      {"a.jpg 0\nb.jpg\n", ":2: no label"},
      {"a.jpg\t\n", ":1: no label"},
      {" 0\n", ":1: no path before the label"},
      {"\t0\n", ":1: no path before the label"},
      {"a\t0\ttrain\tx\n", ":1: more than three fields"},
      {"a\t0\ttrian\n", ":1: unknown part; expected train, val, validation, valid or test, got 'trian'"},
      {"a\t0\ttrain\nb\t0\n", ":2: no part, unlike in previous lines"},
      {"a 0\nb\t0\ttrain\n", ":2: a part, unlike in previous lines"},
      {"a 0\nb 1\nc -1\n", ":3: expected an integer from 0"},
      {"a cat\nb 1\n", ":2: expected a name as a label"},
      {"a 0\nb 99999999999999999999\n", ":2: label out of range"},
      {"a 0\nb 2\nc 0\n", "class '1' has no training image"},
      {"a\tcat\ttrain\nb\tdog\tval\n", "class 'dog' has no training image"},
      {"a\tcat\tval\n", "no training images"},
      {"a\tcat\ttrain\n", "no test images"},
      {"a 0\n", "no test images"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_text("broken.txt", cases[i].text);
    check_refused("list", "broken.txt", "", CREAM_BAD_DATA, cases[i].reason);
  }
  scratch_write("zero.txt", "a\0b 0\n", 6);
  check_refused("list", "zero.txt", "", CREAM_BAD_DATA, "zero.txt:1: a 0 byte");
  char *text = malloc(6000);
  memset(text, 'x', 6000);
  memcpy(text + 5990, " 0\n", 4);
  write_text("long.txt", text);
  free(text);
  check_refused("list", "long.txt", "", CREAM_BAD_DATA,
                "long.txt:1: the path is too long; expected at most 4,095 bytes");
  check_refused("list", "none.txt", "", CREAM_FAILED, "No such file");
  write_text("parts.txt", "a\t0\ttrain\nb\t0\tval\n");
  check_refused("list", "parts.txt", ",val=0.1", CREAM_BAD_CONFIG,
                "the list has parts, expected neither val= nor seed=");
  check_refused("list", "parts.txt", ",labels=all", CREAM_BAD_CONFIG, "got 'labels=all', expected names");
  assert_fails(cream_dataset_open("list", &(cream_dataset *){0}, &error), CREAM_BAD_CONFIG, error,
               "list:PATH");
}

static double seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* As many images and classes as ImageNet: less than 2 s and 200 MB, except with a sanitizer. */
static void test_list_large(void **state) {
  (void)state;
  enum { IMAGES = 1300000, CLASSES = 1000 };
  FILE *stream = fopen(scratch("large.txt"), "w");
  assert_non_null(stream);
  for (int i = 0; i < IMAGES; i++)
    fprintf(stream, "train/n%08d/n%08d_%d.JPEG n%08d\n", 1440764 + i % CLASSES, 1440764 + i % CLASSES,
            i / CLASSES, 1440764 + i % CLASSES);
  assert_int_equal(fclose(stream), 0);
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  double start = seconds();
  cream_dataset *set = open_set("list", "large.txt", "");
  double taken = seconds() - start;
  getrusage(RUSAGE_SELF, &after);
  long kilobytes = after.ru_maxrss - before.ru_maxrss;
  print_message("%d lines: %.2f s, %ld MB\n", IMAGES, taken, kilobytes / 1024);
  assert_int_equal(set->classes, CLASSES);
  assert_int_equal(set->count[CREAM_PART_TRAIN], IMAGES * 4 / 5);
  assert_int_equal(set->count[CREAM_PART_TEST], IMAGES / 5);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
  assert_true(taken < 2);
  assert_true(kilobytes < 200 * 1024);
#endif
  set->destroy(set);
}

/* ---- cifar ------------------------------------------------------------------------------------------- */

/* `count` records; image i has class i % classes, and its pixels depend on i, channel and position. */
static void write_cifar(const char *name, int count, int labels, int classes) {
  FILE *stream = fopen(scratch(name), "wb");
  assert_non_null(stream);
  for (int i = 0; i < count; i++) {
    if (labels == 2) fputc(i % 20, stream);
    fputc(i % classes, stream);
    for (int p = 0; p < 3072; p++) fputc((i * 5 + p / 1024 * 100 + p % 7) & 255, stream);
  }
  assert_int_equal(fclose(stream), 0);
}

static void test_cifar(void **state) {
  (void)state;
  char name[100];
  make_folder("c10/cifar-10-batches-bin");
  for (int i = 1; i <= 5; i++) {
    snprintf(name, sizeof name, "c10/cifar-10-batches-bin/data_batch_%d.bin", i);
    write_cifar(name, 10 + i, 1, 10);
  }
  write_cifar("c10/cifar-10-batches-bin/test_batch.bin", 7, 1, 10);
  write_text("c10/cifar-10-batches-bin/batches.meta.txt", "airplane\nauto\nc\nd\ne\nf\ng\nh\ni\ntruck\n\n");
  cream_dataset *set = open_set("cifar10", "c10", "");
  assert_int_equal(set->classes, 10);
  assert_string_equal(set->class_names[9], "truck");
  assert_int_equal(set->count[CREAM_PART_TRAIN], 65);
  assert_int_equal(set->count[CREAM_PART_TEST], 7);
  assert_int_equal(set->labels[CREAM_PART_TRAIN][13], 2); /* the third of the second file */
  assert_int_equal(set->load(set, CREAM_PART_TRAIN, 13, 0, &image, &error), CREAM_OK);
  assert_int_equal(image.width, 32);
  for (int p = 0; p < 3072; p++)
    assert_int_equal(image.pixels[p], 10 + p % 3 * 100 + (p % 3 * 1024 + p / 3) % 7);
  check_path(set, CREAM_PART_TEST, 3, spec_of("", "c10", ":test/3") + 1);
  assert_true(set->mean[0] > 0.1 && set->mean[2] > set->mean[1] - 0.4 && set->std[0] > 0.05);
  set->destroy(set);
  set = open_set("cifar10", "c10/cifar-10-batches-bin", "");
  set->destroy(set);

  make_folder("c100");
  write_cifar("c100/train.bin", 200, 2, 100);
  write_cifar("c100/test.bin", 3, 2, 100);
  set = open_set("cifar100", "c100", "");
  assert_int_equal(set->classes, 100);
  assert_string_equal(set->class_names[42], "42");
  assert_int_equal(set->labels[CREAM_PART_TRAIN][142], 42);
  set->destroy(set);

  assert_int_equal(truncate(scratch("c100/test.bin"), 2 * 3074 + 5), 0);
  check_refused("cifar100", "c100", "", CREAM_BAD_DATA,
                "test.bin: got 6153 bytes, expected a multiple of 3074");
  write_cifar("c100/test.bin", 101, 2, 101);
  check_refused("cifar100", "c100", "", CREAM_BAD_DATA,
                "test.bin: image 100: got label 100, expected 0 to 99");
  write_text("c100/test.bin", "");
  check_refused("cifar100", "c100", "", CREAM_BAD_DATA, "test.bin: got 0 bytes");
  assert_int_equal(unlink(scratch("c10/cifar-10-batches-bin/data_batch_4.bin")), 0);
  check_refused("cifar10", "c10", "", CREAM_BAD_DATA, "data_batch_4.bin: No such file");
}

/* A file of the Python version with `count` labels below `key`, as Python 2 wrote it: a pickle of protocol 2. `latin`: as
 * Python 3 writes bytes for Python 2, as Latin-1 text. */
static void write_cifar_python(const char *name, const char *key, int count, int classes, bool latin) {
  static const char call[] = "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R(K\1M";
  static const char type[] =
      "\x86"
      "cnumpy\ndtype\nU\2u1K\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89";
  FILE *stream = fopen(scratch(name), "wb");
  assert_non_null(stream);
  fprintf(stream, "\x80\2}(U%c%s](", (int)strlen(key), key);
  for (int i = 0; i < count; i++) fprintf(stream, "K"), fputc(i % classes, stream);
  fprintf(stream, "eU\4data");
  fwrite(call, 1, sizeof call - 1, stream);
  fputc(count & 255, stream), fputc(count >> 8, stream);
  fwrite("M\0\14", 1, 3, stream); /* 3072 */
  fwrite(type, 1, sizeof type - 1, stream);
  int size = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < count; i++)
      for (int p = 0; p < 3072; p++) {
        int value = (i * 5 + p / 1024 * 100 + p % 7) & 255;
        size += pass ? 0 : 1 + (latin && value >= 0x80);
        if (pass && latin && value >= 0x80) fputc(0xc0 | value >> 6, stream), value = 0x80 | (value & 0x3f);
        if (pass) fputc(value, stream);
      }
    if (pass) break;
    if (latin) fprintf(stream, "c_codecs\nencode\n");
    fputc(latin ? 'X' : 'T', stream);
    for (int i = 0; i < 4; i++) fputc(size >> 8 * i & 255, stream);
  }
  fprintf(stream, "%s%s", latin ? "U\6latin1\x86R" : "", "tbu.");
  assert_int_equal(fclose(stream), 0);
}

/* Text files may begin with a byte order mark. */
static void test_byte_order_marks(void **state) {
  (void)state;
  char *text;
  size_t size;
  write_text("marked.txt", "\xef\xbb\xbf"
                           "a\n");
  assert_int_equal(cream_file_read_text(scratch("marked.txt"), 100, &text, &size, &error), CREAM_OK);
  assert_int_equal(size, 2);
  assert_string_equal(text, "a\n");
  free(text);
  write_text("marked.txt", "\xff\xfe"
                           "a");
  assert_fails(cream_file_read_text(scratch("marked.txt"), 100, &text, &size, &error), CREAM_BAD_DATA, error,
               "the text is UTF-16; expected UTF-8");
  write_text("c10/cifar-10-batches-bin/batches.meta.txt", "\xef\xbb\xbf"
                                                          "air\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
  write_cifar("c10/cifar-10-batches-bin/data_batch_4.bin", 10, 1, 10);
  cream_dataset *set = open_set("cifar10", "c10", "");
  assert_string_equal(set->class_names[0], "air");
  set->destroy(set);
}

static void test_cifar_python(void **state) {
  (void)state;
  char name[100];
  make_folder("py/cifar-10-batches-py");
  for (int i = 1; i <= 5; i++) {
    snprintf(name, sizeof name, "py/cifar-10-batches-py/data_batch_%d", i);
    write_cifar_python(name, "labels", 10 + i, 10, i == 2);
  }
  write_cifar_python("py/cifar-10-batches-py/test_batch", "labels", 7, 10, false);
  write_text("py/cifar-10-batches-py/batches.meta",
             "\x80\2}(U\13label_names](U\1aU\1bU\1cU\1dU\1eU\1fU\1gU\1hU\1iU\5truckeu.");
  cream_dataset *set = open_set("cifar10", "py", "");
  assert_string_equal(set->class_names[9], "truck");
  assert_int_equal(set->count[CREAM_PART_TRAIN], 65);
  assert_int_equal(set->count[CREAM_PART_TEST], 7);
  assert_int_equal(set->labels[CREAM_PART_TRAIN][13], 2);
  for (int i = 0; i < 2;
       i++) { /* the third image of the first file, and of the second, which has Latin-1 text */
    assert_int_equal(set->load(set, CREAM_PART_TRAIN, i ? 13 : 2, 0, &image, &error), CREAM_OK);
    for (int p = 0; p < 3072; p++)
      assert_int_equal(image.pixels[p], 10 + p % 3 * 100 + (p % 3 * 1024 + p / 3) % 7);
  }
  set->destroy(set);
  make_folder("py100");
  write_cifar_python("py100/train", "fine_labels", 200, 100, false);
  write_cifar_python("py100/test", "fine_labels", 3, 100, false);
  set = open_set("cifar100", "py100", "");
  assert_int_equal(set->labels[CREAM_PART_TRAIN][142], 42);
  set->destroy(set);
  write_cifar_python("py100/test", "fine_labels", 101, 101, false);
  check_refused("cifar100", "py100", "", CREAM_BAD_DATA, "py100/test: image 100: the label is not");
  write_cifar_python("py100/test", "coarse_labels", 3, 20, false);
  check_refused("cifar100", "py100", "", CREAM_BAD_DATA, "no list `fine_labels`");
  write_text("py100/test", "\x80\2cos\nsystem\nU\4true\x85R.");
  check_refused("cifar100", "py100", "", CREAM_BAD_DATA, "os.system");
  check_refused("cifar10", "py100", "", CREAM_BAD_DATA,
                "neither data_batch_1.bin, of the binary version, nor data_batch_1,");
}

/* ---- idx --------------------------------------------------------------------------------------------- */

static void write_idx(const char *name, uint32_t magic, uint32_t count, uint32_t height, uint32_t width,
                      const uint8_t *values, size_t size) {
  uint8_t header[16];
  const uint32_t words[] = {magic, count, height, width};
  for (int i = 0; i < 16; i++) header[i] = (uint8_t)(words[i / 4] >> (24 - 8 * (i % 4)));
  gzFile stream = gzopen(scratch(name), strstr(name, ".gz") ? "wb" : "wbT");
  assert_non_null(stream);
  gzwrite(stream, header, height ? 16 : 8);
  gzwrite(stream, values, (unsigned)size);
  assert_int_equal(gzclose(stream), Z_OK);
}

static void test_idx(void **state) {
  (void)state;
  static const uint8_t values[24] = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120};
  static const uint8_t labels[] = {7, 3, 7, 3}, others[] = {3, 7, 5};
  make_folder("mnist/raw");
  write_idx("mnist/raw/train-images-idx3-ubyte.gz", 0x803, 4, 2, 3, values, 24);
  write_idx("mnist/raw/train-labels-idx1-ubyte", 0x801, 4, 0, 0, labels, 4);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "mnist: not found: t10k-images-idx3-ubyte");
  write_idx("mnist/raw/t10k-images.idx3-ubyte", 0x803, 2, 2, 3, values + 6, 12);
  write_idx("mnist/raw/t10k-labels-idx1-ubyte", 0x801, 2, 0, 0, others, 2);
  cream_dataset *set = open_set("idx", "mnist", "");
  assert_int_equal(set->classes, 2);
  assert_string_equal(set->class_names[0], "3");
  assert_string_equal(set->class_names[1], "7");
  static const int32_t expected[] = {1, 0, 1, 0};
  assert_memory_equal(set->labels[CREAM_PART_TRAIN], expected, sizeof expected);
  assert_int_equal(set->load(set, CREAM_PART_TEST, 0, 0, &image, &error), CREAM_OK);
  assert_int_equal(image.width, 3);
  assert_int_equal(image.height, 2);
  for (int i = 0; i < 18; i++) assert_int_equal(image.pixels[i], values[6 + i / 3]);
  set->destroy(set);

  make_folder("downloads"); /* as torchvision leaves them */
  assert_int_equal(symlink("../mnist", scratch("downloads/KMNIST")), 0);
  set = open_set("idx", "downloads", "");
  assert_int_equal(set->count[CREAM_PART_TRAIN], 4);
  set->destroy(set);
  assert_int_equal(symlink("../mnist", scratch("downloads/MNIST")), 0);
  check_refused("idx", "downloads", "", CREAM_BAD_DATA, "has the sets MNIST and KMNIST; expected one");

  write_idx("mnist/raw/t10k-labels-idx1-ubyte", 0x801, 3, 0, 0, others, 3);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "has 2 images, but");
  write_idx("mnist/raw/t10k-labels-idx1-ubyte", 0x801, 2, 0, 0, others + 1, 2);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "test image 1 has label 5, which no training image has");
  write_idx("mnist/raw/t10k-labels-idx1-ubyte", 0x803, 2, 0, 0, others, 2);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "got magic number 0x00000803, expected 0x00000801");
  write_idx("mnist/raw/t10k-labels-idx1-ubyte", 0x801, 2000000000, 0, 0, others, 2);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA,
                "got 2 bytes of values, expected 2000000000 as in the header");
  write_text("mnist/raw/t10k-labels-idx1-ubyte", "short");
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "expected an IDX file with a header of");
  write_idx("mnist/raw/t10k-images.idx3-ubyte", 0x803, 4, 3, 1, values, 12);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "expected an IDX file with a header of");
  write_idx("mnist/raw/t10k-labels-idx1-ubyte", 0x801, 4, 0, 0, labels, 4);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA,
                "got images of 1 x 3, expected 3 x 2 like the training images");
  write_idx("mnist/raw/t10k-images.idx3-ubyte", 0x803, 4, 0xffffffff, 0xffffffff, values, 12);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "expected sides of 1 to 8192");
  size_t size;
  char *packed = scratch_read("mnist/raw/train-images-idx3-ubyte.gz", &size);
  scratch_write("mnist/raw/train-images-idx3-ubyte.gz", packed, size - 9);
  free(packed);
  check_refused("idx", "mnist", "", CREAM_BAD_DATA, "train-images-idx3-ubyte.gz: damaged");
}

/* ---- digits, skipped images -------------------------------------------------------------------------- */

static void test_digits_load(void **state) {
  (void)state;
  cream_dataset *set;
  assert_int_equal(
      cream_dataset_open("digits:" CREAM_SOURCE_DIR "/io/dataset/data/digits.csv.gz", &set, &error),
      CREAM_OK);
  uint8_t shown[8 * 8 * 3];
  for (size_t i = 0; i < 20; i++) {
    assert_int_equal(set->load(set, CREAM_PART_TRAIN, i, 0, &image, &error), CREAM_OK);
    assert_int_equal(set->decode(set, CREAM_PART_TRAIN, i, 8, NULL, shown, &error), CREAM_OK);
    assert_memory_equal(image.pixels, shown, sizeof shown);
  }
  char path[300];
  assert_text_contains(set->path(set, CREAM_PART_TRAIN, 3, path, sizeof path), "digits.csv.gz:");
  set->destroy(set);
}

typedef struct reports {
  int count;
  char last[200];
} reports;

static void note(void *context, cream_part part, size_t index, const char *line) {
  reports *seen = context;
  seen->count++;
  snprintf(seen->last, sizeof seen->last, "%d/%zu %s", (int)part, index, line);
}

static void *add_all(void *context) {
  cream_skipped *skipped = context;
  cream_error reason = {CREAM_BAD_DATA, "broken"};
  for (size_t i = 0; i < 1000; i++) cream_skipped_add(skipped, CREAM_PART_TRAIN, i, &reason, NULL);
  return NULL;
}

static void test_skipped_images(void **state) {
  (void)state;
  cream_dataset set = {.count = {1000, 200}};
  cream_error reason = {CREAM_BAD_DATA, "a.jpg: torn"};
  reports seen = {0};
  cream_skipped *skipped;
  assert_int_equal(cream_skipped_create(set.count, 0.0025, note, &seen, &skipped, &error),
                   CREAM_OK); /* 3 of 1,200 */
  for (int twice = 0; twice < 2; twice++)
    for (size_t i = 0; i < 3; i++)
      assert_int_equal(cream_skipped_add(skipped, CREAM_PART_TRAIN, 300 * i, &reason, &error), 0);
  assert_int_equal(seen.count, 3);
  assert_string_equal(seen.last, "0/600 a.jpg: torn");
  assert_true(cream_skipped_known(skipped, CREAM_PART_TRAIN, 300));
  assert_false(cream_skipped_known(skipped, CREAM_PART_TRAIN, 301));
  assert_false(cream_skipped_known(skipped, CREAM_PART_TEST, 0));
  assert_fails(
      cream_skipped_add(skipped, CREAM_PART_TEST, 0, &reason, &error), CREAM_BAD_DATA, error,
      "max_bad: 4 of 1200 images cannot be used, expected at most the share 0.0025; last error: a.jpg: torn");
  assert_int_equal(cream_skipped_add(skipped, CREAM_PART_TRAIN, 0, &reason, &error), CREAM_BAD_DATA);
  assert_int_equal(cream_skipped_count(skipped), 4);
  cream_skipped_destroy(skipped);

  seen.count = 0;
  pthread_t threads[4];
  assert_int_equal(cream_skipped_create(set.count, 1, note, &seen, &skipped, &error), CREAM_OK);
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, add_all, skipped), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_int_equal(seen.count, 1000);
  assert_int_equal(cream_skipped_count(skipped), 1000);
  cream_skipped_destroy(skipped);
}

static void test_unknown_format(void **state) {
  (void)state;
  cream_dataset *set;
  assert_fails(cream_dataset_open("imagenet:/x", &set, &error), CREAM_BAD_CONFIG, error,
               "digits, digits:FILE, folder:PATH, list:FILE, cifar10:PATH, cifar100:PATH, idx:PATH");
  assert_fails(cream_dataset_open("folder:", &set, &error), CREAM_BAD_CONFIG, error, "expected folder:PATH");
  assert_fails(cream_dataset_open("idx", &set, &error), CREAM_BAD_CONFIG, error, "expected idx:PATH");
}

/* Every format refuses an empty place with its usage, is in the help, and is described in docs/data.md. */
static void test_every_format(void **state) {
  (void)state;
  static const struct {
    const char *name, *usage;
  } formats[] = {
#define FORMAT(name, usage, summary) {#name, usage},
      CREAM_DATASET_FORMATS(FORMAT)
#undef FORMAT
  };
  static const char help[] = CREAM_DATASET_FORMATS(CREAM_DATASET_HELP);
  size_t size;
  char *page;
  if (cream_file_read(CREAM_SOURCE_DIR "/docs/data.md", 1 << 20, &page, &size, &error))
    fail_msg("%s", error.text);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    char spec[64], documented[64];
    cream_dataset *set;
    snprintf(spec, sizeof spec, "%s:", formats[i].name);
    assert_fails(cream_dataset_open(spec, &set, &error), CREAM_BAD_CONFIG, error, formats[i].usage);
    assert_text_contains(help, formats[i].usage);
    snprintf(documented, sizeof documented, "`%s:", formats[i].name);
    assert_text_contains(page, documented);
  }
  free(page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_list),
      cmocka_unit_test(test_list_broken),
      cmocka_unit_test(test_list_large),
      cmocka_unit_test(test_cifar),
      cmocka_unit_test(test_cifar_python),
      cmocka_unit_test(test_byte_order_marks),
      cmocka_unit_test(test_idx),
      cmocka_unit_test(test_digits_load),
      cmocka_unit_test(test_skipped_images),
      cmocka_unit_test(test_unknown_format),
      cmocka_unit_test(test_every_format),
  };
  return cmocka_run_group_tests(tests, scratch_setup, teardown);
}
