# make bench: Swiftlet against its peers, as docs/performance.md shows it. RUNS is how often each command is timed, LKVM a
# kvmtool program; WRITE=1 puts the tables into the document.
# BENCH_OPTIONS are further options of bench.py.

BENCH_PACKAGES := gcc libc6-dev python3
BENCH_BUILD := .build/bench
BENCH_PROGRAMS := $(BENCH_BUILD)/floor $(BENCH_BUILD)/marker
RUNS ?= 11

.PHONY: bench bench-packages
bench-packages: test-packages
	$(call install,$(BENCH_PACKAGES))

bench: build firmware $(BENCH_PROGRAMS)
	python3 Tests/bench/bench.py --runs $(RUNS) $(if $(WRITE),--write docs/performance.md) $(BENCH_OPTIONS)

$(BENCH_PROGRAMS): $(BENCH_BUILD)/%: Tests/bench/%.c | bench-packages
	@mkdir -p $(BENCH_BUILD)
	$(CC) -O2 -Wall -Wextra -static -o $@ $<
