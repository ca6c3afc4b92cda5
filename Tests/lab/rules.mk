# Debian packages that the lab needs to run, besides those that build it.
LAB_PACKAGES := apt busybox-static coreutils dpkg e2fsprogs libc-bin qemu-system-x86 tar util-linux

# Debian packages of programs that the tests' guests and the lab host run.
LAB_TEST_PACKAGES := binutils e2fsprogs erofs-utils ethtool fio gcc iperf3 iproute2 libc6-dev make passt rng-tools5 socat \
	squashfs-tools stress-ng util-linux

LAB_PROGRAM := .build/debug/lab

# make lab CMD='ls -l /dev/kvm': a shell command on a host with a real KVM, which with LAB=host in the environment is
# this one. LAB_OPTIONS are further options of 'lab run'. All but the command's own output is on stderr; make itself turns
# every failure into status 2.
.PHONY: lab
lab:
	@$(MAKE) --no-print-directory build $(LAB_PROGRAM) >&2
	@$(LAB_PROGRAM) run --swiftlet $(SWIFTLET) $(LAB_OPTIONS) -- sh -c "$$CMD"
