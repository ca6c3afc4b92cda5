# Fuzzing with libFuzzer: `make fuzz` runs every target for a while (FUZZ_SECONDS each), `make fuzz FUZZ_TARGETS=queue` just one.
# What it finds is left as .build/fuzz/TARGET-*; seeds are in Tests/fuzz/seeds/TARGET.
FUZZ_BUILD := .build/fuzz
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= $(notdir $(wildcard Tests/fuzz/seeds/*))
FUZZ_LIBRARY = $(firstword $(wildcard $(dir $(shell swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p'))clang/*/lib/linux/libclang_rt.fuzzer_no_main-x86_64.a))
FUZZ_PROGRAM := $(FUZZ_BUILD)/release/fuzz

.PHONY: fuzz
fuzz: build-packages
	SWIFTLET_FUZZER=$(FUZZ_LIBRARY) swift build -c release -Xswiftc -enable-testing --scratch-path $(FUZZ_BUILD) --product fuzz
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p $(FUZZ_BUILD)/corpus/$$target && \
		SWIFT_BACKTRACE=enable=no FUZZ_TARGET=$$target $(FUZZ_PROGRAM) -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 \
			-rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 -artifact_prefix=$(FUZZ_BUILD)/$$target- \
			$(FUZZ_BUILD)/corpus/$$target Tests/fuzz/seeds/$$target || exit 1; \
	done
