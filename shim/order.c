/*
 * Containers of one pod in an order: each says in a shared folder how it ended, and waits for those it depends on. A container
 * holds a lock while it lives, so that one that is killed without a word keeps nobody waiting. See README.md.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

#define MAX_DEPENDENCIES 64
#define KILLED 137
#define ENDED 143

static const char *folder, *own_name;
static const char *dependencies[MAX_DEPENDENCIES];
static int dependency_count;
static int attempts = 1;
static int pause_milliseconds;

void order_place(const char *path, const char *name) {
  char lock[4096];
  folder = path;
  own_name = name;
  mkdir(folder, 0777);
  chmod(folder, 01777);
  snprintf(lock, sizeof lock, "%s/%s.lock", folder, own_name);
  int file = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) die(64, "cannot lock", lock);
  while (flock(file, LOCK_EX)) {
    if (errno != EINTR) die(64, "cannot lock", lock);
    if (is_told_to_end()) _exit(ENDED);
  }
  fchmod(file, 0666); /* others may run as another user */
}

void order_after(const char *name) {
  if (dependency_count == MAX_DEPENDENCIES) die(64, "too many dependencies", name);
  dependencies[dependency_count++] = name;
}

void order_retry(int count, int milliseconds) {
  attempts = count > 0 ? count : 1;
  pause_milliseconds = milliseconds;
}

int order_wanted(void) { return folder != 0; }

static long milliseconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits, or until we are told to end: that cannot be between the look and the wait, since the signal comes in within the wait only. */
static void nap(int milliseconds) {
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, &before);
  long end = milliseconds_now() + milliseconds, left = milliseconds;
  for (; left > 0 && !is_told_to_end(); left = end - milliseconds_now()) {
    struct timespec span = {left / 1000, left % 1000 * 1000000L};
    ppoll(0, 0, &span, &before);
  }
  sigprocmask(SIG_SETMASK, &before, 0);
}

/* How a container ended, -1 while it has not. */
static int end_of(const char *name) {
  char path[4096], text[16] = "";
  snprintf(path, sizeof path, "%s/%s.exit", folder, name);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    return size > 0 ? atoi(text) : -1;
  }
  return -1;
}

/* Whether a container has started and is gone. */
static int is_gone(const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.lock", folder, name);
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return 0;
  int is_free = !flock(file, LOCK_EX | LOCK_NB);
  close(file);
  return is_free;
}

int order_wait(const char **failed) {
  int code = 0;
  for (int i = 0; i < dependency_count && !code; i++) {
    while ((code = end_of(dependencies[i])) < 0 && !is_told_to_end()) {
      if (is_gone(dependencies[i]) && end_of(dependencies[i]) < 0) {
        /* between the making of the lock's file and the lock there is a moment: look twice */
        nap(300);
        if (is_gone(dependencies[i]) && end_of(dependencies[i]) < 0) {
          code = KILLED;
          break;
        }
      }
      nap(100);
    }
    if (code > 0) *failed = dependencies[i];
  }
  if (code <= 0 && is_told_to_end()) code = ENDED;
  return code;
}

int order_again(int status, int number) {
  if (!status || is_told_to_end() || number >= attempts) return 0;
  dprintf(2, "tiphys: exit code %d, attempt %d of %d follows in %d ms\n", status, number + 1, attempts, pause_milliseconds);
  nap(pause_milliseconds);
  return !is_told_to_end();
}

void order_finish(int status) {
  char part[4096], whole[4096];
  snprintf(part, sizeof part, "%s/%s.part", folder, own_name);
  snprintf(whole, sizeof whole, "%s/%s.exit", folder, own_name);
  int file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return;
  fchmod(file, 0644);
  dprintf(file, "%d", status);
  close(file);
  if (rename(part, whole)) dprintf(2, "tiphys: cannot tell how %s ended: %s\n", own_name, strerror(errno));
}
