// As in CLinux: the C library's types must look alike in every module.
#define _GNU_SOURCE 1

#include <zstd.h>
#include <zstd_errors.h>
