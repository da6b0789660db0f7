#include "html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/status.h"

/* Decodes the UTF-8 character at `at`; returns its number of bytes, 0 if it is invalid or forbidden in HTML. */
static int decode(const unsigned char *at, uint32_t *code) {
  static const struct {
    unsigned char mask, lead;
    uint32_t least;
  } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
  for (int more = 0; more < 4; more++) {
    if ((at[0] & forms[more].mask) != forms[more].lead) continue;
    *code = at[0] & (unsigned char)~forms[more].mask;
    for (int i = 1; i <= more; i++) {
      if ((at[i] & 0xc0) != 0x80) return 0;
      *code = *code << 6 | (at[i] & 0x3f);
    }
    bool control = (*code < 0x20 && *code != '\n' && *code != '\t') || (*code >= 0x7f && *code < 0xa0);
    bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < forms[more].least || *code > 0x10fffd || control || surrogate || (*code & 0xfffe) == 0xfffe
               ? 0
               : more + 1;
  }
  return 0;
}

void cream_html_text(FILE *out, const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    uint32_t code;
    int length = decode(at, &code);
    if (!length)
      fputs("\xef\xbf\xbd", out);
    else if (code == '&')
      fputs("&amp;", out);
    else if (code == '<')
      fputs("&lt;", out);
    else if (code == '>')
      fputs("&gt;", out);
    else if (code == '"')
      fputs("&quot;", out);
    else if (code == '\'')
      fputs("&#39;", out);
    else
      fwrite(at, 1, (size_t)length, out);
    at += length ? length : 1;
  }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the whole format was checked */

/* Writes the next argument by one conversion, from % to its letter. */
static void convert(FILE *out, const char *spec, va_list *args) {
  bool size = strchr(spec, 'z'), longer = strstr(spec, "ll");
  switch (spec[strlen(spec) - 1]) {
  case 's':
    cream_html_text(out, va_arg(*args, const char *));
    break;
  case '%':
    fputc('%', out);
    break;
  case 'd':
  case 'c':
    CREAM_ASSERT(!size && !longer);
    fprintf(out, spec, va_arg(*args, int));
    break;
  case 'u':
    if (longer)
      fprintf(out, spec, va_arg(*args, unsigned long long));
    else if (size)
      fprintf(out, spec, va_arg(*args, size_t));
    else
      fprintf(out, spec, va_arg(*args, unsigned));
    break;
  case 'f':
  case 'g':
    fprintf(out, spec, va_arg(*args, double));
    break;
  default:
    CREAM_ASSERT(!"a conversion that cream_html knows");
  }
}

#pragma GCC diagnostic pop

void cream_html(FILE *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  while (*format) {
    size_t plain = strcspn(format, "%");
    fwrite(format, 1, plain, out);
    format += plain;
    if (!*format) break;
    char spec[16];
    size_t length = 1 + strspn(format + 1, "-+ #0123456789.zl") + 1;
    CREAM_ASSERT(length < sizeof spec);
    memcpy(spec, format, length);
    spec[length] = 0;
    convert(out, spec, &args);
    format += length;
  }
  va_end(args);
}

/* Quotes in text are escaped, so only attributes match. */
void cream_html_prefixed(FILE *out, const char *html, const char *prefix) {
  static const char *const attributes[] = {" id=\"", " href=\"#", " aria-labelledby=\""};
  enum { LIST = 2 }; /* of these, several ids separated by blanks */
  while (*html) {
    size_t length = strcspn(html + 1, " ") + 1;
    for (size_t a = 0; a < sizeof attributes / sizeof *attributes; a++) {
      size_t name = strlen(attributes[a]);
      if (strncmp(html, attributes[a], name)) continue;
      fprintf(out, "%s%s", attributes[a], prefix);
      html += name;
      length = strcspn(html, "\"");
      for (size_t i = 0; i < length; i++) {
        fputc(html[i], out);
        if (a == LIST && html[i] == ' ') fputs(prefix, out);
      }
      html += length;
      length = strcspn(html, " ");
      break;
    }
    fwrite(html, 1, length, out);
    html += length;
  }
}
