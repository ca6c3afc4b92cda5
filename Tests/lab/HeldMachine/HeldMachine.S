// A whole ELF file, since the lab host has neither a compiler nor a shared library.

    .set address, 0x400000

    .section .rodata
    .globl held_machine_start, held_machine_end
held_machine_start:
    // ELF header: a static program (System V ABI, chapter 4).
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .word 2, 62                 // ET_EXEC, EM_X86_64
    .long 1
    .quad address + (begin - held_machine_start)
    .quad 64, 0                 // where program headers and section headers are
    .long 0
    .word 64, 56, 1, 0, 0, 0
    // Its one segment: PT_LOAD, readable and executable, all of the file.
    .long 1, 5
    .quad 0, address, address
    .quad held_machine_end - held_machine_start, held_machine_end - held_machine_start
    .quad 0x1000
begin:
    lea device(%rip), %rdi
    mov $2, %esi                // O_RDWR
    mov $2, %eax                // open
    syscall
    mov %eax, %edi
    mov $0xae01, %esi           // KVM_CREATE_VM
    call control
    mov %eax, %edi
    mov $0xae60, %esi           // KVM_CREATE_IRQCHIP
    call control
    mov $0xae41, %esi           // KVM_CREATE_VCPU
    call control
    mov $57, %eax               // fork
    syscall
    xor %edi, %edi
    test %eax, %eax
    jnz end
hold:
    mov $34, %eax               // pause
    syscall
    jmp hold

control:                        // ioctl(edi, esi, 0), whose failure is the end
    xor %edx, %edx
    mov $16, %eax
    syscall
    test %eax, %eax
    jns 1f
    mov $1, %edi
end:
    mov $60, %eax               // exit
    syscall
1:  ret

device:
    .asciz "/dev/kvm"
held_machine_end:

    .section .note.GNU-stack, "", @progbits
