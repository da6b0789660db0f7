/* Settings by name. One table is behind YAML files, single settings by key, the resolved settings in a run folder, and
 * the reference docs/settings.md. Formats: docs/formats.md. */
#ifndef CREAM_IO_SETTINGS_H
#define CREAM_IO_SETTINGS_H

#include <stdio.h>

#include "core/base/config.h"
#include "yaml.h"

/* Replaces the settings that a YAML file of nested maps gives; the others keep their values. Returns CREAM_BAD_CONFIG for
 * an unknown key or a bad value, CREAM_FAILED for a file that cannot be read; `config` is unchanged then. */
cream_status cream_settings_load(cream_config *config, const char *path, cream_error *);
/* The same for `size` bytes at `text`; errors name `name` as the file. */
cream_status cream_settings_parse(cream_config *config, const char *name, const char *text, size_t size,
                                  cream_error *);
/* The same for a map inside another document. */
cream_status cream_settings_read(cream_config *config, const cream_yaml_value *map, cream_error *);
/* Sets one setting by its dotted key, "search.lr.lr". Text is not quoted; a list is "1,2,3" or "[1, 2, 3]". `config` is
 * unchanged on error (CREAM_BAD_CONFIG). */
cream_status cream_settings_set(cream_config *config, const char *key, const char *value, cream_error *);
/* Key i in the order of the reference; NULL after the last. */
const char *cream_settings_key(int i);
/* The value of an existing key, in the form that cream_settings_set accepts, cut to `size`. Returns `text`. */
char *cream_settings_get(const cream_config *config, const char *key, char *text, size_t size);
/* Prints all settings as YAML. Loading it over the defaults gives the same settings and, printed again, the same bytes. */
void cream_settings_print(const cream_config *, FILE *);
/* The same as a string that the caller frees; NULL if there is no memory. */
char *cream_settings_text(const cream_config *);
/* The first key whose values differ, or NULL. `except` lists keys, or prefixes that end in a dot, that are not compared;
 * it ends in NULL. */
const char *cream_settings_differ(const cream_config *, const cream_config *, const char *const *except);
/* Prints the reference: a Markdown table of key, default, unit, values and meaning. */
void cream_settings_describe(FILE *);
/* Prints key, default and meaning as lines for a terminal. */
void cream_settings_help(FILE *);

#endif
