// The start-up benchmark's guest: its first instructions write one byte to COM1, the next end the VM.

#define PORT_COM1 0x3f8
#define PORT_DEBUG_EXIT 0xf4
#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvhEntry

    .section .text.boot, "ax", @progbits
    .code32
    .globl pvhEntry
pvhEntry:
    movw $PORT_COM1, %dx
    movb $'!', %al
    outb %al, %dx
    xorl %eax, %eax
    outb %al, $PORT_DEBUG_EXIT
1:  cli
    hlt
    jmp 1b
