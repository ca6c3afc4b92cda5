// An interrupt descriptor table's room and its handlers for the first VECTORS vectors (Intel SDM volume 3, chapter 6).
// Each handler calls `handleInterrupt(vector)` in Swift, which uses no vector registers.

#define VECTORS 64

    .section .bss.interrupts, "aw", @nobits
    .balign 16
    .globl interruptDescriptorTable
interruptDescriptorTable:
    .skip VECTORS * 16
// One 32-bit counter for each vector.
    .globl interruptCounts
interruptCounts:
    .skip VECTORS * 4

    .section .text.interrupts, "ax", @progbits
    .code64
// One stub each 16 bytes. Exceptions do not return, so nobody minds that some of them push an error code.
    .balign 16
    .globl interruptStubs
interruptStubs:
    .set vector, 0
    .rept VECTORS
    .balign 16
    pushq $vector
    jmp interrupted
    .set vector, vector + 1
    .endr

interrupted:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbp
    movq %rsp, %rbp
    movq 80(%rbp), %rdi
    andq $-16, %rsp
    cld
    call handleInterrupt
    movq %rbp, %rsp
    popq %rbp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $8, %rsp
    iretq
