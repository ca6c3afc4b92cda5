// Access to I/O ports for a program under Linux.
#pragma once

#include <stdint.h>

// ioperm(2): lets the calling process use `count` ports from `first` on.
int ioperm(unsigned long first, unsigned long count, int on);

static inline void outb(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
