// The way of a processor that a start-up IPI woke, from real mode to `processorMain` in Swift.

#include "boot.h"

#define CR0_PE (1 << 0)
#define CR0_ET (1 << 4)
#define STACK_SHIFT 10
#define MAXIMUM 256

// Copied to the page that the start-up IPI names, and entered at its first byte.
    .section .rodata.processors, "a", @progbits
    .code16
    .globl processorTrampoline
processorTrampoline:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl trampolineTablePointer - processorTrampoline
    movl $(CR0_PE | CR0_ET), %eax
    movl %eax, %cr0
    ljmpl $CODE32, $protectedMode
trampolineTablePointer:
    .word DATA + 8 - 1
    .long descriptorTable
    .globl processorTrampolineEnd
processorTrampolineEnd:

    .section .text.processors, "ax", @progbits
    .code32
protectedMode:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    // Its number in the order of arrival picks the stack.
    movl $1, %esp
    lock xaddl %esp, processorCount
    cmpl $MAXIMUM, %esp
    jae 1f
    incl %esp
    shll $STACK_SHIFT, %esp
    addl $processorStacks, %esp
    movl $longModeProcessor, %esi
    jmp enterLongMode

    .code64
longModeProcessor:
    xorl %ebp, %ebp
    call processorMain
// Also jumped to from 32-bit code, where these bytes mean the same.
1:  cli
    hlt
    jmp 1b

    .section .bss.processors, "aw", @nobits
    .balign 16
processorStacks:
    .skip MAXIMUM << STACK_SHIFT
// How many processors came through here.
    .globl processorCount
processorCount:
    .skip 4
// For each local APIC id: how often the processor with it started.
    .balign 4
    .globl processorStarts
processorStarts:
    .skip MAXIMUM * 4
// How many processors found that CPUID and their local APIC disagree about the id.
    .globl processorMismatches
processorMismatches:
    .skip 4
