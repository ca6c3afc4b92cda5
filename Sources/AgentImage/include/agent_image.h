// The guest's agent, as `make firmware` builds it; of no bytes where it was not built before.
#pragma once
#include <stddef.h>

extern const unsigned char *const agent_image_start;
extern const size_t agent_image_size;
