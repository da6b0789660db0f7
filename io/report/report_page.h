/* Parts of the page that sections have in common. Internal to io/report/report*.c. */
#ifndef CREAM_IO_REPORT_PAGE_H
#define CREAM_IO_REPORT_PAGE_H

#include "report_data.h"
#include "svg_plot.h"

/* Sections with plots for each run draw the first REPORT_DETAILED runs. */
enum { REPORT_DETAILED = 4 };

/* Writes that data are missing, and which command or setting makes them; returns false. */
bool report_missing(FILE *, const char *what, const char *how);
/* The same for sections on searches in a report without one. */
bool report_no_search(FILE *);

/* Between these, plots stand side by side where there is room. */
void report_plots_begin(FILE *);
void report_plots_end(FILE *);

/* "word-number"; valid until the eighth call after. */
const char *report_id(const char *word, int number);
/* "WHAT", or "WHAT: RUN" in a report on several runs. Returns `title`. */
char *report_title(char *title, size_t size, const char *what, const report *, const report_run *);
/* Writes the plot unless it is empty; returns whether it did. */
bool report_plot(FILE *, const cream_plot *);

/* A curve of a run; NULL: it has none. */
typedef const cream_curve *report_curve_of(const report_run *);
/* The best score on the board. */
report_curve_of report_board_best;
/* Adds the curve of every run to the plot and writes it. band: shade the range of the values. False: no run has
 * the curve. */
bool report_overlay(FILE *, const report *, cream_plot *, report_curve_of *, bool band);

/* A curve of an arm. */
typedef const report_mean *report_mean_of(const report_arm *);
/* Writes a plot like `like` for each study, with the curve of each arm and, for few arms, the range of its
 * seeds. once: rows of the same run are drawn once. False: no study has the curve. */
bool report_arm_means(FILE *, const report *, const cream_plot *like, report_mean_of *, bool once);
/* Whether plots should also show single runs. arms: the means of arms were drawn; then only if a search
 * belongs to no study. */
bool report_shows_runs(const report *, bool arms);

#endif
