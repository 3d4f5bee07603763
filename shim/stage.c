/*
 * Staging: a lock that lives as long as the shim, a copy of the output, one tar archive for each output artifact, and a note that all
 * of it is there. The archive holds files, folders and symbolic links, with GNU's headers for long names and large files.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ARTIFACTS 256
#define BLOCK 512

static const char *names[MAX_ARTIFACTS], *paths[MAX_ARTIFACTS];
static int count;
static int folder = -1;   /* where everything goes */
static struct stat home;  /* its identity: it is never packed into itself */
static int archive;       /* being written */
static const char *fault; /* why the archive is no good, with `place` in it */
static int fault_number;
static char place[4096]; /* name of the entry in the archive */
static char buffer[1 << 18];

int stage_wanted(void) { return folder >= 0; }

static int create(const char *name) {
  int file = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file >= 0) fchmod(file, 0644); /* whatever the umask: another user reads it */
  return file;
}

void stage_folder(const char *path) {
  mode_t before = umask(0);
  if (mkdir(path, 0777) && errno != EEXIST) die(64, "cannot make the folder", path);
  umask(before);
  folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || fstat(folder, &home)) die(64, "cannot open the folder", path);
  unlinkat(folder, "done", 0);
  int lock = create("lock.part");
  if (lock < 0 || flock(lock, LOCK_EX) || renameat(folder, "lock.part", folder, "lock")) die(64, "cannot lock", path);
}

void stage_artifact(const char *name, const char *path) {
  if (count == MAX_ARTIFACTS) die(64, "too many artifacts", name);
  if (strchr(name, '/') || strlen(name) > 200) die(64, "not a name", name);
  names[count] = name;
  paths[count++] = path;
}

int stage_log(void) {
  int file = create("log");
  if (file < 0) die(64, "cannot write the log", strerror(errno));
  return file;
}

static void fail(const char *what) {
  if (!fault) {
    fault = what;
    fault_number = errno;
  }
}

void stage_write(int file, const char *bytes, size_t size) {
  while (size) {
    ssize_t done = write(file, bytes, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      fail("cannot write");
      return;
    }
    bytes += done;
    size -= (size_t)done;
  }
}

/* A number in octal, or where that is too small in base 256. */
static void number(char *field, int width, unsigned long long value) {
  if (value >> (3 * (width - 1))) {
    for (int i = width - 1; i > 0; i--, value >>= 8) field[i] = (char)(value & 0xFF);
    field[0] = (char)0x80;
  } else {
    for (int i = width - 2; i >= 0; i--, value >>= 3) field[i] = (char)('0' + (value & 7));
  }
}

static void pad(unsigned long long size) {
  static const char zeros[BLOCK];
  if (size % BLOCK) stage_write(archive, zeros, BLOCK - size % BLOCK);
}

static void header(char type, const char *name, const char *target, const struct stat *about, unsigned long long size) {
  char block[BLOCK] = {0};
  unsigned sum = 0;
  strncpy(block, name, 100);
  number(block + 100, 8, about->st_mode & 07777);
  number(block + 108, 8, 0);
  number(block + 116, 8, 0);
  number(block + 124, 12, size);
  number(block + 136, 12, about->st_mtime > 0 ? (unsigned long long)about->st_mtime : 0);
  block[156] = type;
  strncpy(block + 157, target, 100);
  memcpy(block + 257, "ustar  ", 8);
  memset(block + 148, ' ', 8);
  for (int i = 0; i < BLOCK; i++) sum += (unsigned char)block[i];
  snprintf(block + 148, 8, "%06o", sum);
  stage_write(archive, block, BLOCK);
}

static void long_text(char type, const char *text, const struct stat *about) {
  size_t size = strlen(text) + 1;
  if (size <= 100) return;
  header(type, "././@LongLink", "", about, size);
  stage_write(archive, text, size);
  pad(size);
}

static void entry(char type, const char *target, const struct stat *about, unsigned long long size) {
  long_text('K', target, about);
  long_text('L', place, about);
  header(type, place, target, about, size);
}

static void pack_content(int file, const struct stat *about) {
  unsigned long long left = (unsigned long long)about->st_size;
  entry('0', "", about, left);
  while (left && !fault) {
    ssize_t got = read(file, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      errno = got ? errno : ESTALE;
      fail("changed or cannot be read");
      return;
    }
    stage_write(archive, buffer, (size_t)got);
    left -= (unsigned long long)got;
  }
  pad((unsigned long long)about->st_size);
}

static void pack_at(int parent, const char *name, int follow);

static void pack_folder(int file, const struct stat *about) {
  size_t length = strlen(place);
  DIR *listing = fdopendir(file);
  if (!listing || length + 2 > sizeof place) {
    fail("cannot be listed");
    close(file);
    return;
  }
  strcpy(place + length, "/");
  entry('5', "", about, 0);
  for (struct dirent *one; !fault && (one = readdir(listing));) {
    if (!strcmp(one->d_name, ".") || !strcmp(one->d_name, "..")) continue;
    if (length + 2 + strlen(one->d_name) > sizeof place) {
      errno = ENAMETOOLONG;
      fail("cannot be packed");
      break;
    }
    strcpy(place + length + 1, one->d_name);
    pack_at(dirfd(listing), one->d_name, 0);
  }
  if (!fault) place[length] = 0;
  closedir(listing);
}

static void pack_link(int parent, const char *name, const struct stat *about) {
  char target[4096];
  ssize_t size = readlinkat(parent, name, target, sizeof target - 1);
  if (size < 0) {
    fail("cannot be read");
    return;
  }
  target[size] = 0;
  entry('2', target, about, 0);
}

/* Packs what is called so; sockets, pipes and devices are left out, as is our own folder. */
static void pack_at(int parent, const char *name, int follow) {
  struct stat about;
  if (fstatat(parent, name, &about, follow ? 0 : AT_SYMLINK_NOFOLLOW)) {
    fail("cannot be read");
    return;
  }
  if (S_ISLNK(about.st_mode)) {
    pack_link(parent, name, &about);
    return;
  }
  if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) return;
  if (about.st_dev == home.st_dev && about.st_ino == home.st_ino) return;
  int file = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  if (file < 0 || fstat(file, &about)) {
    fail("cannot be opened");
  } else if (S_ISDIR(about.st_mode)) {
    pack_folder(file, &about);
    return;
  } else if (S_ISREG(about.st_mode)) {
    pack_content(file, &about);
  }
  if (file >= 0) close(file);
}

static void pack(const char *name, const char *path) {
  static const char zeros[2 * BLOCK];
  char file[256];
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') end--;
  size_t start = end;
  while (start && path[start - 1] != '/') start--;
  snprintf(place, sizeof place, "%.*s", (int)(end - start), path + start);
  if (!*place) strcpy(place, "root");
  fault = 0;
  snprintf(file, sizeof file, "%s.tar", name);
  archive = create(file);
  if (archive < 0) {
    fail("cannot be staged");
    return;
  }
  pack_at(AT_FDCWD, path, 1);
  stage_write(archive, zeros, sizeof zeros);
  if (close(archive)) fail("cannot be staged");
  if (fault) unlinkat(folder, file, 0);
}

/* Packs all artifacts and puts the note about them together: {"exit":0,"missing":["a"],"failed":{"b":"why"}}. */
void stage_artifacts(int status) {
  static char why[8192];
  char head[64];
  snprintf(head, sizeof head, "{\"exit\":%d,\"missing\":[", status);
  put_text(head);
  for (int i = 0, some = 0; i < count; i++) {
    struct stat about;
    if (!stat(paths[i], &about) || (errno != ENOENT && errno != ENOTDIR)) continue;
    if (some++) put_text(",");
    put_json(names[i], strlen(names[i]));
    names[i] = 0;
  }
  put_text("],\"failed\":{");
  for (int i = 0, some = 0; i < count; i++) {
    if (!names[i]) continue;
    pack(names[i], paths[i]);
    if (!fault) continue;
    if (some++) put_text(",");
    put_json(names[i], strlen(names[i]));
    put_text(":");
    snprintf(why, sizeof why, "%s %s: %s", place, fault, strerror(fault_number));
    put_json(why, strlen(why));
  }
  put_text("}}");
}

int stage_finish(const char *finish, size_t size) {
  fault = 0;
  int file = create("done.part");
  if (file < 0) return -1;
  stage_write(file, finish, size);
  return close(file) || fault || renameat(folder, "done.part", folder, "done");
}
