#include "term_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- characters ---------------------------------------------------------------------------------- */

static uint32_t bits_of(const unsigned char *at, int n) {
  uint32_t code = n == 2 ? at[0] & 0x1f : n == 3 ? at[0] & 0x0f : at[0] & 0x07;
  for (int i = 1; i < n; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (at[i] & 0x3f);
  }
  return code;
}

/* The character at `text`, which is not empty; its bytes. 0: it is not to be printed. */
static int next_character(const char *text, uint32_t *code) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const unsigned char *at = (const unsigned char *)text;
  int n = at[0] < 0x80             ? 1
          : (at[0] & 0xe0) == 0xc0 ? 2
          : (at[0] & 0xf0) == 0xe0 ? 3
          : (at[0] & 0xf8) == 0xf0 ? 4
                                   : 0;
  *code = n == 1 ? at[0] : n ? bits_of(at, n) : 0;
  bool control = *code < 0x20 || (*code >= 0x7f && *code < 0xa0) || (*code >= 0x202a && *code <= 0x202e) ||
                 (*code >= 0x2066 && *code <= 0x2069);
  if (n && *code >= least[n] && *code <= 0x10ffff && !(*code >= 0xd800 && *code <= 0xdfff) && !control)
    return n;
  *code = 0;
  return 1;
}

static int columns_of(uint32_t code) {
  static const struct {
    uint32_t first, last;
    int columns;
  } ranges[] = {{0x300, 0x36f, 0},    {0x1100, 0x115f, 2}, {0x200b, 0x200f, 0},   {0x2e80, 0xa4cf, 2},
                {0xac00, 0xd7a3, 2},  {0xf900, 0xfaff, 2}, {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},
                {0xff00, 0xff60, 2},  {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2},
                {0x20000, 0x3fffd, 2}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (code >= ranges[i].first && code <= ranges[i].last) return ranges[i].columns;
  return 1;
}

int cream_term_width(const char *text) {
  int width = 0;
  uint32_t code;
  for (int n; *text; text += n) {
    n = next_character(text, &code);
    width += columns_of(code);
  }
  return width;
}

/* Copies characters while they fit into `columns`; *text is then the first that did not. Returns the columns taken. */
static int copy(const char **text, int columns, char *out, size_t size) {
  int width = 0;
  size_t used = 0;
  while (**text) {
    uint32_t code;
    int n = next_character(*text, &code), wide = columns_of(code);
    if (width + wide > columns || used + (size_t)n + 1 > size) break;
    if (code)
      memcpy(out + used, *text, (size_t)n);
    else
      out[used] = '?';
    used += (size_t)n;
    width += wide;
    *text += n;
  }
  out[used] = '\0';
  return width;
}

int cream_term_cut(const char *text, int columns, bool unicode, char *out, size_t size) {
  if (size < 4 || columns <= 0) {
    if (size) out[0] = '\0';
    return 0;
  }
  const char *at = text;
  int width = copy(&at, columns, out, size);
  if (!*at) return width;
  int wide = unicode ? 1 : columns < 3 ? columns : 3;
  at = text;
  width = copy(&at, columns - wide, out, size - 3);
  strcat(out, unicode ? "\xe2\x80\xa6" : &"..."[3 - wide]);
  return width + wide;
}

/* ---- lines --------------------------------------------------------------------------------------- */

int cream_term_join(cream_term_field *fields, int n, int columns, bool unicode, char *out, size_t size) {
  for (;;) {
    int width = 0, count = 0, last = -1;
    for (int i = 0; i < n; i++) {
      if (!*fields[i].text) continue;
      width += cream_term_width(fields[i].text) + (count++ ? 2 : 0);
      if (last < 0 || fields[i].rank >= fields[last].rank) last = i;
    }
    if (count < 2 && last >= 0) return cream_term_cut(fields[last].text, columns, unicode, out, size);
    if (last < 0 || width <= columns) break;
    fields[last].text[0] = '\0';
  }
  char line[1024] = "";
  for (int i = 0; i < n; i++) {
    size_t used = strlen(line);
    if (*fields[i].text) snprintf(line + used, sizeof line - used, "%s%s", used ? "  " : "", fields[i].text);
  }
  return cream_term_cut(line, columns, unicode, out, size);
}

char *cream_term_bar(double share, int columns, char *out) {
  int inner = columns > 3 ? columns - 2 : 1, filled = share >= 1  ? inner
                                                      : share > 0 ? (int)(share * inner)
                                                                  : 0;
  out[0] = '[';
  memset(out + 1, '#', (size_t)filled);
  memset(out + 1 + filled, '.', (size_t)(inner - filled));
  strcpy(out + 1 + inner, "]");
  return out;
}

unsigned cream_term_fit(const cream_term_column *table, int n, int columns, int rest) {
  unsigned shown = (1u << n) - 1;
  for (;;) {
    int width = rest, last = -1;
    for (int i = 0; i < n; i++) {
      if (!(shown >> i & 1)) continue;
      width += table[i].width;
      if (table[i].rank >= 0 && (last < 0 || table[i].rank >= table[last].rank)) last = i;
    }
    if (width <= columns || last < 0) return shown;
    shown &= ~(1u << last);
  }
}
