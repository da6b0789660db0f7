/* Claims: which of several processes works on which job of a folder that they share, on one machine or on many. Formats:
 * docs/formats.md.
 *
 * The claim of a job is the file JOB.claim-G with the largest generation G. A file appears once, with its content (link, or
 * O_EXCL where the file system has no links), so one process of any machine succeeds; it is written again by its owner
 * alone, and nobody removes it while the folder is in use. A job is free where it has no claim, or where its claim is
 * released or abandoned: its process is gone, which is known on the same machine; on another, it has not renewed the claim
 * for `timeout` seconds. Times are those of the file system, so that clocks of machines may differ. */
#ifndef CREAM_IO_CLAIMS_H
#define CREAM_IO_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "io/base/file.h"

/* Seconds: between renewals; until a claim of another machine that is not renewed counts as abandoned; the same where the
 * user says that the other machines are gone. */
enum { CREAM_CLAIM_RENEWAL = 20, CREAM_CLAIM_TIMEOUT = 600, CREAM_CLAIM_TIMEOUT_SHORT = 60 };

#define CREAM_CLAIMS_FOLDER "shards" /* in the folder of a ranking or a study */

typedef struct cream_claims {
  char dir[1024];
  char shard[32]; /* stands in the claims of this process, for people */
  double timeout;
  double now; /* the time of the file system at the last refresh, in seconds since 1970 */
} cream_claims;

typedef struct cream_claim {
  char job[128];
  int generation;
} cream_claim;

/* Creates the folder where it does not exist. */
cream_status cream_claims_open(cream_claims *, const char *dir, const char *shard, double timeout,
                               cream_error *);
/* Makes what other machines have written so far visible, and sets `now`. *gone: the folder does not exist any more. */
cream_status cream_claims_refresh(cream_claims *, bool *gone, cream_error *);
/* Takes the job if it is free; *taken false: another process has it. */
cream_status cream_claim_take(const cream_claims *, const char *job, cream_claim *, bool *taken,
                              cream_error *);
/* Renews a claim that this process has taken; false: another process has taken the job over. */
bool cream_claim_renew(const cream_claims *, const cream_claim *);
void cream_claim_release(const cream_claims *, const cream_claim *);

/* Whether a process holds a claim in `dir`, which may not exist. holder: "HOST, process PID". */
bool cream_claims_held(const char *dir, char *holder, size_t size);
/* Creates DIR/name with this content. *existed: the file exists already, and stays as it is. */
cream_status cream_claims_publish(const cream_claims *, const char *name, const char *text, bool *existed,
                                  cream_error *);
/* Removes the folder and its files. What cannot be removed stays. */
void cream_claims_remove(const char *dir);

#endif
