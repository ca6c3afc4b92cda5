// As in CLinux: the C library's types must look alike in every module.
#define _GNU_SOURCE 1
#include <features.h>
#undef __USE_XOPEN
#include <sys/select.h>
#define __USE_XOPEN 1

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

// Swift does not import functions with a variable number of arguments.
static inline void archive_set_error_message(struct archive *archive, const char *message) {
    archive_set_error(archive, EIO, "%s", message);
}
