// A program at CPL 3 with the whole of memory and all ports, in the kernel's address space. A KVM that interprets the
// kernel mode of its guests, as those without hardware support do, runs user mode natively.

#include "boot.h"

#define VECTORS 64
#define FIRST_INTERRUPT 32
#define INVALID_OPCODE 6
#define GATE_SIZE 16
#define STUB_SIZE 32

#define TASK_SIZE 104
#define TASK_STACK 4                // RSP0
#define TASK_PORTS 102              // where the I/O permission bitmap is
#define PORT_BYTES 8192

#define LOCAL_APIC_EOI 0xfee000b0
#define INTERRUPTS_ON 0x202

    .section .bss.user, "aw", @nobits
    .balign 16
// Intel SDM volume 3, figure 8-11. The bitmap's zeros allow every port; its last byte has to be all ones.
taskState:
    .skip TASK_SIZE
    .skip PORT_BYTES + 1
    .balign 16
userDescriptorTable:
    .skip VECTORS * GATE_SIZE
userStack:
    .skip 16384
userStackTop:
userTablePointer:
    .skip 10

    .section .text.user, "ax", @progbits
    .code64
// uint64_t run_user(void (*program)(void *), void *argument): runs the program with interrupts on, and returns the
// vector of the exception that it ended by.
    .globl run_user
run_user:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, taskState + TASK_STACK
    movw $TASK_SIZE, taskState + TASK_PORTS
    movb $0xff, taskState + TASK_SIZE + PORT_BYTES

    // A 64-bit task state segment that is available (Intel SDM volume 3, figure 8-4).
    movl $taskState, %eax
    shll $16, %eax
    orl $(TASK_SIZE + PORT_BYTES), %eax
    movl %eax, taskDescriptor
    movl $taskState, %eax
    movl %eax, %ecx
    shrl $16, %ecx
    movzbl %cl, %ecx
    andl $0xff000000, %eax
    orl %ecx, %eax
    orl $0x8900, %eax
    movl %eax, taskDescriptor + 4
    movl $TASK, %eax
    ltr %ax

    movl $userDescriptorTable, %ecx
    movl $userStubs, %edx
    movl $VECTORS, %r8d
1:  movw %dx, (%rcx)
    movw $CODE64, 2(%rcx)
    movw $0x8e00, 4(%rcx)           // a present interrupt gate
    movl %edx, %eax
    shrl $16, %eax
    movw %ax, 6(%rcx)
    addl $GATE_SIZE, %ecx
    addl $STUB_SIZE, %edx
    decl %r8d
    jnz 1b
    movw $(VECTORS * GATE_SIZE - 1), userTablePointer
    movq $userDescriptorTable, userTablePointer + 2
    lidt userTablePointer

    pushq $USER_DATA
    pushq $userStackTop
    pushq $INTERRUPTS_ON
    pushq $USER_CODE
    pushq $2f
    iretq
2:  movq %rdi, %rax
    movq %rsi, %rdi
    xorl %ebp, %ebp
    call *%rax
    ud2

// One stub each STUB_SIZE bytes: an exception ends the program, an interrupt is counted.
    .balign STUB_SIZE
userStubs:
    .set vector, 0
    .rept FIRST_INTERRUPT
    .balign STUB_SIZE
    movl $vector, %eax
    jmp ended
    .set vector, vector + 1
    .endr
    .rept VECTORS - FIRST_INTERRUPT
    .balign STUB_SIZE
    incl interruptCounts + 4 * vector
    pushq %rax
    movl $LOCAL_APIC_EOI, %eax
    movl $0, (%rax)
    popq %rax
    iretq
    .set vector, vector + 1
    .endr

ended:
    movq taskState + TASK_STACK, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
