# The two commands: `make run` and `make test`. Both install what is missing, and are quick the second time.
.DEFAULT_GOAL := build
SHELL := /bin/bash

include firmware/rules.mk
include Tests/lab/rules.mk
include Tests/bench/rules.mk
include Tests/fuzz/rules.mk

BUILD_PACKAGES := $(FIRMWARE_PACKAGES) libarchive-dev libzstd-dev liblz4-dev liblzma-dev zlib1g-dev nettle-dev liburing-dev pkg-config
TEST_PACKAGES := $(BUILD_PACKAGES) $(LAB_PACKAGES) $(LAB_TEST_PACKAGES) \
	acpica-tools cpio xz-utils zstd lz4 gzip groff-base jq python3 python3-jsonschema

SWIFTLET := .build/release/swiftlet
RELEASE_FLAGS := -c release --product swiftlet --disable-local-rpath -Xswiftc -static-executable \
	-Xswiftc -use-ld=lld -Xswiftc -Xclang-linker -Xswiftc -static-pie \
	-Xlinker --pack-dyn-relocs=relr -Xlinker --gc-sections -Xlinker --strip-all

# Debian's cloud kernels, each a directory with vmlinuz, vmlinux and modules.
KERNELS := .build/kernels

# $(call install,PACKAGES): installs the Debian packages that are not there yet, as root or by sudo, and waits for
# whatever else installs packages at the moment.
define install
	@missing=$$(for package in $(1); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
	if [ -n "$$missing" ]; then \
		echo "Installing" $$missing; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -q && \
		$$sudo env DEBIAN_FRONTEND=noninteractive \
			apt-get -o DPkg::Lock::Timeout=300 install -qy --no-install-recommends $$missing; \
	fi
endef

.PHONY: build run man test test-optimised trials examples kernels sources lint format clean build-packages test-packages

build-packages:
	$(call install,$(BUILD_PACKAGES))

test-packages:
	$(call install,$(TEST_PACKAGES))

# The release binary: static, position independent, stripped, with the guest's agent in it.
build: build-packages $(FIRMWARE_BUILD)/agent
	swift build $(RELEASE_FLAGS)

# The manual page, made from what --help is made from. The generator knows one sentence about exit statuses only, and
# leaves empty lines, which are no paragraphs in a manual.
MANUAL := .build/man/swiftlet.1
man: build-packages
	swift package generate-manual --configuration debug --date \
		"$$(git log -1 --format=%cs 2>/dev/null || date +%F)"
	@mkdir -p $(dir $(MANUAL))
	@sed -e 's/^$$/.Pp/' -e 's/^\.Os$$/.Os Linux/' \
		-e 's/^\.Ex -std/Each subcommand tells its own above; 125 is a failure of Swiftlet itself, wrong use included./' \
		.build/plugins/GenerateManual/outputs/SwiftletCommand/swiftlet.1 > $(MANUAL)
	@echo "The manual is at $(MANUAL): man -l $(MANUAL)"

$(LAB_PROGRAM): test-packages
	swift build --product lab

$(KERNELS)/6.1: $(LAB_PROGRAM)
	@$(LAB_PROGRAM) kernel --package linux-image-cloud-amd64 --to $@

$(KERNELS)/6.12: $(LAB_PROGRAM)
	@$(LAB_PROGRAM) kernel --package linux-image-6.12-cloud-amd64 --to $@

kernels: $(KERNELS)/6.1 $(KERNELS)/6.12

# Debian's sources of small programs, for tests to build in guests.
SOURCES := .build/sources
SOURCE_PACKAGES := ncompress bzip2 hello
$(SOURCE_PACKAGES:%=$(SOURCES)/%): $(SOURCES)/%: | test-packages
	@Tests/lab/sources.sh $(SOURCES) $*

sources: $(SOURCE_PACKAGES:%=$(SOURCES)/%)

# make run CMD='uname -a': a shell command in a machine that sees this host's files, on this host's /dev/kvm if that can boot
# a stock kernel, and otherwise in the lab. The command's output is on stdout, all else on stderr.
RUN_KERNEL := $(KERNELS)/6.1
run: export CMD ?= uname -a
run:
	@$(MAKE) --no-print-directory test-packages build $(RUN_KERNEL) >&2
	@if reason=$$($(SWIFTLET) doctor); then \
		echo "Booting Debian's cloud kernel on this host's /dev/kvm." >&2; \
		$(SWIFTLET) run --kernel $(RUN_KERNEL)/vmlinux -- sh -c "$$CMD"; \
	else \
		echo "This host's own KVM cannot boot a stock kernel:" >&2; \
		grep FAILED <<< "$$reason" >&2; \
		echo "Booting Debian's cloud kernel in the lab instead, a host with a faithful KVM emulated by QEMU." >&2; \
		$(LAB_PROGRAM) run --swiftlet $(SWIFTLET) --file $(RUN_KERNEL)/vmlinux:kernel/vmlinux \
			--file $(RUN_KERNEL)/modules:kernel/modules -- swiftlet run --kernel kernel/vmlinux -- sh -c "$$CMD"; \
	fi

TEST = SWIFTLET=$(abspath $(SWIFTLET)) SWIFTLET_BINARY=$(abspath $(SWIFTLET)) \
	SWIFTLET_LAB=$(abspath $(LAB_PROGRAM)) SWIFTLET_KERNELS=$(abspath $(KERNELS)) SWIFTLET_SOURCES=$(abspath $(SOURCES)) \
	SWIFTLET_FIRMWARE=$(abspath $(FIRMWARE_BUILD)) SWIFTLET_TEST_KERNEL=$(abspath $(KERNELS)/6.1/vmlinuz) \
	swift test --skip-build
# Those that do little but start programs. While a program starts it has this process's descriptors, which others test.
STARTING := ^(AgentTests|PayloadTests|SwiftletCommandTests|SwiftletTests)\.
# Everything: the tests without KVM and those on the local /dev/kvm, a minute of fuzzing, and stock kernels in the lab,
# which takes all of the machine for itself.
test: test-packages build kernels sources examples lint man
	@$(MAKE) --no-print-directory -j$$(nproc) firmware
	swift build --build-tests
	$(TEST) --skip '^LabTests\.' --skip '$(STARTING)'
	$(TEST) --filter '$(STARTING)'
	@$(MAKE) --no-print-directory test-optimised
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=5
	$(TEST) --filter '^LabTests\.'

# The lab tests that run real work in guests, with all of it: three builds, a minute of races, 60,000 operations on files and a
# directory of 20,000, a hundred guests and twenty at once, twenty boots in a row, and every device with each kernel behind
# each transport; then a share with a million files, without a guest. The better part of an hour.
trials: test-packages build kernels sources firmware
	swift build --build-tests
	SWIFTLET_TRIALS=full $(TEST) --filter 'TrialTests|LabTests\.(Virtio|StockKernel)'
	SWIFTLET_SHARE_FILES=1000000 $(TEST) --filter ManyFilesTests

# That serving a request allocates nothing is the optimiser's merit as well.
OPTIMISED := SWIFTLET_OPTIMISED_TESTS=1 swift build -c release -Xswiftc -enable-testing --scratch-path .build/optimised
test-optimised: build-packages
	$(OPTIMISED) --product swiftletPackageTests
	$$($(OPTIMISED) --show-bin-path)/swiftletPackageTests.xctest --testing-library swift-testing --filter AllocationTests

# A package that uses the library, as another one would.
examples:
	swift build --package-path docs/examples/swift --scratch-path .build/examples

FORMATTED := Package.swift Sources Tests firmware docs/examples
lint:
	swift format lint --strict --recursive $(FORMATTED)

format:
	swift format --in-place --recursive $(FORMATTED)

clean:
	rm -rf .build
