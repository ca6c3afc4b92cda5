// The C library's functions that compilers call on their own.

    .section .text.memset, "ax", @progbits
    .code64
    .globl memset
memset:
    movq %rdi, %r8
    movl %esi, %eax
    movq %rdx, %rcx
    rep stosb
    movq %r8, %rax
    ret

    .section .text.memcpy, "ax", @progbits
    .globl memcpy
memcpy:
    movq %rdi, %rax
    movq %rdx, %rcx
    rep movsb
    ret

    .section .text.memmove, "ax", @progbits
    .globl memmove
memmove:
    movq %rdi, %rax
    movq %rdx, %rcx
    cmpq %rsi, %rdi
    ja 1f
    rep movsb
    ret
// Backwards, as the source's end may lie within the destination.
1:  leaq -1(%rsi, %rdx), %rsi
    leaq -1(%rdi, %rdx), %rdi
    std
    rep movsb
    cld
    ret
