/* Parts of cream extract. */
#ifndef CREAM_TOOLS_EXTRACT_H
#define CREAM_TOOLS_EXTRACT_H

#include "core/search/search.h"
#include "core/space/range.h"
#include "tools/run/run_data.h"

/* Reads the choices of --path, the ops or numbers of all layers in order: "k3e4 k5e6-k3e4" as other commands print
 * them, [["k3e4"], ["k5e6", "k3e4"]] as in board.json, [[0], [3, 0]] by choice index. CREAM_BAD_CONFIG, with the layer,
 * for a path that the supernet does not have. */
cream_status extract_read_path(const char *text, const cream_skeleton *, cream_path *, cream_error *);
/* Reads --flops: MAX or MIN:MAX, in millions. */
cream_status extract_read_limit(const char *text, cream_range *, cream_error *);

/* What paths inside limits are chosen with. */
typedef struct extract_choice {
  const char *folder;         /* of the search */
  const cream_config *config; /* its settings */
  const char *supernet;       /* file of the weights */
  const cream_skeleton *skeleton;
  const cream_limits *limits;
  cream_backend *backend;
  cream_source *train, *heldout; /* batches of search.batch */
} extract_choice;

enum { EXTRACT_MOST_PATHS = CREAM_MAX_BOARD * CREAM_MAX_BUDGETS };
/* Lists the paths inside the limits on the boards of the search; *n may be 0. */
cream_status extract_list_board(const extract_choice *, cream_path paths[EXTRACT_MOST_PATHS], int *n,
                                cream_error *);
/* Evolves paths inside the limits (search.evolution), evaluated with the weights of the supernet; *best is the one that
 * a search by spos would find. CREAM_BAD_CONFIG where no path lies inside. */
cream_status extract_evolve(const extract_choice *, cream_path *best, cream_error *);

#endif
