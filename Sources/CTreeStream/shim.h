// The agent, whose C library is another one, has the other header in a module of its own.
#include "tree_stream.h"
