# Bare-metal payloads: `make firmware` builds firmware/payloads/NAME.swift (or NAME.S) into .build/firmware/NAME.elf
# with swiftc and the clang and ld.lld beside it.

# Debian packages that it takes, besides the Swift toolchain.
FIRMWARE_PACKAGES := musl-tools

FIRMWARE_BUILD := .build/firmware
FIRMWARE_RUNTIME := $(wildcard firmware/Runtime/*.swift firmware/Runtime/*/*.swift)
FIRMWARE_SUPPORT := $(patsubst firmware/%.S,$(FIRMWARE_BUILD)/%.o,$(wildcard firmware/*.S))
FIRMWARE_SWIFT := $(patsubst firmware/payloads/%.swift,%,$(wildcard firmware/payloads/*.swift))
FIRMWARE_ASSEMBLY := $(patsubst firmware/payloads/%.S,%,$(wildcard firmware/payloads/*.S))

FIRMWARE_TARGET := x86_64-unknown-none-elf
FIRMWARE_SWIFTFLAGS := -target $(FIRMWARE_TARGET) -swift-version 6 -wmo -parse-as-library -Osize \
	-enable-experimental-feature Embedded -enable-experimental-feature Volatile \
	-module-name Payload -I firmware/Runtime/Instructions \
	-Xcc -ffreestanding -Xcc -mno-red-zone -Xcc -mno-sse -Xcc -fno-pic \
	-Xfrontend -function-sections -Xfrontend -disable-stack-protector
FIRMWARE_LINK = ld.lld -T firmware/link.ld -n --gc-sections -s -o $@ $(filter %.o,$^) \
	&& printf '%7d bytes  %s\n' "$$(wc -c < $@)" $@

.PHONY: firmware
firmware: $(patsubst %,$(FIRMWARE_BUILD)/%.elf,$(FIRMWARE_SWIFT) $(FIRMWARE_ASSEMBLY))

$(FIRMWARE_BUILD)/payloads:
	@mkdir -p $@

$(FIRMWARE_BUILD)/%.o: firmware/%.S firmware/boot.h firmware/rules.mk | $(FIRMWARE_BUILD)/payloads
	@clang -target $(FIRMWARE_TARGET) -c $< -o $@

$(FIRMWARE_BUILD)/payloads/%.o: firmware/payloads/%.swift $(FIRMWARE_RUNTIME) \
		$(wildcard firmware/Runtime/Instructions/*) firmware/rules.mk | $(FIRMWARE_BUILD)/payloads
	@swiftc $(FIRMWARE_SWIFTFLAGS) -c $< $(FIRMWARE_RUNTIME) -o $@
	@touch $@  # swiftc leaves an object alone that would not change.

$(patsubst %,$(FIRMWARE_BUILD)/%.elf,$(FIRMWARE_SWIFT)): $(FIRMWARE_BUILD)/%.elf: \
		$(FIRMWARE_BUILD)/payloads/%.o $(FIRMWARE_SUPPORT) firmware/link.ld
	@$(FIRMWARE_LINK)

$(patsubst %,$(FIRMWARE_BUILD)/%.elf,$(FIRMWARE_ASSEMBLY)): $(FIRMWARE_BUILD)/%.elf: \
		$(FIRMWARE_BUILD)/payloads/%.o firmware/link.ld
	@$(FIRMWARE_LINK)

# Programs for Linux guests, static.
FIRMWARE_PROGRAMS := $(patsubst firmware/programs/%.c,$(FIRMWARE_BUILD)/programs/%,$(wildcard firmware/programs/*.c))

firmware: $(FIRMWARE_PROGRAMS)

# The kernel's own headers are not among musl's.
$(FIRMWARE_BUILD)/programs/%: firmware/programs/%.c firmware/rules.mk
	@mkdir -p $(@D)
	@musl-gcc -static -s -Os -std=c17 -Wall -Wextra -Werror \
		-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu $< -o $@ \
		&& printf '%7d bytes  %s\n' "$$(wc -c < $@)" $@

# The agent, the first process of guests that run commands.
firmware: $(FIRMWARE_BUILD)/agent

# Trees of files are sent and received by the same code on both sides.
FIRMWARE_AGENT := $(wildcard firmware/agent/*.swift Sources/TreeStream/*.swift)
FIRMWARE_MUSL := /usr/include/$(shell uname -m)-linux-musl
$(FIRMWARE_BUILD)/agent: $(FIRMWARE_AGENT) $(wildcard firmware/agent/System/* Sources/CTreeStream/*) \
		firmware/rules.mk | build-packages
	@mkdir -p $(@D)
	@swiftc -target x86_64-unknown-linux-gnu -swift-version 6 -enable-experimental-feature Embedded -wmo \
		-parse-as-library -Osize -module-name Agent -I firmware/agent/System -Xfrontend -function-sections \
		-Xcc -isystem -Xcc $(FIRMWARE_MUSL) \
		-c $(FIRMWARE_AGENT) -o $@.o
	@musl-gcc -static -s -Wl,--gc-sections $@.o -o $@ && printf '%7d bytes  %s\n' "$$(wc -c < $@)" $@
	@# Where it was not there before, what embeds it does not know that it depends on it.
	@touch Sources/AgentImage/agent_image.c
