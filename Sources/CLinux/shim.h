// The kernel interfaces that Swift cannot import by itself: what Glibc hides without _GNU_SOURCE, and
// the ioctl numbers, which are function-like macros in the kernel's headers.
#pragma once
#define _GNU_SOURCE 1

// With __USE_XOPEN the one member of fd_set has another name than in Swift's Glibc module, and the compiler refuses
// to see both in one file.
#include <features.h>
#undef __USE_XOPEN
#include <sys/select.h>
#define __USE_XOPEN 1

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/virtio_vsock.h>
#include <net/if.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum : unsigned long {
  kKVM_GET_API_VERSION = KVM_GET_API_VERSION,
  kKVM_CREATE_VM = KVM_CREATE_VM,
  kKVM_CHECK_EXTENSION = KVM_CHECK_EXTENSION,
  kKVM_GET_VCPU_MMAP_SIZE = KVM_GET_VCPU_MMAP_SIZE,
  kKVM_ENABLE_CAP = KVM_ENABLE_CAP,

  kKVM_CREATE_VCPU = KVM_CREATE_VCPU,
  kKVM_SET_USER_MEMORY_REGION = KVM_SET_USER_MEMORY_REGION,
  kKVM_GET_DIRTY_LOG = KVM_GET_DIRTY_LOG,
  kKVM_IRQ_LINE = KVM_IRQ_LINE,
  kKVM_IRQFD = KVM_IRQFD,
  kKVM_IOEVENTFD = KVM_IOEVENTFD,
  kKVM_SET_GSI_ROUTING = KVM_SET_GSI_ROUTING,
  kKVM_SIGNAL_MSI = KVM_SIGNAL_MSI,
  kKVM_GET_CLOCK = KVM_GET_CLOCK,
  kKVM_SET_CLOCK = KVM_SET_CLOCK,

  kKVM_RUN = KVM_RUN,
  kKVM_SET_SIGNAL_MASK = KVM_SET_SIGNAL_MASK,
  kKVM_KVMCLOCK_CTRL = KVM_KVMCLOCK_CTRL,
  kKVM_GET_MP_STATE = KVM_GET_MP_STATE,
  kKVM_SET_MP_STATE = KVM_SET_MP_STATE,
  kKVM_GET_REGS = KVM_GET_REGS,
  kKVM_SET_REGS = KVM_SET_REGS,
  kKVM_GET_VCPU_EVENTS = KVM_GET_VCPU_EVENTS,
  kKVM_SET_VCPU_EVENTS = KVM_SET_VCPU_EVENTS,

#if defined(__x86_64__)
  kKVM_GET_SUPPORTED_CPUID = KVM_GET_SUPPORTED_CPUID,
  kKVM_GET_MSR_INDEX_LIST = KVM_GET_MSR_INDEX_LIST,
  kKVM_SET_TSS_ADDR = KVM_SET_TSS_ADDR,
  kKVM_SET_IDENTITY_MAP_ADDR = KVM_SET_IDENTITY_MAP_ADDR,
  kKVM_CREATE_IRQCHIP = KVM_CREATE_IRQCHIP,
  kKVM_GET_IRQCHIP = KVM_GET_IRQCHIP,
  kKVM_SET_IRQCHIP = KVM_SET_IRQCHIP,
  kKVM_SET_CPUID2 = KVM_SET_CPUID2,
  kKVM_GET_SREGS = KVM_GET_SREGS,
  kKVM_SET_SREGS = KVM_SET_SREGS,
  kKVM_GET_FPU = KVM_GET_FPU,
  kKVM_SET_FPU = KVM_SET_FPU,
  kKVM_GET_MSRS = KVM_GET_MSRS,
  kKVM_SET_MSRS = KVM_SET_MSRS,
  kKVM_GET_LAPIC = KVM_GET_LAPIC,
  kKVM_SET_LAPIC = KVM_SET_LAPIC,
  kKVM_GET_XSAVE = KVM_GET_XSAVE,
  kKVM_SET_XSAVE = KVM_SET_XSAVE,
  kKVM_GET_XSAVE2 = KVM_GET_XSAVE2,
  kKVM_GET_XCRS = KVM_GET_XCRS,
  kKVM_SET_XCRS = KVM_SET_XCRS,
  kKVM_GET_DEBUGREGS = KVM_GET_DEBUGREGS,
  kKVM_SET_DEBUGREGS = KVM_SET_DEBUGREGS,
  kKVM_GET_TSC_KHZ = KVM_GET_TSC_KHZ,
  kKVM_TRANSLATE = KVM_TRANSLATE,
#endif

  kBLKGETSIZE64 = BLKGETSIZE64,
  kBLKSSZGET = BLKSSZGET,
  kBLKPBSZGET = BLKPBSZGET,
  kBLKDISCARD = BLKDISCARD,
};

enum : unsigned long {
  kTUNSETIFF = TUNSETIFF,
  kTUNGETIFF = TUNGETIFF,
  kTUNSETOFFLOAD = TUNSETOFFLOAD,
  kTUNSETVNETHDRSZ = TUNSETVNETHDRSZ,
  kTUNSETQUEUE = TUNSETQUEUE,
  kTUNSETCARRIER = TUNSETCARRIER,

  // Since Linux 6.2.
  kTUN_F_USO4 = 0x20,
  kTUN_F_USO6 = 0x40,
};

// madvise advice and mmap flags defined as macros with casts or only for newer glibc.
enum { kMAP_HUGE_2MB = 21 << 26 };

static inline int real_time_signal(void) { return SIGRTMIN; }

// ioctl is variadic in C; every KVM request takes one word, a number or an address.
static inline int ioctl_word(int fd, unsigned long request, unsigned long argument) {
  return ioctl(fd, request, argument);
}

// System calls that glibc does not wrap, or only in headers whose types clash with Swift's Glibc module.
static inline int open_beneath(int directory, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {flags, mode, resolve};
  return syscall(SYS_openat2, directory, name, &how, sizeof how);
}
static inline ssize_t directory_entries(int directory, void *entries, size_t size) {
  return syscall(SYS_getdents64, directory, entries, size);
}
static inline int rename_between(
    int old_directory, const char *old_name, int new_directory, const char *new_name, unsigned flags) {
  return syscall(SYS_renameat2, old_directory, old_name, new_directory, new_name, flags);
}

// The program's headers and code, as the linker knows them: read-only, and never written by relocation.
extern const char __executable_start, etext;
static inline const void *program_start(void) { return &__executable_start; }
static inline const void *program_code_end(void) { return &etext; }

// The two fields of struct kvm_run that are needed by address.
static inline void kvm_run_set_immediate_exit(struct kvm_run *run, uint8_t value) {
  __atomic_store_n(&run->immediate_exit, value, __ATOMIC_SEQ_CST);
}
static inline void *kvm_run_mmio_data(struct kvm_run *run) { return run->mmio.data; }

// Memory that a guest shares is read and written while it races: each value exactly once. The addresses of atomics are
// aligned to their size; a descriptor's need not be.
static inline uint16_t guest_load_acquire(const void *address) {
  return __atomic_load_n((const uint16_t *)address, __ATOMIC_ACQUIRE);
}
static inline uint16_t guest_load_relaxed(const void *address) {
  return __atomic_load_n((const uint16_t *)address, __ATOMIC_RELAXED);
}
static inline void guest_store_release(void *address, uint16_t value) {
  __atomic_store_n((uint16_t *)address, value, __ATOMIC_RELEASE);
}
static inline void guest_store_relaxed(void *address, uint16_t value) {
  __atomic_store_n((uint16_t *)address, value, __ATOMIC_RELAXED);
}
static inline void full_memory_barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// struct virtq_desc (virtio 1.3 §2.7.5).
struct __attribute__((packed)) virtqueue_descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
static inline struct virtqueue_descriptor virtqueue_descriptor_load(const void *address) {
  const volatile struct virtqueue_descriptor *source = (const volatile struct virtqueue_descriptor *)address;
  struct virtqueue_descriptor copy = {source->address, source->length, source->flags, source->next};
  return copy;
}

#if defined(__x86_64__)
static inline uint64_t timestamp_counter(void) { return __builtin_ia32_rdtsc(); }
#endif
