/* The key `endpoint` of a study file. Format: docs/ranking.md. */
#ifndef CREAM_IO_STUDY_ENDPOINT_READ_H
#define CREAM_IO_STUDY_ENDPOINT_READ_H

#include "io/config/yaml.h"
#include "study.h"

#define CREAM_STUDY_ENDPOINT_FILE "endpoint.txt" /* what it was when the study began */

/* Reads it; the study has its rows. */
cream_status cream_study_read_endpoint(cream_study *, const cream_yaml_value *map, cream_error *);
/* Describes it on one line. Returns `text`. */
char *cream_study_endpoint_text(const cream_study *, char *text, size_t size);

#endif
