// To be loaded before the C library (LD_PRELOAD): counts the calls that change something below one folder, and at one of
// them fails as a disk would, or kills the process. Told by the environment:
//   FAULT_BELOW   the folder, an absolute path
//   FAULT_AT      which call, from 1 on; 0 or absent: none
//   FAULT_KIND    "kill", or the name of an error: "ENOSPC", "EIO"
//   FAULT_LOG     a file outside of the folder that gets a line "NUMBER CALL PATH" for every call
//   FAULT_NO_EXCHANGE  if set, two names cannot be exchanged, as on some file systems
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char* path) {
  const char* folder = getenv("FAULT_BELOW");
  if (!folder || !path) return 0;
  char whole[PATH_MAX];
  if (path[0] != '/') {
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here) || snprintf(whole, sizeof whole, "%s/%s", here, path) >= (int)sizeof whole) return 0;
    path = whole;
  }
  const size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && path[length] == '/';
}

// The path of an open file; of a folder's entry if `name` is given.
static const char* path_of(int file, const char* name, char* out) {
  if (name && name[0] == '/') return strcpy(out, name);
  if (file == AT_FDCWD) return name ? strcpy(out, name) : 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, out, PATH_MAX / 2);
  if (length < 0) return 0;
  out[length] = 0;
  if (name) snprintf(out + length, PATH_MAX / 2, "/%s", name);
  return out;
}

static void note(long number, const char* call, const char* path) {
  const char* log = getenv("FAULT_LOG");
  if (!log) return;
  char line[PATH_MAX + 64];
  const int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
  const int file = NEXT(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file >= 0 && NEXT(write)(file, line, (size_t)length) < 0) abort();
  if (file >= 0) close(file);
}

// Whether this call has to fail; errno says how.
static int fails(const char* call, const char* path) {
  static long count;
  if (!below(path)) return 0;
  const long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  note(number, call, path);
  const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
  if (!at || !kind || number != atol(at)) return 0;
  if (strcmp(kind, "kill") == 0) kill(getpid(), SIGKILL);
  errno = strcmp(kind, "EIO") == 0 ? EIO : ENOSPC;
  return 1;
}

static int fails_at(const char* call, int folder, const char* name) {
  char path[PATH_MAX];
  return fails(call, path_of(folder, name, path));
}

#define MODE(flags)                              \
  mode_t mode = 0;                               \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {       \
    va_list rest;                                \
    va_start(rest, flags);                       \
    mode = va_arg(rest, mode_t);                 \
    va_end(rest);                                \
  }

int open(const char* path, int flags, ...) {
  MODE(flags)
  return flags & O_CREAT && fails("open", path) ? -1 : NEXT(open)(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  MODE(flags)
  return flags & O_CREAT && fails("open", path) ? -1 : NEXT(open64)(path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  MODE(flags)
  return flags & O_CREAT && fails_at("open", folder, path) ? -1 : NEXT(openat)(folder, path, flags, mode);
}
FILE* fopen(const char* path, const char* mode) {
  return mode[0] != 'r' && fails("open", path) ? NULL : NEXT(fopen)(path, mode);
}
FILE* fopen64(const char* path, const char* mode) {
  return mode[0] != 'r' && fails("open", path) ? NULL : NEXT(fopen64)(path, mode);
}
ssize_t write(int file, const void* data, size_t bytes) {
  return fails_at("write", file, NULL) ? -1 : NEXT(write)(file, data, bytes);
}
ssize_t writev(int file, const struct iovec* parts, int count) {
  return fails_at("write", file, NULL) ? -1 : NEXT(writev)(file, parts, count);
}
ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, size_t bytes, unsigned flags) {
  return fails_at("write", to, NULL) ? -1 : NEXT(copy_file_range)(from, from_at, to, to_at, bytes, flags);
}
ssize_t sendfile(int to, int from, off_t* at, size_t bytes);
ssize_t sendfile(int to, int from, off_t* at, size_t bytes) {
  return fails_at("write", to, NULL) ? -1 : NEXT(sendfile)(to, from, at, bytes);
}
int fsync(int file) {
  return fails_at("sync", file, NULL) ? -1 : NEXT(fsync)(file);
}
int rename(const char* from, const char* to) {
  return fails("rename", to) ? -1 : NEXT(rename)(from, to);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  if (flags & RENAME_EXCHANGE && getenv("FAULT_NO_EXCHANGE")) {
    errno = EINVAL;
    return -1;
  }
  return fails_at("exchange", to_folder, to) ? -1 : NEXT(renameat2)(from_folder, from, to_folder, to, flags);
}
int mkdir(const char* path, mode_t mode) {
  return fails("mkdir", path) ? -1 : NEXT(mkdir)(path, mode);
}
int unlink(const char* path) {
  return fails("remove", path) ? -1 : NEXT(unlink)(path);
}
int rmdir(const char* path) {
  return fails("remove", path) ? -1 : NEXT(rmdir)(path);
}
int unlinkat(int folder, const char* path, int flags) {
  return fails_at("remove", folder, path) ? -1 : NEXT(unlinkat)(folder, path, flags);
}
int truncate(const char* path, off_t bytes) {
  return fails("truncate", path) ? -1 : NEXT(truncate)(path, bytes);
}
int truncate64(const char* path, off64_t bytes) {
  return fails("truncate", path) ? -1 : NEXT(truncate64)(path, bytes);
}
