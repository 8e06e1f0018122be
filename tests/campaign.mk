# SPDX-License-Identifier: Apache-2.0
# What looks for faults that no test knows yet, for minutes or hours.

# FAULTS: a way, a fault and a number, or what precedes of them: 'start file SIGKILL 123'.
faults: packages-test
	@$(MAKE) $(JOBS) test-programs
	@$(LUA) tests/tools/faults $(FAULTS)

# ---- fuzz: libFuzzer for C, a random loop for Lua; FUZZ_SECONDS for each ----

FUZZ_SECONDS ?= 60
FUZZ_CLANG   ?= clang
FUZZ_CORE    := $(wildcard core/base/*.c core/front/*.c) $(addprefix core/,elf/image.c elf/native.c elf/open.c elf/symbols.c \
                elf/symbol_reader.c elf/symbol_table.c elf/xz.c proc/maps.c proc/process.c)
FUZZERS      := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_CFLAGS  := -std=c11 -D_GNU_SOURCE -O1 -g -Icore -Iarch/$(ARCH) \
                -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
# This one has all of the core, and Lua.
FUZZ_CORE_packets  = $(SOURCES)
FUZZ_FLAGS_packets = $(LUA_FLAGS) -I$(BUILD) -DTIEXEC_SCRIPTS='""' -llua5.4
FUZZ_FLAGS_maps    := -Wl,--wrap=file_read
FUZZ_FLAGS_process := -Wl,--wrap=file_read

$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/text.h $(FUZZ_CORE)
	@echo "CC $< (fuzz)"
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CLANG) $(FUZZ_CFLAGS) -o $@ $< $(or $(FUZZ_CORE_$*),$(FUZZ_CORE)) $(FUZZ_FLAGS_$*) -lelf

# What is found stays in build/fuzz/NAME.corpus; an input that breaks something goes to where the
# inputs are that are always tried.
fuzz-%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/fuzz/$*.corpus
	@if $(BUILD)/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 \
	    -print_final_stats=1 -artifact_prefix=tests/fuzz/corpus/$*/ $(BUILD)/fuzz/$*.corpus \
	    tests/fuzz/corpus/$* > $(BUILD)/fuzz/$*.log 2>&1; then \
	    awk '/number_of_executed_units/ { print "fuzz $*: " $$2 " tried" }' $(BUILD)/fuzz/$*.log; \
	else \
	    tail -n 40 $(BUILD)/fuzz/$*.log; exit 1; \
	fi
.SECONDARY: $(FUZZERS:%=$(BUILD)/fuzz/%)

fuzz-lua: all
	@$(MAKE) $(JOBS) test-programs
	@$(LUA) tests/tools/fuzz $(FUZZ_SECONDS)

# Random plans, carried out in programs that run: as many as FUZZ_SECONDS allow for, or so.
fuzz-plans:
	@TIEXEC_PLANS=$$(($(FUZZ_SECONDS) / 5 + 1)) $(MAKE) check SPECS=tests/program/random_plans_spec.lua

fuzz: packages-lint
	@status=0; for name in $(FUZZERS) lua plans; do \
	    $(MAKE) fuzz-$$name || status=1; done; exit $$status

# ---- soak: SOAK_MINUTES of attaching and starting, and TIEXEC_SOAK starts of a moved program ----

soak:
	@$(MAKE) $(JOBS) test-programs
	@$(LUA) tests/tools/soak
	@TIEXEC_SOAK=$${TIEXEC_SOAK:-10000} $(MAKE) check SPECS=tests/program/random_bases_spec.lua

# ---- random: RANDOM_SEQUENCES of RANDOM_CALLS of the harness, by the seeds from RANDOM_FIRST on ----

RANDOM_SEQUENCES ?= 1000
RANDOM_CALLS     ?= 300
RANDOM_FIRST     ?= 1

random:
	@$(MAKE) $(JOBS) test-programs
	@TIEXEC_PROGRAM=$(PROGRAM) $(LUA) tests/tools/random $(RANDOM_SEQUENCES) $(RANDOM_CALLS) $(RANDOM_FIRST)

# The same calls, where the script runs in a program with the sanitizers.
random-asan:
	@$(MAKE) $(JOBS) test-programs
	@$(MAKE) $(JOBS) all BUILD=build/asan STATIC= CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'
	@ASAN_OPTIONS=$(ASAN_OPTIONS) TIEXEC_SANITIZED=1 TIEXEC_PROGRAM=build/asan/tiexec $(LUA) \
	    tests/tools/random $(RANDOM_SEQUENCES) $(RANDOM_CALLS) $(RANDOM_FIRST)

# ---- suites: other people's tests; SUITES: some suites, or units of them: 'python go/os' ----

suites: packages-suites
	@$(MAKE) $(JOBS) all
	@TIEXEC_PROGRAM=$(PROGRAM) $(LUA) tests/tools/suites $(SUITES)

# ---- threads: THREADS_RUNS of each program, by each kind of --follow ----

threads:
	@$(MAKE) $(JOBS) test-programs
	@$(LUA) tests/tools/threads $(THREADS_RUNS)

.PHONY: faults fuzz fuzz-lua fuzz-plans random random-asan soak threads suites

# ---- builds: other compilers and flags, and whether two builds have the same bytes ----

builds: packages-test packages-lint
	@$(MAKE) check SPECS=tests/builds

.PHONY: builds
