/* Annotations/, ImageSets/Main/, JPEGImages/ */
#include <math.h>
#include <stdlib.h>

#include "box_write.h"
#include "io/base/file.h"
#include "listing.h"

static void put_escaped(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '&')
      fputs("&amp;", out);
    else if (*text == '<')
      fputs("&lt;", out);
    else if (*text == '>')
      fputs("&gt;", out);
    else
      fputc(*text, out);
  }
}

/* A number with the fewest digits that read back. */
static void put_number(FILE *out, const char *tag, double value) {
  char text[40];
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  fprintf(out, "<%s>%s</%s>", tag, text, tag);
}

/* Pixels are counted from 1, and no edge may be 0: readers would count from 0 then. */
static void put_object(FILE *out, const char *name, const cream_box *box) {
  fputs("  <object>\n    <name>", out);
  put_escaped(out, name);
  fprintf(out, "</name>\n    <difficult>%d</difficult>\n    <bndbox>", box->crowd);
  put_number(out, "xmin", cream_shortest(fmaxf(box->x1, 0), -1));
  put_number(out, "ymin", cream_shortest(fmaxf(box->y1, 0), -1));
  put_number(out, "xmax", cream_shortest(box->x2, 0));
  put_number(out, "ymax", cream_shortest(box->y2, 0));
  fputs("</bndbox>\n  </object>\n", out);
}

static cream_status write_image(const cream_box_set *set, const char *path, const cream_box_part *part,
                                size_t i, const char *name, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  fputs("<annotation>\n  <filename>", file.stream);
  put_escaped(file.stream, name);
  fprintf(file.stream,
          "</filename>\n  <size><width>%d</width><height>%d</height><depth>3</depth></size>\n"
          "  <segmented>0</segmented>\n",
          part->images[i].width, part->images[i].height);
  for (size_t b = part->first[i]; b < part->first[i + 1]; b++)
    put_object(file.stream, set->class_names[part->boxes[b].label], &part->boxes[b]);
  fputs("</annotation>\n", file.stream);
  return cream_file_commit(&file, err);
}

static cream_status write_part(const cream_box_set *set, const char *folder, const char *word,
                               const cream_box_part *part, char *const *names, cream_error *err) {
  cream_file file;
  char path[CREAM_BOX_MAX_PATH];
  snprintf(path, sizeof path, "%s/ImageSets/Main/%s.txt", folder, word);
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  for (size_t i = 0; i < part->count && !status; i++) {
    int stem = (int)(cream_extension(names[i]) - names[i]);
    fprintf(file.stream, "%.*s\n", stem, names[i]);
    snprintf(path, sizeof path, "%s/Annotations/%.*s.xml", folder, stem, names[i]);
    status = write_image(set, path, part, i, names[i], err);
  }
  if (!status) return cream_file_commit(&file, err);
  cream_file_abandon(&file);
  return status;
}

cream_status cream_boxes_write_voc(const cream_box_set *set, const char *folder,
                                   char *const *const names[CREAM_PARTS], const char *place, char *spec,
                                   size_t size, cream_error *err) {
  static const char *const words[CREAM_PARTS] = {[CREAM_PART_TRAIN] = "train", [CREAM_PART_TEST] = "val"};
  char path[CREAM_BOX_MAX_PATH];
  snprintf(path, sizeof path, "%s/Annotations", folder);
  cream_status status = cream_make_directories(path, err);
  snprintf(path, sizeof path, "%s/ImageSets/Main", folder);
  if (!status) status = cream_make_directories(path, err);
  for (int part = 0; part < CREAM_PARTS && !status; part++)
    if (set->parts[part].count)
      status = write_part(set, folder, words[part], &set->parts[part], names[part], err);
  snprintf(spec, size, "voc:%s", place);
  return status;
}
