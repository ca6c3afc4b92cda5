// What the agent needs of the C library and the kernel, and functions for what Swift cannot import: variadic ones, and
// macros that are more than a number.
#pragma once
#define _GNU_SOURCE 1

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>
#include <netinet/in.h>

#include "../../../Sources/CTreeStream/tree_stream.h"

static inline int last_error(void) { return errno; }

static inline void set_error(int error) { errno = error; }

// Opened for the place of its number.
static inline int open_null(void) {
  int descriptor = open("/dev/null", O_RDWR);
  if (descriptor > 2) close(descriptor);
  return descriptor;
}

static inline int open_file(const char *path, int flags) { return open(path, flags | O_CLOEXEC, 0600); }

static inline int set_nonblocking(int descriptor) { return fcntl(descriptor, F_SETFL, O_NONBLOCK); }

static inline int control(int descriptor, int request, void *argument) { return ioctl(descriptor, request, argument); }

static inline int duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 3); }

// The other side of a pseudo-terminal's master, wherever devpts is mounted (Linux 4.13).
static inline int open_peer(int master) { return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC); }

// finit_module(2), for which musl has no function.
static inline long insert_module(int descriptor) { return syscall(SYS_finit_module, descriptor, "", 0); }

// Closes all descriptors above one (close_range(2), Linux 5.9), for which musl has no function.
static inline long close_above(int descriptor) { return syscall(SYS_close_range, descriptor + 1, ~0U, 0); }

static inline int is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// Whether a file system has no room for another block of a file.
static inline int is_full(const char *path) {
  struct statvfs status;
  return statvfs(path, &status) == 0 && status.f_blocks > 0 && status.f_bavail == 0;
}

static inline const char *entry_name(struct dirent *entry) { return entry->d_name; }

static inline void reset_signal(int number) { signal(number, SIG_DFL); }

// setrlimit(2) takes an enumeration for its resource in some libraries.
static inline int limit_resource(unsigned resource, uint64_t soft, uint64_t hard) {
  struct rlimit limit = {soft, hard};
  return setrlimit((int)resource, &limit);
}

// The socket for connections to a port of the host, not yet connected: vsock, or, for tests, the Unix socket that a vsock
// device would have for it.
static inline int host_socket(int family) { return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

static inline int connect_vsock(int descriptor, uint32_t port) {
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
  return connect(descriptor, (struct sockaddr *)&address, sizeof address);
}

static inline int connect_unix(int descriptor, const char *path, uint32_t port) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s_%u", path, port);
  return connect(descriptor, (struct sockaddr *)&address, sizeof address);
}

// The error that a connection attempt ended with.
static inline int socket_error(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// What netdevice(7) has for a network interface.
static inline struct ifreq interface_request(const char *name) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return request;
}

// Switches a network interface on or off.
static inline int switch_interface(int socket, const char *name, int on) {
  struct ifreq request = interface_request(name);
  if (ioctl(socket, SIOCGIFFLAGS, &request) < 0) return -1;
  request.ifr_flags = on ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
  return ioctl(socket, SIOCSIFFLAGS, &request);
}

// Whether a network interface is that of the card with an Ethernet address.
static inline int has_hardware_address(int socket, const char *name, const uint8_t *address) {
  struct ifreq request = interface_request(name);
  return ioctl(socket, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == ARPHRD_ETHER &&
         memcmp(request.ifr_hwaddr.sa_data, address, 6) == 0;
}

static inline struct sockaddr internet_address(uint32_t address) {
  union {
    struct sockaddr_in internet;
    struct sockaddr any;
  } both = {.internet = {.sin_family = AF_INET, .sin_addr.s_addr = address}};
  return both.any;
}

// Gives a network interface its address (SIOCSIFADDR) or its mask (SIOCSIFNETMASK), in network byte order.
static inline int set_interface_address(int socket, const char *name, int call, uint32_t address) {
  struct ifreq request = interface_request(name);
  request.ifr_addr = internet_address(address);
  return ioctl(socket, call, &request);
}

// Has whatever has no other way go to a gateway, whose address is in network byte order.
static inline int add_default_route(int socket, const char *name, uint32_t gateway) {
  struct rtentry route = {
      .rt_dst = internet_address(0), .rt_genmask = internet_address(0), .rt_gateway = internet_address(gateway),
      .rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = (char *)name};
  return ioctl(socket, SIOCADDRT, &route);
}

static inline unsigned char end_of_file_character(const struct termios *settings) { return settings->c_cc[VEOF]; }
