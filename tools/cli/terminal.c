#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LEAST_COLUMNS = 10, MOST_COLUMNS = 1000, LEAST_LINES = 2, MOST_LINES = 1000 };

static bool names_utf8(const char *locale) {
  return strstr(locale, "UTF-8") || strstr(locale, "utf-8") || strstr(locale, "UTF8") ||
         strstr(locale, "utf8");
}

static bool speaks_unicode(void) {
  static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  const char *term = getenv("TERM");
  if (term && (!strcmp(term, "dumb") || !strcmp(term, "linux"))) return false;
  for (int i = 0; i < 3; i++) {
    const char *value = getenv(variables[i]);
    if (value && *value) return names_utf8(value);
  }
  return false;
}

/* The variable, else `known`, else `otherwise`. */
static int size_of(const char *variable, int known, int otherwise, int least, int most) {
  const char *text = getenv(variable);
  int value = text ? atoi(text) : 0;
  if (value <= 0) value = known;
  if (value <= 0) value = otherwise;
  return value < least ? least : value > most ? most : value;
}

void terminal_measure(terminal *t) {
  struct winsize size;
  if (ioctl(t->fd, TIOCGWINSZ, &size) != 0) memset(&size, 0, sizeof size);
  t->columns = size_of("COLUMNS", size.ws_col, 80, LEAST_COLUMNS, MOST_COLUMNS);
  t->lines = size_of("LINES", size.ws_row, 24, LEAST_LINES, MOST_LINES);
}

terminal terminal_of(int fd) {
  const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
  terminal t = {.fd = fd, .is = isatty(fd), .unicode = speaks_unicode()};
  t.moves = t.is && term && strcmp(term, "dumb") != 0;
  t.colour = t.moves && (!no_colour || !*no_colour);
  terminal_measure(&t);
  return t;
}
