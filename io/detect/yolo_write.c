/* images/{train,val}/, labels/{train,val}/, data.yaml */
#include <stdlib.h>

#include "box_write.h"
#include "io/base/file.h"
#include "listing.h"
#include "yolo.h"

static const char *const words[CREAM_PARTS] = {[CREAM_PART_TRAIN] = "train", [CREAM_PART_TEST] = "val"};

/* Writes the centre and the size of an interval as shares of `whole`, with the fewest digits from which the reader gets the
 * same edges (yolo_labels.c). */
static void share_of(float from, float to, int whole, char centre[40], char size[40]) {
  const double middle = ((double)from + (double)to) / 2 / whole, length = ((double)to - (double)from) / whole;
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(centre, 40, "%.*g", digits, middle);
    snprintf(size, 40, "%.*g", digits, length);
    double m = strtod(centre, NULL), n = strtod(size, NULL), low = cream_yolo_edge(m - n / 2);
    if ((float)(low * whole) == from && (float)((m + n / 2) * whole) == to) return;
  }
}

static cream_status write_labels(const char *path, const cream_box_part *part, size_t i, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  for (size_t b = part->first[i]; b < part->first[i + 1]; b++) {
    const cream_box *box = &part->boxes[b];
    char x[40], y[40], width[40], height[40];
    if (box->crowd) continue;
    share_of(box->x1, box->x2, part->images[i].width, x, width);
    share_of(box->y1, box->y2, part->images[i].height, y, height);
    fprintf(file.stream, "%d %s %s %s %s\n", box->label, x, y, width, height);
  }
  return cream_file_commit(&file, err);
}

/* A string of YAML in double quotes; names of classes have no control characters. */
static void put_quoted(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static cream_status write_yaml(const cream_box_set *set, const char *folder, cream_error *err) {
  cream_file file;
  char path[CREAM_BOX_MAX_PATH];
  snprintf(path, sizeof path, "%s/data.yaml", folder);
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  for (int part = 0; part < CREAM_PARTS; part++)
    if (set->parts[part].count) fprintf(file.stream, "%s: images/%s\n", words[part], words[part]);
  fprintf(file.stream, "nc: %d\nnames:\n", set->classes);
  for (int c = 0; c < set->classes; c++) {
    fprintf(file.stream, "  %d: ", c);
    put_quoted(file.stream, set->class_names[c]);
    fputc('\n', file.stream);
  }
  return cream_file_commit(&file, err);
}

cream_status cream_boxes_write_yolo(const cream_box_set *set, const char *folder,
                                    char *const *const names[CREAM_PARTS], const char *place, char *spec,
                                    size_t size, cream_error *err) {
  char path[CREAM_BOX_MAX_PATH];
  cream_status status = write_yaml(set, folder, err);
  for (int p = 0; p < CREAM_PARTS && !status; p++) {
    const cream_box_part *part = &set->parts[p];
    snprintf(path, sizeof path, "%s/labels/%s", folder, words[p]);
    if (part->count) status = cream_make_directories(path, err);
    for (size_t i = 0; i < part->count && !status; i++) {
      snprintf(path, sizeof path, "%s/labels/%s/%.*s.txt", folder, words[p],
               (int)(cream_extension(names[p][i]) - names[p][i]), names[p][i]);
      status = write_labels(path, part, i, err);
    }
  }
  snprintf(spec, size, "yolo:%s", place);
  return status;
}
