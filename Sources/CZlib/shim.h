// Without _GNU_SOURCE: then fd_set looks as in CLinux and in Swift's Glibc module, and the compiler refuses to see one
// type in two forms in one file.
#include <zlib.h>
