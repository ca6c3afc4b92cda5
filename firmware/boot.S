// From the entry a PVH loader jumps to (32-bit protected mode, flat segments, no paging, %ebx holding the
// start info's address: Xen "x86/HVM direct boot ABI") to long mode and `guestMain` in Swift.

#include "boot.h"

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)
#define CR0_ET (1 << 4)
#define CR0_NE (1 << 5)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define CR4_OSFXSR (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
// Vector instructions are on, as 64-bit code may expect, though the Swift code is built without them.
#define CR4_VECTORS (CR4_OSFXSR | CR4_OSXMMEXCPT)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)

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
    cli
    cld
    movl $bootStackTop, %esp
    movl $bootProcessor, %esi

// Goes to the 64-bit code at %esi with paging on; keeps %ebx and %esp.
    .globl enterLongMode
enterLongMode:
    lgdt descriptorTablePointer
    movl $(CR4_PAE | CR4_VECTORS), %eax
    movl %eax, %cr4
    movl $pageMapLevel4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_PG), %eax
    movl %eax, %cr0
    ljmp $CODE64, $longMode

    .code64
longMode:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %esp, %esp
    movl %esi, %esi
    jmp *%rsi

// Calls `guestMain(startInfo)` and ends the VM with the status it returns.
bootProcessor:
    movl %ebx, %edi
    xorl %ebp, %ebp
    call guestMain
    outb %al, $PORT_DEBUG_EXIT
1:  cli
    hlt
    jmp 1b

    .section .rodata.boot, "a", @progbits
    .balign 8
    .globl descriptorTable
descriptorTable:
    .quad 0
    .quad 0x00cf9b000000ffff        // CODE32: flat, 32-bit
    .quad 0x00af9b000000ffff        // CODE64
    .quad 0x00cf93000000ffff        // DATA: flat
    .quad 0x00cff3000000ffff        // USER_DATA: flat, CPL 3
    .quad 0x00affb000000ffff        // USER_CODE
    .globl taskDescriptor
taskDescriptor:                     // TASK: user.S fills it in
    .quad 0, 0
descriptorTableEnd:

descriptorTablePointer:
    .word descriptorTableEnd - descriptorTable - 1
    .long descriptorTable

// Page tables that map the first 4 GiB to themselves by 2 MiB pages. They are laid out by the assembler, as
// filling them would be most of what a payload executes. Accessed and dirty are set already.

#define PRESENT_WRITABLE 0x27       // and for CPL 3, and accessed
#define LARGE 0xc0                  // 2 MiB, dirty
#define UNCACHED 0x18               // PWT, PCD: for the hole for devices from 3 GiB up

    .section .data.pagetables, "aw", @progbits
    .balign 4096
pageMapLevel4:
    .quad pageDirectoryPointers + PRESENT_WRITABLE
    .fill 511, 8, 0
pageDirectoryPointers:
    .quad pageDirectories + 0x0000 + PRESENT_WRITABLE
    .quad pageDirectories + 0x1000 + PRESENT_WRITABLE
    .quad pageDirectories + 0x2000 + PRESENT_WRITABLE
    .quad pageDirectories + 0x3000 + PRESENT_WRITABLE
    .fill 507, 8, 0
    .quad windowDirectory + PRESENT_WRITABLE
pageDirectories:
    .set page, 0
    .rept 3 * 512
    .quad page + PRESENT_WRITABLE + LARGE
    .set page, page + 0x200000
    .endr
    .rept 512
    .quad page + PRESENT_WRITABLE + LARGE + UNCACHED
    .set page, page + 0x200000
    .endr

    .section .bss.boot, "aw", @nobits
// The page directory of the last GiB that `pageDirectoryPointers` covers, for pages that a payload chooses.
    .balign 4096
    .globl windowDirectory
windowDirectory:
    .skip 4096
    .balign 16
    .skip 8192
bootStackTop:
