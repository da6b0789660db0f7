/* The teachers of search.teacher_run: the paths on the board of another search, with the weights of its supernet. */
#ifndef CREAM_TOOLS_TEACHER_BOARD_H
#define CREAM_TOOLS_TEACHER_BOARD_H

#include "core/net/net.h"
#include "core/search/board.h"
#include "io/base/file.h"
#include "run_data.h"

typedef struct teacher_board {
  cream_path paths[CREAM_MAX_BOARD]; /* the best first */
  int n;                             /* 0: the setting is empty */
  uint64_t hash;                     /* of paths and weights */
  char weights[CREAM_MAX_FILE_NAME];
} teacher_board;

/* Reads the board that config->search.teacher_run names, whose paths must be those of the supernet, and compares the
 * classes of its weights with the data's. */
cream_status teacher_board_read(teacher_board *, const cream_config *, const run_data *,
                                const cream_skeleton *, cream_error *);
/* Loads the weights; net NULL: does nothing. */
cream_status teacher_board_load(const teacher_board *, cream_net *, cream_error *);

#endif
