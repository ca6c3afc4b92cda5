// As in CLinux: the C library's types must look alike in every module.
#define _GNU_SOURCE 1
#include <features.h>
#undef __USE_XOPEN
#include <sys/select.h>
#define __USE_XOPEN 1

// The kernel's own header, not liburing's copy of it: swift-system brings the former into Swift as well, and two
// definitions of one structure are refused.
#include <linux/io_uring.h>

#include <liburing.h>
