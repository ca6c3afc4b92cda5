#include "agent_image.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

#define AGENT "../../.build/firmware/agent"

#if __has_embed(AGENT)
static const unsigned char image[] = {
#embed AGENT
};
const unsigned char *const agent_image_start = image;
const size_t agent_image_size = sizeof image;
#else
const unsigned char *const agent_image_start = 0;
const size_t agent_image_size = 0;
#endif
