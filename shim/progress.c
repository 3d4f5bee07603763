/*
 * `progress FILE MILLISECONDS [MESSAGE]`: prints the last line of a file that is progress (`N/M`), whenever it has become another; the last one of all
 * goes into the termination message. Ends when it is told to.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAIL 4096
#define LONGEST 40

static volatile sig_atomic_t told;
static char known[LONGEST + 1];

static void end(int number) {
  (void)number;
  told = 1;
}

/* Length of the digits at `text`. */
static size_t digits(const char *text, size_t size) {
  size_t length = 0;
  while (length < size && text[length] >= '0' && text[length] <= '9') length++;
  return length;
}

/* Whether a line is `N/M` with N not above M and M above nothing. */
static int is_progress(const char *line, size_t size) {
  size_t done = digits(line, size);
  if (!done || done > 18 || done == size || line[done] != '/') return 0;
  size_t total = digits(line + done + 1, size - done - 1);
  if (!total || total > 18 || done + 1 + total != size) return 0;
  unsigned long long of = strtoull(line + done + 1, 0, 10);
  return of > 0 && strtoull(line, 0, 10) <= of;
}

/* Looks at the end of the file; 1 when another progress stands there. */
static int look(const char *path) {
  char text[TAIL + 1];
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return 0;
  off_t size = lseek(file, 0, SEEK_END);
  ssize_t got = size < 0 ? -1 : pread(file, text, TAIL, size > TAIL ? size - TAIL : 0);
  close(file);
  if (got <= 0) return 0;
  text[got] = 0; /* what strtoull reads ends */
  for (char *last = text + got; last > text;) {
    char *newline = memrchr(text, '\n', (size_t)(last - text));
    char *line = newline ? newline + 1 : text;
    size_t length = (size_t)(last - line);
    while (length && (line[length - 1] == ' ' || line[length - 1] == '\r')) length--;
    if (length <= LONGEST && is_progress(line, length)) {
      int is_new = strlen(known) != length || memcmp(known, line, length);
      memcpy(known, line, length);
      known[length] = 0;
      return is_new;
    }
    last = newline ? newline : text;
  }
  return 0;
}

int progress_report(const char *path, int milliseconds, const char *termination) {
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, 0);
  sigaction(SIGINT, &action, 0);
  sigset_t ends, before;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, &before); /* heard while we wait, and then only */
  for (;;) {
    if (look(path)) dprintf(1, "%s\n", known);
    if (told) break;
    struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    ppoll(0, 0, &pause, &before);
  }
  int message = open(termination, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (message >= 0) dprintf(message, "%s", known);
  return 0;
}
