#include <stdio.h>
#include <stdlib.h>

#include "box_write.h"

double cream_shortest(float value, double offset) {
  char text[40];
  double number = (double)value - offset;
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)value - offset);
    number = strtod(text, NULL);
    if ((float)(number + offset) == value) return number;
  }
  return number;
}
