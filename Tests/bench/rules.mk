# make bench: Swiftlet against its peers, as docs/performance.md shows it. RUNS is how often each command is timed,
# KERNELS a directory with a directory 6.1 made by 'lab kernel', LKVM a kvmtool program; WRITE=1 puts the tables into
# the document. BENCH_OPTIONS are further options of bench.py.

BENCH_PACKAGES := fio gcc iperf3 libc6-dev python3 qemu-system-x86
BENCH_BUILD := .build/bench
BENCH_PROGRAMS := $(BENCH_BUILD)/floor $(BENCH_BUILD)/marker
KERNELS ?= .build/kernels
RUNS ?= 11

.PHONY: bench bench-packages
bench-packages: test-packages
	$(call install,$(BENCH_PACKAGES))

bench: build firmware $(BENCH_PROGRAMS)
	swift build --product lab
	python3 -B Tests/bench/bench.py --swiftlet $(SWIFTLET) --lab $(LAB_PROGRAM) --kernel $(KERNELS)/6.1 \
		--runs $(RUNS) $(if $(LKVM),--lkvm $(LKVM)) $(if $(WRITE),--write docs/performance.md) $(BENCH_OPTIONS)

$(BENCH_PROGRAMS): $(BENCH_BUILD)/%: Tests/bench/%.c | bench-packages
	@mkdir -p $(BENCH_BUILD)
	$(CC) -O2 -Wall -Wextra -static -o $@ $<
