#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "yolo.h"

enum { MAX_SHARE = 2 }; /* of the image: more must be pixels */

/* The edges around points, [n] numbers: x and y of each. */
static void around(const double *points, int n, double edges[4]) {
  edges[0] = edges[1] = INFINITY;
  edges[2] = edges[3] = -INFINITY;
  for (int i = 0; i < n; i++) {
    edges[i % 2] = fmin(edges[i % 2], points[i]);
    edges[2 + i % 2] = fmax(edges[2 + i % 2], points[i]);
  }
}

typedef struct yolo_line {
  int64_t label;
  double edges[4]; /* shares */
  bool outline;
} yolo_line;

enum { MAX_NUMBERS = 4096 };

/* What is wrong with a line; NULL: nothing. */
static const char *read_line(char *line, double *numbers, yolo_line *out) {
  int n = 0;
  char *end;
  for (char *at = line; *(at += strspn(at, " \t\r"));) {
    if (n == MAX_NUMBERS) return "too many numbers";
    numbers[n++] = strtod(at, &end);
    if (end == at || !strchr(" \t\r", *end)) return "not a number";
    at = end;
  }
  if (n != 5 && (n < 7 || n % 2 == 0)) return "another number of fields";
  if (!(numbers[0] >= 0 && numbers[0] <= INT32_MAX && numbers[0] == floor(numbers[0])))
    return "a class that is not a whole number";
  for (int i = 1; i < n; i++)
    if (fabs(numbers[i]) > MAX_SHARE) return "pixels instead of shares";
  out->label = (int64_t)numbers[0];
  out->outline = n != 5;
  const double *box = numbers + 1;
  if (out->outline) {
    around(box, n - 1, out->edges);
  } else {
    for (int i = 0; i < 2; i++) {
      out->edges[i] = cream_yolo_edge(box[i] - box[2 + i] / 2);
      out->edges[2 + i] = box[i] + box[2 + i] / 2;
    }
  }
  return NULL;
}

cream_status cream_yolo_add(cream_box_builder *builder, cream_part part, size_t image, const char *name,
                            char *text, size_t size, cream_error *err) {
  int width, height;
  size_t number = 0;
  cream_status status = CREAM_OK;
  double *numbers = malloc(MAX_NUMBERS * sizeof *numbers);
  if (!numbers) return cream_fail_memory(err, MAX_NUMBERS * sizeof *numbers, "boxes");
  cream_box_builder_size(builder, part, image, &width, &height);
  for (char *line = text; line < text + size && !status;) {
    size_t length = strcspn(line, "\n");
    char *next = line + length + 1;
    line[length] = '\0';
    number++;
    yolo_line at;
    if (line[strspn(line, " \t\r")]) {
      const char *problem = read_line(line, numbers, &at);
      if (problem) {
        status = cream_fail(err, CREAM_BAD_DATA,
                            "%.250s:%zu: %s: got '%.60s', expected CLASS X Y WIDTH HEIGHT, as shares of the "
                            "image from 0 to 1",
                            name, number, problem, line);
        break;
      }
      if (at.outline) cream_box_builder_problem(builder, CREAM_BOX_OUTLINE, "%.250s:%zu", name, number);
      const cream_box_entry entry = {.x1 = at.edges[0] * width,
                                     .y1 = at.edges[1] * height,
                                     .x2 = at.edges[2] * width,
                                     .y2 = at.edges[3] * height,
                                     .label = (int32_t)at.label,
                                     .where = name,
                                     .number = number};
      status = cream_box_builder_box(builder, part, image, &entry, err);
    }
    line = next;
  }
  free(numbers);
  return status;
}
