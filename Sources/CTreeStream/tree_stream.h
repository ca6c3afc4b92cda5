// What trees of files need of the C library, in the host and in a guest's agent, and functions for what Swift cannot import:
// variadic ones, and members that are macros or arrays without a length.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int tree_error(void) { return errno; }

static inline int tree_open(int directory, const char *name, int flags, unsigned mode) {
  return openat(directory, name, flags | O_CLOEXEC, mode);
}

// The next name but "." and ".."; NULL at the end, or with errno set.
static inline const char *tree_next(DIR *stream) {
  struct dirent *entry;
  do {
    errno = 0;
    entry = readdir(stream);
  } while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")));
  return entry ? entry->d_name : NULL;
}

static inline int tree_is_file(const struct stat *status) { return S_ISREG(status->st_mode); }

static inline int tree_is_directory(const struct stat *status) { return S_ISDIR(status->st_mode); }

static inline int tree_is_link(const struct stat *status) { return S_ISLNK(status->st_mode); }

static inline int64_t tree_seconds(const struct stat *status) { return status->st_mtim.tv_sec; }

static inline uint32_t tree_nanoseconds(const struct stat *status) { return (uint32_t)status->st_mtim.tv_nsec; }

static inline int tree_set_time(int descriptor, int64_t seconds, uint32_t nanoseconds) {
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = nanoseconds}};
  return futimens(descriptor, times);
}
