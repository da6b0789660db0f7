#include "signals.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define SIGNALS(X) X(HUP, SIGHUP) X(USR1, SIGUSR1) X(USR2, SIGUSR2) X(XCPU, SIGXCPU)

static struct {
  const char *name;
  int number;
  bool chosen;
} others[] = {
#define ENTRY(name, number) {#name, number, true},
    SIGNALS(ENTRY)
#undef ENTRY
};
enum { N_OTHERS = sizeof others / sizeof *others };

static volatile sig_atomic_t stop, ending;

static void on_signal(int number) {
  if (number == SIGINT || number == SIGTERM) {
    if (ending) _exit(CREAM_INTERRUPTED);
    ending = 1;
  }
  /* The programs that read this one's output have lost the terminal too. */
  if (number == SIGHUP) signal(SIGPIPE, SIG_IGN);
  stop = 1;
}

static cream_status choose_one(const char *word, size_t length, cream_error *err) {
  if (length > 3 && strncmp(word, "SIG", 3) == 0) word += 3, length -= 3;
  for (int i = 0; i < N_OTHERS; i++)
    if (strlen(others[i].name) == length && strncmp(others[i].name, word, length) == 0) {
      others[i].chosen = true;
      return CREAM_OK;
    }
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "signals: got \"%.*s\", expected some of HUP,USR1,USR2,XCPU, separated by commas, or none",
      length < 40 ? (int)length : 40, word);
}

cream_status signals_choose(const char *list, cream_error *err) {
  for (int i = 0; i < N_OTHERS; i++) others[i].chosen = false;
  if (strcmp(list, "none") == 0) return CREAM_OK;
  for (const char *word = list;; word++) {
    const size_t length = strcspn(word, ",");
    cream_status status = choose_one(word, length, err);
    if (status != CREAM_OK) return status;
    word += length;
    if (!*word) return CREAM_OK;
  }
}

static void catch_one(int number) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

const volatile sig_atomic_t *signals_catch(void) {
  catch_one(SIGINT);
  catch_one(SIGTERM);
  for (int i = 0; i < N_OTHERS; i++) {
    struct sigaction inherited;
    if (others[i].chosen && sigaction(others[i].number, NULL, &inherited) == 0 &&
        inherited.sa_handler != SIG_IGN)
      catch_one(others[i].number);
  }
  return &stop;
}

void signals_ignore_file_size(void) {
  signal(SIGXFSZ, SIG_IGN);
}
