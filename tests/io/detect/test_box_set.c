/* The formats of data sets for detection: what is read, what is skipped and counted, what is refused; and conversion. */
#include "boxes.h"

#include "io/detect/coco.h"
#include "io/detect/voc_xml.h"

/* ---- COCO -------------------------------------------------------------------------------------------- */

#define IMAGES                                                                                               \
  "\"images\":[{\"id\":7,\"file_name\":\"b.png\",\"width\":30,\"height\":20},"                               \
  "{\"id\":3,\"file_name\":\"a.png\",\"width\":20,\"height\":10},"                                           \
  "{\"id\":9,\"file_name\":\"none.png\",\"width\":20,\"height\":10}],"
#define CATEGORIES "\"categories\":[{\"id\":5,\"name\":\"dog\"},{\"id\":2,\"name\":\"cat\"}],"

static const char coco[] =
    "{" IMAGES CATEGORIES "\"annotations\":[\n"
    "{\"id\":1,\"image_id\":7,\"category_id\":2,\"bbox\":[1.5,2,10,3.25],\"area\":12.5,\"iscrowd\":0,"
    "\"segmentation\":[[1,2,\"]\",3]]},\n"
    "{\"id\":2,\"image_id\":3,\"category_id\":5,\"bbox\":[0,0,20,10],\"iscrowd\":1,"
    "\"segmentation\":{\"counts\":[1]}},\n"
    "{\"id\":3,\"image_id\":7,\"category_id\":5,\"bbox\":[-4,2,10,3]},\n" /* beyond */
    "{\"id\":4,\"image_id\":7,\"category_id\":5,\"bbox\":[1,2,0,3]},\n"   /* empty */
    "{\"id\":5,\"image_id\":7,\"category_id\":5,\"bbox\":[9,2,-3,3]},\n"  /* inverted */
    "{\"id\":6,\"image_id\":7,\"category_id\":5,\"bbox\":[30,2,3,3]},\n"  /* outside */
    "{\"id\":7,\"image_id\":7,\"category_id\":8,\"bbox\":[1,2,3,3]},\n"   /* category */
    "{\"id\":8,\"image_id\":6,\"category_id\":5,\"bbox\":[1,2,3,3]},\n"   /* stray */
    "{\"id\":1,\"image_id\":7,\"category_id\":5,\"bbox\":[1,2,3,3]},\n"   /* repeated */
    "{\"id\":10,\"image_id\":7,\"category_id\":5,\"bbox\":[1,2,3]},\n"    /* numbers */
    "{\"id\":11,\"image_id\":9,\"category_id\":5,\"bbox\":[1,2,3,3]}]}";  /* of the missing image */

static void make_coco(void) {
  make_folder("i");
  write_image("i/a.png", 20, 10, 1, 1, 5, 5);
  write_image("i/b.png", 30, 20, 1, 1, 5, 5);
  write_text("coco.json", coco);
}

static void test_coco(void **state) {
  (void)state;
  make_coco();
  cream_box_set *set = open_set("COCO:@/i,@/coco.json", CREAM_BOX_LOOK);
  const cream_box_part *part = &set->parts[CREAM_PART_TRAIN];
  assert_int_equal(set->classes, 2);
  assert_string_equal(set->class_names[0], "cat");
  assert_int_equal(set->categories[1], 5);
  assert_int_equal(part->count, 2);
  assert_int_equal(part->images[0].id, 3);
  assert_int_equal(part->images[1].width, 30);
  assert_int_equal(part->first[1], 1);
  assert_int_equal(part->first[2], 3);
  check_box(&part->boxes[0], 0, 0, 20, 10, 1);
  assert_true(part->boxes[0].crowd);
  check_box(&part->boxes[1], 1.5, 2, 11.5, 5.25, 0);
  check_box(&part->boxes[2], -4, 2, 6, 5, 1);
  assert_true(part->areas[0] == 200 && part->areas[1] == 12.5);
  static const cream_box_problem expected[] = {CREAM_BOX_BEYOND,   CREAM_BOX_EMPTY,    CREAM_BOX_INVERTED,
                                               CREAM_BOX_OUTSIDE,  CREAM_BOX_CATEGORY, CREAM_BOX_STRAY,
                                               CREAM_BOX_REPEATED, CREAM_BOX_NUMBERS,  CREAM_BOX_MISSING};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    if (set->problems[expected[i]].count != 1)
      fail_msg("%zu %s, expected 1", set->problems[expected[i]].count, cream_box_problem_text(expected[i]));
  assert_text_contains(set->problems[CREAM_BOX_EMPTY].first, "box 4: edges 1, 2, 1, 5 in 30 x 20 pixels");
  cream_box_set_free(set);
}

/* For the truth of an evaluation, images may be missing. */
static void test_coco_truth(void **state) {
  (void)state;
  cream_box_set *set = open_set("coco:@/nowhere,@/coco.json", CREAM_BOX_TRUTH);
  assert_int_equal(set->parts[CREAM_PART_TEST].count, 3);
  assert_int_equal(set->parts[CREAM_PART_TRAIN].count, 0);
  cream_box_set_free(set);
  check_refused("coco:@/nowhere,@/coco.json", CREAM_BOX_TEST, CREAM_BAD_DATA, "3 images without a file");
}

static void refuse_coco(const char *text, const char *reason) {
  write_text("bad.json", text);
  check_refused("coco:@/i,@/bad.json", CREAM_BOX_LOOK, CREAM_BAD_DATA, reason);
}

static void test_coco_refused(void **state) {
  (void)state;
  refuse_coco("{\n\"images\":[\n}", "bad.json:3: not JSON");
  refuse_coco("[]", "no list \"categories\"");
  refuse_coco("{" CATEGORIES "\"images\":[]}", "no list \"annotations\"");
  refuse_coco("{" CATEGORIES
              "\"images\":[{\"id\":1,\"file_name\":\"a.png\"},{\"id\":1,\"file_name\":\"b.png\"}],"
              "\"annotations\":[]}",
              "two have the id 1");
  refuse_coco("{" CATEGORIES "\"images\":[{\"file_name\":\"a.png\"}],\"annotations\":[]}",
              "images[0] has no id");
  refuse_coco("{" IMAGES
              "\"categories\":[{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}],\"annotations\":[]}",
              "two classes are called 'x'");
  refuse_coco("{" IMAGES CATEGORIES "\"annotations\":[{\"id\":4,\"image_id\":7,\"category_id\":5,"
              "\"bbox\":[1,2,0,3]}]}",
              "no boxes in its 2 training images; expected some; 1 boxes without area");
  check_refused("coco:@/i", CREAM_BOX_LOOK, CREAM_BAD_CONFIG, "expected coco:IMAGES,JSON");
  check_refused("coco:@/i,", CREAM_BOX_LOOK, CREAM_BAD_CONFIG, "expected coco:IMAGES,JSON");
  check_refused("cocos:@/i", CREAM_BOX_LOOK, CREAM_BAD_CONFIG, "unknown format");
  check_refused("coco:@/i,@/coco.json,val=2", CREAM_BOX_LOOK, CREAM_BAD_CONFIG, "a share between 0 and 1");
  check_refused("coco:@/i,@/none.json", CREAM_BOX_LOOK, CREAM_BAD_DATA, "none.json");
}

static void test_split(void **state) {
  (void)state;
  cream_box_set *set = open_set("coco:@/i,@/coco.json", CREAM_BOX_TRAIN);
  assert_int_equal(set->parts[CREAM_PART_TRAIN].count, 1);
  assert_int_equal(set->parts[CREAM_PART_TEST].count, 1);
  assert_int_equal(set->notes.count, 1);
  cream_box_set_free(set);
  set = open_set("coco:@/i,@/coco.json,val=all", CREAM_BOX_TEST);
  assert_int_equal(set->parts[CREAM_PART_TEST].count, 2);
  cream_box_set_free(set);
}

/* Relative paths become absolute; options stay. */
static void test_absolute(void **state) {
  char text[1024], folder[512], expected[2048];
  (void)state;
  assert_non_null(getcwd(folder, sizeof folder));
  assert_int_equal(cream_box_spec_absolute("COCO:a b,/c.json,val=0.3,seed=2", text, sizeof text, &error),
                   CREAM_OK);
  snprintf(expected, sizeof expected, "coco:%s/a b,/c.json,val=0.3,seed=2", folder);
  assert_string_equal(text, expected);
  assert_int_equal(cream_box_spec_absolute("voc:a,b", text, sizeof text, &error), CREAM_OK);
  snprintf(expected, sizeof expected, "voc:%s/a,b", folder);
  assert_string_equal(text, expected);
  assert_fails(cream_box_spec_absolute("yolo:a", text, 8, &error), CREAM_BAD_CONFIG, error,
               "longer than 7 bytes");
}

/* ---- Pascal VOC -------------------------------------------------------------------------------------- */

#define OBJECT(name, edges, more)                                                                            \
  "<object><name>" name "</name>" more "<bndbox>" edges "</bndbox>"                                          \
  "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"  \
  "</object>"
#define EDGES(a, b, c, d) "<xmin>" a "</xmin><ymin>" b "</ymin><xmax>" c "</xmax><ymax>" d "</ymax>"
#define SIZE              "<size><width>20</width><height>10</height></size>"

static void make_voc(void) {
  make_folder("v/Annotations");
  make_folder("v/JPEGImages");
  make_folder("v/ImageSets/Main");
  write_image("v/JPEGImages/a.png", 20, 10, 1, 1, 5, 5);
  write_image("v/JPEGImages/b 1.png", 20, 10, 1, 1, 5, 5);
  write_image("v/JPEGImages/c.d.png", 20, 10, 1, 1, 5, 5);
  write_text("v/Annotations/a.xml",
             "<annotation>" SIZE OBJECT("dog", EDGES("1", "1", "20", "10"), "<difficult>1</difficult>")
                 OBJECT("c&amp;t", EDGES(" 3.5", "4", "9\n", "8"), "") "</annotation>");
  write_text("v/Annotations/b 1.xml", "<annotation></annotation>");
  write_text("v/Annotations/c.d.xml", "<annotation>" SIZE OBJECT("dog", EDGES("5", "nan", "4", "1"), "")
                                          OBJECT("dog", EDGES("5", "3", "2", "7"), "") "</annotation>");
  write_text("v/ImageSets/Main/train.txt", "a\r\nb 1\n");
  write_text("v/ImageSets/Main/val.txt", "c.d  -1\nmissing\n");
}

static void test_voc(void **state) {
  (void)state;
  make_voc();
  cream_box_set *set = open_set("voc:@/v", CREAM_BOX_TRAIN);
  const cream_box_part *train = &set->parts[CREAM_PART_TRAIN], *test = &set->parts[CREAM_PART_TEST];
  assert_int_equal(set->classes, 2);
  assert_string_equal(set->class_names[0], "c&t");
  assert_int_equal(train->count, 2);
  assert_int_equal(test->count, 1);
  assert_int_equal(train->first[1], 2);
  assert_int_equal(cream_box_set_without(set, CREAM_PART_TRAIN), 1);
  assert_int_equal(train->images[1].width, 20); /* of the file */
  check_box(&train->boxes[0], 0, 0, 20, 10, 1);
  assert_true(train->boxes[0].crowd);
  check_box(&train->boxes[1], 2.5, 3, 9, 8, 0);
  assert_int_equal(set->problems[CREAM_BOX_NUMBERS].count, 1);
  assert_int_equal(set->problems[CREAM_BOX_INVERTED].count, 1);
  assert_int_equal(set->problems[CREAM_BOX_UNDESCRIBED].count, 1);
  cream_box_set_free(set);
  write_text("v/ImageSets/Main/test.txt", "a\n");
  set = open_set("voc:@/v", CREAM_BOX_TEST); /* train.txt and val.txt are the training part then */
  assert_int_equal(set->parts[CREAM_PART_TRAIN].count, 3);
  assert_int_equal(set->parts[CREAM_PART_TEST].count, 1);
  cream_box_set_free(set);
  set = open_set("voc:@/v,train=val,test=train", CREAM_BOX_TEST);
  assert_int_equal(set->parts[CREAM_PART_TRAIN].count, 1);
  assert_int_equal(set->parts[CREAM_PART_TEST].count, 2);
  cream_box_set_free(set);
}

/* An edge of 0 shows that pixels are counted from 0. */
static void test_voc_from_zero(void **state) {
  (void)state;
  make_folder("z/Annotations");
  make_folder("z/JPEGImages");
  write_image("z/JPEGImages/a.png", 20, 10, 1, 1, 5, 5);
  write_text("z/Annotations/a.xml",
             "<annotation>" SIZE OBJECT("dog", EDGES("0", "2", "20", "10"), "") "</annotation>");
  cream_box_set *set = open_set("voc:@/z", CREAM_BOX_LOOK);
  check_box(&set->parts[CREAM_PART_TRAIN].boxes[0], 0, 2, 20, 10, 0);
  assert_text_contains(set->notes.lines[0], "counted from 0");
  cream_box_set_free(set);
}

static void refuse_xml(const char *text, const char *reason) {
  cream_voc_annotation annotation;
  assert_fails(cream_voc_parse("x.xml", text, strlen(text), &annotation, &error), CREAM_BAD_DATA, error,
               reason);
  cream_voc_annotation_free(&annotation);
}

static void test_voc_refused(void **state) {
  (void)state;
  refuse_xml("", "x.xml:1: not an annotation of Pascal VOC");
  refuse_xml("<annotation>\n<size>\n</annotation>",
             "x.xml:3: not an annotation of Pascal VOC: mismatched tag");
  refuse_xml("<svg/>", "expected the element `annotation`");
  refuse_xml("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><annotation>&b;</annotation>",
             "a document type");
  check_refused("voc:@/i", CREAM_BOX_LOOK, CREAM_BAD_DATA, "no folder Annotations");
  check_refused("voc:", CREAM_BOX_LOOK, CREAM_BAD_CONFIG, "expected voc:FOLDER");
  check_refused("voc:@/v,train=none", CREAM_BOX_LOOK, CREAM_BAD_DATA, "none.txt");
}

/* ---- YOLO -------------------------------------------------------------------------------------------- */

static void make_yolo(void) {
  make_folder("y/train/images");
  make_folder("y/train/labels");
  make_folder("y/valid/images/more");
  make_folder("y/valid/labels/more");
  write_image("y/train/images/a.png", 20, 10, 1, 1, 5, 5);
  write_image("y/train/images/b.png", 20, 10, 1, 1, 5, 5);
  write_image("y/valid/images/more/c.png", 20, 10, 1, 1, 5, 5);
  write_text("y/train/labels/a.txt",
             "0 0.5 0.5 1 1\r\n1 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n\n7 0.5 0.5 0.1 0.1\n");
  write_text("y/valid/labels/more/c.txt", "1 0.25 0.5 0.1 0.2");
  write_text("y/data.yaml", "train: ../train/images\nval: [../valid/images]\nnc: 2\nnames: ['cat', 'dog']\n");
}

static void test_yolo(void **state) {
  (void)state;
  make_yolo();
  cream_box_set *set = open_set("yolo:@/y", CREAM_BOX_TRAIN);
  const cream_box_part *train = &set->parts[CREAM_PART_TRAIN], *test = &set->parts[CREAM_PART_TEST];
  assert_int_equal(train->count, 2);
  assert_int_equal(train->first[2], 2);
  check_box(&train->boxes[0], 0, 0, 20, 10, 0);
  check_box(&train->boxes[1], 0.1 * 20, 0.2 * 10, 0.3 * 20, 0.6 * 10, 1);
  check_box(&test->boxes[0], (0.25 - 0.05) * 20, 4, 6, 6, 1);
  assert_int_equal(set->problems[CREAM_BOX_OUTLINE].count, 1);
  assert_int_equal(set->problems[CREAM_BOX_CATEGORY].count, 1);
  assert_int_equal(set->problems[CREAM_BOX_UNLABELLED].count, 1);
  cream_box_set_free(set);
  write_text("y/data.yaml", "path: .\ntrain: list.txt\nnames:\n  0: cat\n  1: dog\n");
  write_text("y/list.txt", "./train/images/a.png\n");
  set = open_set("yolo:@/y", CREAM_BOX_LOOK);
  assert_int_equal(set->parts[CREAM_PART_TRAIN].count, 1);
  cream_box_set_free(set);
  set = open_set("yolo:@/y/data.yaml", CREAM_BOX_LOOK);
  assert_int_equal(set->parts[CREAM_PART_TRAIN].count, 1);
  cream_box_set_free(set);
  remove(scratch("y/data.yaml"));
  write_text("y/classes.txt", "cat\ndog\n");
  set = open_set("yolo:@/y", CREAM_BOX_LOOK);
  assert_int_equal(set->parts[CREAM_PART_TRAIN].count, 2);
  assert_int_equal(set->parts[CREAM_PART_TEST].count, 1);
  cream_box_set_free(set);
}

static void test_yolo_refused(void **state) {
  (void)state;
  static const char *const lines[][2] = {{"0 0.5 0.5 1\n", "a.txt:1: another number of fields"},
                                         {"0 0.5 0.5 1 1\n0 a 0.5 1 1\n", "a.txt:2: not a number"},
                                         {"0.5 0.5 0.5 1 1\n", "not a whole number"},
                                         {"0 10 5 4 4\n", "pixels instead of shares"}};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    write_text("y/train/labels/a.txt", lines[i][0]);
    check_refused("yolo:@/y", CREAM_BOX_LOOK, CREAM_BAD_DATA, lines[i][1]);
  }
  write_text("y/data.yaml", "train: nowhere\nnames: [cat]\n");
  check_refused("yolo:@/y", CREAM_BOX_LOOK, CREAM_BAD_DATA, "data.yaml:1: train: 'nowhere' is not there");
  write_text("y/data.yaml", "train: train/images\nnames: {0: cat, 2: dog}\n");
  check_refused("yolo:@/y", CREAM_BOX_LOOK, CREAM_BAD_DATA, "names: got key '2', expected 1");
  check_refused("yolo:@/i", CREAM_BOX_LOOK, CREAM_BAD_DATA, "neither data.yaml nor classes.txt");
}

/* ---- conversion -------------------------------------------------------------------------------------- */

static const cream_box_image *image_named(const cream_box_part *part, const char *stem, size_t *index) {
  for (*index = 0; *index < part->count; ++*index)
    if (strstr(part->images[*index].path, stem)) return &part->images[*index];
  fail_msg("no image %s", stem);
  return NULL;
}

static void assert_same(const cream_box_set *a, const cream_box_set *b, bool areas) {
  static const char *const stems[] = {"/a.", "/b.", "/c."};
  assert_int_equal(a->classes, b->classes);
  for (int c = 0; c < a->classes; c++) assert_string_equal(a->class_names[c], b->class_names[c]);
  for (int p = 0; p < CREAM_PARTS; p++) {
    const cream_box_part *x = &a->parts[p], *y = &b->parts[p];
    assert_int_equal(x->count, y->count);
    for (size_t i = 0; i < x->count; i++) {
      size_t at, other;
      const char *stem = stems[p == CREAM_PART_TEST ? 2 : i];
      const cream_box_image *of = image_named(x, stem, &at);
      assert_int_equal(of->width, image_named(y, stem, &other)->width);
      size_t n = x->first[at + 1] - x->first[at];
      assert_int_equal(n, y->first[other + 1] - y->first[other]);
      for (size_t k = 0; k < n; k++) {
        const cream_box *one = &x->boxes[x->first[at] + k], *two = &y->boxes[y->first[other] + k];
        check_box(two, one->x1, one->y1, one->x2, one->y2, one->label);
        assert_int_equal(one->crowd, two->crowd);
        if (areas) assert_true(x->areas[x->first[at] + k] == y->areas[y->first[other] + k]);
      }
    }
  }
}

static void convert(const char *from, cream_box_format format, const char *to, char spec[1024]) {
  cream_box_set *set = NULL;
  if (cream_box_set_open(from, CREAM_BOX_LOOK, &set, &error)) fail_msg("%s", error.text);
  if (cream_box_set_write(set, format, scratch(to), false, spec, 1024, &error)) fail_msg("%s", error.text);
  cream_box_set_free(set);
}

/* From COCO to VOC to YOLO to COCO: the boxes are the same floats. */
static void test_round(void **state) {
  (void)state;
  char spec[4][1024];
  make_folder("r");
  write_image("r/a.png", 331, 247, 1, 1, 5, 5);
  write_image("r/b.png", 64, 48, 1, 1, 5, 5);
  write_image("r/c.png", 64, 48, 1, 1, 5, 5);
  write_text(
      "train.json",
      "{\"images\":[{\"id\":4,\"file_name\":\"a.png\",\"width\":331,\"height\":247},"
      "{\"id\":8,\"file_name\":\"b.png\"}],\"categories\":[{\"id\":1,\"name\":\"a \\\"cat\\\" & <dog>\"},"
      "{\"id\":4,\"name\":\"b\"}],\"annotations\":["
      "{\"id\":1,\"image_id\":4,\"category_id\":1,\"bbox\":[12.34,0.1,301.7,100.03],\"area\":17.25},"
      "{\"id\":2,\"image_id\":4,\"category_id\":4,\"bbox\":[0,0,331,247]},"
      "{\"id\":3,\"image_id\":8,\"category_id\":4,\"bbox\":[3.3333,7.77,0.001,1e-2]}]}");
  write_text("val.json",
             "{\"images\":[{\"id\":4,\"file_name\":\"c.png\"}],\"categories\":[{\"id\":1,\"name\":"
             "\"a \\\"cat\\\" & <dog>\"},{\"id\":4,\"name\":\"b\"}],\"annotations\":["
             "{\"id\":1,\"image_id\":4,\"category_id\":1,\"bbox\":[1,2,3,4]}]}");
  snprintf(spec[0], sizeof spec[0], "%s", spec_of("coco:@/r,@/train.json,@/r,@/val.json"));
  convert(spec[0], CREAM_BOX_FORMAT_voc, "to-voc", spec[1]);
  convert(spec[1], CREAM_BOX_FORMAT_yolo, "to-yolo", spec[2]);
  convert(spec[2], CREAM_BOX_FORMAT_coco, "to-coco", spec[3]);
  cream_box_set *first, *set;
  assert_int_equal(cream_box_set_open(spec[0], CREAM_BOX_LOOK, &first, &error), CREAM_OK);
  for (int i = 1; i < 4; i++) {
    if (cream_box_set_open(spec[i], CREAM_BOX_LOOK, &set, &error)) fail_msg("%s", error.text);
    assert_same(first, set, false);
    cream_box_set_free(set);
  }
  /* What a killed process of this number has left is no part of the new folder. */
  char left[64], file[80];
  snprintf(left, sizeof left, "again.tmp-%ld-0", (long)getpid());
  snprintf(file, sizeof file, "%s/left", left);
  make_folder(left);
  write_text(file, "");
  convert(spec[0], CREAM_BOX_FORMAT_coco, "again", spec[1]);
  assert_int_not_equal(access(scratch("again/left"), F_OK), 0);
  assert_int_equal(access(scratch(file), F_OK), 0);
  assert_int_equal(cream_box_set_open(spec[1], CREAM_BOX_LOOK, &set, &error), CREAM_OK);
  assert_same(first, set, true);
  assert_fails(cream_box_set_write(set, CREAM_BOX_FORMAT_voc, scratch("again"), false, spec[2], 1024, &error),
               CREAM_BAD_CONFIG, error, "has files in it");
  cream_box_set_free(first);
  cream_box_set_free(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_coco),          cmocka_unit_test(test_coco_truth),
      cmocka_unit_test(test_coco_refused),  cmocka_unit_test(test_split),
      cmocka_unit_test(test_absolute),      cmocka_unit_test(test_voc),
      cmocka_unit_test(test_voc_from_zero), cmocka_unit_test(test_voc_refused),
      cmocka_unit_test(test_yolo),          cmocka_unit_test(test_yolo_refused),
      cmocka_unit_test(test_round),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
