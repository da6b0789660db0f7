#include "study_measures.h"

#include <stdio.h>

const cream_study_measured cream_study_measures[CREAM_STUDY_MEASURES] = {
#define MEASURE(measure, key, title, unit, digits) [CREAM_STUDY_##measure] = {key, title, unit, digits},
    CREAM_STUDY_MEASURE_LIST(MEASURE)
#undef MEASURE
};

const char *const cream_study_measure_keys[CREAM_STUDY_MEASURES + 1] = {
#define KEY(measure, key, title, unit, digits) [CREAM_STUDY_##measure] = key,
    CREAM_STUDY_MEASURE_LIST(KEY)
#undef KEY
};

char *cream_study_measure_title(cream_study_measure m, char *text, size_t size) {
  const cream_study_measured *measure = &cream_study_measures[m];
  snprintf(text, size, "%s%s%s%s", measure->title, *measure->unit ? " (" : "", measure->unit,
           *measure->unit ? ")" : "");
  return text;
}
