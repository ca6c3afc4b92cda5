# The two commands: `make run` and `make test`. Both install what is missing, and are quick the second time.
.DEFAULT_GOAL := build
SHELL := /bin/bash

include firmware/rules.mk
-include Tests/lab/rules.mk
-include Tests/bench/rules.mk

BUILD_PACKAGES := libzstd-dev liblz4-dev liblzma-dev zlib1g-dev nettle-dev pkg-config
TEST_PACKAGES := $(LAB_PACKAGES) acpica-tools cpio xz-utils zstd lz4 gzip

SWIFTLET := .build/release/swiftlet
RELEASE_FLAGS := -c release --product swiftlet --disable-local-rpath -Xswiftc -static-executable \
	-Xswiftc -use-ld=lld -Xswiftc -Xclang-linker -Xswiftc -static-pie \
	-Xlinker --pack-dyn-relocs=relr -Xlinker --gc-sections -Xlinker --strip-all

# $(call install,PACKAGES): installs the Debian packages that are not there yet, as root or by sudo.
define install
	@missing=$$(for package in $(1); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
	if [ -n "$$missing" ]; then \
		echo "Installing" $$missing; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -q && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	fi
endef

.PHONY: build run test lint format clean packages test-packages

packages:
	$(call install,$(BUILD_PACKAGES))

test-packages:
	$(call install,$(BUILD_PACKAGES) $(TEST_PACKAGES))

# The release binary: static, position independent, stripped.
build: packages
	swift build $(RELEASE_FLAGS)

lint:
	swift format lint --strict --recursive Package.swift Sources Tests firmware

format:
	swift format --in-place --recursive Package.swift Sources Tests firmware

clean:
	rm -rf .build
