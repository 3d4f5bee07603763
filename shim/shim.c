/*
 * The first word of a container's command when something is wanted back from it: runs the command, copies its standard output
 * to a buffer, reads the files it leaves, and writes one JSON record to the termination message. With a folder to stage in (stage.c) it also
 * lays down what another container stores. See README.md.
 *
 * Static, no allocation that grows with the output, works as any user with a read-only root file system.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PARAMETERS 128
#define MAX_RESULT (256 * 1024)
#define MAX_FILE (256 * 1024)
#define MAX_RECORD (4 * 1024 * 1024)

struct parameter {
  const char *name;
  const char *path;
  const char *fallback;
};

static struct parameter parameters[MAX_PARAMETERS];
static int parameter_count;
static int wants_result;
static const char *termination = "/dev/termination-log";

static char result[MAX_RESULT]; /* a ring: the last MAX_RESULT bytes */
static size_t result_total;
static char record[MAX_RECORD];
static size_t record_size;
static size_t message_limit = 4096;
static pid_t child;
static unsigned grace; /* seconds that the command has after SIGTERM; 0 no limit */
static volatile sig_atomic_t told_to_end;
static int wants_log, log_file = -1;
static const char *before_file, *after_file; /* wait for these files before and after the command */
static int holds; /* stay when the command has ended by itself */

int is_told_to_end(void) { return told_to_end; }

void die(int code, const char *what, const char *name) {
  dprintf(2, "tiphys: %s%s%s\n", what, name ? ": " : "", name ? name : "");
  _exit(code);
}

/* --- arguments --- */

static char *split_at_equals(char *argument) {
  char *equals = strchr(argument, '=');
  if (!equals) die(64, "expected NAME=VALUE", argument);
  *equals = 0;
  return equals + 1;
}

static struct parameter *parameter_named(const char *name) {
  for (int i = 0; i < parameter_count; i++)
    if (!strcmp(parameters[i].name, name)) return &parameters[i];
  if (parameter_count == MAX_PARAMETERS) die(64, "too many parameters", name);
  parameters[parameter_count].name = name;
  return &parameters[parameter_count++];
}

static int parse(int count, char **arguments) {
  int i = 1;
  for (; i < count && strcmp(arguments[i], "--"); i++) {
    char *option = arguments[i];
    if (!strcmp(option, "--result")) {
      wants_result = 1;
      continue;
    }
    if (!strcmp(option, "--hold")) {
      holds = 1;
      continue;
    }
    if (!strcmp(option, "--log")) {
      wants_log = 1;
      continue;
    }
    if (i + 1 == count) die(64, "no value for", option);
    char *value = arguments[++i];
    if (!strcmp(option, "--parameter")) {
      char *path = split_at_equals(value);
      parameter_named(value)->path = path;
    } else if (!strcmp(option, "--default")) {
      char *fallback = split_at_equals(value);
      parameter_named(value)->fallback = fallback;
    } else if (!strcmp(option, "--limit")) {
      message_limit = (size_t)atoi(value);
    } else if (!strcmp(option, "--grace")) {
      grace = (unsigned)atoi(value);
    } else if (!strcmp(option, "--stage")) {
      stage_folder(value);
    } else if (!strcmp(option, "--artifact")) {
      char *path = split_at_equals(value);
      stage_artifact(value, path);
    } else if (!strcmp(option, "--order")) {
      char *folder = split_at_equals(value);
      order_place(folder, value);
    } else if (!strcmp(option, "--after")) {
      order_after(value);
    } else if (!strcmp(option, "--retry")) {
      char *milliseconds = split_at_equals(value);
      order_retry(atoi(value), atoi(milliseconds));
    } else if (!strcmp(option, "--pause-before")) {
      before_file = value;
    } else if (!strcmp(option, "--pause-after")) {
      after_file = value;
    } else if (!strcmp(option, "--termination")) {
      termination = value;
    } else {
      die(64, "unknown option", option);
    }
  }
  if (i + 1 >= count) die(64, "no command", 0);
  return i + 1;
}

/* --- the record --- */

static void put(const char *text, size_t size) {
  if (record_size + size > sizeof record) size = sizeof record - record_size;
  memcpy(record + record_size, text, size);
  record_size += size;
}

void put_text(const char *text) { put(text, strlen(text)); }

/* Length of the UTF-8 sequence at `text`, 0 when it is none. */
static size_t utf8_length(const unsigned char *text, size_t left) {
  size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2 : (text[0] & 0xF0) == 0xE0 ? 3
                  : text[0] >= 0xF0 && text[0] < 0xF5 ? 4 : 0;
  if (!length || length > left) return 0;
  for (size_t i = 1; i < length; i++)
    if ((text[i] & 0xC0) != 0x80) return 0;
  if (text[0] == 0xE0 && text[1] < 0xA0) return 0;
  if (text[0] == 0xED && text[1] > 0x9F) return 0;
  if (text[0] == 0xF0 && text[1] < 0x90) return 0;
  if (text[0] == 0xF4 && text[1] > 0x8F) return 0;
  return length;
}

void put_json(const char *bytes, size_t size) {
  const unsigned char *text = (const unsigned char *)bytes;
  char escaped[8];
  put_text("\"");
  for (size_t i = 0; i < size;) {
    size_t length = utf8_length(text + i, size - i);
    if (!length) {
      put_text("\\ufffd");
      i++;
      continue;
    }
    if (text[i] == '"' || text[i] == '\\') {
      put_text("\\");
      put(bytes + i, 1);
    } else if (text[i] == '\n') {
      put_text("\\n");
    } else if (text[i] < 0x20 || text[i] == 0x7F) {
      snprintf(escaped, sizeof escaped, "\\u%04x", text[i]);
      put_text(escaped);
    } else {
      put(bytes + i, length);
    }
    i += length;
  }
  put_text("\"");
}

static size_t without_newline(const char *text, size_t size) { return size && text[size - 1] == '\n' ? size - 1 : size; }

static char file_content[MAX_FILE];

/* Size of the file's content, -1 when it cannot be read, -2 when it is too big. */
static long read_file(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return -1;
  struct stat about;
  if (fstat(file, &about) || S_ISDIR(about.st_mode)) {
    close(file);
    return -1;
  }
  size_t size = 0;
  ssize_t got = 1;
  char extra;
  while (size < sizeof file_content && got > 0) {
    got = read(file, file_content + size, sizeof file_content - size);
    if (got > 0) size += (size_t)got;
    if (got < 0 && errno == EINTR) got = 1;
  }
  long answer = got < 0 ? -1 : size == sizeof file_content && read(file, &extra, 1) == 1 ? -2 : (long)size;
  close(file);
  return answer;
}

static void put_result(void) {
  static char straight[MAX_RESULT];
  size_t size = result_total < MAX_RESULT ? result_total : MAX_RESULT;
  size_t start = result_total < MAX_RESULT ? 0 : result_total % MAX_RESULT;
  memcpy(straight, result + start, size - start);
  memcpy(straight + size - start, result, start);
  put_text(",\"result\":");
  put_json(straight, without_newline(straight, size));
}

static void put_parameters(void) {
  const char *missing[MAX_PARAMETERS];
  const char *too_big[MAX_PARAMETERS];
  int missing_count = 0, big_count = 0, written = 0;
  put_text(",\"parameters\":{");
  for (int i = 0; i < parameter_count; i++) {
    struct parameter *one = &parameters[i];
    long size = one->path ? read_file(one->path) : -1;
    /* a byte may become six; the rest of the record must fit too */
    if (size > 0 && record_size + 6 * (size_t)size + 65536 > sizeof record) size = -2;
    if (size == -2) {
      too_big[big_count++] = one->name;
      continue;
    }
    if (size < 0 && !one->fallback) {
      missing[missing_count++] = one->name;
      continue;
    }
    if (written++) put_text(",");
    put_json(one->name, strlen(one->name));
    put_text(":");
    if (size >= 0)
      put_json(file_content, without_newline(file_content, (size_t)size));
    else
      put_json(one->fallback, strlen(one->fallback));
  }
  put_text("}");
  for (int kind = 0; kind < 2; kind++) {
    int count = kind ? big_count : missing_count;
    if (!count) continue;
    put_text(kind ? ",\"tooBig\":[" : ",\"missing\":[");
    for (int i = 0; i < count; i++) {
      if (i) put_text(",");
      put_json((kind ? too_big : missing)[i], strlen((kind ? too_big : missing)[i]));
    }
    put_text("]");
  }
}

static void make_record(int status) {
  char head[64];
  snprintf(head, sizeof head, "{\"v\":1,\"exit\":%d", status);
  put_text(head);
  if (wants_result) put_result();
  if (parameter_count) put_parameters();
  if (holds && !told_to_end) put_text(",\"held\":true");
  put_text("}");
}

/* --- delivering it --- */

static void write_all(int file, const char *text, size_t size) {
  while (size) {
    ssize_t done = write(file, text, size);
    if (done < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return;
    }
    text += done;
    size -= (size_t)done;
  }
}

static uint64_t digest(void) { /* FNV-1a, 64 bits: against accidents, not against attackers */
  uint64_t value = 0xcbf29ce484222325u;
  for (size_t i = 0; i < record_size; i++) value = (value ^ (unsigned char)record[i]) * 0x100000001b3u;
  return value;
}

static void deliver(void) {
  char head[128];
  int message = open(termination, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (record_size <= message_limit) {
    if (message >= 0) write_all(message, record, record_size);
    return;
  }
  int size = snprintf(head, sizeof head, "{\"v\":1,\"framed\":%zu,\"digest\":\"%016llx\"}", record_size, (unsigned long long)digest());
  if (message >= 0) write_all(message, head, (size_t)size);
  /* Lines of at most 12,000 bytes: the runtime cuts longer ones. A record has no raw newline, so a line ends where we end it. */
  write_all(1, "\n\x1e" "tiphys-record\n", 16);
  for (size_t place = 0; place < record_size; place += 12000) {
    size_t part = record_size - place < 12000 ? record_size - place : 12000;
    write_all(1, "\x1e", 1);
    write_all(1, record + place, part);
    write_all(1, "\n", 1);
  }
}

/* --- running the command --- */

static void forward(int number) {
  int saved = errno;
  if (number == SIGTERM && !told_to_end) {
    told_to_end = 1;
    if (grace) alarm(grace);
  }
  if (child > 0) kill(child, number == SIGALRM && grace && told_to_end ? SIGKILL : number);
  errno = saved;
}

static void catch_signals(void) {
  static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH, SIGALRM};
  struct sigaction action = {.sa_handler = forward};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, 0);
  signal(SIGPIPE, SIG_IGN);
}

static void keep(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) result[(result_total + i) % MAX_RESULT] = text[i];
  result_total += size;
}

/* Copies what can be read to our own stream; 0 at the end of it. */
static int copy(int from, int to) {
  char buffer[65536];
  ssize_t got = read(from, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (!got) return 0;
  write_all(to, buffer, (size_t)got);
  if (to == 1 && wants_result) keep(buffer, (size_t)got);
  if (log_file >= 0) stage_write(log_file, buffer, (size_t)got);
  return 1;
}

/* The status of the command once it has ended, -1 before; reaps whoever else has ended. */
static int reap(int flags) {
  int status;
  pid_t ended;
  while ((ended = waitpid(-1, &status, flags)) > 0 || (ended < 0 && errno == EINTR))
    if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return -1;
}

/* Copies whatever is there within so many milliseconds; what has ended is closed. Answers how many streams had something. */
static int copy_all(struct pollfd *streams, int milliseconds) {
  int some = poll(streams, 2, milliseconds);
  for (int i = 0; some > 0 && i < 2; i++)
    if (streams[i].revents && !copy(streams[i].fd, i + 1)) streams[i].fd = -1;
  return some;
}

static int supervise(int out, int err) {
  struct pollfd streams[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
  int status = -1;
  while (status < 0 && (streams[0].fd >= 0 || streams[1].fd >= 0)) {
    /* a grandchild may hold a stream open after the command has ended: look for its end now and then */
    copy_all(streams, 50);
    status = reap(WNOHANG);
  }
  if (status < 0) status = reap(0);
  for (int i = 0; i < 2; i++)
    if (streams[i].fd >= 0) fcntl(streams[i].fd, F_SETFL, O_NONBLOCK);
  /* what the pipes hold now, and no more: somebody may write for ever */
  for (int i = 0; i < 2 && copy_all(streams, 0) > 0; i++) {
  }
  return status;
}

static int run(char **command) {
  int out[2] = {-1, -1}, err[2] = {-1, -1};
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before); /* until we know whom to forward to */
  if (told_to_end) {
    sigprocmask(SIG_SETMASK, &before, 0);
    return 128 + SIGTERM;
  }
  if ((wants_result || wants_log) && pipe2(out, O_CLOEXEC)) die(126, "no pipe", strerror(errno));
  if (wants_log && pipe2(err, O_CLOEXEC)) die(126, "no pipe", strerror(errno));
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  child = fork();
  if (child < 0) die(126, "cannot fork", strerror(errno));
  if (!child) {
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, 0);
    if (out[1] >= 0) dup2(out[1], 1);
    if (err[1] >= 0) dup2(err[1], 2);
    execvp(command[0], command);
    int code = errno == ENOENT ? 127 : 126;
    dprintf(2, "tiphys: cannot run %s: %s\n", command[0], strerror(errno));
    _exit(code);
  }
  sigprocmask(SIG_SETMASK, &before, 0);
  if (out[1] >= 0) close(out[1]);
  if (err[1] >= 0) close(err[1]);
  return supervise(out[0], err[0]);
}

/* Waits for somebody to make the file, or to tell us to end. */
static void wait_for(const char *path) {
  char folder[4096];
  snprintf(folder, sizeof folder, "%s", path);
  for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(folder, 0777);
    *slash = '/';
  }
  dprintf(2, "tiphys: waiting for %s\n", path);
  while (access(path, F_OK) && !told_to_end) poll(0, 0, 100);
}

/* Waits to be told to end; what is left of the command may run on. */
static void hold(void) {
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, &before);
  signal(SIGCHLD, SIG_IGN); /* orphans are reaped by the kernel */
  while (!told_to_end) sigsuspend(&before);
}

static void tell(const char *text) {
  int message = open(termination, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (message >= 0) write_all(message, text, strlen(text));
  dprintf(2, "tiphys: %s\n", text);
}

/* Runs the command when its turn has come, as often as it may. */
static int in_order(char **command) {
  const char *failed = 0;
  int status = order_wanted() ? order_wait(&failed) : 0;
  if (status) {
    char text[512] = "told to end before its turn came";
    if (failed) snprintf(text, sizeof text, "dependency \"%.200s\" exited with non-zero code: %d", failed, status);
    tell(text);
    order_finish(status);
    _exit(status);
  }
  for (int number = 1;; number++) {
    status = run(command);
    child = 0;
    if (!order_again(status, number)) return status;
    result_total = 0;
  }
}

/* `copy TARGET`: puts this program there, executable. */
static int copy_self(const char *target) {
  static char buffer[65536];
  int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  int to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  ssize_t got;
  if (from < 0 || to < 0) die(1, "cannot copy to", target);
  while ((got = read(from, buffer, sizeof buffer)) > 0) write_all(to, buffer, (size_t)got);
  return fchmod(to, 0755) || got < 0;
}

int main(int count, char **arguments) {
  if (count == 3 && !strcmp(arguments[1], "copy")) return copy_self(arguments[2]);
  if (count >= 4 && !strcmp(arguments[1], "progress"))
    return progress_report(arguments[2], atoi(arguments[3]), count > 4 ? arguments[4] : termination);
  catch_signals();
  int first = parse(count, arguments);
  if (wants_log && !stage_wanted()) die(64, "--log needs --stage", 0);
  if (wants_log) log_file = stage_log();
  if (before_file) wait_for(before_file);
  int status = told_to_end ? 128 + SIGTERM : in_order(arguments + first);
  child = 0; /* a later signal ends nobody */
  if (after_file) wait_for(after_file);
  if (stage_wanted()) {
    stage_artifacts(status);
    if (stage_finish(record, record_size)) dprintf(2, "tiphys: cannot finish staging: %s\n", strerror(errno));
    record_size = 0;
  }
  make_record(status);
  deliver();
  if (order_wanted()) order_finish(status);
  if (holds) hold();
  return status;
}
