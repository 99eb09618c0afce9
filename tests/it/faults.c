/* Lets one call of one function fail, on files below one directory: see faults.rs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls;

static int fails(const char *function, const char *path) {
    const char *wanted = getenv("FAULT_CALL"), *below = getenv("FAULT_BELOW");
    if (!wanted || !below || strcmp(wanted, function) || !path || !strstr(path, below)) return 0;
    int which = __sync_add_and_fetch(&calls, 1);
    const char *at = getenv("FAULT_AT");
    if (!at || which != atoi(at)) return 0;
    int log = open(getenv("FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log >= 0) { if (write(log, path, strlen(path)) < 0) {} close(log); }
    return 1;
}

static int fails_on(const char *function, int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    return fails(function, path);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

struct dirent64 *readdir64(DIR *dir) {
    REAL(readdir64);
    if (fails_on("readdir", dirfd(dir))) { errno = EIO; return NULL; }
    return real(dir);
}

ssize_t read(int fd, void *to, size_t count) {
    REAL(read);
    if (fails_on("read", fd)) { errno = EIO; return -1; }
    return real(fd, to, count);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    if (fails("open", path)) { errno = EIO; return -1; }
    return real(path, flags, mode);
}

DIR *opendir(const char *path) {
    REAL(opendir);
    if (fails("opendir", path)) { errno = EIO; return NULL; }
    return real(path);
}

void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset) {
    REAL(mmap64);
    if (fd >= 0 && fails_on("mmap", fd)) { errno = EIO; return MAP_FAILED; }
    return real(at, len, protection, flags, fd, offset);
}

int statx(int dir, const char *restrict path, int flags, unsigned mask, struct statx *restrict to) {
    REAL(statx);
    if (path && *path ? fails("stat", path) : fails_on("stat", dir)) { errno = EIO; return -1; }
    return real(dir, path, flags, mask, to);
}
