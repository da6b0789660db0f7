/* Settings by name. One table serves YAML files, single settings by key, the resolved settings that a run
 * folder keeps, and the reference docs/settings.md. Formats: docs/formats.md. */
#ifndef CREAM_IO_SETTINGS_H
#define CREAM_IO_SETTINGS_H

#include <stdio.h>

#include "core/base/config.h"
#include "yaml.h"

/* Settings of a YAML file (nested maps) over those in `config`; keys that the file leaves out stay. Nothing
 * changes on error. */
cream_status cream_settings_load(cream_config *config, const char *path, cream_error *);
/* The same of `size` bytes at `text`; `name` stands in errors. */
cream_status cream_settings_parse(cream_config *config, const char *name, const char *text, size_t size,
                                  cream_error *);
/* The same of a map in a document of another kind. */
cream_status cream_settings_read(cream_config *config, const cream_yaml_value *map, cream_error *);
/* One setting by its dotted key, "search.lr.lr". Text is taken as it stands, without quotes; a list is
 * "1,2,3" or "[1, 2, 3]". Nothing changes on error. */
cream_status cream_settings_set(cream_config *config, const char *key, const char *value, cream_error *);
/* Keys in the order of the reference; NULL after the last. */
const char *cream_settings_key(int i);
/* The value of a key that exists, as cream_settings_set takes it, cut to `size`. Returns `text`. */
char *cream_settings_get(const cream_config *config, const char *key, char *text, size_t size);
/* All settings as YAML; loading it over the defaults gives the same settings and, printed, the same bytes. */
void cream_settings_print(const cream_config *, FILE *);
/* The same in memory, which the caller frees; NULL: there was none. */
char *cream_settings_text(const cream_config *);
/* The first key in which two differ, or NULL. `except`: keys that do not count, and beginnings of such that
 * end in a dot; ends in NULL. */
const char *cream_settings_differ(const cream_config *, const cream_config *, const char *const *except);
/* The reference: a Markdown table of key, default, unit, values and meaning. */
void cream_settings_describe(FILE *);
/* The same as lines for a terminal: key, default, meaning. `only`: keys to print, and beginnings of keys that
 * end in a dot; ends in NULL. */
void cream_settings_help(FILE *, const char *const *only);

#endif
