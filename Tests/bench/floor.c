// The least that a monitor can do, as the floor for the others' start-up times: one vCPU, memory, interrupt controllers
// and a PVH payload's entry point, COM1's data register as stdout, and a debug exit port.
//
//     floor PAYLOAD.elf MEBIBYTES

#define _GNU_SOURCE 1
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { com1Data = 0x3f8, debugExit = 0xf4, physicalEntryNote = 18, hugePage = 2 << 20 };

static int control(int descriptor, unsigned long request, const char *name, unsigned long argument)
{
	int result = ioctl(descriptor, request, argument);
	if (result < 0)
		err(125, "%s", name);
	return result;
}
#define CONTROL(descriptor, request, argument) control(descriptor, request, #request, (unsigned long)(argument))

// Copies the segments to where they belong; the entry point is in the note XEN_ELFNOTE_PHYS32_ENTRY.
static uint32_t load(const char *path, char *memory, size_t size)
{
	int file = open(path, O_RDONLY);
	struct stat status;
	if (file < 0 || fstat(file, &status) < 0)
		err(125, "%s", path);
	const char *image = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	const Elf64_Ehdr *header = (const void *)image;
	const Elf64_Phdr *segments = (const void *)(image + header->e_phoff);
	uint32_t entry = 0;
	for (int i = 0; i < header->e_phnum; i++) {
		const Elf64_Nhdr *note = (const void *)(image + segments[i].p_offset);
		if (segments[i].p_type == PT_LOAD && segments[i].p_paddr + segments[i].p_memsz <= size)
			memcpy(memory + segments[i].p_paddr, image + segments[i].p_offset, segments[i].p_filesz);
		if (segments[i].p_type == PT_NOTE && note->n_type == physicalEntryNote)
			memcpy(&entry, (const char *)(note + 1) + ((note->n_namesz + 3) & ~3u), sizeof entry);
	}
	if (entry == 0)
		errx(125, "%s is no PVH payload", path);
	return entry;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(125, "usage: floor PAYLOAD.elf MEBIBYTES");
	size_t size = strtoul(argv[2], NULL, 10) << 20;
	char *mapping = mmap(NULL, size + hugePage, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		err(125, "guest memory");
	char *memory = (char *)(((uintptr_t)mapping + hugePage - 1) & -(uintptr_t)hugePage);
	madvise(memory, size, MADV_HUGEPAGE);

	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		err(125, "/dev/kvm");
	int vm = CONTROL(kvm, KVM_CREATE_VM, 0);
	struct kvm_userspace_memory_region region = { .memory_size = size, .userspace_addr = (uintptr_t)memory };
	CONTROL(vm, KVM_SET_USER_MEMORY_REGION, &region);
	CONTROL(vm, KVM_CREATE_IRQCHIP, 0);
	uint32_t entry = load(argv[1], memory, size);
	int vcpu = CONTROL(vm, KVM_CREATE_VCPU, 0);
	int runSize = CONTROL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run = mmap(NULL, runSize, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(125, "kvm_run");

	// 32-bit protected mode without paging, flat segments.
	struct kvm_sregs special;
	CONTROL(vcpu, KVM_GET_SREGS, &special);
	struct kvm_segment code = { .limit = ~0u, .selector = 8, .type = 11, .present = 1, .db = 1, .s = 1, .g = 1 };
	struct kvm_segment data = code;
	data.selector = 16;
	data.type = 3;
	special.cs = code;
	special.ds = special.es = special.ss = data;
	special.cr0 = 1;
	CONTROL(vcpu, KVM_SET_SREGS, &special);
	struct kvm_regs registers = { .rip = entry, .rflags = 2 };
	CONTROL(vcpu, KVM_SET_REGS, &registers);

	for (;;) {
		CONTROL(vcpu, KVM_RUN, 0);
		const char *bytes = (const char *)run + run->io.data_offset;
		if (run->exit_reason != KVM_EXIT_IO)
			errx(125, "exit reason %u", run->exit_reason);
		if (run->io.port == debugExit)
			return bytes[0];
		if (run->io.port == com1Data && write(STDOUT_FILENO, bytes, run->io.size) < 0)
			err(125, "stdout");
	}
}
