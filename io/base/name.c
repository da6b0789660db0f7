#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Bytes of the character at `at`: 1 to 4, or 0 if it is not printable UTF-8. */
static size_t character(const unsigned char *at) {
  if (*at >= 0x20 && *at < 0x7f) return 1;
  size_t length = *at >= 0xc2 && *at < 0xe0   ? 2
                  : *at >= 0xe0 && *at < 0xf0 ? 3
                  : *at >= 0xf0 && *at < 0xf5 ? 4
                                              : 0;
  for (size_t i = 1; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  unsigned lead = *at, next = length ? at[1] : 0;
  if ((lead == 0xc2 && next < 0xa0) || (lead == 0xe0 && next < 0xa0) || (lead == 0xed && next >= 0xa0) ||
      (lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next >= 0x90))
    return 0; /* C1, overlong, surrogate, beyond Unicode */
  return length;
}

char *cream_name_show(const char *bytes, char *text, size_t size) {
  size_t used = 0;
  for (const unsigned char *at = (const unsigned char *)bytes; *at;) {
    char shown[5];
    size_t taken = character(at), length = taken ? taken : 4;
    if (taken)
      memcpy(shown, at, taken);
    else
      snprintf(shown, sizeof shown, "\\x%02x", *at);
    if (used + length >= size) break;
    memcpy(text + used, shown, length);
    used += length;
    at += taken ? taken : 1;
  }
  text[used] = 0;
  return text;
}

static bool is_ascii(const char *name) {
  for (; *name; name++)
    if ((unsigned char)*name >= 0x80) return false;
  return true;
}

char *cream_name_composed(const char *name) {
  if (is_ascii(name)) return strdup(name);
  utf8proc_uint8_t *composed;
  utf8proc_ssize_t length = utf8proc_map((const utf8proc_uint8_t *)name, 0, &composed,
                                         UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  if (length >= 0) return (char *)composed;
  return length == UTF8PROC_ERROR_NOMEM ? NULL : strdup(name);
}

bool cream_name_equal(const char *a, const char *b) {
  if (strcmp(a, b) == 0) return true;
  if (is_ascii(a) && is_ascii(b)) return false;
  char *x = cream_name_composed(a), *y = cream_name_composed(b);
  bool equal = x && y && strcmp(x, y) == 0;
  free(x);
  free(y);
  return equal;
}
