#pragma once

extern const unsigned char held_machine_start[], held_machine_end[];

/// The bytes of a program for the lab host, an ELF file for x86_64 Linux: it makes a virtual machine with a vCPU, leaves
/// a process behind that holds it, and ends with status 0.
static inline const void *held_machine_program(void) { return held_machine_start; }

static inline unsigned long held_machine_program_size(void) {
    return (unsigned long)(held_machine_end - held_machine_start);
}
