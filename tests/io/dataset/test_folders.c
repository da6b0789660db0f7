/* Folders of images: parts, classes, layouts, links, and what is skipped. */
#include "datasets.h"

static void test_folder_of_parts(void **state) {
  (void)state;
  make_class("two/train/b c\xff", 2, 20);
  make_class("two/train/B", 3, 30);
  make_class("two/train/a\xc3\xa9/deep", 1, 40);
  make_class("two/val/b c\xff", 1, 50);
  make_class("two/train/.hidden", 1, 60);
  write_text("two/train/B/notes.txt", "no image");
  write_text("two/train/B/.x.jpg", "no image");
  cream_dataset *set = open_set("folder", "two", "");
  assert_string_equal(set->name, "folder");
  assert_int_equal(set->classes, 3);
  assert_string_equal(set->class_names[0], "B");
  assert_string_equal(set->class_names[1], "a\xc3\xa9");
  assert_string_equal(set->class_names[2], "b c\\xff");
  assert_int_equal(set->count[CREAM_PART_TRAIN], 6);
  assert_int_equal(set->count[CREAM_PART_TEST], 1);
  static const int32_t labels[] = {0, 0, 0, 1, 2, 2};
  assert_memory_equal(set->labels[CREAM_PART_TRAIN], labels, sizeof labels);
  assert_int_equal(set->labels[CREAM_PART_TEST][0], 2);
  assert_null(set->decode);
  check_path(set, CREAM_PART_TRAIN, 3, scratch("two/train/a\xc3\xa9/deep/0.jpg"));
  check_path(set, CREAM_PART_TEST, 0, scratch("two/val/b c\xff/0.jpg"));
  static const int widths[] = {30, 31, 32, 40, 20, 21};
  for (size_t i = 0; i < 6; i++) {
    if (set->load(set, CREAM_PART_TRAIN, i, 0, &image, &error)) fail_msg("%s", error.text);
    assert_int_equal(image.width, widths[i]);
  }
  assert_int_equal(set->load(set, CREAM_PART_TEST, 0, 4, &image, &error), CREAM_OK);
  assert_int_equal(image.width, 25);
  assert_float_equal(set->mean[0], 0.485, 1e-6);
  set->destroy(set);
}

static void test_folder_split(void **state) {
  (void)state;
  make_class("one,x/cat", 10, 10);
  make_class("one,x/dog", 5, 10);
  cream_dataset *set = open_set("folder", "one,x", "");
  assert_int_equal(set->count[CREAM_PART_TRAIN], 12);
  assert_int_equal(count_label(set, CREAM_PART_TEST, 0), 2);
  assert_int_equal(count_label(set, CREAM_PART_TEST, 1), 1);
  set->destroy(set);

  char first[2][200], path[200];
  for (int seed = 0; seed < 2; seed++) {
    set = open_set("folder", "one,x", seed ? ",seed=5,val=0.4" : ",val=0.4,seed=5");
    assert_int_equal(count_label(set, CREAM_PART_TEST, 0), 4);
    assert_int_equal(count_label(set, CREAM_PART_TRAIN, 1), 3);
    set->path(set, CREAM_PART_TEST, 1, first[seed], sizeof first[seed]);
    for (size_t i = 0; i < set->count[CREAM_PART_TRAIN]; i++)
      for (size_t j = 0; j < set->count[CREAM_PART_TEST]; j++) {
        char other[200];
        set->path(set, CREAM_PART_TRAIN, i, path, sizeof path);
        set->path(set, CREAM_PART_TEST, j, other, sizeof other);
        assert_string_not_equal(path, other);
      }
    set->destroy(set);
  }
  assert_string_equal(first[0], first[1]);
  int differ = 0;
  for (int seed = 6; seed < 10; seed++) {
    char options[40];
    snprintf(options, sizeof options, ",val=0.4,seed=%d", seed);
    set = open_set("folder", "one,x", options);
    differ += strcmp(set->path(set, CREAM_PART_TEST, 1, path, sizeof path), first[0]) != 0;
    set->destroy(set);
  }
  assert_true(differ > 0);
  check_refused("folder", "one,x", ",val=1", CREAM_BAD_CONFIG,
                "got 'val=1', expected a share between 0 and 1");
  check_refused("folder", "one,x", ",seed=-1", CREAM_BAD_CONFIG,
                "got 'seed=-1', expected an unsigned 64-bit integer");
  check_refused("folder", "one,x", ",vla=0.2", CREAM_BAD_DATA, "No such file");
  check_refused("folder", "two", ",val=0.2", CREAM_BAD_CONFIG, "expected neither val= nor seed=");
}

static void test_folder_broken(void **state) {
  (void)state;
  check_refused("folder", "none", "", CREAM_BAD_DATA, "none: the folder cannot be read: No such file");
  make_folder("empty");
  check_refused("folder", "empty", "", CREAM_BAD_DATA, "no folders; expected one per class");
  make_class("half/train/a", 1, 10);
  check_refused("folder", "half", "", CREAM_BAD_DATA, "train/ without a test part; expected val/");
  make_class("half/test/b", 1, 10);
  check_refused("folder", "half", "", CREAM_BAD_DATA, "test/b: a class without training images");
  make_class("hollow/a", 1, 10);
  make_folder("hollow/b c");
  check_refused("folder", "hollow", "", CREAM_BAD_DATA, "hollow/b c: a class without images");
  write_text("hollow/b c/x.txt", "x");
  check_refused("folder", "hollow", "", CREAM_BAD_DATA, "expected files with an image extension");
  make_class("few/a", 1, 10);
  check_refused("folder", "few", "", CREAM_BAD_DATA, "few: no test images");
}

/* A broken link to an image is an image that cannot be used. Links to folders are followed, but not in circles. */
static void test_folder_links(void **state) {
  (void)state;
  make_class("links/train/a", 1, 10);
  make_class("links/val/a", 1, 12);
  make_class("elsewhere", 1, 14);
  assert_int_equal(symlink("../../../elsewhere", scratch("links/train/a/more")), 0);
  assert_int_equal(symlink("nowhere", scratch("links/train/a/1.jpg")), 0);
  assert_int_equal(symlink("2.jpg", scratch("links/train/a/2.jpg")), 0);
  assert_int_equal(symlink("0.jpg", scratch("links/train/a/3.jpg")), 0);
  assert_int_equal(mkfifo(scratch("links/train/a/4.jpg"), 0666), 0);
  cream_dataset *set = open_set("folder", "links", "");
  assert_int_equal(set->count[CREAM_PART_TRAIN], 5);
  assert_int_equal(set->load(set, CREAM_PART_TRAIN, 3, 0, &image, &error), CREAM_OK);
  assert_fails(set->load(set, CREAM_PART_TRAIN, 1, 0, &image, &error), CREAM_BAD_DATA, error,
               "1.jpg: cannot be");
  assert_fails(set->load(set, CREAM_PART_TRAIN, 2, 0, &image, &error), CREAM_BAD_DATA, error,
               "2.jpg: cannot be");
  assert_int_equal(set->load(set, CREAM_PART_TRAIN, 4, 0, &image, &error), CREAM_OK);
  assert_int_equal(image.width, 14);
  set->destroy(set);
  make_folder("links/train/a/x/y");
  assert_int_equal(symlink("../..", scratch("links/train/a/x/y/back")), 0);
  check_refused("folder", "links", "", CREAM_BAD_DATA, "y/back: the link leads back to a parent folder");
  assert_int_equal(unlink(scratch("links/train/a/x/y/back")), 0);
  assert_int_equal(symlink("nowhere", scratch("links/train/b")), 0);
  check_refused("folder", "links", "", CREAM_BAD_DATA, "links/train/b: the link is broken");
}

static void test_folder_extensions(void **state) {
  (void)state;
  static const char *const ends[] = {"jpg", "JPEG", "png", "webp", "gif", "TIF", "tiff", "bmp", "ppm", "pgm"};
  enum { N = sizeof ends / sizeof *ends };
  make_class("ends/val/a", 1, 10);
  make_folder("ends/train/a");
  char name[60];
  for (int i = 0; i < N; i++) {
    snprintf(name, sizeof name, "ends/train/a/x.%s", ends[i]);
    write_text(name, "x");
  }
  write_text("ends/train/a/x.txt", "x");
  write_text("ends/train/a/gif", "x");
  cream_dataset *set = open_set("folder", "ends", "");
  assert_int_equal(set->count[CREAM_PART_TRAIN], N);
  assert_true(noted(set, "(.jpg .jpeg .png .webp .gif .tif .tiff .bmp .ppm .pgm): 1 none, 1 .txt"));
  assert_true(noted(set, "1 images are PPM files by their names, and this build of cream cannot read PPM"));
  assert_true(noted(set, "are GIF files") == !CREAM_WITH_GIF);
  assert_false(noted(set, "are PNG files"));
  set->destroy(set);
}

/* Parts under the names that people use, and deeper than usual. */
static void test_folder_layouts(void **state) {
  (void)state;
  static const char *const parts[][2] = {
      {"Train", "Test"},
      {"training", "validation"},
      {"seg_train/seg_train", "seg_test/seg_test"},
      {"train2017", "val2017"},
      {"training_set", "test_set"},
      {"TrainImages", "TestImages"},
      {"sets/flowers/train", "sets/flowers/valid"},
  };
  char name[100];
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    for (int part = 0; part < 2; part++)
      for (int c = 0; c < 2; c++) {
        snprintf(name, sizeof name, "layout%zu/%s/%c", i, parts[i][part], 'a' + c);
        make_class(name, 2 - part, 10);
      }
    snprintf(name, sizeof name, "layout%zu", i);
    cream_dataset *set = open_set("folder", name, "");
    assert_int_equal(set->classes, 2);
    assert_string_equal(set->class_names[0], "a");
    assert_int_equal(set->count[CREAM_PART_TRAIN], 4);
    assert_int_equal(set->count[CREAM_PART_TEST], 2);
    set->destroy(set);
  }
  check_refused("folder", "layout6/sets", ",val=0.5", CREAM_BAD_CONFIG, "has its own test part");
  make_class("layout6/sets/other/x", 2, 10);
  check_refused("folder", "layout6/sets", "", CREAM_BAD_DATA, "it has the parts train/ and valid/");
  make_class("words/train", 10, 10); /* classes, of which one is called train */
  make_class("words/bus", 10, 10);
  make_class("words/test_tube", 10, 10);
  cream_dataset *set = open_set("folder", "words", "");
  assert_int_equal(set->classes, 3);
  assert_true(noted(set, "has no test part: 6 of its 30 images"));
  set->destroy(set);
  make_class("deep/a/x", 5, 10);
  make_class("deep/b/y", 5, 10);
  set = open_set("folder", "deep", "");
  assert_true(noted(set, "in subfolders"));
  set->destroy(set);
}

static void test_folder_test_only(void **state) {
  (void)state;
  make_class("only/val/a", 3, 10);
  make_class("only/val/b", 3, 10);
  check_refused("folder", "only", "", CREAM_BAD_DATA, "no training images, only test images");
  cream_dataset *set;
  if (cream_dataset_open_to_test(spec_of("folder", "only", ""), &set, &error)) fail_msg("%s", error.text);
  assert_true(set->test_only);
  assert_int_equal(set->count[CREAM_PART_TEST], 6);
  set->destroy(set);
  if (cream_dataset_open_to_test(spec_of("folder", "only/val", ",val=all"), &set, &error))
    fail_msg("%s", error.text);
  assert_int_equal(set->count[CREAM_PART_TEST], 6);
  set->destroy(set);
  make_class("only/extra/x", 1, 10);
  check_refused("folder", "only", "", CREAM_BAD_DATA, "val/ without a training part");
  write_text("only.txt", "a.png\tx\tVal\nb.png\ty\tTEST\n");
  check_refused("list", "only.txt", "", CREAM_BAD_DATA, "no training images");
  if (cream_dataset_open_to_test(spec_of("list", "only.txt", ""), &set, &error)) fail_msg("%s", error.text);
  assert_int_equal(set->count[CREAM_PART_TEST], 2);
  set->destroy(set);
}

#define COMPOSED   "M\xc3\xbcll"
#define DECOMPOSED "Mu\xcc\x88ll"

/* Empty folders in the test part, names in another Unicode form, and files that are left out. */
static void test_folder_of_people(void **state) {
  (void)state;
  make_class("real/train/a", 2, 10);
  make_class("real/train/" COMPOSED, 2, 10);
  make_class("real/val/" DECOMPOSED, 1, 10);
  make_folder("real/val/a");
  make_folder("real/val/unknown/empty");
  write_text("real/train/a/x.jfif", "x");
  write_text("real/train/a/y.AVIF", "x");
  write_text("real/train/a/notes", "x");
  image_write("real/train/beside.png", image_png(9, 9, 1));
  cream_dataset *set = open_set("folder", "real", "");
  assert_int_equal(set->classes, 2);
  assert_string_equal(set->class_names[0], COMPOSED);
  assert_int_equal(set->count[CREAM_PART_TEST], 1);
  assert_int_equal(set->labels[CREAM_PART_TEST][0], 0);
  assert_true(noted(set, "3 files in the folders of classes are skipped"));
  assert_true(noted(set, "1 .jfif") && noted(set, "1 .avif") && noted(set, "1 none"));
  assert_true(noted(set, "real/val/a is empty"));
  assert_true(noted(set, "real/val/unknown is empty"));
  assert_true(noted(set, "1 images are skipped, they are beside"));
  set->destroy(set);
  make_class("real/train/" DECOMPOSED, 1, 10);
  check_refused("folder", "real", "", CREAM_BAD_DATA, "two folders have the name '" COMPOSED "'");
  write_text("forms.txt", "1.png\t" COMPOSED "\ttrain\n2.png\tb\ttrain\n3.png\t" DECOMPOSED "\tval\n");
  set = open_set("list", "forms.txt", "");
  assert_int_equal(set->classes, 2);
  assert_int_equal(set->labels[CREAM_PART_TEST][0], set->labels[CREAM_PART_TRAIN][0]);
  set->destroy(set);
}

static void test_absolute(void **state) {
  (void)state;
  char spec[200], folder[4000], expected[4200];
  assert_non_null(getcwd(folder, sizeof folder));
  static const char *const unchanged[] = {"digits", "folder:/x/y", "digits:"};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(cream_dataset_absolute(unchanged[i], spec, sizeof spec, &error), CREAM_OK);
    assert_string_equal(spec, unchanged[i]);
  }
  snprintf(expected, sizeof expected, "folder:%s/a b,val=0.1", folder);
  assert_int_equal(cream_dataset_absolute("folder:./a b,val=0.1", spec, sizeof spec, &error), CREAM_OK);
  assert_string_equal(spec, expected);
  assert_int_equal(cream_dataset_absolute("folder:x", spec, 9, &error), CREAM_BAD_CONFIG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_folder_of_parts),   cmocka_unit_test(test_folder_split),
      cmocka_unit_test(test_folder_broken),     cmocka_unit_test(test_folder_links),
      cmocka_unit_test(test_folder_extensions), cmocka_unit_test(test_folder_layouts),
      cmocka_unit_test(test_folder_test_only),  cmocka_unit_test(test_folder_of_people),
      cmocka_unit_test(test_absolute),
  };
  return cmocka_run_group_tests(tests, scratch_setup, teardown);
}
