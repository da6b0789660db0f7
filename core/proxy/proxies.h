/* The list of zero-cost proxies (proxy.h), of which ranks, studies, settings and help are made: Y(X, NAME, word, title).
 * cream_proxy_WORD in WORD.c computes it. Its order is that of tables. X is passed on to Y, for lists that contain this
 * one. */
#ifndef CREAM_CORE_PROXIES_H
#define CREAM_CORE_PROXIES_H

#define CREAM_PROXIES_FOR(Y, X)                                                                              \
  Y(X, SYNFLOW, synflow, "synflow")                                                                          \
  Y(X, JACOB_COV, jacob_cov, "jacob_cov")                                                                    \
  Y(X, GRAD_NORM, grad_norm, "grad_norm")

/* X(NAME, word, title) */
#define CREAM_PROXIES(X)                        CREAM_PROXIES_FOR(CREAM_PROXY_ENTRY, X)
#define CREAM_PROXY_ENTRY(X, name, word, title) X(name, word, title)

typedef enum cream_proxy {
#define CREAM_PROXY_ENUM(name, word, title) CREAM_PROXY_##name,
  CREAM_PROXIES(CREAM_PROXY_ENUM)
#undef CREAM_PROXY_ENUM
      CREAM_PROXY_COUNT
} cream_proxy;

/* ", synflow, jacob_cov": the words, each after a comma, as for "all, none". */
#define CREAM_PROXY_COMMA(name, word, title) ", " #word
#define CREAM_PROXY_WORDS                    CREAM_PROXIES(CREAM_PROXY_COMMA)

#endif
