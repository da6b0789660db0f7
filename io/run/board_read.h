/* The paths of a board.json. */
#ifndef CREAM_IO_BOARD_READ_H
#define CREAM_IO_BOARD_READ_H

#include "core/space/space.h"

/* Reads the paths of the board in a run folder, best first: paths[most], *n of them; 0: there is no board. budget: as in
 * cream_run_write_board. CREAM_BAD_DATA, with the entry, for a path that the supernet does not have. */
cream_status cream_run_read_board(const char *dir, const char *budget, const cream_skeleton *,
                                  cream_path *paths, int most, int *n, cream_error *);

#endif
