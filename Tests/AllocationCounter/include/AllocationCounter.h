#pragma once

/// How often the calling thread has allocated memory from the heap so far; always 0 under a sanitizer, which has an
/// allocator of its own.
unsigned long allocation_count(void);
