// The x86 instructions that Swift has no words for, one function each (Intel SDM volume 2).
#pragma once

#include <stdint.h>

static inline void outb(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint16_t inw(uint16_t port) {
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint32_t inl(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

// Writes `count` bytes to one port with a single string instruction.
static inline void rep_outsb(uint16_t port, const void *bytes, uint64_t count) {
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"(port) : "memory");
}

static inline void cli(void) {
    __asm__ volatile("cli" : : : "memory");
}

static inline void sti(void) {
    __asm__ volatile("sti" : : : "memory");
}

// Halts with interrupts on: the one that wakes the CPU cannot come in between the two instructions.
static inline void sti_hlt(void) {
    __asm__ volatile("sti; hlt" : : : "memory");
}

static inline void hlt(void) {
    __asm__ volatile("hlt" : : : "memory");
}

static inline void pause(void) {
    __asm__ volatile("pause" : : : "memory");
}

static inline void invlpg(uint64_t address) {
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void wrmsr(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t rdmsr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

// What a device sees of memory, or has written to it, is what the program's order of reads and writes says: x86 keeps
// that order but for a read that follows a write, which takes `mfence`.
static inline void compiler_barrier(void) {
    __asm__ volatile("" : : : "memory");
}

static inline void mfence(void) {
    __asm__ volatile("mfence" : : : "memory");
}

struct cpuid_registers {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf) {
    struct cpuid_registers r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdtsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

// Loads an interrupt descriptor table of `limit` + 1 bytes.
static inline void lidt(const void *base, uint16_t limit) {
    struct { uint16_t limit; const void *base; } __attribute__((packed)) descriptor = { limit, base };
    __asm__ volatile("lidt %0" : : "m"(descriptor) : "memory");
}

static inline void ud2(void) {
    __asm__ volatile("ud2" : : : "memory");
}

// Jumps to itself for ever.
static inline __attribute__((noreturn)) void spin(void) {
    __asm__ volatile("1: jmp 1b" : : : "memory");
    __builtin_unreachable();
}

// Addresses of what the assembly files hold: Swift does not import arrays of unknown size.

static inline uint64_t *window_directory(void) {
    extern uint64_t windowDirectory[];
    return windowDirectory;
}

static inline uint64_t payload_end(void) {
    extern char payloadEnd[];
    return (uint64_t)payloadEnd;
}

// In user.S.
uint64_t run_user(void (*program)(void *), void *argument);

static inline void *interrupt_descriptor_table(void) {
    extern char interruptDescriptorTable[];
    return interruptDescriptorTable;
}

static inline uint64_t interrupt_stubs(void) {
    extern char interruptStubs[];
    return (uint64_t)interruptStubs;
}

static inline void *interrupt_counts(void) {
    extern char interruptCounts[];
    return interruptCounts;
}

static inline const void *processor_trampoline(void) {
    extern const char processorTrampoline[];
    return processorTrampoline;
}

static inline uint64_t processor_trampoline_size(void) {
    extern const char processorTrampoline[], processorTrampolineEnd[];
    return processorTrampolineEnd - processorTrampoline;
}

static inline void *processor_count(void) {
    extern char processorCount[];
    return processorCount;
}

static inline void *processor_starts(void) {
    extern char processorStarts[];
    return processorStarts;
}

static inline void *processor_mismatches(void) {
    extern char processorMismatches[];
    return processorMismatches;
}
