/* Words for the values of an enum. */
#ifndef CREAM_IO_WORDS_H
#define CREAM_IO_WORDS_H

/* CREAM_WORDS(name, COUNT, LIST) defines `const char *const name[COUNT + 1]`, the words by value, with NULL at the
 * end. LIST is an X-macro of X(value, "word") in any order; COUNT, at most 31, is the number of values. A value
 * below COUNT that has no word, or two, is a compile error. */
#define CREAM_WORDS(name, count, list)                                                                       \
  const char *const name[(count) + 1] = {list(CREAM_WORDS_ENTRY)};                                           \
  _Static_assert((0u list(CREAM_WORDS_BIT)) == (1u << (count)) - 1, "every value of the enum has a word")

#define CREAM_WORDS_ENTRY(value, word) [value] = (word),
#define CREAM_WORDS_BIT(value, word)   | 1u << (value)

#endif
